/* SPDX-License-Identifier: Apache-2.0 */
/* Whole inventories from their files to what is said of them, against what was worked out elsewhere. */
#include "unit.h"

#include <math.h>

#include <jansson.h>

#include "inventory/inventory.h"
#include "support/assess_fixture.h"

/* ---- what was found, in the form of what is expected ---- */

static json_t *codes_json(const struct assess_codes *codes)
{
	json_t *a = json_array();

	for (size_t i = 0; i < codes->n; i++)
		json_array_append_new(a, json_string(codes->v[i]));
	return a;
}

static json_t *disks_json(const struct assess_vm *vm)
{
	json_t *a = json_array();

	for (size_t i = 0; i < vm->machine->n_disks; i++) {
		const struct machine_disk *from = &vm->machine->disks[i];
		const struct assess_disk *d = &vm->disks[i];

		json_array_append_new(a, json_pack("{ss sb sb sI so so}", "label", from->label, "os", from->os,
						   "replicate", d->replicate, "capacity_mib",
						   (json_int_t)from->capacity_mib.v, "tier",
						   d->tier ? json_string(d->tier->name) : json_null(), "codes",
						   codes_json(&d->codes)));
	}
	return a;
}

static json_t *vm_json(const struct assess_vm *vm)
{
	static const char *const archs[] = { "unknown", "x64", "x86", "arm64" };
	static const char *const powers[] = { "unknown", "on", "off", "suspended" };
	const struct machine *m = vm->machine;
	const struct assess_azure *a = &vm->azure;

	return json_pack("{ss ss ss ss ss s{ss so ss so so so} s{ss so}}", "name", m->name, "uuid",
			 m->uuid ? m->uuid : "", "os_key", vm->os->key, "arch", archs[vm->arch], "power",
			 powers[m->power], "azure", "readiness", assess_azure_verdict(a->verdict), "codes",
			 codes_json(&a->codes), "generation", a->gen2 ? "V2" : "V1", "size",
			 a->size ? json_string(a->size->name) : json_null(), "hourly_usd",
			 a->hourly_usd.known ? json_real(a->hourly_usd.v) : json_null(), "disks", disks_json(vm), "avs",
			 "readiness", assess_avs_verdict(vm->avs.verdict), "codes", codes_json(&vm->avs.codes));
}

static json_t *result_json(const struct assessment *a)
{
	json_t *vms = json_array(), *skipped = json_array();
	const struct assess_avs *v = &a->avs;

	for (size_t i = 0; i < a->n_vms; i++)
		json_array_append_new(vms, vm_json(&a->vms[i]));
	for (size_t i = 0; i < a->n_skipped; i++)
		json_array_append_new(skipped, json_pack("{ss ss}", "name", a->skipped[i].machine->name, "reason",
							 a->skipped[i].reason));
	return json_pack("{s{} so so s{ss si si sI sI sI sI ss sI sI}}", "options", "vms", vms, "skipped", skipped,
			 "avs", "host", v->host->name, "ftt", (int)v->ftt->ftt, "raid", (int)v->ftt->raid, "n_cpu",
			 (json_int_t)v->n_cpu, "n_mem", (json_int_t)v->n_mem, "n_store", (json_int_t)v->n_store,
			 "nodes", (json_int_t)v->nodes, "limiting", assess_limit_name(v->limiting), "clusters",
			 (json_int_t)v->clusters, "physical_cores", (json_int_t)v->physical_cores);
}

/* ---- field by field ---- */

static size_t fields; /* that were compared */

static void compare(const json_t *want, const json_t *got, const char *at)
{
	char path[512];
	const char *key;
	const json_t *v;
	size_t i;

	if (json_is_object(want)) {
		assert_int_equal(json_object_size(got), json_object_size(want));
		json_object_foreach((json_t *)want, key, v)
		{
			snprintf(path, sizeof(path), "%s.%s", at, key);
			if (!json_object_get(got, key))
				fail_msg("%s: not there", path);
			compare(v, json_object_get(got, key), path);
		}
		return;
	}
	if (json_is_array(want)) {
		if (json_array_size(got) != json_array_size(want))
			fail_msg("%s: %zu elements, not %zu", at, json_array_size(got), json_array_size(want));
		json_array_foreach(want, i, v)
		{
			snprintf(path, sizeof(path), "%s[%zu]", at, i);
			compare(v, json_array_get(got, i), path);
		}
		return;
	}
	fields++;
	if (json_is_number(want) && json_is_number(got)) {
		if (fabs(json_number_value(want) - json_number_value(got)) > 1e-9)
			fail_msg("%s: %.10g, not %.10g", at, json_number_value(got), json_number_value(want));
	} else if (!json_equal(want, got)) {
		fail_msg("%s: %s, not %s", at, json_is_string(got) ? json_string_value(got) : "another value",
			 json_is_string(want) ? json_string_value(want) : "the one expected");
	}
}

/* What the whole must be, with the documented defaults. */
static void check(struct catalogue *c, const char *inventory, const char *expected, size_t vms)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP(cleanup_assessment) struct assessment a = { .n_vms = 0 };
	const char *srcdir = getenv("srcdir");
	struct error err = ERROR_INIT;
	struct assess_options o;
	json_t *want, *got;
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/assess/%s", srcdir ? srcdir : ".", inventory);
	if (inventory_read(path, NULL, &l, &err) < 0)
		fail_msg("%s", err.msg);
	assess_options_init(&o);
	if (assess(&l, c, &o, &a, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(a.n_vms, vms);
	snprintf(path, sizeof(path), "%s/tests/assess/%s", srcdir ? srcdir : ".", expected);
	want = json_load_file(path, 0, NULL);
	assert_non_null(want);
	got = result_json(&a);
	assert_non_null(got);
	fields = 0;
	compare(want, got, "");
	assert_true(fields > 20 * vms);
	json_decref(want);
	json_decref(got);
}

static void an_rvtools_export_is_assessed_as_it_should_be(void **state)
{
	check(*state, "rvtools-sample", "rvtools-sample/expected.json", 12);
}

static void an_azure_migrate_import_is_assessed_as_it_should_be(void **state)
{
	check(*state, "azure-migrate-import-sample.csv", "azure-migrate-import-sample.expected.json", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_rvtools_export_is_assessed_as_it_should_be),
		cmocka_unit_test(an_azure_migrate_import_is_assessed_as_it_should_be),
	};

	return cmocka_run_group_tests(tests, open_shipped_catalogue, close_catalogue);
}
