/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "inventory/ovf_config.h"

static int parse(const char *text, struct vm_config_list *v, struct error *e)
{
	return ovf_config_format.parse(text, strlen(text), v, e);
}

static char said[1024];

static void hear(void *ctx, enum log_level level, const char *module, const char *line)
{
	size_t len = strlen(said);

	(void)ctx;
	(void)level;
	(void)module;
	snprintf(said + len, sizeof(said) - len, "%s\n", line);
}

static void machines_have_the_files_of_their_disks(void **state)
{
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	log_set_sink(hear, NULL);
	assert_int_equal(parse("<Envelope><References><File id=\"1\" href=\"a.vmdk\"/><File id=\"2\" href=\"b.vmdk.gz\" "
			       "compression=\"gzip\"/></References><DiskSection><Disk diskId=\"a\" fileRef=\"1\" capacity=\"512\"/>"
			       "<Disk diskId=\"again\" fileRef=\"1\" capacity=\"512\"/><Disk diskId=\"b\" fileRef=\"2\" "
			       "capacity=\"512\"/><Disk diskId=\"void\" capacity=\"512\"/><Disk diskId=\"lost\" fileRef=\"3\" "
			       "capacity=\"512\"/></DiskSection><VirtualSystemCollection><VirtualSystem><Name>Web 01</Name>"
			       "<VirtualHardwareSection><Item><HostResource>ovf:/disk/b</HostResource></Item>"
			       "<Item><HostResource>ovf:/disk/a</HostResource></Item>"
			       "<Item><HostResource>ovf:/disk/void</HostResource></Item>"
			       "<Item><HostResource>ovf:/disk/lost</HostResource></Item>"
			       "<Item><HostResource>ovf:/disk/again</HostResource></Item></VirtualHardwareSection></VirtualSystem>"
			       "<VirtualSystem id=\"x\"/></VirtualSystemCollection></Envelope>", &v, &e), 0);
	log_set_sink(NULL, NULL);
	assert_non_null(strstr(said, "Web 01: has more than one disk of the file 'a.vmdk': it is taken once"));
	assert_int_equal(v.n, 2);
	assert_string_equal(v.v[0].label, "Web 01");
	assert_int_equal(v.v[0].n_disks, 3);
	assert_string_equal(v.v[0].disks[0], "b.vmdk.gz");
	assert_string_equal(v.v[0].disks[1], "a.vmdk");
	assert_string_equal(v.v[0].disks[2], "lost");
	assert_string_equal(v.v[1].label, "x");
	assert_int_equal(v.v[1].n_disks, 0);
}

static void what_is_no_descriptor_is_refused(void **state)
{
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	assert_int_equal(parse("<html/>", &v, &e), -1);
	assert_error(&e, ERR_CORRUPT, "OVF: XML: <html>, not <Envelope>");
	assert_int_equal(v.n, 0);
}

static void the_suffix_says_that_it_is_one(void **state)
{
	(void)state;
	assert_ptr_equal(vm_config_format_of_path("x/a.OVF"), &ovf_config_format);
	assert_true(ovf_config_format.exported);
	assert_null(vm_config_format_of_path("x/.ovf"));
	assert_null(vm_config_format_of_path("x/a.ova"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines_have_the_files_of_their_disks),
		cmocka_unit_test(what_is_no_descriptor_is_refused),
		cmocka_unit_test(the_suffix_says_that_it_is_one),
	};

	return cmocka_run_group_tests_name("ovf-config", tests, NULL, NULL);
}
