/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and one reply of the page-blob server, without the HTTP library: how a target is taken apart, which
 * operation it names, what headers say.  A request is one thread's.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_REQUEST_H
#define LIFTFS_TESTS_PAGEBLOB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "support/pageblob_fields.h"
#include "support/pageblob_pages.h"
#include "support/pageblob_server.h"

#define PAGEBLOB_WRITE_MAX (4 << 20) /* bytes of one Put Page */

struct pageblob_request {
	char *method;
	char *raw_path;                   /* as sent, before the '?' */
	struct pageblob_fields query;     /* names in lower case, both decoded */
	struct pageblob_fields headers;   /* as sent */
	char *account, *container, *blob; /* decoded; NULL: the target ends before */
	bool bad_target;                  /* a wrong %XX, or no account */
	bool secure;                      /* came over TLS */
	enum pageblob_op op;

	uint8_t *body;
	size_t body_len;        /* received and kept */
	uint64_t body_received; /* all of it: what is over the limit is read and dropped */

	/* How it is to be carried out. */
	bool check_only; /* say what would be answered, change nothing */
	bool late;       /* its answer is long gone: the lease is not asked again */
};

/* Takes a target "/account/container/blob?query" apart. */
struct pageblob_request *pageblob_request_new(const char *method, const char *target);
void pageblob_request_free(struct pageblob_request *req);

/* Which operation method, path, query and headers name; sets req->op. */
void pageblob_request_identify(struct pageblob_request *req);

const char *pageblob_header(const struct pageblob_request *req, const char *name); /* NULL: absent */
const char *pageblob_query(const struct pageblob_request *req, const char *name);

/* Adds text to b with the five characters of XML escaped. */
void pageblob_xml(struct strbuf *b, const char *text);

struct pageblob_reply {
	int status;       /* 0: not decided yet */
	const char *code; /* of an error, or NULL */
	char *detail;     /* for people: more about the error, or NULL */
	struct pageblob_fields headers;
	uint8_t *body;
	uint64_t body_len;
	bool changed; /* an operation that writes was carried out */

	/* A body that is not kept in memory: [page_off, page_off + body_len) of a blob as it was. */
	bool from_pages;
	struct pageblob_pages pages;
	uint64_t page_off;

	/* Faults in sending it. */
	bool no_answer;
	uint64_t drip_len, drip_ms; /* so many bytes of the body at once, and that long before each; 0: none */
	uint64_t cut_at;  /* bytes of the body after which the connection ends; UINT64_MAX: none */
	uint64_t flip_at; /* byte of the body whose lowest bit is turned; UINT64_MAX: none */
};

void pageblob_reply_init(struct pageblob_reply *r);
void pageblob_reply_fini(struct pageblob_reply *r); /* but for r->pages, which need the server's lock */
void pageblob_reply_header(struct pageblob_reply *r, const char *name, const char *fmt, ...) PRINTF_FMT(3, 4);
void pageblob_reply_body(struct pageblob_reply *r, const char *type, struct strbuf *text);

/* An error, and -1: every check ends with it.  detail_fmt may be "". */
int pageblob_refuse(struct pageblob_reply *r, int status, const char *code, const char *detail_fmt, ...)
	PRINTF_FMT(4, 5);
/* A header is needed, or what it says is wrong (400). */
int pageblob_refuse_missing(struct pageblob_reply *r, const char *header);
int pageblob_refuse_value(struct pageblob_reply *r, const char *header, const char *value);
/* Gives an error that body which the service sends; call it last. */
void pageblob_reply_finish(struct pageblob_reply *r, const struct pageblob_request *req);

/* "bytes=0-511": 0; end_out is inclusive and UINT64_MAX for "bytes=512-".  Anything else, suffixes too: -1. */
int pageblob_range_parse(const char *text, uint64_t *start_out, uint64_t *end_out);
/* x-ms-range, or else Range; NULL: neither. */
const char *pageblob_range_header(const struct pageblob_request *req);
/* A decimal header: 0 and *out; absent: 0 and *out unchanged; wrong: a refusal. */
int pageblob_number_header(const struct pageblob_request *req, struct pageblob_reply *r, const char *name, uint64_t max,
			   uint64_t *out);

#endif
