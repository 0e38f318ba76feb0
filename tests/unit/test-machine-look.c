/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "inventory/inventory.h"
#include "inventory/machine_look.h"
#include "support/look_made.h"
#include "support/scratch.h"

#define BLOCK 65536
#define DISK(place, file) place ".present = \"TRUE\"\n" place ".fileName = \"" file "\"\n"

/* ---- what follows for the machine ---- */

static struct machine *machine_of(struct machine_list *l, size_t disks)
{
	struct machine *m = machine_add(l, "m", "m.vmx", NULL);

	assert_non_null(m);
	for (size_t i = 0; i < disks; i++) {
		char label[32];

		snprintf(label, sizeof(label), "Hard disk %zu", i + 1);
		assert_non_null(machine_add_disk(m, label, NULL));
	}
	assert_int_equal(machine_order_disks(m, NULL), 0);
	return m;
}

static void the_first_disk_decides_on_system_and_firmware(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = machine_of(&l, 2);
	struct machine_look *first = look_made(&m->disks[0]), *second = look_made(&m->disks[1]);
	struct machine_facts f;

	(void)state;
	look_made_os(first, "Debian", "debian", "12");
	look_made_arch(first, LOOK_ARCH_X64);
	look_made_firmware(first, LOOK_FIRMWARE_EFI);
	look_made_os(second, "Windows XP", "windows", "5.1");
	look_made_arch(second, LOOK_ARCH_X86);
	look_made_firmware(second, LOOK_FIRMWARE_BIOS);
	machine_facts(m, &f);
	assert_string_equal(f.os_id, "debian");
	assert_string_equal(f.os_version, "12");
	assert_string_equal(f.os_text, "Debian");
	assert_int_equal(f.arch, LOOK_ARCH_X64);
	assert_int_equal(f.firmware, LOOK_FIRMWARE_EFI);
	assert_ptr_equal(f.os_by.disk, &m->disks[0]);
	assert_ptr_equal(f.firmware_by.disk, &m->disks[0]);
	assert_true(f.disks == 2 && f.looked == 2 && f.whole == 2 && f.unreadable == 0);
}

static void a_system_elsewhere_counts_if_it_is_the_only_one(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = machine_of(&l, 3);
	struct machine_facts f;

	(void)state;
	look_made(&m->disks[0]);
	look_made_os(look_made(&m->disks[1]), "Debian", "debian", "12");
	look_made_firmware(m->disks[1].look, LOOK_FIRMWARE_BIOS);
	machine_facts(m, &f);
	assert_string_equal(f.os_id, "debian");
	assert_int_equal(f.firmware, LOOK_FIRMWARE_UNKNOWN); /* nothing starts from there */
	look_made_os(look_made(&m->disks[2]), "Ubuntu", "ubuntu", "22.04");
	machine_facts(m, &f);
	assert_string_equal(f.os_id, "");
	assert_string_equal(f.os_text, "");
	assert_null(f.os_by.disk);
}

static void all_else_is_true_if_any_disk_shows_it(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = machine_of(&l, 3);
	struct machine_look *first = look_made(&m->disks[0]), *second = look_made(&m->disks[1]);
	struct look_facts *of = &second->found.facts;
	struct machine_facts f;

	(void)state;
	machine_facts(m, &f);
	assert_false(f.encrypted_by.disk || f.dirty_by.disk || f.used_known || f.used_whole);
	look_made_flag(second, &of->encrypted, &of->encrypted_by, FINDING_ENCRYPTION);
	look_made_flag(second, &of->dirty, &of->dirty_by, FINDING_DIRTY);
	first->found.facts.drivers = LOOK_DRIVERS_ALL;
	first->found.facts.drivers_by = look_made_add(first, FINDING_DRIVERS, "all", 1);
	of->drivers = LOOK_DRIVERS_NONE;
	of->drivers_by = look_made_add(second, FINDING_DRIVERS, "none", 2);
	first->found.facts.used = 1 << 20;
	first->found.facts.used_whole = true;
	of->used = 3 << 20;
	of->used_whole = true;
	machine_facts(m, &f);
	assert_ptr_equal(f.encrypted_by.disk, &m->disks[1]);
	assert_ptr_equal(f.dirty_by.disk, &m->disks[1]);
	assert_int_equal(f.drivers, LOOK_DRIVERS_NONE);
	assert_string_equal(f.drivers_by.finding->value, "none");
	assert_true(f.used_known && f.used_mib == 4 && !f.used_whole); /* nobody looked at the third */
	look_made(&m->disks[2])->found.facts.used_whole = true;
	machine_facts(m, &f);
	assert_true(f.used_whole);
	m->disks[1].raw = true; /* is not replicated, so it says nothing */
	machine_facts(m, &f);
	assert_true(f.disks == 2 && !f.encrypted_by.disk && f.drivers == LOOK_DRIVERS_ALL && f.used_mib == 1);
}

