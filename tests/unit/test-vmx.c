/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "inventory/vmx.h"

static int parse(const char *text, struct vm_config_list *v, struct error *e)
{
	return vmx_config_format.parse(text, strlen(text), v, e);
}

static void disks_come_in_the_order_of_their_devices(void **state)
{
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(parse("#!/usr/bin/vmware\r\n"
			       ".encoding = \"UTF-8\"\r\n"
			       "displayName = \"Web |22one|22\"\n"
			       "scsi0:1.fileName = \"web01_1.vmdk\"\n"
			       "SCSI0:1.Present = \"true\"\n"
			       "scsi0.present = \"TRUE\"\n"
			       "scsi0:0.present = \"TRUE\"\n"
			       "scsi0:0.fileName = \"old.vmdk\"\n"
			       "scsi0:0.fileName = \"web01-000002.vmdk\"\n"
			       "scsi0:2.present = \"FALSE\"\n"
			       "scsi0:2.fileName = \"gone.vmdk\"\n"
			       "sata0:0.present = \"TRUE\"\n"
			       "sata0:0.deviceType = \"cdrom-image\"\n"
			       "sata0:0.fileName = \"tools.iso\"\n"
			       "nvme0:0.present = \"TRUE\"\n"
			       "nvme0:0.fileName = \"/vmfs/volumes/ds2/x/fast.vmdk\"\n"
			       "ide1:0.present = \"TRUE\"\n", &v, &e), 0);
	assert_string_equal(v.v[0].label, "Web \"one\"");
	assert_int_equal(v.v[0].n_disks, 3);
	assert_string_equal(v.v[0].disks[0], "/vmfs/volumes/ds2/x/fast.vmdk");
	assert_string_equal(v.v[0].disks[1], "web01-000002.vmdk");
	assert_string_equal(v.v[0].disks[2], "web01_1.vmdk");
}

static void what_is_no_configuration_is_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "a = \"b\"\nrubbish\n", "line 2: no '='" },
		{ "a = \"b\n", "line 1: quote without an end" },
		{ "a = \"", "line 1: quote without an end" },
	};
	CLEANUP(cleanup_vm_config_list) struct vm_config_list nul = { 0 };
	struct error e2 = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;

		assert_int_equal(parse(cases[i].text, &v, &e), -1);
		assert_error(&e, ERR_CORRUPT, cases[i].msg);
	}
	assert_int_equal(vmx_config_format.parse("a=\0", 3, &nul, &e2), -1);
	assert_error(&e2, ERR_CORRUPT, "a NUL byte in the text");
}

static void devices_that_cannot_be_are_ignored(void **state)
{
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(parse("scsi4:0.present = \"TRUE\"\nscsi4:0.fileName = \"x.vmdk\"\n"
			       "scsi0:64.present = \"TRUE\"\nscsi0:64.fileName = \"x.vmdk\"\n"
			       "scsi0:0x.present = \"TRUE\"\nscsi0:\nscsi=\nscsi0:0.fileName = \"\"\nscsi0:0.present=TRUE\n",
			       &v, &e), -1); /* "scsi0:" has no '=' */
	assert_error(&e, ERR_CORRUPT, "line 6: no '='");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks_come_in_the_order_of_their_devices),
		cmocka_unit_test(what_is_no_configuration_is_refused),
		cmocka_unit_test(devices_that_cannot_be_are_ignored),
	};

	return cmocka_run_group_tests_name("vmx", tests, NULL, NULL);
}
