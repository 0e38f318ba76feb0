/* SPDX-License-Identifier: Apache-2.0 */
/* Parents and extents that lie in other datastores, whose names are written otherwise, or that are not the right ones. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "disk/disk.h"
#include "support/vhd_writer.h"
#include "support/vhdx_parent.h"
#include "support/vmdk_writer.h"

#define GRAIN 65536

static uint8_t got[3 * GRAIN], want[3 * GRAIN];

/* near/ is the root, far/ and deep/ are other datastores. */
static int setup(void **state)
{
	const struct scratch_dir *s;

	if (scratch_setup(state) < 0)
		return -1;
	s = *state;
	return mkdirat(s->fd, "near", 0700) || mkdirat(s->fd, "near/web", 0700) || mkdirat(s->fd, "far", 0700) ||
	       mkdirat(s->fd, "far/base", 0700) || mkdirat(s->fd, "deep", 0700);
}

/* A sparse disk of three grains, one of them of its own. */
static void write_layer(const struct scratch_dir *s, const char *name, const char *cid, const char *parent_cid,
			const char *hint, int grain, uint64_t seed)
{
	struct vmdk_writer w;
	char text[512];

	snprintf(text, sizeof(text),
		 "version=1\nCID=%s\nparentCID=%s\ncreateType=\"monolithicSparse\"\nparentFileNameHint=\"%s\"\n"
		 "RW 384 SPARSE \"x\"\n",
		 cid, parent_cid, hint);
	vmdk_writer_init(&w, 384, 128, 4, text);
	vmdk_writer_add_grain(&w, (uint64_t)grain, seed);
	vmdk_writer_save(&w, s, name);
	vmdk_writer_fini(&w);
}

struct place {
	const char *name, *sub;
};

static struct disk *open_near(const struct scratch_dir *s, const char *path, const struct place *places, size_t n,
			      const struct disk_options *opt, struct error *err)
{
	CLEANUP(cleanup_backing_root) struct backing_root *r = NULL;
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/near", s->path);
	r = backing_root_open(dir, NULL);
	assert_non_null(r);
	for (size_t i = 0; i < n; i++) {
		snprintf(dir, sizeof(dir), "%s/%s", s->path, places[i].sub);
		assert_int_equal(backing_root_add_datastore(r, places[i].name, dir, NULL), 0);
	}
	return disk_open(r, path, opt, err);
}

static const struct place both[] = { { "far", "far" }, { "C:\\ClusterStorage\\Deep", "deep" } };

