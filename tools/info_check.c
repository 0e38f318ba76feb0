/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "disk/check.h"
#include "document.h"
#include "info_check.h"
#include "inventory/disk_info.h"

struct report {
	json_t *findings; /* NULL: for people */
	size_t damaged;
	bool failed; /* no memory */
};

static const char *kind_name(enum disk_check_kind kind)
{
	return kind == DISK_CHECK_DAMAGED ? "damaged" : "shared";
}

static void show(void *ctx, const struct disk_check_finding *f)
{
	struct report *r = ctx;
	CLEANUP_FREE char *msg = disk_info_escape(f->msg, NULL);
	json_t *j;

	r->damaged += f->kind == DISK_CHECK_DAMAGED;
	if (!msg) {
		r->failed = true;
	} else if (!r->findings) {
		printf("%-8s %" PRIu64 "+%" PRIu64 ": %s\n", kind_name(f->kind), f->off, f->len, msg);
	} else {
		j = json_pack("{s:s, s:I, s:I, s:s}", "kind", kind_name(f->kind), "offset", (json_int_t)f->off, "length",
			      (json_int_t)f->len, "message", msg);
		r->failed = r->failed || !j || json_array_append_new(r->findings, j) != 0;
	}
}

static void print_summary(const struct disk_check_result *out)
{
	char data[FORMAT_TEXT_LEN], zero[FORMAT_TEXT_LEN], damaged[FORMAT_TEXT_LEN];

	format_size(out->data, data);
	format_size(out->zero, zero);
	format_size(out->damaged, damaged);
	printf("data %s, zeros %s, damaged %s%s\n", data, zero, damaged,
	       out->ended_early ? "; too many findings: the rest was not looked at" : "");
	if (out->sharing_partly)
		printf("only the first %zu runs of data were compared for sharing\n", DISK_CHECK_RUNS_MAX);
}

static int print_document(const struct report *r, const struct disk_check_result *out, const char *name,
			  struct error *err)
{
	CLEANUP(cleanup_json) json_t *shown = disk_info_name(name, err);
	CLEANUP(cleanup_json) json_t *doc = NULL;

	if (!shown)
		return -1;
	doc = json_pack("{s:i, s:O, s:s, s:I, s:I, s:I, s:O, s:b, s:b}", "schema", 1, "path", shown, "result",
			r->damaged ? "damaged" : "ok", "data", (json_int_t)out->data, "zero", (json_int_t)out->zero,
			"damaged", (json_int_t)out->damaged, "findings", r->findings, "truncated", out->ended_early,
			"sharing_partly", out->sharing_partly);
	if (!doc)
		return error_set(err, ERR_NOMEM, "no memory for a JSON document");
	return document_print(doc, err);
}

int info_check(const struct tool *t, struct disk *d, const char *name, struct error *err)
{
	CLEANUP(cleanup_json) json_t *findings = t->common.json ? json_array() : NULL;
	struct report r = { .findings = findings };
	struct disk_check_result out;

	if (t->common.json && !findings)
		return error_set(err, ERR_NOMEM, "no memory for a JSON document");
	if (disk_check(d, NULL, show, &r, &out, err) < 0)
		return -1;
	if (r.failed)
		return error_set(err, ERR_NOMEM, "no memory for the findings");
	if (!t->common.json)
		print_summary(&out);
	else if (print_document(&r, &out, name, err) < 0)
		return -1;
	if (r.damaged == 0)
		return 0;
	return error_set(err, ERR_CORRUPT, "%s: %" PRIu64 " bytes in %zu%s ranges cannot be read", name, out.damaged,
			 r.damaged, out.ended_early ? " or more" : "");
}
