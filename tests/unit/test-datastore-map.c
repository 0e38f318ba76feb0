/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "disk/backing.h"
#include "support/scratch.h"

/* export/ds1 is beneath the root export; outside and outside/inner are not. */
static int setup(void **state)
{
	const struct scratch_dir *s;

	if (scratch_setup(state) < 0)
		return -1;
	s = *state;
	return mkdirat(s->fd, "export", 0700) || mkdirat(s->fd, "export/ds1", 0700) || mkdirat(s->fd, "outside", 0700) ||
	       mkdirat(s->fd, "outside/inner", 0700) || mkdirat(s->fd, "export/ds1/vms", 0700);
}

static struct backing_root *root_of(const struct scratch_dir *s, const char *sub)
{
	struct error e = ERROR_INIT;
	char path[128];
	struct backing_root *r;

	snprintf(path, sizeof(path), "%s/%s", s->path, sub);
	r = backing_root_open(path, &e);
	assert_non_null(r);
	return r;
}

static void add(struct backing_root *r, const struct scratch_dir *s, const char *name, const char *sub)
{
	struct error e = ERROR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", s->path, sub);
	if (backing_root_add_datastore(r, name, path, &e) < 0)
		fail_msg("%s", e.msg);
}

/* want NULL: no datastore says where the name lies. */
static void assert_lies(const struct backing_root *r, const char *name, const char *want)
{
	struct error e = ERROR_INIT;
	CLEANUP_FREE char *path = backing_root_translate(r, name, &e);

	assert_string_equal(e.msg, "");
	if (!want && path)
		fail_msg("%s: %s", name, path);
	if (want) {
		if (!path)
			fail_msg("%s: nowhere, not %s", name, want);
		assert_string_equal(path, want);
	}
}

static void a_name_is_found_in_the_datastore_that_it_begins_with(void **state)
{
	static const struct {
		const char *name, *path;
	} rows[] = {
		{ "[ds2] web/web.vmdk", "[ds2] web/web.vmdk" },
		{ "[ds2]web/web.vmdk", "[ds2] web/web.vmdk" },
		{ "[ds2] web//./web.vmdk", "[ds2] web/web.vmdk" },
		{ "[ds2]  web/web.vmdk", "[ds2]  web/web.vmdk" }, /* a folder " web" */
		{ "/vmfs/volumes/ds2/web/web.vmdk", "[ds2] web/web.vmdk" },
		{ "//vmfs/volumes/ds2/web.vmdk", NULL }, /* a server of Windows */
		{ "/vmfs//volumes/./ds2/web/web.vmdk", "[ds2] web/web.vmdk" },
		{ "[] /vmfs/volumes/ds2/web/web.vmdk", "[ds2] web/web.vmdk" },
		{ "[ds2] web.vmdk", "[ds2] ./web.vmdk" },
		{ "[ds2] ./web.vmdk", "[ds2] ./web.vmdk" },
		{ "[ds2] a/../web.vmdk", "[ds2] ./web.vmdk" },
		{ "[ds2] a/b/../../web/c/../w.vmdk", "[ds2] web/w.vmdk" },
		{ "[DS2] web/web.vmdk", NULL },
		{ "[ds22] web/web.vmdk", NULL },
		{ "[ds] web/web.vmdk", NULL },
		{ "/vmfs/volumes/ds22/web.vmdk", NULL },
		{ "/vmfs/volumes/ds2", NULL },
		{ "/vmfs/volumes/ds2/", NULL },
		{ "[ds2]", NULL },
		{ "[ds2] ", NULL },
		{ "[ds2] a/..", NULL },
		{ "[] ds2/web.vmdk", NULL },
		{ "[x/ds2] web.vmdk", NULL },
		{ "ds2/web.vmdk", NULL },
		{ "", NULL },
		{ "[", NULL },
		{ "/", NULL },
		{ "/srv/vms/web/web.vmdk", "[/srv/vms] web/web.vmdk" },
		{ "/srv/VMS/web/web.vmdk", NULL },
		{ "/srv/vms/old/web.vmdk", "[/srv/vms/old] ./web.vmdk" }, /* the longer one */
		{ "/srv/vms/older/web.vmdk", "[/srv/vms] older/web.vmdk" },
		{ "C:\\ClusterStorage\\Volume1\\web\\web.vhdx", "[C:\\ClusterStorage\\Volume1] web/web.vhdx" },
		{ "c:/clusterstorage/VOLUME1/Web/web.vhdx", "[C:\\ClusterStorage\\Volume1] Web/web.vhdx" },
		{ "\\\\?\\C:\\ClusterStorage\\Volume1\\web\\web.vhdx", "[C:\\ClusterStorage\\Volume1] web/web.vhdx" },
		{ "C:\\ClusterStorage\\Volume11\\web.vhdx", NULL },
		{ "C:\\ClusterStorage\\Volume1web.vhdx", NULL },
		{ "\\ClusterStorage\\Volume1\\web.vhdx", NULL },
		{ "\\\\server\\share\\web\\web.vhdx", "[\\\\server\\share] web/web.vhdx" },
		{ "//SERVER/share/web\\web.vhdx", "[\\\\server\\share] web/web.vhdx" },
		{ "\\\\?\\UNC\\server\\share\\web\\web.vhdx", "[\\\\server\\share] web/web.vhdx" },
		{ "/server/share/web.vhdx", NULL },
		{ "\\server\\share\\web.vhdx", NULL },
		{ "\\\\?\\volume{01020304}\\web\\web.vhdx", "[\\\\?\\Volume{01020304}] web/web.vhdx" },
		{ "Volume{01020304}\\web\\web.vhdx", NULL },
		{ "\\Volume{01020304}\\web\\web.vhdx", NULL },
	};
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "export");
	/* Each a folder of its own: which one is meant must show. */
	static const char *const names[] = { "ds2", "/srv/vms", "/srv/vms/old", "C:\\ClusterStorage\\Volume1",
					     "\\\\server\\share", "\\\\?\\Volume{01020304}" };
	char sub[16];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(sub, sizeof(sub), "outside/%zu", i);
		assert_int_equal(mkdirat(s->fd, sub, 0700), 0);
		add(r, s, names[i], sub);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_lies(r, rows[i].name, rows[i].path);
}

