/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "assess_totals.h"
#include "base/compiler.h"

#define VMS 14

static struct machine_number known(double v)
{
	return (struct machine_number){ .known = true, .v = v };
}

/* An inventory of VMS machines with a disk each, the n-th of n GiB; what it holds is the test's to change. */
struct fixture {
	struct machine machines[VMS];
	struct machine_disk disks[VMS];
	struct assess_disk assessed[VMS];
	struct assess_vm vms[VMS];
	struct assessment a;
};

static const struct catalogue_size cheap = { .name = (char *)"Standard_A", .series = (char *)"As" };
static const struct catalogue_size dear = { .name = (char *)"Standard_Z", .series = (char *)"Zs" };

static void init(struct fixture *x)
{
	*x = (struct fixture){ .a = { .vms = x->vms, .n_vms = VMS } };
	for (size_t i = 0; i < VMS; i++) {
		x->disks[i].capacity_mib = known(1024.0 * (double)(i + 1));
		x->assessed[i].replicate = true;
		x->machines[i] = (struct machine){ .disks = &x->disks[i], .n_disks = 1 };
		x->vms[i] = (struct assess_vm){ .machine = &x->machines[i], .disks = &x->assessed[i] };
	}
}

static void price(struct assess_vm *vm, const struct catalogue_size *size, double compute, double disks)
{
	vm->azure.size = size;
	vm->azure.compute_usd = known(compute);
	vm->azure.disks_usd = known(disks);
	vm->azure.total_usd = known(compute + disks);
}

static void what_has_no_price_is_counted_and_not_summed(void **state)
{
	CLEANUP(cleanup_assess_totals) struct assess_totals t = { 0 };
	struct error err = ERROR_INIT;
	static struct fixture x;

	(void)state;
	init(&x);
	price(&x.vms[0], &cheap, 10, 1);
	price(&x.vms[1], &dear, 100, 2);
	price(&x.vms[2], &cheap, 20, 3);
	x.vms[3].azure.size = &cheap;
	x.vms[3].azure.compute_usd = known(40);
	x.vms[4].azure.size = &dear;
	assert_int_equal(assess_totals(&x.a, &t, &err), 0);
	assert_int_equal(t.priced, 3);
	assert_true(t.compute_usd == 130 && t.disks_usd == 6 && t.total_usd == 136);
	assert_int_equal(t.unpriced, 2);
	assert_int_equal(t.compute_only, 1);
	assert_true(t.compute_only_usd == 40);
	assert_int_equal(t.unsized, VMS - 5);
	assert_int_equal(t.n_families, 2);
	assert_string_equal(t.families[0].series, "Zs");
	assert_int_equal(t.families[0].vms, 2);
	assert_int_equal(t.families[0].unpriced, 1);
	assert_string_equal(t.families[1].series, "As");
	assert_true(t.families[1].compute_usd == 30 && t.families[1].disks_usd == 4);
}

static void the_largest_are_kept_in_order(void **state)
{
	CLEANUP(cleanup_assess_totals) struct assess_totals t = { 0 };
	struct error err = ERROR_INIT;
	static struct fixture x;

	(void)state;
	init(&x);
	x.disks[3].capacity_mib = known(1024.0 * VMS); /* as large as the last, and read before it */
	x.assessed[VMS - 2].replicate = false;
	x.disks[VMS - 3].capacity_mib.known = false;
	assert_int_equal(assess_totals(&x.a, &t, &err), 0);
	assert_int_equal(t.disks, VMS - 1);
	assert_int_equal(t.n_vms_by_size, ASSESS_LARGEST);
	assert_int_equal(t.n_disks_by_size, ASSESS_LARGEST);
	assert_ptr_equal(t.vms_by_size[0].vm, &x.vms[3]);
	assert_ptr_equal(t.vms_by_size[1].vm, &x.vms[VMS - 1]);
	assert_ptr_equal(t.vms_by_size[2].vm, &x.vms[VMS - 4]);
	assert_ptr_equal(t.disks_by_size[0].disk, &x.disks[3]);
	for (size_t i = 1; i < ASSESS_LARGEST; i++)
		assert_true(t.vms_by_size[i - 1].mib >= t.vms_by_size[i].mib);
}

/* A VM counts once for a code, whichever of its parts has it; the worst weight first, notes last. */
static void findings_are_weighed_by_the_code_and_not_by_the_machine(void **state)
{
	CLEANUP(cleanup_assess_totals) struct assess_totals t = { 0 };
	const char *both[] = { "Bad", "Mild" }, *mild[] = { "Mild" }, *doubt[] = { "Doubt" }, *note[] = { "Note" };
	enum assess_verdict of_both[] = { VERDICT_NOT_READY, VERDICT_CONDITIONAL }, of_mild[] = { VERDICT_CONDITIONAL },
			    of_worse[] = { VERDICT_UNKNOWN }, of_doubt[] = { VERDICT_UNKNOWN },
			    of_note[] = { VERDICT_READY };
	static const struct {
		const char *code;
		enum assess_verdict severity;
		bool note;
		size_t vms;
	} want[] = { { "Bad", VERDICT_NOT_READY, false, 1 },
		     { "Mild", VERDICT_UNKNOWN, false, 2 },
		     { "Doubt", VERDICT_UNKNOWN, false, 1 },
		     { "Note", VERDICT_READY, true, 3 } };
	struct error err = ERROR_INIT;
	static struct fixture x;

	(void)state;
	init(&x);
	x.vms[0].azure.codes = (struct assess_codes){ .v = both, .of = of_both, .n = 2 };
	x.vms[0].azure.verdict = VERDICT_NOT_READY;
	x.vms[0].avs.codes = (struct assess_codes){ .v = mild, .of = of_mild, .n = 1 };
	x.assessed[1].codes = (struct assess_codes){ .v = mild, .of = of_worse, .n = 1 };
	x.vms[2].avs.codes = (struct assess_codes){ .v = doubt, .of = of_doubt, .n = 1 };
	for (size_t i = 0; i < 3; i++)
		x.vms[i].azure.notes = (struct assess_codes){ .v = note, .of = of_note, .n = 1 };
	assert_int_equal(assess_totals(&x.a, &t, &err), 0);
	assert_int_equal(t.n_findings, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_string_equal(t.findings[i].code, want[i].code);
		assert_int_equal(t.findings[i].severity, want[i].severity);
		assert_int_equal(t.findings[i].note, want[i].note);
		assert_int_equal(t.findings[i].vms, want[i].vms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_price_is_counted_and_not_summed),
		cmocka_unit_test(the_largest_are_kept_in_order),
		cmocka_unit_test(findings_are_weighed_by_the_code_and_not_by_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
