/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of what a round takes a survey for:
 *
 *	survey FILE                  its conditions, and a line "disk NAME GLANCE" for each disk
 *	survey FILE WORD VALUE       the condition WORD as it would be elsewhere: another VALUE
 *	survey FILE later SECONDS    as if it had been taken when the clock was so many seconds further on
 */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "project/survey.h"

#define FILE_MAX ((size_t)1 << 24)

static int fail(const struct error *err)
{
	fprintf(stderr, "%s\n", err->msg);
	return 1;
}

static void show(const struct survey *s)
{
	printf("%s", s->conditions);
	for (size_t i = 0; i < s->n_disks; i++)
		printf("disk %s %s\n", s->disks[i].name, s->disks[i].left.glance);
}

/* The conditions with another value in the one line that begins with `word`; NULL: there is none. */
static char *with_value(const char *conditions, const char *word, const char *value)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	size_t len = strlen(word);
	bool found = false;

	for (const char *line = conditions; *line; line += strcspn(line, "\n") + 1) {
		if (strncmp(line, word, len) == 0 && line[len] == ' ') {
			strbuf_addf(&b, "%s %s\n", word, value);
			found = true;
		} else {
			strbuf_add(&b, line, strcspn(line, "\n") + 1);
		}
	}
	return found ? strbuf_take(&b, NULL) : NULL;
}

static int change(const char *path, struct survey *s, const char *word, const char *value)
{
	CLEANUP_FREE char *conditions = NULL;
	CLEANUP_FREE char *bytes = NULL;
	CLEANUP_FILE FILE *f = NULL;
	struct error err = ERROR_INIT;
	uint64_t seconds;
	size_t len;

	if (strcmp(word, "later") == 0) {
		if (parse_u64(value, 1000000, &seconds, &err) < 0)
			return fail(&err);
		s->realtime_ns += seconds * UINT64_C(1000000000);
	} else {
		conditions = with_value(s->conditions, word, value);
		if (!conditions) {
			fprintf(stderr, "no condition '%s'\n", word);
			return 1;
		}
		s->conditions = conditions;
	}
	bytes = survey_encode(s, &len, &err);
	if (!bytes)
		return fail(&err);
	f = fopen(path, "wb");
	return f && fwrite(bytes, 1, len, f) == len && fflush(f) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	CLEANUP(cleanup_survey) struct survey s = { 0 };
	CLEANUP_FREE char *bytes = NULL;
	struct error err = ERROR_INIT;
	size_t len;

	if (argc != 2 && argc != 4)
		return 2;
	bytes = io_read_file(AT_FDCWD, argv[1], FILE_MAX, &len, &err);
	if (!bytes || survey_decode(bytes, len, &s, &err) < 0)
		return fail(&err);
	if (argc == 4)
		return change(argv[1], &s, argv[2], argv[3]);
	show(&s);
	return 0;
}