static void what_could_not_be_read_is_counted(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = machine_of(&l, 4);
	struct machine_look *damaged = look_made(&m->disks[0]), *skipped = look_made(&m->disks[1]);
	struct machine_facts f;

	(void)state;
	look_made_add(damaged, FINDING_UNREADABLE, "beyond the end", 7);
	damaged->found.complete = false;
	look_made_add(skipped, FINDING_SKIPPED, "files in xfs", 7);
	skipped->found.complete = false;
	m->disks[2].look = calloc(1, sizeof(*m->disks[2].look));
	m->disks[2].look->error = strdup("no image");
	machine_facts(m, &f);
	assert_true(f.disks == 4 && f.looked == 2 && f.whole == 0 && f.unreadable == 2);
}

static void a_proof_names_disk_place_and_byte(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machine *m = machine_of(&l, 1);
	CLEANUP_FREE char *by_label = NULL;
	CLEANUP_FREE char *by_path = NULL;
	CLEANUP_FREE char *nothing = NULL;
	struct machine_facts f;

	(void)state;
	look_made_firmware(look_made(&m->disks[0]), LOOK_FIRMWARE_EFI);
	machine_facts(m, &f);
	by_label = machine_proof_text(&f.firmware_by, NULL);
	assert_string_equal(by_label, "Hard disk 1, partition 1, byte 1,234,567");
	assert_int_equal(machine_set(&m->disks[0].path, "web/web.vmdk", NULL), 0);
	by_path = machine_proof_text(&f.firmware_by, NULL);
	assert_string_equal(by_path, "web/web.vmdk, partition 1, byte 1,234,567");
	nothing = machine_proof_text(&f.os_by, NULL);
	assert_string_equal(nothing, "");
}

/* ---- looking ---- */

static void first_byte(const void *ctx, const void *buf, size_t len, uint64_t *lo, uint64_t *hi)
{
	(void)ctx;
	(void)len;
	*lo = *(const uint8_t *)buf;
	*hi = *lo * 0x9e3779b97f4a7c15;
}

/* A raw image of blocks that each hold one letter; '.' is zeros. */
static void write_image(const struct scratch_dir *dir, const char *name, const char *blocks)
{
	size_t n = strlen(blocks);
	CLEANUP_FREE uint8_t *buf = calloc(n, BLOCK);

	assert_non_null(buf);
	for (size_t i = 0; i < n; i++)
		memset(buf + i * BLOCK, blocks[i] == '.' ? 0 : blocks[i], BLOCK);
	scratch_write(dir, name, buf, n * BLOCK);
}

static void write_text(const struct scratch_dir *dir, const char *name, const char *text)
{
	scratch_write(dir, name, text, strlen(text));
}

static void read_inventory(const struct scratch_dir *dir, const char *name, struct machine_list *out)
{
	CLEANUP_FREE char *path = NULL;
	struct error e = ERROR_INIT;

	assert_true(asprintf(&path, "%s/%s", dir->path, name) > 0);
	if (inventory_read(path, NULL, out, &e) < 0)
		fail_msg("%s", e.msg);
}

static void an_image_of_several_machines_is_there_once(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	const struct machines_look_options opt = { .full = true, .hash = first_byte };
	struct machines_looked looked = { 0 };
	struct error e = ERROR_INIT;

	assert_int_equal(mkdirat(((struct scratch_dir *)*state)->fd, "shared", 0755), 0);
	write_image(*state, "shared/a.img", "abab....");
	write_image(*state, "shared/b.img", "xyz.");
	write_text(*state, "shared/a.vmx", "displayName = \"a\"\n" DISK("scsi0:0", "a.img") DISK("scsi0:1", "b.img"));
	write_text(*state, "shared/b.vmx",
		   "displayName = \"b\"\n" DISK("scsi0:0", "b.img") DISK("scsi0:1", "gone.img"));
	read_inventory(*state, "shared", &l);
	assert_int_equal(machines_look(&l, &opt, &looked, &e), 0);
	assert_int_equal(l.n, 2);
	assert_true(l.v[0].shares.known);
	assert_int_equal(l.v[0].shares.blocks, 12);
	assert_int_equal(l.v[0].shares.zero, 5);
	assert_true(l.v[0].shares.duplicate > 0.2857 && l.v[0].shares.duplicate < 0.2858 && l.v[0].shares.error == 0);
	assert_false(l.v[1].shares.known); /* a disk of it is not here */
	assert_true(l.v[1].disks[0].look->shares.known);
	assert_string_equal(l.v[1].disks[1].look->error, l.v[1].disks[1].error);
	assert_true(looked.fleet.known);
	assert_int_equal(looked.fleet.blocks, 12);
	assert_true(looked.fleet.duplicate > 0.2857 && looked.fleet.duplicate < 0.2858);
	assert_true(looked.fleet_mib == 0.75);
	assert_int_equal(looked.disks, 4);
	assert_int_equal(looked.disks_done, 4);
	assert_int_equal(looked.done, looked.total);
}

