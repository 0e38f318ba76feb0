/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "replicate/identity.h"

#define DISKS 4

struct row {
	const char *what;
	struct identity_disk disks[DISKS]; /* up to the first without a name */
	struct identity_replica replicas[DISKS];
	const char *want[DISKS]; /* "own", "NAME" to follow, "copy of TWIN", or the beginning of the refusal */
};

#define DISK(path, id_text) { .name = path ".vhd", .source = path ".vmdk", .id = id_text, .here = true }
#define NO_ID(path) { .name = path ".vhd", .source = path ".raw", .id = "", .no_id = true, .here = true }
#define SHIFTED(path, path_alone, id_text) \
	{ .name = path ".vhd", .place = path_alone ".vhd", .source = path ".vmdk", .id = id_text, .here = true }
#define LEFT(path, id_text) { .name = path ".vhd", .source = path ".vmdk", .id = id_text }
#define IMAGE(path, id_text) { .name = path ".vhd", .source = path ".vmdk", .id = id_text, .only_name = true }
#define REPLICA(path, id_text) { path ".vhd", id_text }

static const struct row rows[] = {
	{ "a first cycle", { DISK("a", "1"), DISK("b", "2"), DISK("c", "") }, { { 0 } }, { "own", "own", "own" } },
	{ "as before", { DISK("a", "1"), DISK("b", "2") }, { REPLICA("a", "1"), REPLICA("b", "2") }, { "own", "own" } },
	{ "renamed", { DISK("new", "1") }, { REPLICA("old", "1") }, { "old.vhd" } },
	{ "renamed, no id", { DISK("new", "") }, { REPLICA("old", "") }, { "own" } },
	{ "renamed, an id of zeros", { DISK("new", "00000000-0000") }, { REPLICA("old", "00000000-0000") }, { "own" } },
	{ "copied", { DISK("a", "1"), DISK("copy", "1") }, { REPLICA("a", "1") }, { "own", "copy of a.vhd" } },
	{ "copied, and the first left out", { DISK("copy", "1"), LEFT("a", "1") }, { REPLICA("a", "1") }, { "copy of a.vhd" } },
	{ "copied, and the first does not open", { DISK("copy", "1"), LEFT("a", "") }, { REPLICA("a", "1") }, { "copy of a.vhd" } },
	{ "its old name is that of an image", { DISK("copy", "1"), IMAGE("a", "1") }, { REPLICA("a", "1") }, { "copy of a.vhd" } },
	{ "twice at the first cycle", { DISK("a", "1"), DISK("b", "1") }, { { 0 } }, { "copy of b.vmdk", "copy of a.vmdk" } },
	{ "a copy renamed, beside the first", { DISK("a", "1"), DISK("new", "1") }, { REPLICA("a", "1"), REPLICA("old", "1") },
	  { "own", "old.vhd" } },
	{ "restored under its name", { DISK("a", "9") }, { REPLICA("a", "1") }, { "own" } },
	{ "names exchanged", { DISK("a", "2"), DISK("b", "1") }, { REPLICA("a", "1"), REPLICA("b", "2") }, { "own", "own" } },
	{ "renamed, and its name given to another", { DISK("a", "2"), DISK("new", "1") }, { REPLICA("a", "1") },
	  { "a.vmdk: the replica a.vhd is that of new.vmdk, which has its id (1; this one has 2)", "a.vhd" } },
	{ "the same, the other being left out", { DISK("new", "1"), LEFT("a", "2") }, { REPLICA("a", "1") }, { "a.vhd" } },
	{ "its name given to one that has none", { NO_ID("a"), DISK("new", "1") }, { REPLICA("a", "1") },
	  { "a.raw: has no id, and the replica a.vhd has that of new.vmdk (1), which is there too", "copy of a.vhd" } },
	{ "the same, once the other has a replica", { NO_ID("a"), DISK("new", "1") }, { REPLICA("a", "1"), REPLICA("new", "1") },
	  { "a.raw: has no id", "own" } },
	{ "the same, the other being left out", { NO_ID("a"), LEFT("new", "1") }, { REPLICA("a", "1") }, { "a.raw: has no id" } },
	{ "another image took its name", { NO_ID("a"), SHIFTED("a.vmdk", "a", "1"), IMAGE("a", "1") }, { REPLICA("a", "1") },
	  { "a.raw: has no id, and the replica a.vhd has that of a.vmdk.vmdk (1)", "a.vhd" } },
	{ "the same, one with an id", { DISK("a", "2"), SHIFTED("a.vmdk", "a", "1"), IMAGE("a", "1") }, { REPLICA("a", "1") },
	  { "a.vmdk: the replica a.vhd is that of a.vmdk.vmdk, which has its id (1; this one has 2)", "a.vhd" } },
	{ "the same from the first cycle on", { NO_ID("a"), SHIFTED("a.vmdk", "a", "1"), IMAGE("a", "1") },
	  { REPLICA("a", ""), REPLICA("a.vmdk", "1") }, { "own", "own" } },
	{ "the id was lost", { NO_ID("a"), IMAGE("a", "1") }, { REPLICA("a", "1") }, { "own" } },
	{ "none ever had one", { NO_ID("a"), DISK("b", "1") }, { REPLICA("a", "") }, { "own", "own" } },
	{ "the same, of a disk whose id is not known", { DISK("a", ""), DISK("new", "1") }, { REPLICA("a", "1") },
	  { "own", "copy of a.vhd" } },
	{ "several replicas", { DISK("new", "1") }, { REPLICA("a", "1"), REPLICA("b", "1") },
	  { "new.vmdk: has the id (1) of the replicas a.vhd and b.vhd, and neither's disk is there any more" } },
	{ "several replicas, of which one is held", { DISK("b", "1"), DISK("new", "1") }, { REPLICA("a", "1"), REPLICA("b", "1") },
	  { "own", "a.vhd" } },
	{ "several disks", { DISK("x", "1"), DISK("y", "1") }, { REPLICA("a", "1") },
	  { "x.vmdk: it and y.vmdk have the id (1) of the replica a.vhd", "y.vmdk: it and x.vmdk have the id (1)" } },
	{ "several disks, one of them left out", { DISK("x", "1"), LEFT("y", "1") }, { REPLICA("a", "1") },
	  { "x.vmdk: it and y.vmdk have the id (1) of the replica a.vhd" } },
	{ "alone", { { .name = "new.vhd", .source = "new.vmdk", .id = "1", .here = true, .alone = true } }, { REPLICA("old", "1") },
	  { "copy of old.vhd" } },
	{ "told twice", { DISK("new", "1"), LEFT("new", "1"), IMAGE("new", "1") }, { REPLICA("old", "1") }, { "old.vhd" } },
	{ "an image named otherwise than its disk", { DISK("new.vhdx", "1"), IMAGE("new", "1") }, { REPLICA("old", "1") },
	  { "old.vhd" } },
};

