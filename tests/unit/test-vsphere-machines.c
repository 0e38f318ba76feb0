/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/vsphere_machines.h"
#include "support/machine_text.h"

#define XSI "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""

/* Fixtures are lines of XML: an object's beginning, its properties, its end. */
#define OBJECT(type, id) "<objects " XSI "><obj type=\"" type "\">" id "</obj>"
#define MACHINE OBJECT("VirtualMachine", "vm-1") PROP("name", "x")
#define END "</objects>"
#define PROP(name, value) "<propSet><name>" name "</name><val xsi:type=\"xsd:string\">" value "</val></propSet>"
#define REF(name, id) \
	"<propSet><name>" name "</name><val type=\"T\" xsi:type=\"ManagedObjectReference\">" id "</val></propSet>"
#define BEGIN_HARDWARE "<propSet><name>config.hardware</name><val xsi:type=\"VirtualHardware\">"
#define END_HARDWARE "</val></propSet>"
#define DEVICE(type, rest) "<device xsi:type=\"" type "\">" rest "</device>"
#define DISK(key, bus, label, rest) \
	DEVICE("VirtualDisk", "<key>" key "</key><deviceInfo><label>" label "</label></deviceInfo>" \
	       "<controllerKey>" bus "</controllerKey>" rest)
#define FLAT(rest) "<backing xsi:type=\"VirtualDiskFlatVer2BackingInfo\">" rest "</backing>"
#define FILE_NAME(name) "<fileName>" name "</fileName>"
#define MISSING(path, fault) \
	"<missingSet><path>" path "</path><fault><fault xsi:type=\"" fault "\"/><localizedMessage>no</localizedMessage>" \
	"</fault></missingSet>"

/* ---- places ---- */

static void add_place(struct vsphere_places *p, const char *text)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = xml_parse(text, strlen(text), "objects", NULL);

	assert_non_null(doc);
	assert_int_equal(vsphere_places_add(p, xml_root(doc), NULL), 0);
}

static int make_places(void **state)
{
	static const char *const objects[] = {
		OBJECT("HostSystem", "host-9") PROP("name", "esx1") REF("parent", "domain-c7") END,
		OBJECT("HostSystem", "host-8") PROP("name", "esx2") REF("parent", "domain-s8") END,
		OBJECT("ClusterComputeResource", "domain-c7") PROP("name", "Prod %25") REF("parent", "group-h4") END,
		OBJECT("ComputeResource", "domain-s8") PROP("name", "esx2") REF("parent", "group-h4") END,
		OBJECT("Datacenter", "dc-2") PROP("name", "Bern") REF("parent", "group-d1") END,
		OBJECT("Folder", "group-v3") PROP("name", "vm") REF("parent", "dc-2") END,
		OBJECT("Folder", "group-v4") PROP("name", "a%2fb") REF("parent", "group-v3") END,
		OBJECT("Folder", "group-v5") PROP("name", "web") REF("parent", "group-v4") END,
		OBJECT("Folder", "group-v6") PROP("name", "round") REF("parent", "group-v7") END,
		OBJECT("Folder", "group-v7") PROP("name", "and round") REF("parent", "group-v6") END,
	};
	struct vsphere_places *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	for (size_t i = 0; i < ARRAY_LEN(objects); i++)
		add_place(p, objects[i]);
	vsphere_places_sort(p);
	*state = p;
	return 0;
}

static int drop_places(void **state)
{
	vsphere_places_fini(*state);
	free(*state);
	return 0;
}

/* ---- machines ---- */

static int take(const struct vsphere_places *places, const char *text, struct machine_list *l, struct error *err)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = xml_parse(text, strlen(text), "objects", NULL);
	char uuid[] = "u-1";
	const struct vsphere_session s = { .soap = { .host = "vc" }, .uuid = uuid };

	assert_non_null(doc);
	return vsphere_machine_take(&s, places, xml_root(doc), l, err);
}

static void expect(void **state, const char *object, const char *machine, const char *notices)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FREE char *said = NULL;

	assert_int_equal(take(*state, object, &l, NULL), 0);
	text = machine_list_text(&l);
	said = machine_notices_text(&l.notices);
	assert_string_equal(text, machine);
	assert_string_equal(said, notices);
}