static void a_quick_look_measures_nothing_and_is_made_once(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	const struct machines_look_options opt = { .full = false };
	struct machines_looked looked = { 0 }, again = { 0 };
	struct error e = ERROR_INIT;

	read_inventory(*state, "shared/a.vmx", &l);
	assert_int_equal(machines_look(&l, &opt, &looked, &e), 0);
	assert_false(looked.fleet.known || l.v[0].shares.known || l.v[0].disks[0].look->shares.known);
	assert_true(l.v[0].disks[0].look->found.n > 0);
	assert_int_equal(looked.disks, 2);
	assert_int_equal(machines_look(&l, &opt, &again, &e), 0);
	assert_int_equal(again.disks, 0);
}

static void an_image_that_is_gone_by_then_is_no_failure(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	const struct machines_look_options opt = { .full = true, .hash = first_byte };
	const struct scratch_dir *dir = *state;
	struct machines_looked looked = { 0 };
	struct error e = ERROR_INIT;

	assert_int_equal(mkdirat(dir->fd, "gone", 0755), 0);
	write_image(dir, "gone/gone.img", "ab");
	read_inventory(dir, "gone", &l);
	assert_int_equal(unlinkat(dir->fd, "gone/gone.img", 0), 0);
	assert_int_equal(machines_look(&l, &opt, &looked, &e), 0);
	assert_string_equal(l.v[0].disks[0].look->error, "gone.img: No such file or directory");
	assert_false(l.v[0].shares.known || looked.fleet.known);
}

static void who_is_stopped_says_so(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct machines_looked looked = { 0 };
	struct error e = ERROR_INIT;
	struct cancel c;
	const struct machines_look_options opt = { .full = true, .hash = first_byte, .cancel = &c };

	assert_int_equal(cancel_init(&c, &e), 0);
	cancel_set(&c, CANCEL_GENTLE);
	read_inventory(*state, "shared", &l);
	assert_int_equal(machines_look(&l, &opt, &looked, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	cancel_fini(&c);
}

static void images_stay_with_their_disks_when_inventories_become_one(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	const struct machines_look_options opt = { .full = false };
	struct machines_looked looked = { 0 };
	size_t starts[2] = { 0, 1 };
	struct error e = ERROR_INIT;
	struct machine *m = machine_add(&l, "a", "csv", &e);

	assert_non_null(m);
	assert_int_equal(machine_set(&m->path, "a.vmx", &e), 0);
	for (size_t i = 0; i < 2; i++)
		assert_non_null(machine_add_disk(m, "", &e));
	read_inventory(*state, "shared/a.vmx", &l);
	assert_int_equal(inventory_merge(&l, starts, 2, &e), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.v[0].origin, "csv");
	assert_int_equal(machines_look(&l, &opt, &looked, &e), 0);
	assert_int_equal(looked.disks, 2);
	assert_non_null(l.v[0].disks[1].look);
}

static void a_machine_is_measured_if_all_its_disks_were(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	const struct machines_look_options opt = { .full = true, .hash = first_byte };
	struct machines_looked looked = { 0 };
	struct error e = ERROR_INIT;

	read_inventory(*state, "shared/a.vmx", &l);
	assert_non_null(machine_add_disk(&l.v[0], "known by its name only", &e));
	assert_int_equal(machines_look(&l, &opt, &looked, &e), 0);
	assert_true(l.v[0].disks[1].look->shares.known && looked.fleet.known);
	assert_false(l.v[0].shares.known);
	assert_null(l.v[0].disks[2].look);
}

static void a_template_is_not_looked_at(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	const struct machines_look_options opt = { .full = false };
	struct machines_looked looked = { 0 };
	struct error e = ERROR_INIT;

	read_inventory(*state, "shared/a.vmx", &l);
	l.v[0].template = true;
	assert_int_equal(machines_look(&l, &opt, &looked, &e), 0);
	assert_int_equal(looked.disks, 0);
	assert_null(l.v[0].disks[0].look);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_disk_decides_on_system_and_firmware),
		cmocka_unit_test(a_system_elsewhere_counts_if_it_is_the_only_one),
		cmocka_unit_test(all_else_is_true_if_any_disk_shows_it),
		cmocka_unit_test(what_could_not_be_read_is_counted),
		cmocka_unit_test(a_proof_names_disk_place_and_byte),
		cmocka_unit_test(an_image_of_several_machines_is_there_once),
		cmocka_unit_test(a_quick_look_measures_nothing_and_is_made_once),
		cmocka_unit_test(an_image_that_is_gone_by_then_is_no_failure),
		cmocka_unit_test(who_is_stopped_says_so),
		cmocka_unit_test(images_stay_with_their_disks_when_inventories_become_one),
		cmocka_unit_test(a_machine_is_measured_if_all_its_disks_were),
		cmocka_unit_test(a_template_is_not_looked_at),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
