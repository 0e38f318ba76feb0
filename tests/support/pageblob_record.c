/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "support/pageblob_record.h"

static void header(const struct pageblob_request *req, const char *name, char *out, size_t cap)
{
	const char *value = pageblob_header(req, name);

	snprintf(out, cap, "%s", value ? value : "");
}

static void describe(struct pageblob_record *rec, const struct pageblob_request *req)
{
	const char *range = pageblob_range_header(req);
	uint64_t end;
	size_t len = 0;

	snprintf(rec->method, sizeof(rec->method), "%s", req->method);
	snprintf(rec->path, sizeof(rec->path), "%s%s%s%s%s%s", req->account ? "/" : "",
		 req->account ? req->account : "", req->container ? "/" : "", req->container ? req->container : "",
		 req->blob ? "/" : "", req->blob ? req->blob : "");
	for (size_t i = 0; i < req->query.n && len < sizeof(rec->query) - 1; i++) {
		const struct pageblob_field *f = &req->query.v[i];

		len += (size_t)snprintf(rec->query + len, sizeof(rec->query) - len, "%s%s=%s", i ? "&" : "", f->name,
					strcmp(f->name, "sig") == 0 ? "-" : f->value);
	}
	if (range && pageblob_range_parse(range, &rec->off, &end) == 0)
		rec->len = end == UINT64_MAX ? UINT64_MAX : end - rec->off + 1;
	rec->bytes = req->body_received;
	header(req, "x-ms-if-sequence-number-eq", rec->sequence_eq, sizeof(rec->sequence_eq));
	header(req, "x-ms-lease-id", rec->lease_id, sizeof(rec->lease_id));
	header(req, "If-Match", rec->if_match, sizeof(rec->if_match));
}

static json_t *text(const char *s)
{
	json_t *value = json_string(s);

	return value ? value : json_string("(not UTF-8)");
}

static json_t *record_json(const struct pageblob_record *rec)
{
	json_t *o = json_object();

	json_object_set_new(o, "number", json_integer((json_int_t)rec->number));
	json_object_set_new(o, "op", text(pageblob_op_name(rec->op)));
	json_object_set_new(o, "method", text(rec->method));
	json_object_set_new(o, "path", text(rec->path));
	json_object_set_new(o, "query", text(rec->query));
	if (rec->len) {
		json_object_set_new(o, "off", json_integer((json_int_t)rec->off));
		json_object_set_new(o, "len", json_integer((json_int_t)(rec->len & INT64_MAX)));
	}
	json_object_set_new(o, "bytes", json_integer((json_int_t)rec->bytes));
	json_object_set_new(o, "status", json_integer(rec->status));
	json_object_set_new(o, "code", text(rec->code));
	if (*rec->sequence_eq)
		json_object_set_new(o, "sequence_eq", text(rec->sequence_eq));
	if (*rec->lease_id)
		json_object_set_new(o, "lease", text(rec->lease_id));
	if (*rec->if_match)
		json_object_set_new(o, "if_match", text(rec->if_match));
	if (*rec->fault)
		json_object_set_new(o, "fault", text(rec->fault));
	if (rec->late)
		json_object_set_new(o, "late", json_true());
	return o;
}

static void dump(json_t *o, struct strbuf *out)
{
	char *s = json_dumps(o, JSON_COMPACT);

	if (!s)
		abort();
	strbuf_addf(out, "%s\n", s);
	free(s);
	json_decref(o);
}

static void count(struct pageblob_stats *st, const struct pageblob_request *req, const struct pageblob_reply *r,
		  const char *fault)
{
	uint64_t start = 0, end = 0;
	const char *range = pageblob_range_header(req);

	if (req->late) {
		st->late_applied += r->changed;
		st->late_refused += !r->changed;
	} else {
		st->requests[req->op]++;
		st->refused[req->op] += r->status >= 400 || r->no_answer;
	}
	st->faults += *fault != '\0';
	if (req->op == PAGEBLOB_GET_BLOB && r->status < 300)
		st->bytes_read += r->body_len;
	if (!r->changed || !range || pageblob_range_parse(range, &start, &end) < 0)
		return;
	if (req->op == PAGEBLOB_PUT_PAGE || req->op == PAGEBLOB_PUT_PAGE_FROM_URL)
		st->bytes_written += end - start + 1;
	else if (req->op == PAGEBLOB_CLEAR_PAGES)
		st->bytes_cleared += end - start + 1;
}