static void a_chain_goes_through_several_datastores(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;

	write_layer(s, "deep/root.vmdk", "a", "ffffffff", "", 0, 1);
	write_layer(s, "far/base/mid.vmdk", "b", "a", "C:\\CLUSTERSTORAGE\\deep\\ROOT.vmdk", 1, 2);
	write_layer(s, "near/web/web.vmdk", "c", "b", "/vmfs/volumes/far/base/mid.vmdk", 2, 3);
	d = open_near(s, "web/web.vmdk", both, 2, NULL, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(disk_chain_len(d), 3);
	assert_string_equal(disk_chain_info(d, 1)->path, "[far] base/mid.vmdk");
	assert_string_equal(disk_chain_info(d, 2)->path, "[C:\\ClusterStorage\\Deep] ./root.vmdk");
	assert_string_equal(disk_chain_file(d, 1)->path, "[far] base/mid.vmdk");
	for (uint64_t i = 0; i < 3; i++)
		pattern_fill(want + i * GRAIN, GRAIN, i * GRAIN, i + 1);
	assert_int_equal(disk_read(d, got, 3 * GRAIN, 0, &e), 0);
	assert_memory_equal(got, want, 3 * GRAIN);
}

static void a_relative_parent_is_beside_its_child_in_its_datastore(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;

	write_layer(s, "far/base.vmdk", "a", "ffffffff", "", 0, 1);
	write_layer(s, "far/top.vmdk", "b", "a", "base.vmdk", 1, 2);
	write_layer(s, "near/web/web.vmdk", "c", "b", "[far] top.vmdk", 2, 3);
	write_layer(s, "near/base.vmdk", "a", "ffffffff", "", 0, 9); /* the same name, the wrong place */
	d = open_near(s, "web/web.vmdk", both, 2, NULL, &e);
	assert_string_equal(e.msg, "");
	assert_string_equal(disk_chain_info(d, 1)->path, "[far] ./top.vmdk");
	assert_string_equal(disk_chain_info(d, 2)->path, "[far] ./base.vmdk");
}

static void folders_with_brackets_in_their_names_are_folders(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	CLEANUP(cleanup_disk) struct disk *top = NULL;
	struct error e = ERROR_INIT, e2 = ERROR_INIT;

	assert_int_equal(mkdirat(s->fd, "near/[old] vms", 0700), 0);
	write_layer(s, "near/[old] vms/base.vmdk", "a", "ffffffff", "", 0, 1);
	write_layer(s, "near/[old] vms/web.vmdk", "b", "a", "base.vmdk", 1, 2);
	d = open_near(s, "[old] vms/web.vmdk", both, 2, NULL, &e);
	assert_string_equal(e.msg, "");
	assert_string_equal(disk_chain_info(d, 1)->path, "[old] vms/base.vmdk");
	write_layer(s, "near/[old] base.vmdk", "a", "ffffffff", "", 0, 1);
	write_layer(s, "near/[old] web.vmdk", "b", "a", "[old] base.vmdk", 1, 2);
	top = open_near(s, "[old] web.vmdk", both, 2, NULL, &e2);
	assert_string_equal(e2.msg, "");
	assert_string_equal(disk_chain_info(top, 1)->path, "[old] base.vmdk");
}

static void parents_that_are_not_found_say_what_helps(void **state)
{
	static const struct {
		const char *hint;
		size_t n_places;
		enum error_code code;
		const char *msg; /* after "web/web.vmdk: parent" */
	} rows[] = {
		{ "/vmfs/volumes/far/base/base.vmdk", 2, ERR_NONE, "" },
		{ "/vmfs/volumes/far/base/base.vmdk", 0, ERR_CORRUPT,
		  ": web/base.vmdk: no such file (its name is '/vmfs/volumes/far/base/base.vmdk': --datastore NAME=DIR says "
		  "where that lies)" },
		{ "/vmfs/volumes/far/base/none.vmdk", 2, ERR_CORRUPT, ": [far] base/none.vmdk: no such file" },
		{ "D:\\vms\\none.vmdk", 2, ERR_CORRUPT,
		  ": web/none.vmdk: no such file (its name is 'D:\\vms\\none.vmdk': --datastore NAME=DIR says where that "
		  "lies)" },
		{ "[far] ../../etc/passwd", 2, ERR_REFUSED, ": '[far] ../../etc/passwd': leads out of the datastore 'far'" },
		{ "/vmfs/volumes/far/../near/web/x.vmdk", 2, ERR_REFUSED,
		  ": '/vmfs/volumes/far/../near/web/x.vmdk': leads out of the datastore 'far'" },
		{ "[far] link.vmdk", 2, ERR_REFUSED, ": [far] ./link.vmdk: a symbolic link, which is not followed here" },
		{ "[far] out/passwd", 2, ERR_REFUSED, ": [far] out/passwd: leads out of DIR" },
		{ "../../far/base/base.vmdk", 2, ERR_REFUSED, ": web/../../far/base/base.vmdk: leads out of DIR" },
		{ "[far] base/fifo.vmdk", 2, ERR_UNSUPPORTED, ": [far] base/fifo.vmdk: not a regular file" },
		{ "[far] base", 2, ERR_UNSUPPORTED, ": [far] ./base: a folder, not a regular file" },
		{ "[none] base/base.vmdk", 2, ERR_CORRUPT, ": web/[none] base/base.vmdk: no such file" },
	};
	const struct scratch_dir *s = *state;

	write_layer(s, "far/base/base.vmdk", "a", "ffffffff", "", 0, 1);
	assert_int_equal(symlinkat("base/base.vmdk", s->fd, "far/link.vmdk"), 0);
	assert_int_equal(symlinkat("/etc", s->fd, "far/out"), 0);
	assert_int_equal(mkfifoat(s->fd, "far/base/fifo.vmdk", 0600), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		char msg[512] = "", *at;

		write_layer(s, "near/web/web.vmdk", "b", "a", rows[i].hint, 1, 2);
		d = open_near(s, "web/web.vmdk", both, rows[i].n_places, NULL, &e);
		at = strstr(e.msg, s->path);
		if (at)
			memcpy(at, "DIR", 4);
		if (*rows[i].msg)
			snprintf(msg, sizeof(msg), "web/web.vmdk: parent%s", rows[i].msg);
		assert_error(&e, rows[i].code, msg);
		assert_int_equal(d != NULL, rows[i].code == ERR_NONE);
	}
}

static void names_of_windows_are_found_whatever_their_case(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	CLEANUP(cleanup_disk) struct disk *none = NULL;
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;

	write_layer(s, "near/web/Base.VMDK", "a", "ffffffff", "", 0, 1);
	write_layer(s, "near/web/web.vmdk", "b", "a", "D:\\vms\\base.vmdk", 1, 2);
	d = open_near(s, "web/web.vmdk", NULL, 0, NULL, &e);
	assert_string_equal(e.msg, "");
	assert_string_equal(disk_chain_info(d, 1)->path, "web/Base.VMDK");
	write_layer(s, "near/web/BASE.vmdk", "a", "ffffffff", "", 0, 1);
	none = open_near(s, "web/web.vmdk", NULL, 0, NULL, &e2);
	assert_null(none);
	assert_int_equal(e2.code, ERR_CORRUPT);
	assert_non_null(strstr(e2.msg, "web/web.vmdk: parent: 'base.vmdk': both "));
	/* Where case counts, it counts. */
	assert_int_equal(unlinkat(s->fd, "near/web/BASE.vmdk", 0), 0);
	write_layer(s, "near/web/web.vmdk", "b", "a", "base.vmdk", 1, 2);
	none = open_near(s, "web/web.vmdk", NULL, 0, NULL, &e3);
	assert_null(none);
	assert_error(&e3, ERR_CORRUPT, "web/web.vmdk: parent: web/base.vmdk: no such file");
}

static char warned[512];

static void keep_warning(void *ctx, enum log_level level, const char *module, const char *line)
{
	(void)ctx;
	(void)module;
	if (level == LOG_WARN)
		snprintf(warned, sizeof(warned), "%s", line);
}

/* One of Hyper-V's chains: a child near/vm/Child.EXT, and its parent where `base` says. */
struct windows_row {
	const char *base;               /* the parent's path here */
	const char *relative, *absolute; /* as the child names it */
	enum error_code code;
	const char *want; /* the parent's path, or the message after "vm/Child.EXT: parent" */
};

static const struct windows_row windows_rows[] = {
	{ "deep/Base.EXT", "..\\..\\Deep\\Base.EXT", "C:\\ClusterStorage\\Deep\\BASE.EXT", ERR_NONE,
	  "[C:\\ClusterStorage\\Deep] ./Base.EXT" },
	{ "deep/Base.EXT", NULL, "\\\\?\\c:\\clusterstorage\\deep\\base.EXT", ERR_NONE,
	  "[C:\\ClusterStorage\\Deep] ./Base.EXT" },
	{ "near/vm/Base.EXT", ".\\base.EXT", "C:\\ClusterStorage\\Deep\\none.EXT", ERR_NONE, "vm/Base.EXT" },
	{ "near/vm/Base.EXT", "..\\VM\\base.EXT", NULL, ERR_NONE, "vm/../vm/Base.EXT" },
	{ "near/vm/Base.EXT", ".\\Base.EXT", "C:\\ClusterStorage\\Deep\\Base.EXT", ERR_NONE, "vm/Base.EXT" }, /* relative first */
	{ "deep/x.EXT", "..\\..\\Deep\\Base.EXT", "C:\\ClusterStorage\\Deep\\Base.EXT", ERR_REFUSED,
	  ": vm/../../Deep/Base.EXT: leads out of DIR" },
	{ "deep/x.EXT", "..\\..\\Deep\\Base.EXT", "D:\\Base.EXT", ERR_REFUSED, ": vm/../../Deep/Base.EXT: leads out of DIR" },
	{ "deep/x.EXT", ".\\Base.EXT", "D:\\Base.EXT", ERR_CORRUPT,
	  ": vm/Base.EXT: no such file (its name is 'D:\\Base.EXT': --datastore NAME=DIR says where that lies)" },
	{ "deep/x.EXT", NULL, "C:\\ClusterStorage\\Deep\\..\\..\\x.EXT", ERR_REFUSED,
	  ": 'C:\\ClusterStorage\\Deep\\..\\..\\x.EXT': leads out of the datastore 'C:\\ClusterStorage\\Deep'" },
};

/* The text with "EXT" replaced, in one of few buffers. */
static const char *with_ext(const char *text, const char *ext)
{
	static char out[4][256];
	static size_t turn;
	char *at = out[turn++ % 4];
	size_t n = 0;

	for (; text && *text; text++) {
		if (strncmp(text, "EXT", 3) == 0) {
			n += (size_t)snprintf(at + n, sizeof(out[0]) - n, "%s", ext);
			text += 2;
		} else {
			at[n++] = *text;
		}
	}
	at[n] = '\0';
	return text ? at : NULL;
}

static void assert_windows_row(const struct scratch_dir *s, const struct windows_row *row, const char *ext)
{
	struct error e = ERROR_INIT;
	CLEANUP(cleanup_disk) struct disk *d = open_near(s, with_ext("vm/Child.EXT", ext), both, 2, NULL, &e);
	char *at = strstr(e.msg, s->path), msg[512] = "";

	if (at)
		memcpy(at, "DIR", 4);
	if (row->code != ERR_NONE)
		snprintf(msg, sizeof(msg), "vm/Child.%s: parent%s", ext, with_ext(row->want, ext));
	assert_error(&e, row->code, msg);
	assert_int_equal(d != NULL, row->code == ERR_NONE);
	if (d)
		assert_string_equal(disk_chain_info(d, 1)->path, with_ext(row->want, ext));
	assert_int_equal(unlinkat(s->fd, with_ext(row->base, ext), 0), 0);
}

static void chains_of_windows_go_through_cluster_shared_volumes(void **state)
{
	const struct scratch_dir *s = *state;

	assert_int_equal(mkdirat(s->fd, "near/vm", 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(windows_rows); i++) {
		const struct windows_row *row = &windows_rows[i];
		struct vhdx_image base = { .size = VHDX_W_MIB }, child = { .size = VHDX_W_MIB, .has_parent = true };

		vhdx_image_build(&base);
		child.parent = base.guest;
		vhdx_image_build(&child);
		vhdx_image_name_parent(&child, "{AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee}", with_ext(row->relative, "vhdx"), NULL,
				       with_ext(row->absolute, "vhdx"));
		scratch_write(s, with_ext(row->base, "vhdx"), base.bytes, base.len);
		scratch_write(s, "near/vm/Child.vhdx", child.bytes, child.len);
		assert_windows_row(s, row, "vhdx");
		vhdx_image_fini(&child);
		vhdx_image_fini(&base);
	}
	for (size_t i = 0; i < ARRAY_LEN(windows_rows); i++) {
		const struct windows_row *row = &windows_rows[i];
		struct vhd_image base = { .id = 5 }, child = { .type = 4, .id = 6 };

		vhd_image_build(&base);
		child.parent = base.guest;
		child.parent_size = base.size;
		vhd_image_build(&child);
		vhd_image_set_parent(&child, 5, with_ext(row->absolute ? row->absolute : row->relative, "vhd"));
		if (row->relative)
			vhd_image_set_locator(&child, 0, VHD_W_W2RU, with_ext(row->relative, "vhd"));
		if (row->absolute && i % 2 == 0) /* else the name in the header alone has it */
			vhd_image_set_locator(&child, 1, VHD_W_W2KU, with_ext(row->absolute, "vhd"));
		scratch_write(s, with_ext(row->base, "vhd"), base.bytes, base.len);
		scratch_write(s, "near/vm/Child.vhd", child.bytes, child.len);
		assert_windows_row(s, row, "vhd");
		vhd_image_fini(&child);
		vhd_image_fini(&base);
	}
}

static void other_parents_of_windows_are_read_only_on_request(void **state)
{
	const struct scratch_dir *s = *state;
	const struct disk_options unchecked = { .unchecked_parents = true };
	struct vhdx_image base = { .size = VHDX_W_MIB }, child = { .size = VHDX_W_MIB, .has_parent = true };
	struct vhd_image vhd_base = { .id = 5 }, vhd_child = { .type = 4, .id = 6 };
	static const char *const names[] = { "vm/Child.vhdx", "vm/Child.vhd" };

	assert_int_equal(mkdirat(s->fd, "near/vm", 0700), 0);
	vhdx_image_build(&base);
	child.parent = base.guest;
	vhdx_image_build(&child);
	vhdx_image_name_parent(&child, "{11111111-bbbb-cccc-dddd-eeeeeeeeeeee}", ".\\base.vhdx", NULL, NULL);
	scratch_write(s, "near/vm/base.vhdx", base.bytes, base.len);
	scratch_write(s, "near/vm/Child.vhdx", child.bytes, child.len);
	vhd_image_build(&vhd_base);
	vhd_child.parent = vhd_base.guest;
	vhd_child.parent_size = vhd_base.size;
	vhd_image_build(&vhd_child);
	vhd_image_set_parent(&vhd_child, 4, "base.vhd");
	scratch_write(s, "near/vm/base.vhd", vhd_base.bytes, vhd_base.len);
	scratch_write(s, "near/vm/Child.vhd", vhd_child.bytes, vhd_child.len);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct error e = ERROR_INIT, e2 = ERROR_INIT;
		CLEANUP(cleanup_disk) struct disk *refused = open_near(s, names[i], NULL, 0, NULL, &e);
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		char line[600];

		assert_null(refused);
		assert_int_equal(e.code, ERR_CORRUPT);
		warned[0] = '\0';
		log_set_sink(keep_warning, NULL);
		d = open_near(s, names[i], NULL, 0, &unchecked, &e2);
		log_set_sink(NULL, NULL);
		assert_string_equal(e2.msg, "");
		assert_int_equal(disk_chain_len(d), 2);
		snprintf(line, sizeof(line), "%s; read all the same, as asked for", e.msg);
		assert_string_equal(warned, line);
	}
	vhd_image_fini(&vhd_child);
	vhd_image_fini(&vhd_base);
	vhdx_image_fini(&child);
	vhdx_image_fini(&base);
}

static void extents_may_lie_in_other_datastores(void **state)
{
	static const char text[] = "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"
				   "RW 128 VMFS \"%s\"\n";
	static const struct {
		const char *name;
		enum error_code code;
		const char *msg;
	} rows[] = {
		{ "/vmfs/volumes/far/base/x-flat.vmdk", ERR_NONE, "" },
		{ "C:\\ClusterStorage\\Deep\\x-flat.vmdk", ERR_NONE, "" },
		{ "/vmfs/volumes/none/x-flat.vmdk", ERR_REFUSED,
		  "web/x.vmdk: extent '/vmfs/volumes/none/x-flat.vmdk' leads out of the image's folder; --datastore NAME=DIR "
		  "says where it lies" },
		{ "/vmfs/volumes/far/../near/x", ERR_REFUSED,
		  "web/x.vmdk: '/vmfs/volumes/far/../near/x': leads out of the datastore 'far'" },
		{ "../../far/base/x-flat.vmdk", ERR_REFUSED,
		  "web/x.vmdk: extent '../../far/base/x-flat.vmdk' leads out of the image's folder" },
		{ "[far] base/x-flat.vmdk", ERR_CORRUPT, /* beside the descriptor: VMware writes no such extents */
		  "web/x.vmdk: extent: web/[far] base/x-flat.vmdk: no such file" },
	};
	const struct scratch_dir *s = *state;

	pattern_fill(want, GRAIN, 0, 7);
	scratch_write(s, "far/base/x-flat.vmdk", want, GRAIN);
	scratch_write(s, "deep/x-flat.vmdk", want, GRAIN);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		CLEANUP(cleanup_disk) struct disk *d = NULL;
		char descriptor[512];

		snprintf(descriptor, sizeof(descriptor), text, rows[i].name);
		scratch_write(s, "near/web/x.vmdk", descriptor, strlen(descriptor));
		d = open_near(s, "web/x.vmdk", both, 2, NULL, &e);
		assert_error(&e, rows[i].code, rows[i].msg);
		if (!d)
			continue;
		assert_int_equal(disk_read(d, got, GRAIN, 0, &e), 0);
		assert_memory_equal(got, want, GRAIN);
	}
}