static void a_file_has_one_path_by_whichever_name_it_is_meant(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "export");
	CLEANUP(cleanup_backing_root) struct backing_root *narrow = root_of(s, "export/ds1/vms");

	add(r, s, "ds1", "export/ds1");
	add(r, s, "5f3a-aa", "export/./ds1");
	add(r, s, "ds2", "outside");
	add(r, s, "5f3a-bb", "outside");
	add(r, s, "inner", "outside/inner");
	assert_lies(r, "[ds1] web/web.vmdk", "ds1/web/web.vmdk");
	assert_lies(r, "/vmfs/volumes/5f3a-aa/web/web.vmdk", "ds1/web/web.vmdk");
	assert_lies(r, "[ds2] inner/web.vmdk", "[ds2] inner/web.vmdk");
	assert_lies(r, "[5f3a-bb] inner/web.vmdk", "[ds2] inner/web.vmdk");
	assert_lies(r, "[inner] web.vmdk", "[ds2] inner/web.vmdk");
	/* A root that lies in the datastore itself. */
	add(narrow, s, "ds1", "export/ds1");
	assert_lies(narrow, "[ds1] vms/web/web.vmdk", "web/web.vmdk");
	assert_lies(narrow, "[ds1] other/web.vmdk", "[ds1] other/web.vmdk");
}

static void names_do_not_lead_out_of_their_datastore(void **state)
{
	static const char *const rows[] = {
		"[ds1] ../../etc/passwd", "[ds1] ../ds2/web.vmdk", "[ds1] a/../../b", "/vmfs/volumes/ds1/../ds2/web.vmdk",
		"/vmfs/volumes/ds1/./../x",
	};
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "export");

	add(r, s, "ds1", "export/ds1");
	add(r, s, "ds2", "outside");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		char msg[256];

		snprintf(msg, sizeof(msg), "'%s': leads out of the datastore 'ds1'", rows[i]);
		assert_null(backing_root_translate(r, rows[i], &e));
		assert_error(&e, ERR_REFUSED, msg);
	}
}

