/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document for programs, as liftfs-assess(1) and docs/assess.schema.json have it.  Machines are written one by one,
 * each on a line of its own: the whole document is never in memory.
 */
#include <config.h>

#include <math.h>
#include <string.h>

#include "assess_evidence.h"
#include "assess_json.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/parallel.h"
#include "inventory/disk_info.h"

/* 15 digits: each number that a catalogue has in decimal is written as it is there. */
#define JSON_FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY)

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, "no memory for a JSON document");
}

/* ---- values: NULL only without memory ---- */

static json_t *integer(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Whole numbers without a point: counts, MiB. */
static json_t *count_or_null(struct machine_number n)
{
	if (!n.known)
		return json_null();
	return n.v == floor(n.v) && fabs(n.v) < 9e15 ? json_integer((json_int_t)n.v) : json_real(n.v);
}

static json_t *real_or_null(struct machine_number n)
{
	return n.known ? json_real(n.v) : json_null();
}

static json_t *cents_or_null(struct machine_number n)
{
	return n.known ? json_real(assess_cents(n.v)) : json_null();
}

json_t *assess_json_text(const char *s)
{
	char shown[OUTPUT_TEXT_MAX];
	json_t *j = json_string(s);

	if (j)
		return j;
	escape_visible(s, shown, sizeof(shown));
	return json_string(shown);
}

#define text assess_json_text

static json_t *text_or_null(const char *s)
{
	return s && *s ? text(s) : json_null();
}

static json_t *name_or_null(const char *s, struct error *err)
{
	return s ? disk_info_name(s, err) : json_null();
}

static json_t *codes_json(const struct assess_codes *codes)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < codes->n; i++)
		json_array_append_new(list, text(codes->v[i]));
	return list && json_array_size(list) == codes->n ? list : NULL;
}

/* ---- a machine ---- */

static json_t *disk_json(const struct machine_disk *d, const struct assess_disk *a, bool brief, struct error *err)
{
	struct machine_number whole = { .known = d->capacity_mib.known, .v = ceil(d->capacity_mib.v) };
	const struct catalogue_tier *tier = a->tier;

	return json_pack("{s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "label",
			 disk_info_name(d->label, err), "os", d->os, "replicate", a->replicate, "capacity_mib",
			 count_or_null(whole), "type", tier ? text(assess_disk_type_name(tier->type)) : json_null(),
			 "tier", tier ? text(tier->name) : json_null(), "codes", codes_json(&a->codes), "monthly_usd",
			 cents_or_null(a->monthly_usd), "path", name_or_null(d->path, err), "raw", d->raw, "shared",
			 d->shared, "mode", text_or_null(d->mode), "need_iops",
			 a->replicate ? json_real(a->need_iops) : json_null(), "need_mbps",
			 a->replicate ? json_real(a->need_mbps) : json_null(), "error", text_or_null(d->error),
			 "evidence", assess_json_disk_evidence(d, brief, err));
}

