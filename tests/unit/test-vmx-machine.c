/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "inventory/vmx.h"
#include "support/machine_text.h"

static int describe(const char *text, struct machine_list *l, struct error *e)
{
	return vmx_config_format.describe(text, strlen(text), l, e);
}

static void check(const char *text, const char *want, const char *want_notices)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *got = NULL;
	CLEANUP_FREE char *notices = NULL;
	struct error e = ERROR_INIT;

	if (describe(text, &l, &e) < 0)
		fail_msg("%s", e.msg);
	got = machine_list_text(&l);
	notices = machine_notices_text(&l.notices);
	assert_string_equal(got, want);
	assert_string_equal(notices, want_notices);
}

static void all_that_it_says(void **state)
{
	(void)state;
	check("displayName = \"Web |22one|22\"\r\n"
	      "annotation = \"first|0Asecond\"\n"
	      "guestOS = \"windows2019srv-64\"\n"
	      "MemSize = \"8192\"\n"
	      "numvcpus = \"4\"\n"
	      "firmware = \"efi\"\n"
	      "uefi.secureBoot.enabled = \"TRUE\"\n"
	      "virtualHW.version = \"13\"\n"
	      "uuid.bios = \"56 4d 54 59 5d 0c 51 8d-d3 40 38 4f fe bf e4 5d\"\n"
	      "vc.uuid = \"50 0c 11 22 33 44 55 66-77 88 99 aa bb cc dd ee\"\n"
	      "ethernet0.present = \"TRUE\"\n"
	      "ethernet1.present = \"FALSE\"\n"
	      "ethernet9.present = \"true\"\n"
	      "pciPassthru0.present = \"TRUE\"\n"
	      "vtpm.present = \"TRUE\"\n"
	      "encryption.keySafe = \"vmware:key/list\"\n"
	      "ctkEnabled = \"TRUE\"\n",
	      "Web \"one\": ? efi uuid=500c1122-3344-5566-7788-99aabbccddee bios=564d5459-5d0c-518d-d340-384ffebfe45d "
	      "annotation=first\nsecond guest_id=windows2019srv-64 hardware=vmx-13 secure_boot encrypted tpm passthrough cbt vcpus=4 "
	      "memory=8192 nics=2\n",
	      "");
}

static void what_is_not_said_is_absent_or_its_default(void **state)
{
	(void)state;
	check("guestOS = \"\"\nfirmware = \"bios\"\nctkEnabled = \"FALSE\"\n", ": ? bios no-cbt vcpus=1 nics=0\n", "");
}

static void disks_in_the_order_of_what_boots(void **state)
{
	(void)state;
	check("nvme0:0.present = \"TRUE\"\nnvme0:0.fileName = \"n.vmdk\"\n"
	      "ide0:0.present = \"TRUE\"\nide0:0.fileName = \"i.vmdk\"\n"
	      "sata0:0.present = \"TRUE\"\nsata0:0.fileName = \"s.vmdk\"\n"
	      "sata0:1.present = \"TRUE\"\nsata0:1.fileName = \"tools.iso\"\nsata0:1.deviceType = \"cdrom-image\"\n"
	      "scsi1.sharedBus = \"physical\"\n"
	      "scsi1:0.present = \"TRUE\"\nscsi1:0.fileName = \"b.vmdk\"\nscsi1:0.mode = \"independent-nonpersistent\"\n"
	      "scsi0.sharedBus = \"none\"\n"
	      "scsi0:10.present = \"TRUE\"\nscsi0:10.fileName = \"a10.vmdk\"\nscsi0:10.sharing = \"multi-writer\"\n"
	      "scsi0:9.present = \"TRUE\"\nscsi0:9.fileName = \"a9.vmdk\"\nscsi0:9.mode = \"persistent\"\n"
	      "scsi0:11.present = \"FALSE\"\nscsi0:11.fileName = \"gone.vmdk\"\n",
	      ": ? bios vcpus=1 nics=0\n"
	      "  scsi0:9: path=a9.vmdk order=0 mode=persistent\n"
	      "  scsi0:10: path=a10.vmdk order=1 shared\n"
	      "  scsi1:0: path=b.vmdk order=2 mode=independent_nonpersistent independent shared\n"
	      "  sata0:0: path=s.vmdk order=3\n"
	      "  ide0:0: path=i.vmdk order=4\n"
	      "  nvme0:0: path=n.vmdk order=5\n",
	      "");
}

