/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own requests under /_admin, by which a script switches faults and reads what happened. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "support/pageblob_core.h"

static void text_reply(struct pageblob_reply *r, int status, const char *text)
{
	struct strbuf out = { 0 };

	strbuf_addf(&out, "%s\n", text);
	pageblob_reply_body(r, "text/plain", &out);
	r->status = status;
}

static void set_faults(struct pageblob_server *s, struct pageblob_request *req, struct pageblob_reply *r)
{
	char *rules = pageblob_strndup(req->body ? (const char *)req->body : "", req->body_len);
	struct error err = ERROR_INIT;

	if (pageblob_server_faults(s, rules, &err) < 0)
		text_reply(r, 400, err.msg);
	else
		r->status = 200;
	free(rules);
}

static void advance(struct pageblob_server *s, struct pageblob_request *req, struct pageblob_reply *r)
{
	const char *text = pageblob_query(req, "advance_ms");
	struct error err = ERROR_INIT;
	uint64_t ms = 0;

	if (parse_u64(text ? text : "", INT32_MAX, &ms, &err) < 0) {
		text_reply(r, 400, err.msg);
		return;
	}
	pageblob_server_advance(s, ms);
	r->status = 200;
}

static void json_reply(struct pageblob_server *s, struct pageblob_reply *r, bool stats)
{
	struct strbuf out = { 0 };

	pthread_mutex_lock(&s->lock);
	s->journal.stats.late_waiting = s->n_late;
	if (stats)
		pageblob_journal_stats_json(&s->journal, &out);
	else
		pageblob_journal_requests_json(&s->journal, &out);
	pthread_mutex_unlock(&s->lock);
	pageblob_reply_body(r, "application/json", &out);
	r->status = 200;
}

/* What was posted last to sign in, or how many tokens were issued. */
static void tokens_reply(struct pageblob_server *s, struct pageblob_reply *r, bool form_wanted)
{
	char form[4096], number[24];
	uint64_t asked, issued;

	pageblob_server_tokens(s, &asked, &issued, form, sizeof(form));
	snprintf(number, sizeof(number), "%" PRIu64, issued);
	text_reply(r, 200, form_wanted ? form : number);
}

void pageblob_core_admin(struct pageblob_server *s, struct pageblob_request *req, struct pageblob_reply *r)
{
	const char *what = req->container ? req->container : "";
	bool put = strcmp(req->method, "PUT") == 0, get = strcmp(req->method, "GET") == 0;

	if (put && strcmp(what, "faults") == 0) {
		set_faults(s, req, r);
	} else if (put && strcmp(what, "release") == 0) {
		pageblob_server_release_late(s);
		r->status = 200;
	} else if (put && strcmp(what, "reset") == 0) {
		pageblob_server_reset(s, pageblob_query(req, "content") != NULL);
		r->status = 200;
	} else if (put && strcmp(what, "clock") == 0) {
		advance(s, req, r);
	} else if (put && strcmp(what, "revoke") == 0) {
		pageblob_server_tokens_revoke(s);
		r->status = 200;
	} else if (get && (strcmp(what, "form") == 0 || strcmp(what, "tokens") == 0)) {
		tokens_reply(s, r, strcmp(what, "form") == 0);
	} else if (get && (strcmp(what, "stats") == 0 || strcmp(what, "requests") == 0)) {
		json_reply(s, r, strcmp(what, "stats") == 0);
	} else {
		text_reply(r, 404, "no such request");
	}
}