static void a_parent_that_is_not_the_right_one_is_read_only_on_request(void **state)
{
	const struct scratch_dir *s = *state;
	const struct disk_options unchecked = { .unchecked_parents = true };
	CLEANUP(cleanup_disk) struct disk *refused = NULL;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT, e2 = ERROR_INIT, e3 = ERROR_INIT;

	write_layer(s, "near/web/base.vmdk", "a", "ffffffff", "", 0, 1);
	write_layer(s, "near/web/web.vmdk", "b", "77", "base.vmdk", 1, 2);
	refused = open_near(s, "web/web.vmdk", NULL, 0, NULL, &e);
	assert_null(refused);
	assert_error(&e, ERR_CORRUPT,
		     "web/web.vmdk: parent web/base.vmdk has CID 0000000a, where 00000077 is expected");
	log_set_sink(keep_warning, NULL);
	d = open_near(s, "web/web.vmdk", NULL, 0, &unchecked, &e2);
	log_set_sink(NULL, NULL);
	assert_string_equal(e2.msg, "");
	assert_string_equal(warned, "web/web.vmdk: parent web/base.vmdk has CID 0000000a, where 00000077 is expected; read "
				    "all the same, as asked for");
	pattern_fill(want, GRAIN, 0, 1);
	assert_int_equal(disk_read(d, got, GRAIN, 0, NULL), 0);
	assert_memory_equal(got, want, GRAIN);
	/* Another kind of wrong is not overlooked. */
	write_layer(s, "near/web/web.vmdk", "b", "77", "web.vmdk", 1, 2);
	refused = open_near(s, "web/web.vmdk", NULL, 0, &unchecked, &e3);
	assert_null(refused);
	assert_error(&e3, ERR_CORRUPT, "web/web.vmdk: parent: web/web.vmdk: is in its own chain of parents");
}

