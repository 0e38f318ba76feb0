/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "inventory/inventory.h"
#include "support/machine_text.h"
#include "support/scratch.h"

#define MIB (1 << 20)
#define DISK(place, file) place ".present = \"TRUE\"\n" place ".fileName = \"" file "\"\n"

static void write_text(const struct scratch_dir *dir, const char *name, const char *text)
{
	scratch_write(dir, name, text, strlen(text));
}

/* A raw image, all hole. */
static void write_image(const struct scratch_dir *dir, const char *name, uint64_t size)
{
	scratch_write(dir, name, "", 0);
	scratch_truncate(dir, name, size);
}

static void make_folder(const struct scratch_dir *dir, const char *name)
{
	assert_int_equal(mkdirat(dir->fd, name, 0755), 0);
}

static void check(const struct scratch_dir *dir, const char *name, const char *want, const char *want_notices)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *path = NULL;
	CLEANUP_FREE char *got = NULL;
	CLEANUP_FREE char *notices = NULL;
	struct error e = ERROR_INIT;

	assert_true(asprintf(&path, "%s/%s", dir->path, name) > 0);
	if (inventory_read(path, NULL, &l, &e) < 0)
		fail_msg("%s", e.msg);
	got = machine_list_text(&l);
	notices = machine_notices_text(&l.notices);
	assert_string_equal(got, want);
	assert_string_equal(notices, want_notices);
}

static void a_vm_with_its_images(void **state)
{
	make_folder(*state, "web");
	write_text(*state, "web/web.vmx",
		   "displayName = \"Web\"\nmemsize = \"1024\"\n" DISK("scsi0:1", "data.img") DISK("scsi0:0", "os.img")
		   DISK("scsi0:2", "gone.vmdk") DISK("scsi0:3", "/vmfs/volumes/ds2/x.vmdk") DISK("scsi0:4", "rdm.vmdk")
		   DISK("scsi0:5", "bad.vmdk"));
	write_image(*state, "web/os.img", 3 * MIB / 2);
	write_image(*state, "web/data.img", 2 * MIB);
	write_text(*state, "web/rdm.vmdk",
		   "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
		   "createType=\"vmfsPassthroughRawDeviceMap\"\nRW 8192 VMFSRDM \"rdm-rdmp.vmdk\"\n");
	write_text(*state, "web/bad.vmdk", "# Disk DescriptorFile\nrubbish\n");
	check(*state, ".",
	      "Web: ? bios path=web/web.vmx vcpus=1 memory=1024 nics=0\n"
	      "  scsi0:0: path=web/os.img mib=1.5 order=0 allocated=0 chain=1 os\n"
	      "  scsi0:1: path=web/data.img mib=2 order=1 allocated=0 chain=1\n"
	      "  scsi0:2: path=gone.vmdk error=no image here, or more than one, is it: 'gone.vmdk' order=2\n"
	      "  scsi0:3: path=/vmfs/volumes/ds2/x.vmdk error=its image lies outside of this inventory: '/vmfs/volumes/ds2/x.vmdk' "
	      "order=3\n"
	      "  scsi0:4: path=web/rdm.vmdk mib=4 order=4 raw_mode=physicalMode raw\n"
	      "  scsi0:5: path=web/bad.vmdk error=web/bad.vmdk: descriptor line 2: 'rubbish' where 'version=' must be order=5\n",
	      "");
}

static void images_without_a_configuration_have_a_name_and_disks(void **state)
{
	write_image(*state, "old.img", MIB);
	write_image(*state, "old_1.img", 2 * MIB);
	check(*state, ".",
	      "old: ? ?\n  old.img: path=old.img mib=1 order=0 allocated=0 chain=1 os\n"
	      "  old_1.img: path=old_1.img mib=2 order=1 allocated=0 chain=1\n", "");
}

static void a_vm_without_disks_is_one(void **state)
{
	write_text(*state, "pxe.vmx", "memsize = \"512\"\n");
	check(*state, ".", "pxe: ? bios path=pxe.vmx vcpus=1 memory=512 nics=0\n", "");
}

#define OVF(name, file) \
	"<Envelope><References><File id=\"1\" href=\"" file "\"/></References><DiskSection><Disk diskId=\"d\" fileRef=\"1\" " \
	"capacity=\"7\" capacityAllocationUnits=\"byte * 2^20\"/></DiskSection><VirtualSystem><Name>" name "</Name>" \
	"<OperatingSystemSection osType=\"ubuntu64Guest\"/><VirtualHardwareSection><Item><ResourceType>17</ResourceType>" \
	"<HostResource>ovf:/disk/d</HostResource></Item></VirtualHardwareSection></VirtualSystem></Envelope>"

