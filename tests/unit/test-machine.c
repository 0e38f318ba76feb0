/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/machine.h"

static struct machine *one(struct machine_list *l, const char *name)
{
	struct error err = { .code = ERR_NONE };
	struct machine *m = machine_add(l, name, "test", &err);

	assert_non_null(m);
	return m;
}

static void add_disks(struct machine *m, const char *const *labels)
{
	struct error err = { .code = ERR_NONE };

	for (; *labels; labels++)
		assert_non_null(machine_add_disk(m, *labels, &err));
}

static void disks_are(const struct machine *m, const char *const *labels, size_t os)
{
	for (size_t i = 0; i < m->n_disks; i++) {
		assert_string_equal(m->disks[i].label, labels[i]);
		assert_int_equal(m->disks[i].os, i == os);
	}
}

static void disks_go_by_their_keys_before_their_labels(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = one(&l, "web");
	struct error err = { .code = ERR_NONE };

	(void)state;
	add_disks(m, (const char *const[]){ "Hard disk 1", "Hard disk 2", "Hard disk 3", NULL });
	for (size_t i = 0; i < 3; i++)
		m->disks[i].order = (struct machine_number){ .known = true, .v = 2002 - (double)i };
	m->disks[2].raw = true;
	assert_int_equal(machine_order_disks(m, &err), 0);
	disks_are(m, (const char *const[]){ "Hard disk 3", "Hard disk 2", "Hard disk 1" }, 1);
}

static void disks_without_keys_go_by_the_last_number_of_their_labels(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = one(&l, "web");
	struct error err = { .code = ERR_NONE };

	(void)state;
	add_disks(m, (const char *const[]){ "Disk 10 of web", "Disk 2", "Disk 1", NULL });
	m->disks[0].order = (struct machine_number){ .known = true, .v = 0 }; /* not all have one */
	assert_int_equal(machine_order_disks(m, &err), 0);
	disks_are(m, (const char *const[]){ "Disk 1", "Disk 2", "Disk 10 of web" }, 0);
}

static void disks_stay_as_read_if_one_has_neither(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = one(&l, "web");
	struct error err = { .code = ERR_NONE };

	(void)state;
	add_disks(m, (const char *const[]){ "disk 2", "data", "disk 1", NULL });
	assert_int_equal(machine_order_disks(m, &err), 0);
	disks_are(m, (const char *const[]){ "disk 2", "data", "disk 1" }, 0);
}

static void uuids_are_told_from_other_texts(void **state)
{
	static const struct {
		const char *text, *uuid;
	} cases[] = {
		{ "56 4d 54 59 5d 0c 51 8d-d3 40 38 4f fe bf e4 5d", "564d5459-5d0c-518d-d340-384ffebfe45d" },
		{ "{1E2FEB89-414C-443C-9027-C4D1C386BBC4}", "1e2feb89-414c-443c-9027-c4d1c386bbc4" },
		{ "1e2feb89-414c-443c-9027-c4d1c386bbc", NULL },
		{ "1e2feb89-414c-443c-9027-c4d1c386bbc4a", NULL },
		{ "vm-web-01", NULL },
		{ "", NULL },
		{ NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP_FREE char *uuid = strdup("before");
		struct error err = { .code = ERR_NONE };

		assert_int_equal(machine_set_uuid(&uuid, cases[i].text, &err), 0);
		if (cases[i].uuid)
			assert_string_equal(uuid, cases[i].uuid);
		else
			assert_null(uuid);
	}
}

static void a_known_capacity_stands_for_disks_that_are_not_listed(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = one(&l, "web");
	struct error err = { .code = ERR_NONE };

	(void)state;
	assert_int_equal(machine_collapse_disks(m, &err), 0);
	assert_int_equal(m->n_disks, 0);
	m->capacity_mib = (struct machine_number){ .known = true, .v = 0 };
	assert_int_equal(machine_collapse_disks(m, &err), 0);
	assert_int_equal(m->n_disks, 1);
	assert_true(m->disks[0].os && m->disks[0].capacity_mib.known && m->disks_collapsed);
	assert_int_equal(machine_collapse_disks(m, &err), 0);
	assert_int_equal(m->n_disks, 1);
}

static void what_is_no_machine_of_anybodys_is_left_out(void **state)
{
	static const struct {
		const char *name, *why;
	} cases[] = { { "vCLS", "vcls" }, { "vCLS-1a2b", "vcls" }, { "vCLS (3)", "vcls" }, { "vCLS(3)", "vcls" },
		      { "vCLSomething", NULL }, { "vcls-1", NULL }, { "", NULL } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
		struct machine *m = one(&l, cases[i].name);

		if (cases[i].why)
			assert_string_equal(machine_left_out(m), cases[i].why);
		else
			assert_null(machine_left_out(m));
		m->srm_placeholder = true;
		assert_string_equal(machine_left_out(m), "srm-placeholder");
		m->template = true;
		assert_string_equal(machine_left_out(m), "template");
	}
}

static void a_machine_has_at_most_so_many_disks(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = one(&l, "web");
	struct error err = { .code = ERR_NONE };

	(void)state;
	for (int i = 0; i < MACHINE_DISKS_MAX; i++)
		assert_non_null(machine_add_disk(m, "disk", &err));
	assert_null(machine_add_disk(m, "disk", &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_string_equal(err.msg, "test: more than 1024 disks of one machine");
}

static void notices_are_kept_up_to_a_limit_and_then_counted(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };

	(void)state;
	for (int i = 0; i < MACHINE_NOTICES_MAX + 3; i++)
		machine_notice(&l.notices, "file:%d: odd", i);
	assert_int_equal(l.notices.n, MACHINE_NOTICES_MAX);
	assert_int_equal(l.notices.beyond, 3);
	assert_string_equal(l.notices.v[999], "file:999: odd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks_go_by_their_keys_before_their_labels),
		cmocka_unit_test(disks_without_keys_go_by_the_last_number_of_their_labels),
		cmocka_unit_test(disks_stay_as_read_if_one_has_neither),
		cmocka_unit_test(uuids_are_told_from_other_texts),
		cmocka_unit_test(a_known_capacity_stands_for_disks_that_are_not_listed),
		cmocka_unit_test(what_is_no_machine_of_anybodys_is_left_out),
		cmocka_unit_test(a_machine_has_at_most_so_many_disks),
		cmocka_unit_test(notices_are_kept_up_to_a_limit_and_then_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