static void the_last_of_equal_keys_counts(void **state)
{
	(void)state;
	check("memsize = \"1024\"\nMEMSIZE = \"2048\"\nethernet0.present = \"TRUE\"\nethernet0.present = \"FALSE\"\n"
	      "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"old.vmdk\"\nscsi0:0.fileName = \"new.vmdk\"\n"
	      "scsi0:0.sharing = \"multi-writer\"\nscsi0:0.sharing = \"none\"\n",
	      ": ? bios vcpus=1 memory=2048 nics=0\n  scsi0:0: path=new.vmdk order=0\n", "");
}

static void numbers_that_are_none_are_absent(void **state)
{
	(void)state;
	check("memsize = \"99999999999999999999999999\"\nnumvcpus = \"-1\"\nvirtualHW.version = \"13b\"\nvc.uuid = \"56 4d\"\n",
	      ": ? bios nics=0\n",
	      "numvcpus: '-1' is not a number of 0 to 4294967295\n"
	      "memSize: '99999999999999999999999999' is not a number of 0 to 4294967295\n"
	      "virtualHW.version: '13b' is not a number of 0 to 4294967295\n");
}

static void names_in_their_encoding(void **state)
{
	(void)state;
	check(".encoding = \"windows-1252\"\ndisplayName = \"B\xfcro\"\n", "B\xc3\xbcro: ? bios vcpus=1 nics=0\n", "");
	check("displayName = \"B\xfcro\"\n", "B\\xFCro: ? bios vcpus=1 nics=0\n", "");
}

static void a_name_of_100_kib_is_cut(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct error e = ERROR_INIT;

	(void)state;
	strbuf_adds(&b, "displayName = \"x");
	for (int i = 0; i < 51200; i++)
		strbuf_adds(&b, "\xc3\xbc");
	strbuf_adds(&b, "\"\n");
	assert_int_equal(describe(b.s, &l, &e), 0);
	assert_int_equal(strlen(l.v[0].name), MACHINE_TEXT_MAX - 1);
	assert_int_equal(l.notices.n, 1);
	assert_string_equal(l.notices.v[0], "name: a text of more than 32768 bytes is cut");
}

static void what_is_no_configuration_is_refused(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(describe("a = \"b\"\nrubbish\n", &l, &e), -1);
	assert_error(&e, ERR_CORRUPT, "line 2: no '='");
	assert_int_equal(l.n, 0);
}

static void more_disks_than_parse_takes_are_refused(void **state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT, e2 = ERROR_INIT;

	(void)state;
	for (unsigned i = 0; i < 257; i++)
		strbuf_addf(&b, "%s%u:%u.present = \"TRUE\"\n%s%u:%u.fileName = \"d\"\n", i < 256 ? "scsi" : "ide", i / 64 % 4, i % 64,
			    i < 256 ? "scsi" : "ide", i / 64 % 4, i % 64);
	assert_int_equal(describe(b.s, &l, &e), -1);
	assert_error(&e, ERR_CORRUPT, "more than 256 disks");
	assert_int_equal(vmx_config_format.parse(b.s, b.len, &v, &e2), -1);
	assert_error(&e2, ERR_CORRUPT, "more than 256 disks");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_it_says),
		cmocka_unit_test(what_is_not_said_is_absent_or_its_default),
		cmocka_unit_test(disks_in_the_order_of_what_boots),
		cmocka_unit_test(the_last_of_equal_keys_counts),
		cmocka_unit_test(numbers_that_are_none_are_absent),
		cmocka_unit_test(names_in_their_encoding),
		cmocka_unit_test(a_name_of_100_kib_is_cut),
		cmocka_unit_test(what_is_no_configuration_is_refused),
		cmocka_unit_test(more_disks_than_parse_takes_are_refused),
	};

	return cmocka_run_group_tests_name("vmx-machine", tests, NULL, NULL);
}