static void two_configurations_of_one_vm_are_one_machine(void **state)
{
	write_text(*state, "web.vmx", "displayName = \"web\"\nmemsize = \"512\"\n" DISK("scsi0:0", "os.img"));
	write_text(*state, "web.ovf", OVF("web", "os.img"));
	write_text(*state, "copy.ovf", OVF("another", "os.img"));
	write_image(*state, "os.img", MIB);
	check(*state, ".",
	      "web: ? bios path=web.vmx guest_id=ubuntu64Guest vcpus=1 memory=512 nics=0\n"
	      "  scsi0:0: path=os.img mib=1 order=0 allocated=0 chain=1 os\n",
	      "copy.ovf: 'another' names only disks of other machines: left out\n");
}

#define COPY_UUID "vc.uuid = \"50 0c 11 22 33 44 55 66-77 88 99 aa bb cc dd ee\"\n"
#define BIOS_UUID "uuid.bios = \"56 4d 54 59 5d 0c 51 8d-d3 40 38 4f fe bf e4 5d\"\n"

static void a_machine_that_was_copied_with_its_disks_is_one(void **state)
{
	make_folder(*state, "a");
	make_folder(*state, "b");
	make_folder(*state, "c");
	write_text(*state, "a/web.vmx", "displayName = \"web\"\nmemsize = \"512\"\n" COPY_UUID DISK("scsi0:0", "os.img"));
	write_text(*state, "b/web.vmx", "displayName = \"web 2\"\nmemsize = \"1024\"\n" COPY_UUID DISK("scsi0:0", "os.img"));
	write_text(*state, "c/web.vmx", "displayName = \"web\"\nmemsize = \"512\"\n" DISK("scsi0:0", "os.img"));
	write_image(*state, "a/os.img", MIB);
	write_image(*state, "b/os.img", 2 * MIB);
	write_image(*state, "c/os.img", MIB);
	check(*state, ".",
	      "web: ? bios uuid=500c1122-3344-5566-7788-99aabbccddee path=a/web.vmx vcpus=1 memory=512 nics=0\n"
	      "  scsi0:0: path=a/os.img mib=1 order=0 allocated=0 chain=1 os\n"
	      "  ! disks[0].capacity_mib: 1 (a/web.vmx), 2 (b/web.vmx)\n"
	      "  ! name: web (a/web.vmx), web 2 (b/web.vmx)\n"
	      "  ! memory_mib: 512 (a/web.vmx), 1024 (b/web.vmx)\n"
	      "web: ? bios path=c/web.vmx vcpus=1 memory=512 nics=0\n"
	      "  scsi0:0: path=c/os.img mib=1 order=0 allocated=0 chain=1 os\n",
	      "b/web.vmx: taken for the same machine as a/web.vmx\n");
}

static void a_bios_uuid_is_that_of_one_machine_under_one_name(void **state)
{
	make_folder(*state, "a");
	make_folder(*state, "b");
	make_folder(*state, "c");
	write_text(*state, "a/web.vmx", "displayName = \"web\"\n" BIOS_UUID DISK("scsi0:0", "os.img"));
	write_text(*state, "b/web.vmx", "displayName = \"web\"\n" BIOS_UUID DISK("scsi0:0", "os.img"));
	write_text(*state, "c/db.vmx", "displayName = \"db\"\n" BIOS_UUID DISK("scsi0:0", "os.img"));
	write_image(*state, "a/os.img", MIB);
	write_image(*state, "b/os.img", MIB);
	write_image(*state, "c/os.img", MIB);
	check(*state, ".",
	      "web: ? bios bios=564d5459-5d0c-518d-d340-384ffebfe45d path=a/web.vmx vcpus=1 nics=0\n"
	      "  scsi0:0: path=a/os.img mib=1 order=0 allocated=0 chain=1 os\n"
	      "db: ? bios bios=564d5459-5d0c-518d-d340-384ffebfe45d path=c/db.vmx vcpus=1 nics=0\n"
	      "  scsi0:0: path=c/os.img mib=1 order=0 allocated=0 chain=1 os\n",
	      "b/web.vmx: taken for the same machine as a/web.vmx\n");
}

