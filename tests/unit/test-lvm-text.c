/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "guest/lvm.h"

static void a_group_with_volumes_in_pieces(void **state)
{
	CLEANUP_FREE char *text =
		strdup("contents = \"a } # b\" # { not this\n"
		       "vg {\n extent_size=8192\n tags=[]\n"
		       "physical_volumes { pv0 { id = \"ab-cd\"\n pe_start = 2048\n pe_count = 99 } }\n"
		       "logical_volumes {\n root {\n status = [\"READ\", \"VISIBLE\"]\n"
		       "segment2 { start_extent = 5\n extent_count = 2\n type = \"striped\"\n stripe_count = 1\n "
		       "stripes = [ \"pv0\", 0 ] }\n"
		       "segment1 { start_extent = 0\n extent_count = 5\n type = \"striped\"\n stripe_count=1\n "
		       "stripes=[\"pv0\",7]}\n"
		       "}\n pool_tdata { status = [\"READ\"] }\n}\n}\n");
	CLEANUP(cleanup_lvm_vg) struct lvm_vg vg = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	if (lvm_parse(text, &vg, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(vg.name, "vg");
	assert_int_equal(vg.extent_sectors, 8192);
	assert_int_equal(vg.n_pvs, 1);
	assert_string_equal(vg.pvs[0].id, "abcd");
	assert_int_equal(vg.pvs[0].first_sector, 2048);
	assert_int_equal(vg.pvs[0].extents, 99);
	assert_int_equal(vg.n_lvs, 2);
	assert_true(vg.lvs[0].visible && !vg.lvs[1].visible);
	assert_int_equal(vg.lvs[0].n_segments, 2);
	assert_int_equal(vg.lvs[0].segments[0].n, 5);
	assert_int_equal(vg.lvs[0].segments[0].pv_extent, 7);
	assert_string_equal(vg.lvs[0].segments[1].pv, "pv0");
	assert_int_equal(vg.lvs[0].segments[1].stripes, 1);
}

static void what_is_no_metadata_is_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} bad[] = {
		{ "vg {", "LVM: the text ends within a section" },
		{ "vg { }\n}", "LVM: a section ends that never began" },
		{ "vg { a = [ 1, 2", "LVM: the list a has no end" },
		{ "vg { a = [ 1 = 2 ] }", "LVM: the list a has no end" },
		{ "vg = 1 = 2", "LVM: '=' where a name belongs" },
		{ "vg", "LVM: neither a value nor a section: vg" },
		{ "a{b{c{d{e{f{g{h{i{", "LVM: sections deeper than 8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP_FREE char *text = strdup(bad[i].text);
		struct error e = ERROR_INIT;
		struct lvm_vg vg;

		assert_int_equal(lvm_parse(text, &vg, &e), -1);
		assert_error(&e, ERR_CORRUPT, bad[i].msg);
	}
}

static void more_volumes_than_anybody_has_are_refused(void **state)
{
	CLEANUP_FREE char *text = malloc(32 * LVM_LVS_MAX);
	struct error e = ERROR_INIT;
	struct lvm_vg vg;
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, 64, "vg { logical_volumes {");
	for (int i = 0; i <= LVM_LVS_MAX; i++)
		n += (size_t)snprintf(text + n, 16, "l%d { }", i);
	assert_int_equal(lvm_parse(text, &vg, &e), -1);
	assert_error(&e, ERR_UNSUPPORTED, "LVM: more than 1024 logical volumes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_with_volumes_in_pieces),
		cmocka_unit_test(what_is_no_metadata_is_refused),
		cmocka_unit_test(more_volumes_than_anybody_has_are_refused),
	};

	return cmocka_run_group_tests_name("lvm-text", tests, NULL, NULL);
}