static const char whole_machine[] = OBJECT("VirtualMachine", "vm-42")
	PROP("name", "web%2f01")
	REF("parent", "group-v5")
	REF("runtime.host", "host-9")
	PROP("config.uuid", "4211F4A2-0000-4000-8000-00000000000B")
	PROP("config.instanceUuid", "5011f4a2-0000-4000-8000-00000000000a")
	PROP("config.template", "false")
	PROP("config.guestId", "windows2019srv_64Guest")
	PROP("config.guestFullName", "Windows 2019")
	PROP("guest.guestFullName", "Windows &amp; more")
	PROP("guest.toolsStatus", "toolsOk")
	PROP("guest.toolsRunningStatus", "guestToolsRunning")
	PROP("config.firmware", "efi")
	PROP("config.bootOptions", "<bootDelay>0</bootDelay><efiSecureBootEnabled>true</efiSecureBootEnabled>")
	PROP("config.version", "vmx-19")
	PROP("config.changeTrackingEnabled", "true")
	PROP("config.files.vmPathName", "[ds1] web/web.vmx")
	PROP("config.annotation", "note")
	PROP("config.keyId", "<keyId>k</keyId>")
	PROP("runtime.powerState", "poweredOn")
	PROP("runtime.consolidationNeeded", "true")
	PROP("snapshot", "<rootSnapshotList><name>s</name></rootSnapshotList>")
	PROP("summary.storage.committed", "1073741824")
	PROP("guest.net", "<GuestNicInfo><ipAddress>10.0.0.1</ipAddress><ipAddress>fe80::1</ipAddress></GuestNicInfo>"
			  "<GuestNicInfo><ipAddress>2001:db8::1</ipAddress></GuestNicInfo>")
	BEGIN_HARDWARE "<numCPU>4</numCPU><memoryMB>8192</memoryMB>"
	DEVICE("VirtualTPM", "<key>11000</key>")
	DEVICE("VirtualPCIPassthrough", "<key>13000</key>")
	DEVICE("VirtualVmxnet3", "<key>4000</key><macAddress>00:50:56:00:00:01</macAddress>")
	DEVICE("VirtualSriovEthernetCard", "<key>4001</key>")
	DISK("2000", "1000", "Hard disk 1",
	     FLAT(FILE_NAME("[ds1] web/web.vmdk") "<diskMode>persistent</diskMode><sharing>sharingNone</sharing>")
	     "<capacityInKB>41943040</capacityInKB><capacityInBytes>42949672960</capacityInBytes>")
	END_HARDWARE
	END;

static void a_machine_is_told_with_all_that_the_vcenter_says(void **state)
{
	expect(state, whole_machine,
	       "web/01: on efi uuid=5011f4a2-0000-4000-8000-00000000000a bios=4211f4a2-0000-4000-8000-00000000000b id=vm-42 "
	       "vcenter=u-1 path=[ds1] web/web.vmx datacenter=Bern cluster=Prod % host=esx1 folder=a/b/web annotation=note "
	       "guest_id=windows2019srv_64Guest os_tools=Windows & more os_config=Windows 2019 tools=toolsOk hardware=vmx-19 "
	       "secure_boot snapshot consolidation_needed ipv6 encrypted tpm passthrough cbt vcpus=4 memory=8192 nics=2 "
	       "in_use=1024\n"
	       "  Hard disk 1: path=[ds1] web/web.vmdk mib=40960 order=2000 chain=1 mode=persistent os\n",
	       "");
}

static const char four_disks[] = MACHINE
	BEGIN_HARDWARE
	DISK("2016", "1001", "Hard disk 4", FLAT(FILE_NAME("[a] 4.vmdk") "<diskMode>independent_persistent</diskMode>"))
	DISK("2000", "1000", "Hard disk 1",
	     "<backing xsi:type=\"VirtualDiskRawDiskMappingVer1BackingInfo\">" FILE_NAME("[a] 1.vmdk")
	     "<compatibilityMode>physicalMode</compatibilityMode></backing><capacityInKB>1536</capacityInKB>")
	DISK("2001", "1000", "Hard disk 2",
	     FLAT(FILE_NAME("[a] 2-000001.vmdk") "<parent>" FILE_NAME("[a] 2.vmdk") "</parent>"))
	DISK("2002", "1000", "Hard disk 3", FLAT(FILE_NAME("[a] 3.vmdk") "<sharing>sharingMultiWriter</sharing>"))
	DEVICE("VirtualLsiLogicController", "<key>1000</key><sharedBus>noSharing</sharedBus>")
	DEVICE("ParaVirtualSCSIController", "<key>1001</key><sharedBus>physicalSharing</sharedBus>")
	END_HARDWARE
	END;

