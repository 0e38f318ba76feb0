/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd in front of the server: a thread a connection, so that a delay holds up nobody else.  A request is
 * taken apart from the target as sent, since the library's own decoding would spoil a signature.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/parse.h"
#include "support/pageblob_core.h"

#define CONNECTION_MEMORY ((size_t)512 << 10) /* headers of 8 KiB of metadata, and upload pieces of a good size */

struct exchange { /* one request on one connection */
	struct pageblob_server *s;
	char *target;
	struct pageblob_request *req; /* NULL until the headers are there */
	bool answered;                /* before the body was read */
};

struct sending { /* a reply's body */
	struct pageblob_server *s;
	struct pageblob_reply r;
};

static void *on_target(void *ctx, const char *uri, struct MHD_Connection *connection)
{
	struct exchange *x = pageblob_alloc(1, sizeof(*x));

	(void)connection;
	x->s = ctx;
	x->target = pageblob_strdup(uri);
	return x;
}

static void on_done(void *ctx, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *slot;

	(void)ctx;
	(void)connection;
	(void)why;
	if (!x)
		return;
	pageblob_request_free(x->req);
	free(x->target);
	free(x);
	*slot = NULL;
}

static enum MHD_Result add_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct pageblob_request *req = ctx;

	(void)kind;
	pageblob_fields_add(&req->headers, name, value ? value : "");
	return MHD_YES;
}

static ssize_t read_body(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct sending *out = ctx;
	uint64_t end = out->r.cut_at < out->r.body_len ? out->r.cut_at : out->r.body_len;

	if (pos >= end)
		return MHD_CONTENT_READER_END_WITH_ERROR; /* only when cut: the library asks no further than the length
							   */
	if (max > end - pos)
		max = (size_t)(end - pos);
	if (out->r.drip_len) { /* a thread a connection: nobody else waits */
		const struct timespec pause = { .tv_sec = (time_t)(out->r.drip_ms / 1000),
						.tv_nsec = (long)(out->r.drip_ms % 1000) * 1000000 };

		nanosleep(&pause, NULL);
		if (max > out->r.drip_len)
			max = (size_t)out->r.drip_len;
	}
	if (out->r.from_pages)
		pageblob_pages_read(&out->r.pages, out->r.page_off + pos, max, buf);
	else
		memcpy(buf, out->r.body + pos, max);
	if (out->r.flip_at >= pos && out->r.flip_at - pos < max)
		buf[out->r.flip_at - pos] ^= 1;
	return (ssize_t)max;
}

static void free_sending(void *ctx)
{
	struct sending *out = ctx;

	pthread_mutex_lock(&out->s->lock);
	pageblob_pages_fini(&out->r.pages);
	pthread_mutex_unlock(&out->s->lock);
	pageblob_reply_fini(&out->r);
	free(out);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct sending *out, const char *version)
{
	int status = out->r.status;
	struct MHD_Response *response;
	enum MHD_Result rc;

	if (out->r.no_answer) {
		free_sending(out);
		return MHD_NO; /* the library closes the connection */
	}
	response = MHD_create_response_from_callback(out->r.body_len, 64 << 10, read_body, out, free_sending);
	if (!response) {
		free_sending(out);
		return MHD_NO;
	}
	for (size_t i = 0; i < out->r.headers.n; i++)
		MHD_add_response_header(response, out->r.headers.v[i].name, out->r.headers.v[i].value);
	MHD_add_response_header(response, "Server", "Windows-Azure-Blob/1.0 liftfs-test");
	if (version && *version)
		MHD_add_response_header(response, "x-ms-version", version);
	rc = MHD_queue_response(connection, (unsigned)status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result answer(struct exchange *x, struct MHD_Connection *connection)
{
	struct sending *out = pageblob_alloc(1, sizeof(*out));
	const char *length = pageblob_header(x->req, "Content-Length");
	char version[32] = "";
	bool put = strcmp(x->req->method, "PUT") == 0;

	out->s = x->s;
	pageblob_reply_init(&out->r);
	snprintf(version, sizeof(version), "%s", pageblob_version(x->req));
	if (x->req->account && strcmp(x->req->account, "_admin") == 0) {
		pageblob_core_admin(x->s, x->req, &out->r);
	} else if (x->req->account && strcmp(x->req->account, "_token") == 0) {
		pageblob_core_token(x->s, x->req, &out->r);
	} else if (put && !length) {
		pageblob_refuse(&out->r, 411, "MissingContentLengthHeader", "%s", "");
		pageblob_reply_finish(&out->r, x->req);
	} else {
		pageblob_core_handle(x->s, &x->req, &out->r);
	}
	return send_reply(connection, out, version);
}

static void make_request(struct exchange *x, struct MHD_Connection *connection, const char *method)
{
	x->req = pageblob_request_new(method, x->target);
	x->req->secure = x->s->tls;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, x->req);
}

/* Announced as too long for one write. */
static bool is_too_long(const struct pageblob_request *req)
{
	const char *length = pageblob_header(req, "Content-Length");
	uint64_t n;

	return length && parse_u64(length, INT64_MAX, &n, NULL) == 0 && n > PAGEBLOB_WRITE_MAX;
}

static void take_body(struct pageblob_request *req, const char *data, size_t len)
{
	req->body_received += len;
	if (req->body_received > PAGEBLOB_WRITE_MAX)
		return; /* read, so that the answer arrives, and dropped */
	if (!req->body)
		req->body = pageblob_alloc(PAGEBLOB_WRITE_MAX, 1);
	memcpy(req->body + req->body_len, data, len);
	req->body_len += len;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *data_len, void **slot)
{
	struct exchange *x = *slot;

	(void)ctx;
	(void)url;
	(void)version;
	if (x->answered)
		return MHD_NO;
	if (!x->req) {
		make_request(x, connection, method);
		if (!x->s->refuse_early || !is_too_long(x->req))
			return MHD_YES;
		x->answered = true;
		x->req->body_received = PAGEBLOB_WRITE_MAX + 1;
		return answer(x, connection);
	}
	if (*data_len > 0) {
		take_body(x->req, data, *data_len);
		*data_len = 0;
		return MHD_YES;
	}
	x->answered = true;
	return answer(x, connection);
}

int pageblob_http_start(struct pageblob_server *s, const struct pageblob_config *config, struct error *err)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(config->port) };
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)config->cert_pem },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)config->key_pem },
		{ MHD_OPTION_END, 0, NULL },
	};
	const union MHD_DaemonInfo *info;

	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (s->tls && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
		return error_set(err, ERR_UNSUPPORTED, "libmicrohttpd was built without TLS");
	if (s->tls)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	errno = 0;
	s->daemon = MHD_start_daemon(flags, config->port, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR, &any,
				     MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_NOTIFY_COMPLETED, on_done, s,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_ARRAY, tls,
				     MHD_OPTION_END);
	if (!s->daemon)
		return error_errno(err, errno ? errno : EINVAL, "listen on 127.0.0.1:%u", config->port);
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
	s->port = info ? info->port : config->port;
	return 0;
}

void pageblob_http_stop(struct pageblob_server *s)
{
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	s->daemon = NULL;
}