static void bad_datastores_are_refused(void **state)
{
	static const struct {
		const char *name, *msg;
	} rows[] = {
		{ "", "datastore: its name is missing" },
		{ "a]", "datastore 'a]': ']' cannot be part of a name" },
		{ "[a] b", "datastore '[a] b': ']' cannot be part of a name" },
		{ "ds1", "datastore 'ds1': is given twice" },
		{ "/vmfs/volumes/ds1", "datastore '/vmfs/volumes/ds1': is given twice" },
		{ "c:/vms", "datastore 'c:/vms': is given twice" },
		{ "a/b", "datastore 'a/b': neither a label nor an absolute path" },
		{ "a\\b", "datastore 'a\\b': neither a label nor an absolute path" },
		{ "/", "datastore '/': not the beginning of names of one datastore" },
		{ "//", "datastore '//': not the beginning of names of one datastore" },
		{ "\\\\?\\", "datastore '\\\\?\\': not the beginning of names of one datastore" },
		{ "..", "datastore '..': not the beginning of names of one datastore" },
		{ ".", "datastore '.': not the beginning of names of one datastore" },
		{ "/vmfs/volumes/..", "datastore '/vmfs/volumes/..': not the beginning of names of one datastore" },
		{ "C:\\a\\..", "datastore 'C:\\a\\..': not the beginning of names of one datastore" },
	};
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "export");
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	char path[128], msg[256];

	add(r, s, "ds1", "export/ds1");
	add(r, s, "C:\\VMs", "outside");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error bad = ERROR_INIT;

		assert_int_equal(backing_root_add_datastore(r, rows[i].name, s->path, &bad), -1);
		assert_error(&bad, ERR_USAGE, rows[i].msg);
	}
	snprintf(path, sizeof(path), "%s/none", s->path);
	snprintf(msg, sizeof(msg), "datastore 'x': %s: No such file or directory", path);
	assert_int_equal(backing_root_add_datastore(r, "x", path, &e), -1);
	assert_error(&e, ERR_SYSTEM, msg);
	scratch_write(s, "file", "", 0);
	snprintf(path, sizeof(path), "%s/file", s->path);
	assert_int_equal(backing_root_add_datastore(r, "x", path, &e2), -1);
	assert_int_equal(e2.detail, ENOTDIR);
	assert_int_equal(backing_root_datastores(r), 2);
	assert_lies(r, "[ds1] a", "ds1/a");
}

static void files_are_opened_beneath_their_datastore_and_nowhere_else(void **state)
{
	static const struct {
		const char *path;
		enum error_code code;
		const char *msg; /* DIR: the datastore's folder */
	} rows[] = {
		{ "[ds2] web/a.raw", ERR_NONE, "" },
		{ "[ds2] web/../top.raw", ERR_NONE, "" },
		{ "[ds2] ./top.raw", ERR_NONE, "" },
		{ "[ds1] in.raw", ERR_NONE, "" },
		{ "[ds2] ../secret.raw", ERR_REFUSED, "[ds2] ../secret.raw: leads out of DIR" },
		{ "[ds2] web/../../secret.raw", ERR_REFUSED, "[ds2] web/../../secret.raw: leads out of DIR" },
		{ "[ds2] /etc/passwd", ERR_REFUSED, "[ds2] /etc/passwd: leads out of DIR" },
		{ "[ds2] up/secret.raw", ERR_REFUSED, "[ds2] up/secret.raw: leads out of DIR" },
		{ "[ds2] abs.raw", ERR_REFUSED, "[ds2] abs.raw: a symbolic link, which is not followed here" },
		{ "[ds2] [ds1] in.raw", ERR_SYSTEM, "[ds2] [ds1] in.raw: No such file or directory" },
		{ "[ds2] none.raw", ERR_SYSTEM, "[ds2] none.raw: No such file or directory" },
		{ "[ds3] web/a.raw", ERR_SYSTEM, "[ds3] web/a.raw: No such file or directory" },
		{ "[ds2]web/a.raw", ERR_SYSTEM, "[ds2]web/a.raw: No such file or directory" },
	};
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "export");

	assert_int_equal(mkdirat(s->fd, "outside/web", 0700), 0);
	scratch_write(s, "outside/web/a.raw", "a", 1);
	scratch_write(s, "outside/top.raw", "a", 1);
	scratch_write(s, "export/ds1/in.raw", "a", 1);
	scratch_write(s, "secret.raw", "s", 1);
	assert_int_equal(symlinkat("..", s->fd, "outside/up"), 0);
	assert_int_equal(symlinkat("/etc/passwd", s->fd, "outside/abs.raw"), 0);
	add(r, s, "ds1", "export/ds1");
	add(r, s, "ds2", "outside");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		CLEANUP(cleanup_backing) struct backing *b = backing_open(r, rows[i].path, false, &e);
		char *at = strstr(e.msg, s->path);

		if (at)
			memcpy(at, "DIR", 4);
		assert_error(&e, rows[i].code, rows[i].msg);
		assert_int_equal(b != NULL, rows[i].code == ERR_NONE);
		if (b)
			assert_string_equal(b->path, rows[i].path);
	}
}