static void a_path_is_opened_with_datastores_beside_it(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	char dir[128], path[128], odd[128], msg[256];
	const struct backing_datastore far = { "far", dir };
	const struct disk_options opt = { .datastores = &far, .n_datastores = 1 };

	snprintf(dir, sizeof(dir), "%s/far", s->path);
	snprintf(path, sizeof(path), "%s/near/web/web.vmdk", s->path);
	write_layer(s, "far/base/base.vmdk", "a", "ffffffff", "", 0, 1);
	write_layer(s, "near/web/web.vmdk", "b", "a", "[far] base/base.vmdk", 1, 2);
	d = disk_open_path(path, &opt, &e);
	assert_string_equal(e.msg, "");
	assert_int_equal(disk_chain_len(d), 2);
	snprintf(odd, sizeof(odd), "%s/near/[far] web.vmdk", s->path);
	snprintf(msg, sizeof(msg), "%s: begins like a path in another datastore", odd);
	assert_null(disk_open_path(odd, &opt, &e2));
	assert_error(&e2, ERR_USAGE, msg);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_chain_goes_through_several_datastores),
		TEST(a_relative_parent_is_beside_its_child_in_its_datastore),
		TEST(folders_with_brackets_in_their_names_are_folders),
		TEST(parents_that_are_not_found_say_what_helps),
		TEST(names_of_windows_are_found_whatever_their_case),
		TEST(chains_of_windows_go_through_cluster_shared_volumes),
		TEST(other_parents_of_windows_are_read_only_on_request),
		TEST(extents_may_lie_in_other_datastores),
		TEST(a_parent_that_is_not_the_right_one_is_read_only_on_request),
		TEST(a_path_is_opened_with_datastores_beside_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
