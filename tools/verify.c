/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs verify: compares two disks, or a folder of images with their replicas. */
#include <config.h>

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "datastores.h"
#include "document.h"
#include "inventory/disk_info.h"
#include "guest/partitions.h"
#include "replicate/read_back.h"
#include "replicate/replica_disk.h"
#include "replicate/verify.h"
#include "sync_identity.h"
#include "sync_report.h"
#include "thing.h"
#include "verify_mark.h"

#define RANGES_SHOWN 20 /* for people; --json has all */

struct verify_run {
	struct tool *tool;
	bool strict, no_digest, insecure_http, only_configured;
	struct sync_patterns patterns;
	bool folder; /* A is one: many pairs */
	struct datastores datastores;
	struct cancel *cancel;
	struct connect_options connect;
	_Atomic uint64_t done; /* bytes compared, for progress */
	_Atomic uint64_t total; /* the sampler runs already when it is known */
	int status;
	json_t *pairs; /* one document a pair, with --json */
};

static void sample(void *ctx, struct progress_now *out)
{
	struct verify_run *r = ctx;

	out->done = atomic_load_explicit(&r->done, memory_order_relaxed);
	out->total = r->total;
}

/* ---- results ---- */

static json_t *result_json(const struct verify_result *v)
{
	CLEANUP(cleanup_json) json_t *ranges = json_array();

	for (size_t i = 0; ranges && i < v->n_mismatches; i++)
		json_array_append_new(ranges, json_pack("{s:I, s:I}", "offset", (json_int_t)v->mismatches[i].off, "length",
							(json_int_t)v->mismatches[i].len));
	return json_pack("{s:i, s:s, s:I, s:I, s:I, s:s?, s:s?, s:O, s:b}", "schema", 1, "result",
			 v->match ? "match" : "mismatch", "bytes_compared", (json_int_t)v->bytes_compared, "size_a",
			 (json_int_t)v->size_a, "size_b", (json_int_t)v->size_b, "sha256", *v->sha256 ? v->sha256 : NULL,
			 "merkle_root", *v->merkle_root ? v->merkle_root : NULL, "mismatches", ranges, "truncated", v->truncated);
}

static const struct partition *partition_at(const struct partitions *p, uint64_t off)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].number > 0 && off >= p->v[i].off && off - p->v[i].off < p->v[i].len)
			return &p->v[i];
	return NULL;
}

static void print_mismatches(struct disk *a, const struct verify_result *v)
{
	struct partitions parts = { 0 };

	/* A disk whose first bytes differ may have no legible table: the ranges alone must do then. */
	if (partitions_find(a, &parts, NULL) < 0)
		parts = (struct partitions){ 0 };
	for (size_t i = 0; i < v->n_mismatches && i < RANGES_SHOWN; i++) {
		const struct partition *p = partition_at(&parts, v->mismatches[i].off);

		printf("  bytes %" PRIu64 " to %" PRIu64 " (%" PRIu64 ")", v->mismatches[i].off,
		       v->mismatches[i].off + v->mismatches[i].len - 1, v->mismatches[i].len);
		if (p)
			printf(", partition %u%s%s, from its byte %" PRIu64, p->number, *p->fs ? ", " : "", p->fs,
			       v->mismatches[i].off - p->off);
		printf("\n");
	}
	if (v->n_mismatches > RANGES_SHOWN || v->truncated)
		printf("  and more: %zu%s ranges in all\n", v->n_mismatches, v->truncated ? " or more" : "");
	partitions_fini(&parts);
}

static void print_result(const char *name, struct disk *a, const struct verify_result *v)
{
	char compared[FORMAT_TEXT_LEN], shown[OUTPUT_TEXT_MAX];

	format_size(v->bytes_compared, compared);
	printf("%s: %s, %s compared\n", output_visible(name, shown), v->match ? "match" : "DIFFERENT", compared);
	if (v->size_a != v->size_b)
		printf("  sizes: %" PRIu64 " and %" PRIu64 " bytes\n", v->size_a, v->size_b);
	if (*v->sha256)
		printf("  sha256 %s\n", v->sha256);
	if (!v->match)
		print_mismatches(a, v);
}

/* *match_out: equal, and of one size. */
static int compare(struct verify_run *r, const char *name, struct disk *a, struct disk *b, bool remote, bool *match_out,
		   struct error *err)
{
	const struct verify_options opt = { .strict = r->strict, .digest = !r->no_digest, .remote = remote, .cancel = r->cancel,
					    .bytes_done = &r->done };
	struct verify_result v = { 0 };
	json_t *j = NULL;
	int rc = 0;

