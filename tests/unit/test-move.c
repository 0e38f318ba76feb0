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

	measured.zero_share = num(0.75);
	v = plan(&s, &o, &m);
	assert_near(v->load.bytes[MOVE_MEASURED], (100 + 50 + 1) * GIB / 4);
	assert_int_equal(move_load_source(&v->load), MOVE_MEASURED);
	measured.zero_share = num(1);
	assert_near(move_load_bytes(&plan(&s, &o, &m)->load), 0);
	move_fini(&m);
	subject_fini(&s);
}

/* What no image is known to take of it is spread over the other disks by their size. */
static void what_a_machine_has_in_use_is_spread_over_its_disks(void **state)
{
	struct move_options o;
	struct move m = { .n_vms = 0 };
	struct subject s;
	struct machine *machine = subject_init(&s, shipped);
	const struct move_vm *v;

	(void)state;
	move_options_init(&o);
	add_disk(machine, 3 * 102400);
	add_disk(machine, 999)->raw = true;
	machine->storage_in_use_mib = num(40960);
	v = plan(&s, &o, &m);
	assert_near(v->load.bytes[MOVE_IN_USE], 40 * GIB);
	assert_near(move_load_bytes(&v->load), 40 * GIB);
	assert_int_equal(v->load.from[MOVE_IN_USE], 2);
	assert_near(v->disks[1].bytes, 30 * GIB);
	assert_int_equal(move_load_source(&v->load), MOVE_IN_USE);
	assert_string_equal(move_source_name(MOVE_IN_USE), "in-use");

	machine->disks[0].allocated_mib = num(10240);
	v = plan(&s, &o, &m);
	assert_near(v->load.bytes[MOVE_ALLOCATED], 10 * GIB);
	assert_near(v->load.bytes[MOVE_IN_USE], 30 * GIB);
	machine->storage_in_use_mib = num(1e9); /* swap, logs, snapshots: not more than there is */
	v = plan(&s, &o, &m);
	assert_near(v->load.bytes[MOVE_IN_USE], 300 * GIB);
	machine->storage_in_use_mib = num(5120);
	v = plan(&s, &o, &m);
	assert_near(v->load.bytes[MOVE_IN_USE], 0);
	assert_int_equal(v->load.from[MOVE_IN_USE], 1);
	move_fini(&m);
	subject_fini(&s);
}

static struct machine *add_like_the_first(struct subject *s, const char *name)
{
	struct machine *m = machine_add(&s->list, name, "test:2", NULL);

	assert_non_null(m);
	m->vcpus = num(2);
	m->memory_mib = num(8192);
	m->firmware = MACHINE_BIOS;
	m->power = MACHINE_ON;
	set_os(m, "Microsoft Windows Server 2022 (64-bit)");
	add_disk(m, 102400);
	return m;
}

static struct machine_disk *add_shared(struct machine *m, double mib, const char *path)
{
	struct machine_disk *d = add_disk(m, mib);

	d->shared = true;
	assert_int_equal(machine_set(&d->path, path, NULL), 0);
	return d;
}

static void a_shared_disk_is_sent_once(void **state)
{
	struct move_options o;
	struct move m = { .n_vms = 0 };
	struct subject s;
	const struct move_vm *v;

	(void)state;
	subject_init(&s, shipped);
	move_options_init(&o);
	add_shared(&s.list.v[0], 204800, "[ds] quorum.vmdk");
	add_shared(add_like_the_first(&s, "db-01"), 204800, "[ds] quorum.vmdk");
	v = plan(&s, &o, &m);
	assert_near(move_load_bytes(&m.load), 400 * GIB);
	assert_int_equal(m.load.disks, 3);
	assert_int_equal(m.load.elsewhere, 1);
	assert_int_equal(v[0].load.elsewhere, 1);
	assert_string_equal(v[0].disks[1].with->machine->name, "db-01"); /* the first by name */
	assert_null(v[1].disks[1].with);
	assert_near(move_load_bytes(&v[0].load), 100 * GIB);
	assert_near(v[0].churn, v[1].churn / 3);
	assert_int_equal(m.notices.n, 1);
	assert_string_equal(m.notices.v[0], "db-01, web-01 depend on each other and go together");
	move_fini(&m);
	subject_fini(&s);
}