static void an_export_beside_its_machine_is_that_machine(void **state)
{
	make_folder(*state, "a");
	make_folder(*state, "b");
	write_text(*state, "a/web.vmx", "displayName = \"web\"\nmemsize = \"512\"\n" DISK("scsi0:0", "os.img"));
	write_text(*state, "a/export.ovf", OVF("web", "export-disk1.img"));
	write_text(*state, "b/web.ovf", OVF("web", "export-disk2.img"));
	write_image(*state, "a/os.img", 7 * MIB);
	write_image(*state, "a/export-disk1.img", 7 * MIB);
	write_image(*state, "b/export-disk2.img", 7 * MIB);
	check(*state, ".",
	      "web: ? bios path=a/web.vmx guest_id=ubuntu64Guest vcpus=1 memory=512 nics=0\n"
	      "  scsi0:0: path=a/os.img mib=7 order=0 allocated=0 chain=1 os\n"
	      "web: ? ? path=b/web.ovf guest_id=ubuntu64Guest nics=0\n"
	      "  d: path=b/export-disk2.img mib=7 order=0 allocated=0 chain=1 os\n",
	      "a/export.ovf: taken for the same machine as a/web.vmx\n");
}

static void an_export_of_hyperv_completes_what_its_configuration_says(void **state)
{
	make_folder(*state, "hv");
	write_text(*state, "hv/hv.xml",
		   "<configuration><properties><name>hv</name><subtype>0</subtype><global_id>0AA394FA-7C4A-4070-BA32-773D43B28A86"
		   "</global_id></properties><settings><processors><count>2</count></processors></settings>"
		   "<_x_><controller0><drive0><type>VHD</type><pathname>C:\\VMs\\os.img</pathname></drive0></controller0></_x_>"
		   "</configuration>");
	write_image(*state, "hv/os.img", MIB);
	write_text(*state, "export.json",
		   "[{\"VM\":{\"Name\":\"renamed\",\"VMId\":\"0aa394fa-7c4a-4070-ba32-773d43b28a86\",\"State\":2,\"ProcessorCount\":4,"
		   "\"MemoryStartup\":1073741824},\"HardDrives\":[{\"Path\":\"C:\\\\VMs\\\\os.img\",\"ControllerType\":0,"
		   "\"ControllerNumber\":0,\"ControllerLocation\":0}]}]");
	check(*state, ".",
	      "hv: on bios uuid=0aa394fa-7c4a-4070-ba32-773d43b28a86 path=hv/hv.xml vcpus=2 memory=1024\n"
	      "  os.img: path=hv/os.img mib=1 order=0 allocated=0 chain=1 os\n"
	      "  ! name: hv (hv/hv.xml), renamed (export.json)\n"
	      "  ! vcpus: 2 (hv/hv.xml), 4 (export.json)\n",
	      "");
}

static void a_configuration_of_hyperv_as_a_file_has_the_images_of_its_vm(void **state)
{
	make_folder(*state, "hv");
	make_folder(*state, "hv/Virtual Machines");
	make_folder(*state, "hv/Virtual Hard Disks");
	write_text(*state, "hv/Virtual Machines/0AA394FA-7C4A-4070-BA32-773D43B28A86.xml",
		   "<configuration><properties><name>hv</name><subtype>0</subtype></properties><_x_><controller0><drive0>"
		   "<type>VHD</type><pathname>C:\\VMs\\os.img</pathname></drive0></controller0></_x_></configuration>");
	write_text(*state, "hv/Virtual Machines/1AA394FA-7C4A-4070-BA32-773D43B28A86.xml",
		   "<configuration><properties><name>other</name><subtype>0</subtype></properties><_x_><controller0><drive0>"
		   "<type>VHD</type><pathname>C:\\VMs\\another.img</pathname></drive0></controller0></_x_></configuration>");
	write_image(*state, "hv/Virtual Hard Disks/os.img", MIB);
	write_image(*state, "hv/Virtual Hard Disks/another.img", MIB);
	write_image(*state, "hv/Virtual Hard Disks/stray.img", MIB);
	check(*state, "hv/Virtual Machines/0AA394FA-7C4A-4070-BA32-773D43B28A86.xml",
	      "hv: ? bios path=Virtual Machines/0AA394FA-7C4A-4070-BA32-773D43B28A86.xml\n"
	      "  os.img: path=Virtual Hard Disks/os.img mib=1 order=0 allocated=0 chain=1 os\n",
	      "");
}

static void a_configuration_that_cannot_be_read_leaves_its_images(void **state)
{
	log_set_sink(NULL, NULL);
	write_text(*state, "web.vmx", "rubbish\n");
	write_image(*state, "web.img", MIB);
	check(*state, ".", "web: ? ?\n  web.img: path=web.img mib=1 order=0 allocated=0 chain=1 os\n",
	      "web.vmx: not used: line 1: no '='\n");
}

