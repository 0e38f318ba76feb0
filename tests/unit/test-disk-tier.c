/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support/assess_fixture.h"
#include "support/assess_small.h"

static struct catalogue *shipped;

static void check(struct subject *s, size_t disk, const char *tier, const char *codes)
{
	const struct assess_disk *d;

	d = &assess_subject(s)->disks[disk];
	assert_codes(&d->codes, codes);
	assert_string_equal(d->tier ? d->tier->name : "", tier);
	assert_int_equal(d->monthly_usd.known, d->tier != NULL);
}

static void an_os_disk_is_limited_by_the_firmware_and_any_disk_by_what_can_be_uploaded(void **state)
{
	static const struct {
		enum machine_firmware firmware;
		double mib;
		const char *tier, *code;
		bool os;
	} rows[] = {
		{ MACHINE_BIOS, 2097152, "P40", "", true },
		{ MACHINE_BIOS, 2097153, "", "DiskSizeGreaterThanSupported", true },
		{ MACHINE_FIRMWARE_UNKNOWN, 2097153, "", "DiskSizeGreaterThanSupported", true },
		{ MACHINE_EFI, 2097153, "P50", "", true },
		{ MACHINE_EFI, 4194304, "P50", "", true },
		{ MACHINE_EFI, 4194305, "", "DiskSizeGreaterThanSupported", true },
		{ MACHINE_BIOS, 2097153, "P50", "", false },
		{ MACHINE_BIOS, 4194305, "P60", "", false },
		{ MACHINE_BIOS, 32767 * 1024.0, "P80", "", false },
		{ MACHINE_BIOS, 32767 * 1024.0 + 1, "", "DiskSizeGreaterThanSupported", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct subject s;
		struct machine *m = subject_init(&s, shipped);

		m->firmware = rows[i].firmware;
		if (rows[i].os)
			m->disks[0].capacity_mib = num(rows[i].mib);
		else
			add_disk(m, rows[i].mib);
		check(&s, rows[i].os ? 0 : 1, rows[i].tier, rows[i].code);
		subject_fini(&s);
	}
}

static void a_tier_holds_what_its_size_says_to_the_byte(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, shipped);

	(void)state;
	m->disks[0].capacity_mib = num(128 * 1024);
	check(&s, 0, "P10", "");
	m->disks[0].capacity_mib = num(128 * 1024 + 0.001);
	check(&s, 0, "P15", "");
	m->disks[0].capacity_mib = num(0);
	check(&s, 0, "P1", "");
	subject_fini(&s);
}

static void a_raw_disk_gets_none_and_the_next_one_is_that_of_the_system(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, shipped);

	(void)state;
	m->disks[0].raw = true;
	add_disk(m, 2097153);
	check(&s, 0, "", "");
	assert_false(s.a.vms->disks[0].replicate);
	assert_codes(&s.a.vms->disks[1].codes, "DiskSizeGreaterThanSupported");
	subject_fini(&s);
}

/* The small catalogue: P1 32 GiB 100 IOPS 10 MB/s, P2 64/300/30; E1 32/100/10, E2 64/100/10, E3 128/200/20; S1 64/50/5.
 */
struct small_row {
	enum assess_disk_choice choice;
	enum assess_sizing sizing;
	double gib, ops, mbs; /* below 0: not known */
	const char *os_tier, *tier, *code;
};