static json_t *disks_json(const struct assess_vm *vm, bool brief, struct error *err)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < vm->machine->n_disks; i++) {
		if (json_array_append_new(list, disk_json(&vm->machine->disks[i], &vm->disks[i], brief, err)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *steps_json(const struct assess_azure *a)
{
	if (!a->tried)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "set", integer(a->left[STEP_SET]), "storage",
			 integer(a->left[STEP_STORAGE]), "network", integer(a->left[STEP_NETWORK]), "compute",
			 integer(a->left[STEP_COMPUTE]), "location", integer(a->left[STEP_LOCATION]));
}

static json_t *need(const struct assess_azure *a, double v)
{
	return a->tried ? json_real(v) : json_null();
}

static json_t *azure_json(const struct assess_vm *vm, bool brief, struct error *err)
{
	const struct assess_azure *a = &vm->azure;

	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:s, s:n, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:{s:o, s:o, s:o}}",
			 "readiness", assess_azure_verdict(a->verdict), "codes", codes_json(&a->codes), "notes",
			 codes_json(&a->notes), "generation", a->gen2 ? "V2" : "V1", "security_type",
			 a->trusted_launch ? "TrustedLaunch" : "Standard", "sizing",
			 a->by_performance ? "performance" : "as-is", "sample_confidence", "proposed_name",
			 text_or_null(a->proposed_name), "need_vcpus", need(a, a->need_vcpus), "need_memory_gib",
			 need(a, a->need_memory_gib), "need_data_disks",
			 a->tried ? json_integer((json_int_t)a->need_data_disks) : json_null(), "need_iops",
			 need(a, a->need_iops), "need_mbps", need(a, a->need_mbps), "need_network_mbps",
			 need(a, a->need_network_mbps), "sizes_left", steps_json(a), "size",
			 a->size ? assess_json_text(a->size->name) : json_null(), "hourly_usd", real_or_null(a->hourly_usd),
			 "disks", disks_json(vm, brief, err), "monthly_usd", "compute", cents_or_null(a->compute_usd), "disks",
			 cents_or_null(a->disks_usd), "total", cents_or_null(a->total_usd));
}

/* What inventories do not agree on, then what a disk shows otherwise. */
static json_t *conflicts_json(const struct assess_vm *vm)
{
	const struct machine *m = vm->machine;
	json_t *list = json_array();

	for (size_t i = 0; list && i < m->n_conflicts + vm->n_conflicts; i++) {
		const struct machine_conflict *c =
			i < m->n_conflicts ? &m->conflicts[i] : &vm->conflicts[i - m->n_conflicts];

		if (json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o}", "field", text_or_null(c->field),
							  "kept", text_or_null(c->kept), "kept_from",
							  text_or_null(c->kept_from), "other", text_or_null(c->other),
							  "other_from", text_or_null(c->other_from))) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *vm_json(const struct assess_report *r, size_t i, struct error *err)
{
	const struct assess_vm *vm = &r->result->vms[i];
	const struct machine *m = vm->machine;

	return json_pack("{s:o, s:o, s:s, s:s, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:{s:s, s:o}, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "name",
			 disk_info_name(m->name, err), "uuid", assess_json_text(m->uuid ? m->uuid : ""), "power",
			 assess_power_name(m->power), "os_key", vm->os->key, "os_name", assess_json_text(vm->os->name), "arch",
			 assess_arch_name(vm->arch), "os_from", text_or_null(vm->os_from), "firmware",
			 assess_firmware_name(vm->firmware), "vcpus", count_or_null(m->vcpus), "memory_mib",
			 count_or_null(m->memory_mib), "nics", count_or_null(m->nics), "origin",
			 disk_info_name(m->origin, err), "azure", azure_json(vm, r->brief, err), "avs", "readiness",
			 assess_avs_verdict(vm->avs.verdict), "codes", codes_json(&vm->avs.codes), "conflicts",
			 conflicts_json(vm), "move", assess_json_vm_move(&r->move->vms[i], err), "firmware_from",
			 text_or_null(vm->firmware_from), "arch_from", text_or_null(vm->arch_from), "confidence",
			 assess_json_confidence(vm), "evidence", assess_json_evidence(vm, err));
}

/* ---- what is said once ---- */