static void describe(const struct identity_disk *d, char *out, size_t len)
{
	switch (d->outcome) {
	case IDENTITY_OWN:
		assert_string_equal(d->replica, d->name);
		snprintf(out, len, "own");
		break;
	case IDENTITY_FOLLOWS:
		snprintf(out, len, "%s", d->replica);
		break;
	case IDENTITY_COPY:
		assert_string_equal(d->replica, d->name);
		snprintf(out, len, "copy of %s", d->twin);
		break;
	case IDENTITY_REFUSED:
		assert_int_equal(d->err.code, ERR_CONFLICT);
		snprintf(out, len, "%s", d->err.msg);
		break;
	}
}

static void each_disk_goes_on_with_its_own_replica_or_it_is_said_why_not(void **state)
{
	(void)state;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		struct identity_disk disks[DISKS];
		size_t n = 0, n_replicas = 0;

		memcpy(disks, rows[r].disks, sizeof(disks));
		while (n < DISKS && disks[n].name)
			n++;
		while (n_replicas < DISKS && rows[r].replicas[n_replicas].name)
			n_replicas++;
		assert_int_equal(identity_match(disks, n, rows[r].replicas, n_replicas, NULL), 0);
		for (size_t i = 0; i < n; i++) {
			char got[ERROR_MSG_MAX] = "";

			if (!disks[i].here)
				continue;
			describe(&disks[i], got, sizeof(got));
			if (strncmp(got, rows[r].want[i], strlen(rows[r].want[i])) != 0)
				fail_msg("%s: %s: '%s', not '%s'", rows[r].what, disks[i].source, got, rows[r].want[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_disk_goes_on_with_its_own_replica_or_it_is_said_why_not),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
