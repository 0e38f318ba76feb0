/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes, times and cycles.  Who goes when: test-waves.c. */
#include "unit.h"

#include "assess/move.h"
#include "support/assess_fixture.h"

#define MIB 1048576.0
#define GIB (1024 * MIB)

static struct catalogue *shipped;

static void assert_near(double got, double want)
{
	double diff = got > want ? got - want : want - got;

	if (diff > 1e-9 * (want > 1 ? want : 1))
		fail_msg("%.15g, not %.15g", got, want);
}

static const struct move_vm *plan(struct subject *s, const struct move_options *o, struct move *m)
{
	struct error err = ERROR_INIT;

	assess_subject(s);
	move_fini(m);
	if (move_plan(&s->a, s->c, o, m, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(m->n_vms, s->list.n);
	return m->vms;
}

static void bytes_are_measured_else_allocated_else_the_capacity(void **state)
{
	struct move_measured measured = { .zero_share = { .known = false } };
	struct move_options o;
	struct move m = { .n_vms = 0 };
	struct subject s;
	struct machine *machine = subject_init(&s, shipped);
	const struct move_vm *v;

	(void)state;
	move_options_init(&o);
	o.measured = &measured;
	machine->disks[0].allocated_mib = num(10240);
	add_disk(machine, 51200);
	add_disk(machine, 1024)->allocated_mib = num(4096); /* tables and snapshots are not sent */
	add_disk(machine, 999)->raw = true;
	v = plan(&s, &o, &m);
	assert_int_equal(v->load.disks, 3);
	assert_near(v->load.bytes[MOVE_MEASURED], 0);
	assert_near(v->load.bytes[MOVE_ALLOCATED], 11 * GIB);
	assert_near(v->load.bytes[MOVE_CAPACITY], 50 * GIB);
	assert_int_equal(move_load_source(&v->load), MOVE_CAPACITY);
	assert_near(move_load_bytes(&m.load), 61 * GIB);

	measured.zero_share = num(0.5);
	measured.duplicate_share = num(0.25);
	v = plan(&s, &o, &m);
	assert_near(v->load.bytes[MOVE_MEASURED], (100 + 50 + 1) * GIB / 4);
	assert_int_equal(move_load_source(&v->load), MOVE_MEASURED);
	measured.duplicate_share = num(0.75);
	assert_near(move_load_bytes(&plan(&s, &o, &m)->load), 0);
	move_fini(&m);
	subject_fini(&s);
}

static void each_limit_can_be_the_one(void **state)
{
	struct move_options o;
	struct move m = { .n_vms = 0 };
	struct subject s;
	struct machine *machine = subject_init(&s, shipped);
	const struct move_vm *v;

	(void)state;
	move_options_init(&o);
	o.line_rate.v = 10 * MIB;
	v = plan(&s, &o, &m);
	assert_near(v->time.longest_s, 10240);
	assert_int_equal(v->time.limit, MOVE_BY_LINE);
	o.line_rate.v = 1000 * MIB;
	v = plan(&s, &o, &m);
	assert_near(v->time.longest_s, 102400 / 60.0);
	assert_int_equal(v->time.limit, MOVE_BY_BLOB);
	add_disk(machine, 102400);
	v = plan(&s, &o, &m);
	assert_near(v->time.longest_s, 102400 / 60.0);
	o.disks_at_once.v = 1;
	v = plan(&s, &o, &m);
	assert_near(v->time.longest_s, 204800 / 60.0);
	assert_int_equal(v->time.limit, MOVE_BY_DISKS_AT_ONCE);
	assert_int_equal(m.time.limit, MOVE_BY_DISKS_AT_ONCE);
	o.account_rate.v = 20 * MIB;
	v = plan(&s, &o, &m);
	assert_near(v->time.longest_s, 10240);
	assert_int_equal(v->time.limit, MOVE_BY_ACCOUNT);
	move_fini(&m);
	subject_fini(&s);
}

/* S4 to S50 60 MB/s, S60 300, S70 500. */
static void an_upload_is_as_fast_as_a_disk_of_the_size(void **state)
{
	static const struct {
		double mib, page_blob, upload;
	} disks[] = {
		{ 20480, 60 * MIB, 60e6 },
		{ 4096 * 1024.0, 60 * MIB, 60e6 },
		{ 4096 * 1024.0 + 1, 60 * MIB, 300e6 },
		{ 8192 * 1024.0 - 1, 60 * MIB, 300e6 },
		{ 8192 * 1024.0, 300e6, 300e6 }, /* with its footer it fits no page blob */
		{ 9000 * 1024.0, 500e6, 500e6 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(disks); i++) {
		struct move_options o;
		struct move m = { .n_vms = 0 };
		struct subject s;
		struct machine *machine = subject_init(&s, shipped);

		add_disk(machine, disks[i].mib);
		machine->disks[0].raw = true;
		move_options_init(&o);
		assert_near(plan(&s, &o, &m)->load.slowest_s, disks[i].mib * MIB / disks[i].page_blob);
		o.way = MOVE_DIRECT_UPLOAD;
		assert_near(plan(&s, &o, &m)->load.slowest_s, disks[i].mib * MIB / disks[i].upload);
		move_fini(&m);
		subject_fini(&s);
	}
}

static void cycles_have_what_the_rest_of_the_wave_leaves(void **state)
{
	struct move_options o;
	struct move m = { .n_vms = 0 };
	struct subject s;
	struct machine *other;
	const struct move_vm *v;

	(void)state;
	subject_init(&s, shipped);
	move_options_init(&o);
	o.churn_bytes = (struct move_setting){ .v = 86400 * 3 * MIB, .given = true };
	o.line_rate.v = 10 * MIB;
	o.cycle_fixed_s.v = 100;
	o.scan_rate.v = 100 * MIB;
	v = plan(&s, &o, &m);
	assert_near(v->churn, 3 * MIB);
	assert_near(v->fixed_s, 100 + 1024);
	assert_true(v->converges);
	assert_near(v->cadence.cycle_s, (1124 + 0.3 * 3600) / 0.7);
	assert_near(m.waves[0].line_share, 0.3);

	other = machine_add(&s.list, "web-02", "test:2", NULL);
	assert_non_null(other);
	other->vcpus = num(2);
	other->memory_mib = num(8192);
	other->firmware = MACHINE_BIOS;
	set_os(other, "Microsoft Windows Server 2022 (64-bit)");
	add_disk(other, 102400);
	v = plan(&s, &o, &m); /* 3 of the 7 that are left */
	assert_near(v->cadence.cycle_s, (1124 + 3 / 7.0 * 3600) / (4 / 7.0));
	assert_near(m.line_share, 0.6);
	o.line_rate.v = 6 * MIB;
	v = plan(&s, &o, &m);
	assert_false(v[0].converges);
	assert_false(v[1].converges);
	assert_int_equal(m.waves[0].risk, WAVE_HIGH);
	move_fini(&m);
	subject_fini(&s);
}

/* 500 requests a second: small writes do not reach the blob's rate. */
static void small_writes_are_limited_by_requests(void **state)
{
	struct move_options o;
	struct move m = { .n_vms = 0 };
	struct subject s;
	struct machine *machine = subject_init(&s, shipped);

	(void)state;
	move_options_init(&o);
	assert_near(plan(&s, &o, &m)->change_rate, 500 * 65536);
	add_disk(machine, 102400); /* half of the changes each */
	assert_near(plan(&s, &o, &m)->change_rate, 2 * 500 * 65536);
	o.change_bytes.v = 1048576;
	assert_near(plan(&s, &o, &m)->change_rate, 2 * 60 * MIB);
	move_fini(&m);
	subject_fini(&s);
}

static void settings_out_of_range_are_refused(void **state)
{
	struct error err = ERROR_INIT;
	struct move_options o;

	(void)state;
	move_options_init(&o);
	assert_int_equal(move_options_check(&o, &err), 0);
	o.disks_at_once.v = 0;
	assert_int_equal(move_options_check(&o, &err), -1);
	assert_error(&err, ERR_USAGE, "disks at once: 0 is not between 1 and 1000000");
}

static void what_nobody_gave_is_told_as_assumed(void **state)
{
	struct move_options o;
	struct move m = { .n_vms = 0 };
	struct subject s;

	(void)state;
	subject_init(&s, shipped);
	move_options_init(&o);
	plan(&s, &o, &m);
	assert_int_equal(m.assumptions.n, 8);
	assert_string_equal(m.assumptions.v[0], "assumed: line rate 125000000 bytes a second");
	assert_string_equal(m.assumptions.v[3], "assumed: churn share 0.05 of a disk a day");
	o.line_rate.given = o.churn_bytes.given = true;
	plan(&s, &o, &m);
	assert_int_equal(m.assumptions.n, 6);
	assert_string_equal(m.assumptions.v[0], "assumed: account rate 3125000000 bytes a second");
	move_fini(&m);
	subject_fini(&s);
}

static int setup(void **state)
{
	(void)state;
	shipped = shipped_catalogue();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	catalogue_close(shipped);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_measured_else_allocated_else_the_capacity),
		cmocka_unit_test(each_limit_can_be_the_one),
		cmocka_unit_test(an_upload_is_as_fast_as_a_disk_of_the_size),
		cmocka_unit_test(cycles_have_what_the_rest_of_the_wave_leaves),
		cmocka_unit_test(small_writes_are_limited_by_requests),
		cmocka_unit_test(settings_out_of_range_are_refused),
		cmocka_unit_test(what_nobody_gave_is_told_as_assumed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