static json_t *options_json(const struct assess_report *r)
{
	const struct assess_options *o = r->options;
	json_t *series = json_array();

	for (size_t i = 0; series && i < o->n_series; i++)
		json_array_append_new(series, text(o->series[i]));
	return json_pack(
		"{s:o, s:s, s:f, s:s, s:o, s:b, s:f, s:o, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:i, "
		"s:s, s:s}",
		"region", assess_json_text(o->region), "sizing", assess_sizing_name(o->sizing), "comfort", o->comfort, "disk_type",
		assess_choice_name(o->disk_type), "series", series, "ahb", o->ahb, "uptime_hours", o->uptime_hours,
		"avs_host", text(o->avs_host), "avs_ftt", (int)o->avs_ftt, "avs_raid", (int)o->avs_raid,
		"avs_oversubscription", (int)o->avs_oversubscription, "avs_cpu_limit", o->avs_cpu_limit,
		"avs_memory_overcommit", o->avs_memory_overcommit, "avs_dedupe", o->avs_dedupe, "avs_growth",
		o->avs_growth, "avs_mgmt_vcpu", o->avs_mgmt_vcpu, "avs_mgmt_memory_gb", o->avs_mgmt_memory_gb,
		"avs_mgmt_storage_gb", o->avs_mgmt_storage_gb, "avs_slack", o->avs_slack, "avs_spare_nodes",
		(int)o->avs_spare_nodes, "avs_dedupe_from", assess_from_name(o->avs_dedupe_from), "look",
		assess_look_name(r->look));
}

static json_t *catalogue_json(const struct catalogue *c, struct error *err)
{
	size_t n;
	const struct catalogue_file *files = catalogue_files(c, &n);
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "name", text(files[i].name), "as_of",
						      text_or_null(files[i].as_of), "rows", integer(files[i].rows)));
	return json_pack("{s:o, s:o}", "folder", disk_info_name(catalogue_dir(c), err), "files", list);
}

static json_t *verdicts_json(const size_t counts[ASSESS_VERDICTS], const char *(*name)(enum assess_verdict))
{
	json_t *j = json_object();

	for (int v = 0; j && v < ASSESS_VERDICTS; v++)
		json_object_set_new(j, name((enum assess_verdict)v), integer(counts[v]));
	return j;
}

static json_t *summary_json(const struct assess_report *r)
{
	const struct assess_totals *t = r->totals;

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:f, s:f, s:f}}", "vms", integer(r->result->n_vms),
		"disks", integer(t->disks), "capacity_mib", integer((uint64_t)ceil(t->mib)), "skipped",
		integer(r->result->n_skipped), "azure", verdicts_json(t->azure, assess_azure_verdict), "avs",
		verdicts_json(t->avs, assess_avs_verdict), "monthly_usd", "vms", integer(t->priced), "without_price",
		integer(t->unpriced), "without_size", integer(t->unsized), "compute", assess_cents(t->compute_usd),
		"disks", assess_cents(t->disks_usd), "total", assess_cents(t->total_usd));
}

static json_t *avs_json(const struct assess_avs *a)
{
	return json_pack("{s:o, s:i, s:i, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:f, s:b}", "host",
			 text(a->host->name), "ftt", (int)a->ftt->ftt, "raid", (int)a->ftt->raid, "nodes",
			 integer(a->nodes), "limiting", assess_limit_name(a->limiting), "n_cpu", integer(a->n_cpu),
			 "n_mem", integer(a->n_mem), "n_store", integer(a->n_store), "clusters", integer(a->clusters),
			 "physical_cores", integer(a->physical_cores), "vms", integer(a->vms), "need_vcpus", a->cpu,
			 "need_memory_gib", a->memory_gib, "need_storage_tb", a->storage_tb, "several_clusters",
			 a->several_clusters);
}

static json_t *skipped_json(const struct assess_left_out *s, struct error *err)
{
	return json_pack("{s:o, s:s}", "name", disk_info_name(s->machine->name, err), "reason", s->reason);
}

/* ---- writing ---- */

/* j is dropped; NULL: it could not be made, and err may know why.  The caller frees the text. */
static char *value_text(json_t *j, struct error *err)
{
	CLEANUP(cleanup_json) json_t *value = j;
	char *s = value ? json_dumps(value, JSON_FLAGS) : NULL;

	if (!s && !(err && err->code != ERR_NONE))
		no_memory(err);
	return s;
}

static int write_value(FILE *f, json_t *j, struct error *err)
{
	CLEANUP_FREE char *s = value_text(j, err);

	if (!s)
		return -1;
	assess_put_json(s, f);
	return 0;
}