	if (verify_disks(a, b, &opt, &v, err) < 0)
		return -1;
	*match_out = v.match && v.size_a == v.size_b;
	if (!v.match)
		r->status = tool_worse_status(r->status, 1);
	if (r->tool->common.json) {
		j = result_json(&v);
		if (!j || (r->folder && json_object_set_new(j, "name", json_string(name)) != 0) ||
		    json_array_append(r->pairs, j) != 0)
			rc = error_set(err, ERR_NOMEM, "no memory for a JSON document");
		json_decref(j);
	} else if (!r->tool->common.quiet) {
		print_result(name, a, &v);
	}
	verify_result_fini(&v);
	return rc;
}

static bool is_remote(const struct target *t)
{
	return t && target_caps(t)->remote;
}

/* Of a disk on a target: before the first byte of it, if it is much.  t may be NULL. */
static void tell_read_back(const struct target *t, const char *name, struct disk *d)
{
	char text[READ_BACK_TEXT_LEN];
	uint64_t data;

	if (is_remote(t) && disk_size(d) > READ_BACK_MUCH && disk_data_bytes(d, &data, NULL) == 0 &&
	    read_back_text(t, name, data, text))
		output_line("%s", text);
}

/* ---- two things ---- */

/* As the user wrote it, without a SAS. */
static void thing_name(const char *text, char out[OUTPUT_TEXT_MAX])
{
	snprintf(out, OUTPUT_TEXT_MAX, "%.*s", target_is_url(text) ? (int)strcspn(text, "?") : (int)strlen(text), text);
}

static int run_two(struct verify_run *r, const char *a_text, const char *b_text, struct error *err)
{
	CLEANUP(cleanup_thing) struct thing a = { 0 };
	CLEANUP(cleanup_thing) struct thing b = { 0 };
	const struct disk_options image = { .datastores = r->datastores.v, .n_datastores = r->datastores.n };
	char name[OUTPUT_TEXT_MAX];
	bool match;

	if (thing_open(r->tool, a_text, &r->connect, &image, &a, err) < 0 ||
	    thing_open(r->tool, b_text, &r->connect, &image, &b, err) < 0)
		return -1;
	r->total = disk_size(a.disk) > disk_size(b.disk) ? disk_size(a.disk) : disk_size(b.disk);
	thing_name(b_text, name);
	tell_read_back(b.place.target, name, b.disk);
	thing_name(a_text, name);
	tell_read_back(a.place.target, name, a.disk);
	if (compare(r, name, a.disk, b.disk, is_remote(a.place.target) || is_remote(b.place.target), &match, err) < 0)
		return -1;
	if (match && a.replica)
		verify_mark(r->tool, a.place.target, a.replica);
	if (match && b.replica)
		verify_mark(r->tool, b.place.target, b.replica);
	return 0;
}

/* ---- a folder and a target ---- */

static int compare_replica(struct verify_run *r, const struct cycle_disk *d, struct target *target, struct error *err)
{
	CLEANUP(cleanup_disk) struct disk *a = disk_open(d->root, d->source_path, NULL, err);
	CLEANUP(cleanup_disk) struct disk *b = NULL;
	struct replica *replica;
	bool match;

	if (!a)
		return -1;
	replica = target_replica(target, d->name, err);
	if (!replica)
		return -1;
	b = replica_disk_open(replica, err);
	if (!b)
		return error_prefix(err, "%s", target_name(target));
	tell_read_back(target, d->name, b);
	if (compare(r, d->name, a, b, is_remote(target), &match, err) < 0)
		return -1;
	if (match)
		verify_mark(r->tool, target, d->name);
	return 0;
}

/* One disk that cannot be compared does not keep the others from it. */
static int note_failure(struct verify_run *r, const char *name, const struct error *why, struct error *err)
{
	json_t *j;

	output_line("liftfs verify: %s", why->msg);
	r->status = tool_worse_status(r->status, error_exit_status(why) == 2 ? 65 : error_exit_status(why));
	if (!r->tool->common.json)
		return 0;
	j = json_pack("{s:s, s:s, s:o}", "name", name, "result", "failed", "error",
		      sync_report_error(why, error_exit_status(why)));
	if (!j || json_array_append_new(r->pairs, j) != 0)
		return error_set(err, ERR_NOMEM, "no memory for a JSON document");
	return 0;
}