static void check_small(struct catalogue *c, const struct small_row *r, size_t i)
{
	struct subject s;
	struct machine *m = subject_init(&s, c);

	set_os(m, "Windows");
	s.o.region = "here";
	s.o.avs_host = "H1";
	s.o.disk_type = r->choice;
	s.o.sizing = r->sizing;
	add_disk(m, 0);
	for (size_t k = 0; k < 2; k++) {
		m->disks[k].capacity_mib = num(r->gib * 1024);
		m->disks[k].read_ops = r->ops < 0 ? (struct machine_number){ .v = 0 } : num(r->ops);
		m->disks[k].write_mbs = r->mbs < 0 ? (struct machine_number){ .v = 0 } : num(r->mbs);
	}
	assess_subject(&s);
	for (size_t k = 0; k < 2; k++) {
		const struct assess_disk *d = &s.a.vms->disks[k];
		const char *want = k == 0 ? r->os_tier : r->tier;

		if (strcmp(d->tier ? d->tier->name : "", want) != 0)
			fail_msg("row %zu, disk %zu: %s, not %s", i, k, d->tier ? d->tier->name : "none", want);
	}
	assert_codes(&s.a.vms->disks[1].codes, r->code);
	subject_fini(&s);
}

static void the_type_is_the_one_asked_for_or_the_cheaper_one_that_does_it(void **state)
{
	static const struct small_row rows[] = {
		{ CHOICE_PREMIUM_SSD, SIZING_AUTO, 32, -1, -1, "P1", "P1", "" },
		{ CHOICE_PREMIUM_SSD, SIZING_AUTO, 32, 101, -1, "P2", "P2", "" },
		{ CHOICE_PREMIUM_SSD, SIZING_AUTO, 32, 0, 11, "P2", "P2", "" },
		{ CHOICE_PREMIUM_SSD, SIZING_AS_IS, 32, 101, 11, "P1", "P1", "" },
		{ CHOICE_STANDARD_SSD, SIZING_AUTO, 64, 0, 0, "E2", "E2", "" },
		{ CHOICE_STANDARD_SSD, SIZING_AUTO, 64, 200, 20, "E3", "E3", "" },
		{ CHOICE_STANDARD_SSD, SIZING_AUTO, 64, 201, 20, "", "", "NoSuitableDiskSizeForIops" },
		{ CHOICE_STANDARD_SSD, SIZING_AUTO, 64, 200, 21, "", "", "NoSuitableDiskSizeForThroughput" },
		{ CHOICE_STANDARD_HDD, SIZING_AUTO, 32, -1, -1, "E1", "S1", "" },
		{ CHOICE_STANDARD_HDD, SIZING_AUTO, 64, 51, 0, "E2", "", "NoSuitableDiskSizeForIops" },
		{ CHOICE_STANDARD_HDD, SIZING_AUTO, 64, 50, 6, "E2", "", "NoSuitableDiskSizeForThroughput" },
		{ CHOICE_AUTO, SIZING_AUTO, 32, -1, -1, "P1", "P1", "" }, /* as it is: premium */
		{ CHOICE_AUTO, SIZING_AS_IS, 32, 10, 1, "P1", "P1", "" },
		{ CHOICE_AUTO, SIZING_PERFORMANCE, 32, -1, -1, "E1", "E1", "" }, /* nothing known of the disk */
		{ CHOICE_AUTO, SIZING_AUTO, 32, 0, -1, "E1", "E1", "" },         /* 0 is a value: E1 for 1, P1 for 2 */
		{ CHOICE_AUTO, SIZING_AUTO, 64, 10, 1, "E2", "E2", "" },         /* 4 and 4 */
		{ CHOICE_AUTO, SIZING_AUTO, 64, 101, 1, "P2", "P2", "" },        /* E3 for 8, P2 for 4 */
		{ CHOICE_AUTO, SIZING_AUTO, 64, 201, 1, "P2", "P2", "" },        /* E3 does no more than 200 */
		{ CHOICE_AUTO, SIZING_AUTO, 128, 1, 1, "E3", "E3", "" },         /* no premium that large */
		{ CHOICE_AUTO, SIZING_AUTO, 64, 301, 1, "", "", "NoSuitableDiskSizeForIops" },
		{ CHOICE_AUTO, SIZING_AUTO, 64, 300, 31, "", "", "NoSuitableDiskSizeForThroughput" },
		{ CHOICE_AUTO, SIZING_AUTO, 129, 1, 1, "", "", "NoSuitableDiskSizeForIops" },
	};
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_catalogue) struct catalogue *c = small_catalogue(*state, NULL, NULL, &err);

	assert_non_null(c);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_small(c, &rows[i], i);
}