void pageblob_journal_add(struct pageblob_journal *j, const struct pageblob_request *req,
			  const struct pageblob_reply *r, const char *fault)
{
	struct pageblob_record *rec;
	struct strbuf line = { 0 };

	if (!j->v)
		j->v = pageblob_alloc(PAGEBLOB_RECORDS, sizeof(*j->v));
	rec = &j->v[j->n++ % PAGEBLOB_RECORDS];
	*rec = (struct pageblob_record){ .number = j->n, .op = req->op, .status = r->status, .late = req->late };
	snprintf(rec->code, sizeof(rec->code), "%s", r->code ? r->code : "");
	snprintf(rec->fault, sizeof(rec->fault), "%s", fault);
	describe(rec, req);
	count(&j->stats, req, r, fault);
	if (!j->log)
		return;
	dump(record_json(rec), &line);
	fputs(line.s, j->log);
	fflush(j->log);
	strbuf_fini(&line);
}

size_t pageblob_journal_last(const struct pageblob_journal *j, struct pageblob_record *out, size_t max)
{
	size_t n = j->n < PAGEBLOB_RECORDS ? (size_t)j->n : PAGEBLOB_RECORDS;

	if (n > max)
		n = max;
	for (size_t i = 0; i < n; i++)
		out[i] = j->v[(j->n - n + i) % PAGEBLOB_RECORDS];
	return n;
}

void pageblob_journal_reset(struct pageblob_journal *j)
{
	j->stats = (struct pageblob_stats){ 0 };
	j->n = 0;
}

void pageblob_journal_fini(struct pageblob_journal *j)
{
	if (j->log)
		fclose(j->log);
	free(j->v);
	*j = (struct pageblob_journal){ 0 };
}

void pageblob_journal_stats_json(const struct pageblob_journal *j, struct strbuf *out)
{
	const struct pageblob_stats *st = &j->stats;
	json_t *o = json_object(), *requests = json_object(), *refused = json_object();

	for (int op = 0; op < PAGEBLOB_OP_COUNT; op++) {
		if (st->requests[op])
			json_object_set_new(requests, pageblob_op_name(op), json_integer((json_int_t)st->requests[op]));
		if (st->refused[op])
			json_object_set_new(refused, pageblob_op_name(op), json_integer((json_int_t)st->refused[op]));
	}
	json_object_set_new(o, "requests", requests);
	json_object_set_new(o, "refused", refused);
	json_object_set_new(o, "bytes_written", json_integer((json_int_t)st->bytes_written));
	json_object_set_new(o, "bytes_cleared", json_integer((json_int_t)st->bytes_cleared));
	json_object_set_new(o, "bytes_read", json_integer((json_int_t)st->bytes_read));
	json_object_set_new(o, "faults", json_integer((json_int_t)st->faults));
	json_object_set_new(o, "late_applied", json_integer((json_int_t)st->late_applied));
	json_object_set_new(o, "late_refused", json_integer((json_int_t)st->late_refused));
	json_object_set_new(o, "late_waiting", json_integer((json_int_t)st->late_waiting));
	dump(o, out);
}

void pageblob_journal_requests_json(const struct pageblob_journal *j, struct strbuf *out)
{
	size_t n = j->n < PAGEBLOB_RECORDS ? (size_t)j->n : PAGEBLOB_RECORDS;
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, record_json(&j->v[(j->n - n + i) % PAGEBLOB_RECORDS]));
	dump(all, out);
}