static void a_beginning_says_what_it_is_called_in_short(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "ds2", "ds2" },	   { "/srv/vms/", "vms" },     { "C:\\ClusterStorage\\Volume1", "Volume1" },
		{ "\\\\server\\x", "x" }, { "C:/a/b", "b" },
	};
	const struct scratch_dir *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "export");
		CLEANUP_FREE char *path = NULL;
		const char *shortened = NULL;

		add(r, s, rows[i].name, "outside");
		assert_true(asprintf(&path, "[%s] a/b", rows[i].name) > 0);
		assert_int_equal(backing_root_datastore_len(r, path, &shortened), strlen(path) - 3);
		assert_int_equal(strncmp(shortened, rows[i].want, strlen(rows[i].want)), 0);
		assert_int_equal(backing_root_datastore_len(r, "[other] a/b", NULL), 0);
		assert_int_equal(backing_root_datastore_len(r, "a/b", NULL), 0);
	}
}

static void absolute_names_of_any_host_are_told_from_others(void **state)
{
	static const char *const foreign[] = { "/a", "[x] a", "C:\\a", "c:/a", "\\\\s\\x", "\\a", "\\\\?\\C:\\x" };
	static const char *const own[] = { "a", "", "a/b", "[x", "C:a", "1:\\a", "a\\b", "./a", "../a", "C:" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
		if (!backing_name_is_foreign(foreign[i]))
			fail_msg("%s", foreign[i]);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (backing_name_is_foreign(own[i]))
			fail_msg("%s", own[i]);
}

static void one_file_is_found_without_regard_to_case(void **state)
{
	static const struct {
		const char *path, *want; /* NULL: none */
		const char *msg;
	} rows[] = {
		{ "VMs/WEB.VHDX", "Vms/Web.vhdx", "" },
		{ "Vms/../vms/web.vhdx", "Vms/../Vms/Web.vhdx", "" },
		{ "[ds2] VM/two.VHDX", "[ds2] vm/Two.vhdx", "" },
		{ "[ds2] ./TOP.vhdx", "[ds2] ./top.vhdx", "" },
		{ "Vms/both.vhdx", NULL, "'both.vhdx': both BOTH.vhdx and Both.vhdx are there, in Vms/" },
		{ "Vms/Both.vhdx", "Vms/Both.vhdx", "" }, /* exactly */
		{ "Vms/none.vhdx", NULL, "" },
		{ "none/web.vhdx", NULL, "" },
		{ "../EXPORT/Vms/web.vhdx", NULL, "" },
		{ "[ds2] ../EXPORT/Vms/web.vhdx", NULL, "" },
	};
	const struct scratch_dir *s = *state;
	CLEANUP(cleanup_backing_root) struct backing_root *r = root_of(s, "export");

	assert_int_equal(mkdirat(s->fd, "export/Vms", 0700), 0);
	assert_int_equal(mkdirat(s->fd, "outside/vm", 0700), 0);
	scratch_write(s, "export/Vms/Web.vhdx", "", 0);
	scratch_write(s, "export/Vms/BOTH.vhdx", "", 0);
	scratch_write(s, "export/Vms/Both.vhdx", "", 0);
	scratch_write(s, "outside/vm/Two.vhdx", "", 0);
	scratch_write(s, "outside/top.vhdx", "", 0);
	add(r, s, "ds2", "outside");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error e = ERROR_INIT;
		CLEANUP_FREE char *path = backing_fold_case(r, rows[i].path, &e);
		bool swapped = strstr(e.msg, "both Both.vhdx and BOTH.vhdx");

		if (!swapped) /* in the folder's own order */
			assert_string_equal(e.msg, rows[i].msg);
		assert_int_equal(e.code, *rows[i].msg ? ERR_CORRUPT : ERR_NONE);
		if (!rows[i].want)
			assert_null(path);
		else
			assert_string_equal(path, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_name_is_found_in_the_datastore_that_it_begins_with, setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(a_file_has_one_path_by_whichever_name_it_is_meant, setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(names_do_not_lead_out_of_their_datastore, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(bad_datastores_are_refused, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(files_are_opened_beneath_their_datastore_and_nowhere_else, setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(a_beginning_says_what_it_is_called_in_short, setup, scratch_teardown),
		cmocka_unit_test(absolute_names_of_any_host_are_told_from_others),
		cmocka_unit_test_setup_teardown(one_file_is_found_without_regard_to_case, setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
