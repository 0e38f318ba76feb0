/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "inventory/vmcx.h"
#include "support/vmcx_writer.h"

#define IDE "_83f8638b-8dca-4152-9eda-2ca8b33039b4_"
#define SCSI_A "_AAAAAAAA-2bf2-4752-809d-7b82b5fcb1b4_"
#define SCSI_B "_bbbbbbbb-2bf2-4752-809d-7b82b5fcb1b4_"

static const struct vmcx_w_value web01[] = {
	{ "configuration/properties/name", "web 01" },
	{ "configuration/properties/type_id", "Virtual Machines" },
	{ "configuration/manifest/vdev001/device", "83f8638b-8dca-4152-9eda-2ca8b33039b4" },
	{ "configuration/manifest/vdev001/instance", "83F8638B-8DCA-4152-9EDA-2CA8B33039B4" },
	{ "configuration/manifest/vdev013/device", "d422512d-2bf2-4752-809d-7b82b5fcb1b4" },
	{ "configuration/manifest/vdev013/instance", "AAAAAAAA-2BF2-4752-809D-7B82B5FCB1B4" },
	{ "configuration/manifest/vdev012/device", "d422512d-2bf2-4752-809d-7b82b5fcb1b4" },
	{ "configuration/manifest/vdev012/instance", "{BBBBBBBB-2BF2-4752-809D-7B82B5FCB1B4}" },
	{ "configuration/" SCSI_A "/controller0/drive1/pathname", "C:\\VMs\\web01\\a1.vhdx" },
	{ "configuration/" SCSI_A "/controller0/drive1/type", "VHD" },
	{ "configuration/" SCSI_A "/controller0/drive0/pathname", "C:\\VMs\\web01\\a0.vhdx" },
	{ "configuration/" SCSI_A "/controller0/drive0/type", "VHD" },
	{ "configuration/" SCSI_B "/controller0/drive0/pathname", "C:\\VMs\\web01\\b0.vhdx" },
	{ "configuration/" SCSI_B "/controller0/drive0/type", "VHD" },
	{ "configuration/" IDE "/controller1/drive0/pathname", "C:\\tools.iso" },
	{ "configuration/" IDE "/controller1/drive0/type", "ISO" },
	{ "configuration/" IDE "/controller1/drive1/pathname", "C:\\VMs\\web01\\data.vhd" },
	{ "configuration/" IDE "/controller1/drive1/type", "VHD" },
	{ "configuration/" IDE "/controller0/drive0/pathname", "C:\\VMs\\web01\\boot.vhdx" },
	{ "configuration/" IDE "/controller0/drive0/type", "VHD" },
	{ "configuration/" IDE "/controller0/drive1/type", "NONE" },
};
static const char *const web01_disks[] = { "C:\\VMs\\web01\\boot.vhdx", "C:\\VMs\\web01\\data.vhd", "C:\\VMs\\web01\\b0.vhdx",
					   "C:\\VMs\\web01\\a0.vhdx", "C:\\VMs\\web01\\a1.vhdx" };

static int parse(const struct vmcx_image *img, struct vm_config_list *v, struct error *e)
{
	return vmcx_format.parse((const char *)img->bytes, img->len, v, e);
}

static bool is_web01(const struct vm_config_list *v)
{
	if (v->n != 1 || !v->v[0].label || strcmp(v->v[0].label, "web 01") != 0 || v->v[0].n_disks != ARRAY_LEN(web01_disks))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(web01_disks); i++)
		if (strcmp(v->v[0].disks[i], web01_disks[i]) != 0)
			return false;
	return true;
}