static void disks_say_what_they_are(void **state)
{
	expect(state, four_disks,
	       "x: ? ? id=vm-1 vcenter=u-1 nics=0\n"
	       "  Hard disk 1: path=[a] 1.vmdk mib=1.5 order=2000 chain=1 raw_mode=physicalMode raw\n"
	       "  Hard disk 2: path=[a] 2-000001.vmdk order=2001 chain=2 os\n"
	       "  Hard disk 3: path=[a] 3.vmdk order=2002 chain=1 shared\n"
	       "  Hard disk 4: path=[a] 4.vmdk order=2016 chain=1 mode=independent_persistent independent shared\n",
	       "");
}

static void the_images_of_a_chain_are_counted(void **state)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };

	assert_int_equal(take(*state, four_disks, &l, NULL), 0);
	assert_int_equal(l.v[0].disks[0].chain, 1);
	assert_int_equal(l.v[0].disks[1].chain, 2);
}

static void what_is_unset_is_absent_and_what_is_no_number_is_told(void **state)
{
	expect(state, MACHINE PROP("runtime.connectionState", "inaccessible") END, "x: ? ? id=vm-1 vcenter=u-1\n",
	       "vc vm-1: its hardware is not known (connection state inaccessible)\n");
	expect(state,
	       MACHINE PROP("config.hardware", "<numCPU>many</numCPU>") PROP("config.changeTrackingEnabled", "false") END,
	       "x: ? ? id=vm-1 vcenter=u-1 no-cbt nics=0\n", "vc vm-1: numCPU: 'many' is not a number\n");
}

#define MANAGED(key, type) \
	MACHINE BEGIN_HARDWARE END_HARDWARE \
	PROP("config.managedBy", "<extensionKey>" key "</extensionKey><type>" type "</type>") END

static void templates_and_placeholders_are_known(void **state)
{
	const char *placeholder = "x: ? ? id=vm-1 vcenter=u-1 srm_placeholder nics=0\n";
	const char *machine = "x: ? ? id=vm-1 vcenter=u-1 nics=0\n";

	expect(state, MANAGED("com.vmware.vcDr", "placeholderVm"), placeholder, "");
	expect(state, MANAGED("com.vmware.vcDr-site2", "placeholderVm"), placeholder, "");
	expect(state, MANAGED("com.vmware.vcDr", "testVm"), machine, "");
	expect(state, MANAGED("com.vmware.vcDrive", "placeholderVm"), machine, "");
	expect(state, MACHINE PROP("config.template", "true") BEGIN_HARDWARE END_HARDWARE END,
	       "x: ? ? id=vm-1 vcenter=u-1 template nics=0\n", "");
}

static void folders_in_a_circle_end(void **state)
{
	struct machine m = { .name = NULL };

	assert_int_equal(vsphere_places_tell(*state, "group-v6", "host-8", &m, NULL), 0);
	assert_memory_equal(m.folder, "and round/round/", 16);
	assert_null(m.datacenter);
	assert_string_equal(m.host, "esx2");
	assert_null(m.cluster);
	machine_fini(&m);
	assert_int_equal(vsphere_places_tell(*state, "group-v3", "host-unseen", &m, NULL), 0);
	assert_null(m.folder);
	assert_null(m.host);
	assert_string_equal(m.datacenter, "Bern");
	machine_fini(&m);
}

static void a_property_that_may_not_be_read_is_told(void **state)
{
	expect(state,
	       MACHINE BEGIN_HARDWARE END_HARDWARE MISSING("guest.net", "NoPermission") MISSING("snapshot", "SystemError")
	       MISSING("config.keyId", "NoPermission") END,
	       "x: ? ? id=vm-1 vcenter=u-1 nics=0\n",
	       "vc vm-1 'x': cannot be read (NoPermission): guest.net, config.keyId\n"
	       "vc vm-1 'x': cannot be read (SystemError): snapshot\n");
}

static void names_are_decoded_once(void **state)
{
	char name[] = "a%2Fb%5cc%25d%252f%41%";

	(void)state;
	vsphere_decode_name(name);
	assert_string_equal(name, "a/b\\c%d%2f%41%");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_is_told_with_all_that_the_vcenter_says),
		cmocka_unit_test(disks_say_what_they_are),
		cmocka_unit_test(the_images_of_a_chain_are_counted),
		cmocka_unit_test(what_is_unset_is_absent_and_what_is_no_number_is_told),
		cmocka_unit_test(templates_and_placeholders_are_known),
		cmocka_unit_test(folders_in_a_circle_end),
		cmocka_unit_test(a_property_that_may_not_be_read_is_told),
		cmocka_unit_test(names_are_decoded_once),
	};

	return cmocka_run_group_tests(tests, make_places, drop_places);
}