static void a_configuration_as_a_file_has_only_its_own_images(void **state)
{
	make_folder(*state, "x");
	write_text(*state, "x/web.vmx", "memsize = \"many\"\n" DISK("scsi0:0", "os.img") DISK("scsi0:1", "../out.img"));
	write_text(*state, "x/app.ovf", OVF("app", "gone.vmdk"));
	write_image(*state, "x/os.img", MIB);
	write_image(*state, "x/other.img", MIB);
	write_image(*state, "out.img", MIB);
	check(*state, "x/web.vmx",
	      "web: ? bios path=web.vmx vcpus=1 nics=0\n  scsi0:0: path=os.img mib=1 order=0 allocated=0 chain=1 os\n"
	      "  scsi0:1: path=../out.img error=its image lies outside of this inventory: '../out.img' order=1\n",
	      "web.vmx: memSize: 'many' is not a number of 0 to 4294967295\n");
	check(*state, "x/app.ovf", "app: ? ? path=app.ovf guest_id=ubuntu64Guest nics=0\n  d: path=gone.vmdk mib=7 order=0 os\n", "");
}

static void an_export_of_hyperv_says_what_its_images_would(void **state)
{
	static const char json[] =
		"[{\"VM\":{\"Name\":\"hv\",\"Generation\":1,\"State\":3},\"HardDrives\":["
		"{\"Path\":\"D:\\\\VMs\\\\a.vhdx\",\"ControllerType\":0,\"ControllerNumber\":0,\"ControllerLocation\":0},"
		"{\"Path\":\"D:\\\\VMs\\\\b.vhdx\",\"ControllerType\":0,\"ControllerNumber\":0,\"ControllerLocation\":1}],"
		"\"Vhd\":[{\"Path\":\"D:\\\\VMs\\\\a.vhdx\",\"Size\":2097152}]}]";
	static const char want[] = "hv: off bios path=export.json\n  ide0:0: path=D:\\VMs\\a.vhdx mib=2 order=0 os\n"
				   "  ide0:1: path=D:\\VMs\\b.vhdx error=no image here, or more than one, is it: 'D:\\VMs\\b.vhdx' order=1\n";

	write_text(*state, "export.json", json);
	check(*state, "export.json", want, "");
	check(*state, ".", want, "");
}

static void what_is_no_inventory_is_refused(void **state)
{
	static const struct {
		const char *name, *text, *msg;
	} cases[] = {
		{ "a.vmx", "rubbish", "a.vmx: line 1: no '='" },
		{ "a.xml", "<html/>", "a.xml: describes no virtual machine" },
		{ "a.json", "{\"a\":1}", "a.json: describes no virtual machine" },
		{ "a.ovf", "<html/>", "a.ovf: OVF: XML: <html>, not <Envelope>" },
		{ "a.txt", "rubbish\n", "a.txt: no inventory that is known, with columns 'rubbish': an inventory is an RVTools export "
		  "(.xlsx or .csv), an import of Azure Migrate (.csv), a VM's .vmx, .ovf, .ova, .vmcx or .xml, Hyper-V's .json, a folder of "
		  "these, or https://VCENTER/sdk" },
	};
	const struct scratch_dir *dir = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
		CLEANUP_FREE char *path = NULL;
		CLEANUP_FREE char *msg = NULL;
		struct error e = ERROR_INIT;

		write_text(dir, cases[i].name, cases[i].text);
		assert_true(asprintf(&path, "%s/%s", dir->path, cases[i].name) > 0);
		assert_true(asprintf(&msg, "%s/%s", dir->path, cases[i].msg) > 0);
		assert_int_equal(inventory_read(path, NULL, &l, &e), -1);
		assert_error(&e, ERR_CORRUPT, msg);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_vm_with_its_images),
		TEST(images_without_a_configuration_have_a_name_and_disks),
		TEST(a_vm_without_disks_is_one),
		TEST(two_configurations_of_one_vm_are_one_machine),
		TEST(a_machine_that_was_copied_with_its_disks_is_one),
		TEST(a_bios_uuid_is_that_of_one_machine_under_one_name),
		TEST(an_export_beside_its_machine_is_that_machine),
		TEST(an_export_of_hyperv_completes_what_its_configuration_says),
		TEST(a_configuration_of_hyperv_as_a_file_has_the_images_of_its_vm),
		TEST(a_configuration_that_cannot_be_read_leaves_its_images),
		TEST(a_configuration_as_a_file_has_only_its_own_images),
		TEST(an_export_of_hyperv_says_what_its_images_would),
		TEST(what_is_no_inventory_is_refused),
	};

	return cmocka_run_group_tests_name("machines-of-folder", tests, NULL, NULL);
}