static void a_path_is_one_disk_in_one_datacenter_and_of_one_size(void **state)
{
	struct move_options o;
	struct move m = { .n_vms = 0 };
	struct subject s;
	struct machine *other;

	(void)state;
	subject_init(&s, shipped);
	move_options_init(&o);
	add_shared(&s.list.v[0], 204800, "[ds] a.vmdk");
	other = add_like_the_first(&s, "db-01");
	add_shared(other, 204801, "[ds] a.vmdk");
	plan(&s, &o, &m);
	assert_int_equal(m.load.elsewhere, 0);
	s.list.v[1].disks[1].capacity_mib = num(204800);
	plan(&s, &o, &m);
	assert_int_equal(m.load.elsewhere, 1);
	assert_int_equal(machine_set(&s.list.v[1].datacenter, "other", NULL), 0);
	plan(&s, &o, &m);
	assert_int_equal(m.load.elsewhere, 0);
	assert_int_equal(machine_set(&s.list.v[1].datacenter, "", NULL), 0);
	assert_int_equal(machine_set(&s.list.v[1].vcenter, "other", NULL), 0);
	plan(&s, &o, &m);
	assert_int_equal(m.load.elsewhere, 0);
	assert_int_equal(m.notices.n, 0);
	move_fini(&m);
	subject_fini(&s);
}

static void shared_disks_without_a_path_are_told(void **state)
{
	struct move_options o;
	struct move m = { .n_vms = 0 };
	struct subject s;

	(void)state;
	subject_init(&s, shipped);
	move_options_init(&o);
	add_shared(&s.list.v[0], 1024, NULL);
	add_shared(add_like_the_first(&s, "db-01"), 1024, NULL);
	plan(&s, &o, &m);
	assert_int_equal(m.load.elsewhere, 0);
	assert_int_equal(m.notices.n, 1);
	assert_string_equal(m.notices.v[0],
			    "2 shared disks name no image: what machines share of them is counted more than once");
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
		assert_int_equal(m.load.direct, disks[i].mib * MIB >= 8192 * GIB);
		assert_int_equal(m.vms[0].disks[1].way,
				 disks[i].mib * MIB >= 8192 * GIB ? MOVE_DIRECT_UPLOAD : MOVE_PAGE_BLOB);
		assert_near(m.vms[0].disks[1].rate, disks[i].page_blob);
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
	o.change_bytes.v = 65536;
	machine->disks[0].raw = true;
	machine->disks[1].capacity_mib = num(9000 * 1024.0); /* S70: 2,000 a second */
	assert_near(plan(&s, &o, &m)->change_rate, 2000 * 65536);
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
	assert_string_equal(m.assumptions.v[0], "assumed: line rate 1000 Mbit/s");
	assert_string_equal(m.assumptions.v[3], "assumed: churn 5 % of a disk a day");
	o.line_rate.given = o.churn_bytes.given = true;
	plan(&s, &o, &m);
	assert_int_equal(m.assumptions.n, 6);
	assert_string_equal(m.assumptions.v[0], "assumed: account rate 25000 Mbit/s");
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
		cmocka_unit_test(what_a_machine_has_in_use_is_spread_over_its_disks),
		cmocka_unit_test(a_shared_disk_is_sent_once),
		cmocka_unit_test(a_path_is_one_disk_in_one_datacenter_and_of_one_size),
		cmocka_unit_test(shared_disks_without_a_path_are_told),
		cmocka_unit_test(each_limit_can_be_the_one),
		cmocka_unit_test(an_upload_is_as_fast_as_a_disk_of_the_size),
		cmocka_unit_test(cycles_have_what_the_rest_of_the_wave_leaves),
		cmocka_unit_test(small_writes_are_limited_by_requests),
		cmocka_unit_test(settings_out_of_range_are_refused),
		cmocka_unit_test(what_nobody_gave_is_told_as_assumed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