static int run_folder(struct verify_run *r, char *source, const char *target, struct error *err)
{
	CLEANUP(cleanup_sync_set) struct sync_set set = { 0 };
	CLEANUP(cleanup_connection) struct connection place = { 0 };
	const struct sync_set_options choose = {
		.patterns = r->patterns.v,
		.n_patterns = r->patterns.n,
		.only_configured = r->only_configured,
		.datastores = r->datastores.v,
		.n_datastores = r->datastores.n,
		.cancel = r->cancel,
	};
	const struct sync_identity_options identity = { .quiet = r->tool->common.quiet };
	struct sync_identity_found found;

	if (connect_open(r->tool, target, &r->connect, &place, err) < 0 ||
	    target_prepare(place.target, true, NULL, err) < 0 || sync_set_find(&source, 1, &choose, &set, err) < 0 ||
	    sync_identity_settle(&set, place.target, &identity, &found, err) < 0)
		return -1;
	r->total = set.virtual_bytes;
	for (size_t i = 0; i < set.n_broken; i++)
		if (note_failure(r, set.broken[i].name, &set.broken[i].err, err) < 0)
			return -1;
	for (size_t i = 0; i < set.n; i++) {
		for (size_t k = 0; k < set.runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &set.runs[i].cycle.disks[k];
			struct error why = ERROR_INIT;

			if (cancel_check(r->cancel, err) < 0)
				return -1;
			if (compare_replica(r, d, place.target, &why) < 0 && note_failure(r, d->name, &why, err) < 0)
				return -1;
		}
	}
	return 0;
}

static bool is_source_folder(const char *path)
{
	CLEANUP_FREE char *raw = NULL;
	struct stat st;

	if (target_is_url(path) || stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	if (asprintf(&raw, "%s/disk.raw", path) < 0) {
		raw = NULL;
		return false;
	}
	return stat(raw, &st) < 0; /* a mounted disk is a folder too */
}

static int print_json(struct verify_run *r, struct error *err)
{
	CLEANUP(cleanup_json) json_t *doc = NULL;

	doc = r->folder ? json_pack("{s:i, s:s, s:O}", "schema", 1, "result",
				 r->status == 0 ? "match" : r->status == 1 ? "mismatch" : "incomplete", "disks", r->pairs) :
		       json_incref(json_array_get(r->pairs, 0));
	return doc ? document_print(doc, err) : error_set(err, ERR_NOMEM, "no memory for a JSON document");
}

static int run(struct verify_run *r, enum progress_format format, struct error *err)
{
	struct tool *t = r->tool;
	struct progress *progress;
	int rc;

	r->folder = is_source_folder(t->args[0]);
	if (!r->folder && (r->patterns.n > 0 || r->only_configured))
		return error_set(err, ERR_USAGE, "--include, --exclude and --only-configured choose from a folder, which %s is not",
				 t->args[0]);
	r->cancel = tool_catch_signals(err);
	if (!r->cancel)
		return -1;
	r->connect = (struct connect_options){ .insecure_http = r->insecure_http, .cancel = r->cancel };
	progress = progress_start(t->common.quiet ? PROGRESS_NONE : format, "verify", sample, r, err);
	if (!progress)
		return -1;
	rc = r->folder ? run_folder(r, t->args[0], t->args[1], err) : run_two(r, t->args[0], t->args[1], err);
	progress_stop(progress);
	return rc == 0 && t->common.json ? print_json(r, err) : rc;
}

int main(int argc, char **argv)
{
	struct tool t = {
		.verb = "verify",
		.arguments = "A B",
		.summary = "Compares two disks bit for bit, or the images of a folder with their replicas.",
		.notes = "A and B: images, disks in a mount, replicas (also NAME@POINT), or a folder and a\n"
			 "target.  Ends with 0 if they match, 1 if they differ.\n",
		.min_args = 2,
		.max_args = 2,
	};
	struct verify_run r = { .tool = &t };
	const struct tool_option options[] = {
		{ "strict", 0, NULL, "sizes must be equal too", tool_set_flag, &r.strict, NULL },
		{ "no-digest", 0, NULL, "compare only: no SHA-256 of A", tool_set_flag, &r.no_digest, NULL },
		{ "include", 0, "PATTERN", "of a folder: take disks of this name", sync_patterns_include, &r.patterns, NULL },
		{ "exclude", 0, "PATTERN", "of a folder: leave disks of this name", sync_patterns_exclude, &r.patterns, NULL },
		{ "only-configured", 0, NULL, "of a folder: only what a configuration names", tool_set_flag,
		  &r.only_configured, NULL },
		{ "datastore", 0, "NAME=DIR", "where absolute names of disks lie here", datastores_set, &r.datastores, NULL },
		{ "insecure-http", 0, NULL, "http:// to other than this host", tool_set_flag, &r.insecure_http, NULL },
		{ 0 },
	};
	struct error err = ERROR_INIT;
	int status;

	t.options = options;
	status = tool_begin(&t, argc, argv);
	if (status < 0) {
		r.pairs = json_array();
		if (!r.pairs)
			error_set(&err, ERR_NOMEM, "no memory for a JSON document");
		if (!r.pairs || run(&r, PROGRESS_AUTO, &err) < 0)
			r.status = tool_worse_status(r.status, tool_fail(&t, &err));
		json_decref(r.pairs);
		status = tool_end(&t, r.status);
	}
	datastores_fini(&r.datastores);
	return status;
}
