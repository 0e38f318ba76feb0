/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "options.h"

static int init(void **state)
{
	static struct mount_options o;

	mount_options_init(&o);
	*state = &o;
	return 0;
}

static int fini(void **state)
{
	mount_options_fini(*state);
	return 0;
}

static void parse(struct mount_options *o, const char *text)
{
	struct error err = ERROR_INIT;

	assert_int_equal(mount_options_parse(o, text, &err), 0);
}

static void refuses(struct mount_options *o, const char *text, const char *message)
{
	struct error err = ERROR_INIT;

	assert_int_equal(mount_options_parse(o, text, &err), -1);
	assert_error(&err, ERR_USAGE, message);
}

static void everything_belongs_to_the_caller_unless_said_otherwise(void **state)
{
	struct mount_options *o = *state;

	parse(o, "");
	assert_int_equal(o->uid, getuid());
	assert_int_equal(o->gid, getgid());
	assert_int_equal(o->umask, 0);
	assert_false(o->ignore_log);
	assert_int_equal(o->fuse.len, 0);
}

static void datastores_are_names_and_folders(void **state)
{
	struct mount_options *o = *state;

	parse(o, "datastore=ds2=/exports/ds2,ro,datastore=C:\\\\Vol\\,1=/mnt/a=b,unchecked_parents");
	assert_int_equal(o->datastores.n, 2);
	assert_string_equal(o->datastores.v[0].name, "ds2");
	assert_string_equal(o->datastores.v[0].dir, "/exports/ds2");
	assert_string_equal(o->datastores.v[1].name, "C:\\Vol,1");
	assert_string_equal(o->datastores.v[1].dir, "/mnt/a=b");
	assert_true(o->unchecked_parents);
	refuses(o, "datastore=x", "datastore: 'x': not NAME=DIR");
	refuses(o, "datastore==/x", "datastore: '=/x': not NAME=DIR");
	refuses(o, "datastore=x=", "datastore: 'x=': not NAME=DIR");
	refuses(o, "datastore", "datastore: no such option");
}

static void our_options_are_taken(void **state)
{
	struct mount_options *o = *state;

	parse(o, "uid=1000,gid=100,umask=027,log=ignore,credentials=/etc/a\\,b,cacert=ca.pem");
	assert_int_equal(o->uid, 1000);
	assert_int_equal(o->gid, 100);
	assert_int_equal(o->umask, 027);
	assert_true(o->ignore_log);
	assert_false(o->unchecked_parents);
	assert_string_equal(o->credentials, "/etc/a,b");
	assert_string_equal(o->cacert, "ca.pem");
	assert_int_equal(o->fuse.len, 0);
}

static void the_last_one_wins_over_several_lists(void **state)
{
	struct mount_options *o = *state;

	parse(o, "uid=1,credentials=a");
	parse(o, "uid=2,credentials=b");
	assert_int_equal(o->uid, 2);
	assert_string_equal(o->credentials, "b");
}

static void what_mount_and_fstab_say_is_ignored(void **state)
{
	struct mount_options *o = *state;

	parse(o, "rw,ro,noauto,nofail,_netdev,user,defaults,x-systemd.automount,x-gvfs-show,X-mount.mkdir,,relatime");
	assert_int_equal(o->fuse.len, 0);
}

static void generic_options_reach_fuse(void **state)
{
	struct mount_options *o = *state;

	parse(o, "allow_other,dev,suid,noexec");
	assert_string_equal(o->fuse.s, "allow_other,dev,suid,noexec");
	/* ours, not libfuse's */
	parse(o, "auto_unmount");
	assert_true(o->auto_unmount);
	assert_string_equal(o->fuse.s, "allow_other,dev,suid,noexec");
}

static void unknown_options_and_bad_values_are_refused(void **state)
{
	struct mount_options *o = *state;

	refuses(o, "ro,colour=blue", "colour=blue: no such option");
	refuses(o, "blkdev", "blkdev: no such option");
	refuses(o, "fsname=x", "fsname=x: no such option");
	refuses(o, "log=replay", "log=replay: the one value is 'ignore'");
	refuses(o, "umask=8", "umask: '8': not an octal number up to 0777");
	refuses(o, "umask=1777", "umask: 01777: not an octal number up to 0777");
	refuses(o, "umask=", "umask: '': not an octal number up to 0777");
	refuses(o, "credentials=", "credentials: no file named");
}

static void ids_are_numbers(void **state)
{
	struct mount_options *o = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(mount_options_parse(o, "uid=root", &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_memory_equal(err.msg, "uid: ", 5);
	err = (struct error)ERROR_INIT;
	assert_int_equal(mount_options_parse(o, "gid=4294967295", &err), -1); /* -1 means none */
	assert_int_equal(err.code, ERR_USAGE);
	parse(o, "gid=4294967294");
	assert_int_equal(o->gid, 4294967294u);
}

#define with_options(test) cmocka_unit_test_setup_teardown(test, init, fini)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_options(everything_belongs_to_the_caller_unless_said_otherwise),
		with_options(datastores_are_names_and_folders),
		with_options(our_options_are_taken),
		with_options(the_last_one_wins_over_several_lists),
		with_options(what_mount_and_fstab_say_is_ignored),
		with_options(generic_options_reach_fuse),
		with_options(unknown_options_and_bad_values_are_refused),
		with_options(ids_are_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