static void a_vm_has_a_name_and_disks_in_the_order_of_its_controllers(void **state)
{
	const struct vmcx_image ways[] = {
		{ .table_len = 0 },
		{ .table_len = 256, .objects = 4 }, /* many key tables, and a chain of object tables */
		{ .without_nul = true },
		{ .short_crc = true },
		{ .file_object = 30 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		CLEANUP(vmcx_image_fini) struct vmcx_image img = ways[i];
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;

		vmcx_image_build(&img, web01, ARRAY_LEN(web01));
		if (parse(&img, &v, &e) < 0)
			fail_msg("%zu: %s", i, e.msg);
		assert_true(is_web01(&v));
	}
}

static void a_checkpoint_is_no_vm(void **state)
{
	static const struct vmcx_w_value values[] = {
		{ "configuration/properties/name", "before the update" },
		{ "configuration/properties/type_id", "Snapshots" },
		{ "configuration/" IDE "/controller0/drive0/pathname", "C:\\x.avhdx" },
	};
	CLEANUP(vmcx_image_fini) struct vmcx_image img = { 0 };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	vmcx_image_build(&img, values, ARRAY_LEN(values));
	assert_int_equal(parse(&img, &v, &e), 0);
	assert_int_equal(v.n, 0);
}

static void the_older_header_serves_if_the_newer_is_torn(void **state)
{
	CLEANUP(vmcx_image_fini) struct vmcx_image img = { 0 };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	(void)state;
	vmcx_image_build(&img, web01, ARRAY_LEN(web01));
	img.bytes[30] ^= 1;
	assert_int_equal(parse(&img, &v, &e), 0);
	assert_true(is_web01(&v));
	img.bytes[4096 + 30] ^= 1;
	assert_int_equal(parse(&img, &v, &e), -1);
	assert_error(&e, ERR_CORRUPT, "neither header, at 0 or 4096, is valid");
}

/* Checksums cover all that says something. */
static void a_changed_byte_is_an_error_or_changes_nothing(void **state)
{
	CLEANUP(vmcx_image_fini) struct vmcx_image img = { .table_len = 512, .objects = 8 };
	size_t refused = 0;

	(void)state;
	vmcx_image_build(&img, web01, ARRAY_LEN(web01));
	for (size_t i = 0; i < img.len; i++) {
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;
		const uint8_t was = img.bytes[i];

		if (was == 0 && i % 16 != 0)
			continue; /* most of the file */
		img.bytes[i] ^= (uint8_t)(1 << i % 8);
		if (parse(&img, &v, &e) < 0) {
			assert_true(e.code == ERR_CORRUPT || e.code == ERR_UNSUPPORTED);
			refused++;
		} else if (!is_web01(&v)) {
			fail_msg("byte %zu: another VM", i);
		}
		img.bytes[i] = was;
	}
	assert_in_range(refused, 800, img.len);
}

static void every_length_is_refused_but_the_whole(void **state)
{
	CLEANUP(vmcx_image_fini) struct vmcx_image img = { 0 };
	size_t len;

	(void)state;
	vmcx_image_build(&img, web01, ARRAY_LEN(web01));
	len = img.len;
	for (img.len = 0; img.len < len - 4096 + 34; img.len += 13) { /* 34: of the log's page the header counts */
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		CLEANUP_FREE uint8_t *cut = malloc(img.len + 1);
		struct error e = ERROR_INIT;

		memcpy(cut, img.bytes, img.len);
		cut[img.len] = '\0';
		assert_int_equal(vmcx_format.parse((const char *)cut, img.len, &v, &e), -1);
		assert_int_equal(e.code, ERR_CORRUPT);
	}
	img.len = len;
}

static void seal_headers(struct vmcx_image *img)
{
	vmcx_image_seal(img->bytes, 46, 4);
	vmcx_image_seal(img->bytes + 4096, 46, 4);
}

static void version(struct vmcx_image *img)
{
	put_le32(img->bytes + 10, 0x0301);
	seal_headers(img);
}

static void equal_sequences(struct vmcx_image *img)
{
	put_le16(img->bytes + 8, 6);
	seal_headers(img);
}

static void log_outside(struct vmcx_image *img)
{
	put_le64(img->bytes + 26, UINT64_MAX - 8);
	seal_headers(img);
}

static void log_short(struct vmcx_image *img)
{
	put_le64(img->bytes + 34, 33);
	seal_headers(img);
}

static void log_signature(struct vmcx_image *img)
{
	img->bytes[img->log_off] ^= 1;
	vmcx_image_seal(img->bytes + img->log_off, 34, 4);
}

static void log_pending(struct vmcx_image *img)
{
	put_le32(img->bytes + img->log_off + 8, 3);
	vmcx_image_seal(img->bytes + img->log_off, 34, 4);
}

static void objects_signature(struct vmcx_image *img)
{
	img->bytes[img->objects_off] ^= 1;
}

static void objects_none(struct vmcx_image *img)
{
	put_le32(img->bytes + img->objects_off + 4, 0);
}

static void objects_many(struct vmcx_image *img)
{
	put_le32(img->bytes + img->objects_off + 4, UINT32_MAX);
}

static uint8_t *object(struct vmcx_image *img, size_t i)
{
	return img->bytes + img->objects_off + 8 + 18 * i;
}

static void object_checksum(struct vmcx_image *img)
{
	object(img, 0)[1] ^= 1;
}

static void object_outside(struct vmcx_image *img)
{
	put_le64(object(img, 0) + 5, UINT64_MAX);
	vmcx_image_seal(object(img, 0), 18, 1);
}

static void object_in_headers(struct vmcx_image *img)
{
	put_le64(object(img, 0) + 5, 4096);
	vmcx_image_seal(object(img, 0), 18, 1);
}

static void object_table_first(struct vmcx_image *img)
{
	object(img, 0)[0] = 1;
	vmcx_image_seal(object(img, 0), 18, 1);
}

static void keys_in_the_last_place(struct vmcx_image *img)
{
	memcpy(object(img, 15), object(img, 0), 18);
}

static void objects_in_a_circle(struct vmcx_image *img)
{
	memset(object(img, 0), 0, 18);
	object(img, 15)[0] = 1;
	put_le64(object(img, 15) + 5, img->objects_off);
	vmcx_image_seal(object(img, 15), 18, 1);
}

static void not_required(struct vmcx_image *img)
{
	object(img, 0)[17] = 0;
	vmcx_image_seal(object(img, 0), 18, 1);
}

static void no_tables(struct vmcx_image *img)
{
	memset(object(img, 0), 0, 18);
}

static void the_same_table_twice(struct vmcx_image *img)
{
	memcpy(object(img, 14), object(img, 0), 18);
}

static void a_table_many_times(struct vmcx_image *img)
{
	put_le32(object(img, 0) + 13, (uint32_t)(img->len - img->tables_off));
	vmcx_image_seal(object(img, 0), 18, 1);
	for (size_t i = 1; i < 15; i++)
		memcpy(object(img, i), object(img, 0), 18);
}

static void table_signature(struct vmcx_image *img)
{
	img->bytes[img->tables_off] = 3;
	vmcx_image_seal(img->bytes + img->tables_off, 10, 6);
}

static void table_zero(struct vmcx_image *img)
{
	put_le16(img->bytes + img->tables_off + 2, 0);
	vmcx_image_seal(img->bytes + img->tables_off, 10, 6);
}

static void key_too_short(struct vmcx_image *img)
{
	put_le32(vmcx_image_key(img, "properties") + 2, 20);
}

static void key_too_long(struct vmcx_image *img)
{
	put_le32(vmcx_image_key(img, "properties") + 2, UINT32_MAX);
}

static void key_unknown_type(struct vmcx_image *img)
{
	vmcx_image_key(img, "name")[0] = 2;
}

static void key_string_too_long(struct vmcx_image *img)
{
	uint8_t *key = vmcx_image_key(img, "name");

	put_le32(key + 21 + 5, UINT32_MAX);
}

static void key_checksum(struct vmcx_image *img)
{
	vmcx_image_key(img, "name")[12] ^= 1;
}

static void key_without_a_name(struct vmcx_image *img)
{
	uint8_t *key = vmcx_image_key(img, "name");

	key[21 + 4] = 'x';
	vmcx_image_seal_key(key);
}

static void key_with_a_slash(struct vmcx_image *img)
{
	uint8_t *key = vmcx_image_key(img, "name");

	key[21 + 1] = '/';
	vmcx_image_seal_key(key);
}

static void parent_is_a_string(struct vmcx_image *img)
{
	uint8_t *key = vmcx_image_key(img, "type_id"), *name = vmcx_image_key(img, "name");

	put_le32(key + 8, (uint32_t)(name - img->bytes - img->tables_off));
	vmcx_image_seal_key(key);
}

static void parent_nowhere(struct vmcx_image *img)
{
	uint8_t *key = vmcx_image_key(img, "name");

	put_le16(key + 6, 999);
	vmcx_image_seal_key(key);
}

static void an_odd_string(struct vmcx_image *img)
{
	uint8_t *key = vmcx_image_key(img, "name");

	put_le32(key + 21 + 5, 13);
	vmcx_image_seal_key(key);
}

static void a_string_in_no_file_object(struct vmcx_image *img)
{
	uint8_t *key = vmcx_image_key(img, "name");

	key[1] = 1;
	vmcx_image_seal_key(key);
}

static void what_is_damaged_with_right_checksums_is_refused(void **state)
{
	static const struct {
		void (*damage)(struct vmcx_image *img);
		enum error_code code;
		const char *msg;
	} cases[] = {
		{ version, ERR_UNSUPPORTED, "format version 0x0301; 0x0400 is read" },
		{ equal_sequences, ERR_CORRUPT, "both headers have the sequence number 6" },
		{ log_outside, ERR_CORRUPT, "outside the file" },
		{ log_short, ERR_CORRUPT, "log of 33 bytes at" },
		{ log_signature, ERR_CORRUPT, "wrong signature or checksum" },
		{ log_pending, ERR_UNSUPPORTED, "3 changes are pending in its log" },
		{ objects_signature, ERR_CORRUPT, "object table at 8192: wrong signature" },
		{ objects_none, ERR_CORRUPT, "object table at 8192: 0 entries do not fit" },
		{ objects_many, ERR_CORRUPT, "object table at 8192: 4294967295 entries do not fit" },
		{ object_checksum, ERR_CORRUPT, "object at 8200: wrong checksum" },
		{ object_outside, ERR_CORRUPT, "object at 8200: 4096 bytes at 18446744073709551615, outside of 8192 to" },
		{ object_in_headers, ERR_CORRUPT, "object at 8200: 4096 bytes at 4096, outside of 8192 to" },
		{ object_table_first, ERR_CORRUPT, "object at 8200: type 1 before the last place" },
		{ keys_in_the_last_place, ERR_CORRUPT, "object at 8470: type 2 in the place of the next table" },
		{ objects_in_a_circle, ERR_CORRUPT, "object table at 8192: tables overlap, or form a circle" },
		{ not_required, ERR_CORRUPT, "object at 8200: a key table that is not marked as required" },
		{ no_tables, ERR_CORRUPT, "no keys" },
		{ the_same_table_twice, ERR_CORRUPT, "two key tables are number 1" },
		{ a_table_many_times, ERR_CORRUPT, "key tables of more bytes than the file has" },
		{ table_signature, ERR_CORRUPT, "key table at 12288: wrong signature or checksum" },
		{ table_zero, ERR_CORRUPT, "key table at 12288: number 0, which is the root's" },
		{ key_too_short, ERR_CORRUPT, "20 bytes long, of 21 to" },
		{ key_too_long, ERR_CORRUPT, "4294967295 bytes long, of 21 to" },
		{ key_unknown_type, ERR_CORRUPT, "type 2, name of 5 bytes and value do not fit" },
		{ key_string_too_long, ERR_CORRUPT, "type 6, name of 5 bytes and value do not fit" },
		{ key_checksum, ERR_CORRUPT, "wrong checksum" },
		{ key_without_a_name, ERR_CORRUPT, "no proper name" },
		{ key_with_a_slash, ERR_CORRUPT, "no proper name" },
		{ parent_is_a_string, ERR_CORRUPT, "is no node" },
		{ parent_nowhere, ERR_CORRUPT, "in table 999, is no node" },
		{ an_odd_string, ERR_CORRUPT, "configuration/properties/name: UTF-16 text of 13 bytes" },
		{ a_string_in_no_file_object, ERR_CORRUPT, "no file object has its 14 bytes at" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(vmcx_image_fini) struct vmcx_image img = { 0 };
		CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
		struct error e = ERROR_INIT;

		vmcx_image_build(&img, web01, ARRAY_LEN(web01));
		cases[i].damage(&img);
		if (parse(&img, &v, &e) != -1)
			fail_msg("%zu: accepted; expected '%s'", i, cases[i].msg);
		assert_int_equal(e.code, cases[i].code);
		if (!strstr(e.msg, cases[i].msg))
			fail_msg("%zu: '%s', not '%s'", i, e.msg, cases[i].msg);
	}
}

/* Nodes that are their own ancestors say nothing, and end. */
static void a_circle_of_nodes_ends(void **state)
{
	CLEANUP(vmcx_image_fini) struct vmcx_image img = { 0 };
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;
	uint8_t *properties;

	(void)state;
	vmcx_image_build(&img, web01, ARRAY_LEN(web01));
	properties = vmcx_image_key(&img, "properties");
	put_le16(properties + 6, 1);
	put_le32(properties + 8, (uint32_t)(properties - img.bytes - img.tables_off));
	vmcx_image_seal_key(properties);
	assert_int_equal(parse(&img, &v, &e), 0);
	assert_int_equal(v.n, 1);
	assert_null(v.v[0].label);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_has_a_name_and_disks_in_the_order_of_its_controllers),
		cmocka_unit_test(a_checkpoint_is_no_vm),
		cmocka_unit_test(the_older_header_serves_if_the_newer_is_torn),
		cmocka_unit_test(a_changed_byte_is_an_error_or_changes_nothing),
		cmocka_unit_test(every_length_is_refused_but_the_whole),
		cmocka_unit_test(what_is_damaged_with_right_checksums_is_refused),
		cmocka_unit_test(a_circle_of_nodes_ends),
	};

	return cmocka_run_group_tests_name("vmcx", tests, NULL, NULL);
}
