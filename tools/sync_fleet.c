/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "inventory/disk_info.h"
#include "sync_fleet.h"

static const struct {
	const char *name;
	unsigned base; /* what the first line is called */
} variables[] = {
	{ "SLURM_ARRAY_TASK_ID", 1 },
	{ "SGE_TASK_ID", 1 },
	{ "PARALLEL_SEQ", 1 },
	{ "JOB_COMPLETION_INDEX", 0 },
};

/* The variable's line; false: it is not set, or is Grid Engine's word for a job that is no array. */
static int read_variable(size_t i, sync_fleet_env *env, uint64_t *out, bool *set, struct error *err)
{
	const char *value = env(variables[i].name);

	*set = value && strcmp(value, "undefined") != 0;
	if (!*set)
		return 0;
	if (parse_u64(value, UINT64_MAX - 1, out, err) < 0)
		return error_prefix(err, "%s", variables[i].name);
	*out += 1 - variables[i].base;
	return 0;
}

static int find_number(sync_fleet_env *env, struct sync_fleet *f, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		uint64_t line = 0;
		bool set;

		if (read_variable(i, env, &line, &set, err) < 0)
			return -1;
		if (!set)
			continue;
		if (f->variable && line != f->number)
			return error_set(err, ERR_USAGE, "%s says line %" PRIu64 ", %s line %" PRIu64 ": give --index a number",
					 f->variable, f->number, variables[i].name, line);
		if (!f->variable)
			f->variable = variables[i].name;
		f->number = line;
	}
	if (f->variable)
		return 0;
	return error_set(err, ERR_USAGE, "--index auto: none of SLURM_ARRAY_TASK_ID, SGE_TASK_ID, PARALLEL_SEQ and "
					 "JOB_COMPLETION_INDEX is set");
}

static bool is_blank(const char *line, size_t len)
{
	return strspn(line, " \t\r") >= len;
}

/* From one line to the next; len without the newline and what Windows puts before it. */
static const char *take_line(const char *p, size_t *len)
{
	size_t n = strcspn(p, "\n");

	*len = n > 0 && p[n - 1] == '\r' ? n - 1 : n;
	return p + n + (p[n] == '\n');
}

static int pick_line(const char *text, const char *list, struct sync_fleet *f, struct error *err)
{
	const char *mine = NULL;
	size_t mine_len = 0, len;
	uint64_t n = 0;

	for (const char *p = text, *next; *p; p = next) {
		next = take_line(p, &len);
		if (++n == f->number) {
			mine = p;
			mine_len = len;
		}
	}
	if (!mine)
		return error_set(err, ERR_USAGE, "%s: no line %" PRIu64 ": it has %" PRIu64, list, f->number, n);
	if (is_blank(mine, mine_len))
		return error_set(err, ERR_USAGE, "%s: line %" PRIu64 " is blank", list, f->number);
	n = 0;
	for (const char *p = text, *next; *p; p = next) {
		next = take_line(p, &len);
		n++;
		if (p != mine && len == mine_len && memcmp(p, mine, len) == 0)
			return error_set(err, ERR_USAGE, "%s: lines %" PRIu64 " and %" PRIu64 " are the same: '%.*s'", list,
					 n < f->number ? n : f->number, n < f->number ? f->number : n, (int)len, mine);
	}
	f->line = strndup(mine, mine_len);
	return f->line ? 0 : error_errno(err, ENOMEM, "%s", list);
}

int sync_fleet_choose(const char *list, const char *index, sync_fleet_env *env, struct sync_fleet *out, struct error *err)
{
	struct sync_fleet f = { .line = NULL };
	CLEANUP_FREE char *text = NULL;
	size_t len;

	if (strcmp(index, "auto") == 0) {
		if (find_number(env, &f, err) < 0)
			return -1;
	} else if (parse_u64(index, UINT64_MAX, &f.number, err) < 0) {
		return error_prefix(err, "--index");
	}
	if (f.number == 0)
		return error_set(err, ERR_USAGE, "%s%s: lines count from 1", f.variable ? f.variable : "--index", f.variable ? "=0" : " 0");
	text = io_read_file(AT_FDCWD, list, SYNC_FLEET_LIST_MAX, &len, err);
	if (!text)
		return error_prefix(err, "--list");
	if (strlen(text) != len)
		return error_set(err, ERR_USAGE, "--list %s: a zero byte at %zu: no list of names", list, strlen(text));
	if (pick_line(text, list, &f, err) < 0)
		return error_prefix(err, "--list");
	*out = f;
	return 0;
}

void sync_fleet_fini(struct sync_fleet *f)
{
	free(f->line);
	*f = (struct sync_fleet){ .line = NULL };
}

/* Lists have a VM's name in the form in which JSON and tables show it, of which there is one. */
bool sync_fleet_wants(void *ctx, const char *vm, const char *disk)
{
	const struct sync_fleet *f = ctx;
	CLEANUP_FREE char *shown = NULL;

	if (strcmp(f->line, disk) == 0)
		return true;
	shown = disk_info_escape(vm, NULL);
	return shown && strcmp(f->line, shown) == 0;
}