static int write_key(FILE *f, const char *before, const char *key, json_t *value, struct error *err)
{
	fprintf(f, "%s\"%s\":", before, key);
	return write_value(f, value, err);
}

static int write_head(const struct assess_report *r, FILE *f, struct error *err)
{
	char when[CLOCK_TEXT_LEN];
	CLEANUP(cleanup_json) json_t *inventories = json_array();

	clock_format_iso(r->now_ns, when);
	for (size_t i = 0; i < r->n_inventories; i++)
		if (!inventories || json_array_append_new(inventories, disk_info_name(r->inventories[i], err)) != 0)
			return err->code != ERR_NONE ? -1 : no_memory(err);
	fputs("{\"schema\":1,\"result\":\"ok\"", f);
	if (write_key(f, ",", "time", json_string(when), err) < 0 ||
	    write_key(f, ",\n", "inventories", json_incref(inventories), err) < 0 ||
	    write_key(f, ",\n", "options", options_json(r), err) < 0 ||
	    write_key(f, ",\n", "catalogue", catalogue_json(r->catalogue, err), err) < 0)
		return -1;
	if (write_key(f, ",\n", "summary", summary_json(r), err) < 0)
		return -1;
	return write_key(f, ",\n", "measured", assess_json_measured(r->looked), err);
}

#define VMS_AT_ONCE ((size_t)1024) /* their texts are in memory together: some 3 KiB each */

struct vm_texts {
	const struct assess_report *r;
	size_t first;
	char *v[VMS_AT_ONCE];
};

static int make_vm_text(void *ctx, size_t i, struct error *err)
{
	struct vm_texts *t = ctx;

	t->v[i] = value_text(vm_json(t->r, t->first + i, err), err);
	return t->v[i] ? 0 : -1;
}

/* Making the text takes most of the time of a large document: all cores make some. */
static int write_some_vms(struct vm_texts *t, size_t n, FILE *f, struct error *err)
{
	int rc = parallel_each(n, make_vm_text, t, err);

	for (size_t i = 0; i < n; i++) {
		if (rc == 0) {
			fputs(t->first + i > 0 ? ",\n" : "\n", f);
			assess_put_json(t->v[i], f);
		}
		free(t->v[i]);
		t->v[i] = NULL;
	}
	return rc;
}

static int write_vms(const struct assess_report *r, FILE *f, struct error *err)
{
	struct vm_texts t = { .r = r };

	fputs(",\n\"vms\":[", f);
	for (; t.first < r->result->n_vms; t.first += VMS_AT_ONCE) {
		size_t left = r->result->n_vms - t.first;

		if (write_some_vms(&t, left < VMS_AT_ONCE ? left : VMS_AT_ONCE, f, err) < 0)
			return -1;
	}
	fputs("],\n\"skipped\":[", f);
	for (size_t i = 0; i < r->result->n_skipped; i++) {
		fputs(i > 0 ? ",\n" : "\n", f);
		if (write_value(f, skipped_json(&r->result->skipped[i], err), err) < 0)
			return -1;
	}
	fputs("]", f);
	return 0;
}

static int write_warnings(const struct machine_notices *n, FILE *f, struct error *err)
{
	fputs(",\n\"warnings\":[", f);
	for (size_t i = 0; i < n->n; i++) {
		fputs(i > 0 ? ",\n" : "\n", f);
		if (write_value(f, text(n->v[i]), err) < 0)
			return -1;
	}
	fputs("]", f);
	return write_key(f, ",", "warnings_beyond", integer(n->beyond), err);
}

int assess_write_json(const struct assess_report *r, FILE *f, struct error *err)
{
	if (write_head(r, f, err) < 0 || write_vms(r, f, err) < 0 ||
	    write_key(f, ",\n", "avs", avs_json(&r->result->avs), err) < 0 ||
	    write_key(f, ",\n", "move", assess_json_move(r, err), err) < 0 ||
	    write_warnings(&r->machines->notices, f, err) < 0)
		return -1;
	fputs("}\n", f);
	return 0;
}
