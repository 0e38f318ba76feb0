/* SPDX-License-Identifier: Apache-2.0 */
/* The text that Prometheus reads: each line one that its grammar knows, labels escaped, replaced whole. */
#include "unit.h"

#include <dirent.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "project/metrics.h"
#include "support/project_rig.h"

static uint64_t at_1000_s(int which)
{
	(void)which;
	return UINT64_C(1000) * 1000000000;
}

static int setup(void **state)
{
	int rc = project_rig_setup(state);

	clock_set_for_test(at_1000_s);
	if (rc == 0)
		project_rig_open(*state);
	return rc;
}

static int teardown(void **state)
{
	clock_set_for_test(NULL);
	return project_rig_teardown(state);
}

static char *text_of(struct project_rig *r)
{
	struct error e = ERROR_INIT;
	char *text = project_metrics_text(r->project, &e);

	if (!text)
		fail_msg("%s", e.msg);
	return text;
}

static void has(const char *text, const char *line)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("no line '%s' in:\n%s", line, text);
}

#define A "{target=\"/backup/vms\",vm=\"web01/web01\",disk=\"web01/a.vhd\"}"

static void what_is_known_of_a_disk_is_there(void **state)
{
	struct project_rig *r = *state;

	project_rig_cycle(r, 100, CYCLE_OK, ERR_NONE);
	snprintf(r->vm.point, sizeof(r->vm.point), "P1");
	atomic_store(&r->disks[0].progress.bytes_sent, 4096);
	project_rig_record(r);
	project_rig_cycle(r, 200, CYCLE_PARKED, ERR_NETWORK);
	project_rig_record(r);
	assert_int_equal(project_record_deleted(r->project, RIG_TARGET, "web01/b.vhd", "P1", NULL), 0);
	CLEANUP_FREE char *text = text_of(r);
	has(text, "# TYPE liftfs_disk_last_success_timestamp_seconds gauge");
	has(text, "liftfs_disk_last_success_timestamp_seconds" A " 100");
	has(text, "liftfs_disk_lag_seconds" A " 900");
	has(text, "liftfs_disk_last_cycle_timestamp_seconds" A " 205");
	has(text, "liftfs_disk_exit_status" A " 75");
	has(text, "liftfs_disk_parked" A " 1");
	has(text, "# TYPE liftfs_disk_bytes_sent_total counter");
	has(text, "liftfs_disk_bytes_sent_total" A " 4096");
	has(text, "liftfs_disk_recovery_points" A " 1");
	has(text, "liftfs_disk_result{target=\"/backup/vms\",vm=\"web01/web01\",disk=\"web01/a.vhd\",result=\"parked\"} 1");
	has(text, "liftfs_disk_result{target=\"/backup/vms\",vm=\"web01/web01\",disk=\"web01/a.vhd\",result=\"current\"} 0");
	has(text, "liftfs_vm_points{target=\"/backup/vms\",vm=\"web01/web01\"} 0"); /* not all disks have it any more */
	has(text, "liftfs_written_timestamp_seconds 1000");
}

static void what_is_not_known_has_no_sample(void **state)
{
	struct project_rig *r = *state;

	project_rig_cycle(r, 200, CYCLE_FAILED, ERR_SYSTEM);
	project_rig_record(r);
	CLEANUP_FREE char *text = text_of(r);
	has(text, "# TYPE liftfs_disk_lag_seconds gauge");
	assert_null(strstr(text, "\nliftfs_disk_lag_seconds{"));
	assert_null(strstr(text, "\nliftfs_disk_last_success_timestamp_seconds{"));
}

static void labels_are_escaped(void **state)
{
	struct error e = ERROR_INIT;
	CLEANUP_FREE char *label = metrics_label("a\\b\"c\nd{}=,", &e);

	(void)state;
	assert_string_equal(label, "a\\\\b\\\"c\\nd{}=,");
}

/* Each metric's HELP and TYPE once, before its samples; each sample of the grammar. */
static void every_line_is_of_the_format(void **state)
{
	struct project_rig *r = *state;
	char metric[128] = "", *save = NULL;
	unsigned samples = 0;
	regex_t sample;

	r->vm.name = "we\"b}01 {x=\"y\"} 7";
	project_rig_cycle(r, 100, CYCLE_OK, ERR_NONE);
	project_rig_record(r);
	CLEANUP_FREE char *text = text_of(r);
	assert_int_equal(regcomp(&sample,
				 "^[a-z_]+(\\{[a-z]+=\"([^\"\\\\]|\\\\[\\\\\"n])*\"(,[a-z]+=\"([^\"\\\\]|\\\\[\\\\\"n])*\")*\\})? "
				 "[0-9.e+-]+$", REG_EXTENDED | REG_NOSUB), 0);
	assert_int_equal(text[strlen(text) - 1], '\n');
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t len = strcspn(line, "{ ");

		if (strncmp(line, "# HELP ", 7) == 0) {
			snprintf(metric, sizeof(metric), "%.*s", (int)strcspn(line + 7, " "), line + 7);
			continue;
		}
		if (strncmp(line, "# TYPE ", 7) == 0) {
			assert_memory_equal(line + 7, metric, strlen(metric));
			continue;
		}
		if (regexec(&sample, line, 0, NULL, 0) != 0)
			fail_msg("not a sample: %s", line);
		assert_int_equal(len, strlen(metric));
		assert_memory_equal(line, metric, len);
		samples++;
	}
	assert_true(samples > 30);
	regfree(&sample);
}

static void the_file_is_replaced_whole_and_readable_for_others(void **state)
{
	struct project_rig *r = *state;
	struct error e = ERROR_INIT;
	mode_t mask = umask(0077);
	struct stat before, after;
	char path[192];

	snprintf(path, sizeof(path), "%s/liftfs.prom", r->dir->path);
	scratch_write(r->dir, "liftfs.prom", "old", 3);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(project_write_metrics(r->project, path, &e), 0);
	umask(mask);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_mode & 0777, 0644);
	assert_true(after.st_ino != before.st_ino);
	CLEANUP_FREE char *text = io_read_file(r->dir->fd, "liftfs.prom", 1 << 20, NULL, &e);
	assert_non_null(strstr(text, "liftfs_written_timestamp_seconds 1000\n"));

	snprintf(path, sizeof(path), "%s/none/liftfs.prom", r->dir->path);
	assert_int_equal(project_write_metrics(r->project, path, &e), -1);
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_non_null(strstr(e.msg, "No such file or directory"));
}

static void a_failed_write_leaves_no_part_behind(void **state)
{
	struct project_rig *r = *state;
	struct error e = ERROR_INIT;
	char path[192];
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/folder", r->dir->path);
	assert_int_equal(mkdir(path, 0700), 0); /* a rename onto it does not work */
	assert_int_equal(project_write_metrics(r->project, path, &e), -1);
	DIR *d = opendir(r->dir->path);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	assert_int_equal(n, 4); /* ., .., folder, state */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_known_of_a_disk_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_known_has_no_sample, setup, teardown),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test_setup_teardown(every_line_is_of_the_format, setup, teardown),
		cmocka_unit_test_setup_teardown(the_file_is_replaced_whole_and_readable_for_others, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_write_leaves_no_part_behind, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