static void where_a_price_is_missing_standard_is_taken(void **state)
{
	static const struct small_row row = { CHOICE_AUTO, SIZING_AUTO, 64, 101, 1, "E3", "E3", "" };
	struct error err = ERROR_INIT;
	CLEANUP(cleanup_catalogue)
	struct catalogue *c =
		small_catalogue(*state, "azure-prices.csv",
				SMALL_PRICES_HEADER "here,disk,E3,,LRS,month,8\nhere,disk,P2,,ZRS,month,4\n", &err);

	assert_non_null(c);
	check_small(c, &row, 0);
}

static void needs_are_read_and_written_together_times_comfort(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, shipped);
	struct machine_disk *d = &m->disks[0];

	(void)state;
	s.o.comfort = 1.5;
	s.o.disk_type = CHOICE_PREMIUM_SSD;
	d->read_ops = num(200);
	d->write_ops = num(400.0 / 3); /* 500 but for rounding: P10 has 500 */
	d->read_mbs = num(40);
	d->write_mbs = num(80.0 / 3);
	check(&s, 0, "P10", "");
	assert_true(s.a.vms->disks[0].need_iops > 499.999 && s.a.vms->disks[0].need_iops < 500.001);
	assert_true(s.a.vms->disks[0].need_mbps > 99.999 && s.a.vms->disks[0].need_mbps < 100.001);
	d->write_ops = num(400.0 / 3 + 1e-8);
	check(&s, 0, "P15", "");
	d->write_ops.known = d->read_mbs.known = false;
	check(&s, 0, "P10", "");
	assert_true(s.a.vms->disks[0].need_iops == 300);
	assert_true(s.a.vms->disks[0].need_mbps < 41);
	subject_fini(&s);
}

static void any_value_of_a_history_makes_it_sizing_by_performance(void **state)
{
	struct subject s;
	struct machine *m = subject_init(&s, shipped);
	struct machine_disk *raw = add_disk(m, 1024);
	struct machine_number *values[] = { &m->cpu_pct,           &m->memory_pct,         &m->network_out_mbs,
					    &m->read_ops,          &m->write_ops,          &m->read_mbs,
					    &m->write_mbs,         &m->disks[0].read_ops,  &m->disks[0].write_ops,
					    &m->disks[0].read_mbs, &m->disks[0].write_mbs, &raw->read_ops };

	(void)state;
	raw->raw = true;
	assert_false(assess_subject(&s)->azure.by_performance);
	m->storage_in_use_mib = num(1); /* no history */
	assert_false(assess_subject(&s)->azure.by_performance);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		*values[i] = num(0);
		assert_true(assess_subject(&s)->azure.by_performance);
		s.o.sizing = SIZING_AS_IS;
		assert_false(assess_subject(&s)->azure.by_performance);
		s.o.sizing = SIZING_AUTO;
		values[i]->known = false;
	}
	s.o.sizing = SIZING_PERFORMANCE;
	assert_true(assess_subject(&s)->azure.by_performance);
	subject_fini(&s);
}

static int setup(void **state)
{
	shipped = shipped_catalogue();
	return scratch_setup(state);
}

static int teardown(void **state)
{
	catalogue_close(shipped);
	return scratch_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_os_disk_is_limited_by_the_firmware_and_any_disk_by_what_can_be_uploaded),
		cmocka_unit_test(a_tier_holds_what_its_size_says_to_the_byte),
		cmocka_unit_test(a_raw_disk_gets_none_and_the_next_one_is_that_of_the_system),
		cmocka_unit_test(the_type_is_the_one_asked_for_or_the_cheaper_one_that_does_it),
		cmocka_unit_test(where_a_price_is_missing_standard_is_taken),
		cmocka_unit_test(needs_are_read_and_written_together_times_comfort),
		cmocka_unit_test(any_value_of_a_history_makes_it_sizing_by_performance),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
