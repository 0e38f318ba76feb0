/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "replicate/evidence.h"

#define TEXT_MAX 32768  /* bytes: what the journal's CLEAN record takes */
#define FILES_MAX 4096  /* lines of a text: each has at least 8 bytes */

void evidence_fini(struct evidence *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->v[i].path);
	free(e->v);
	*e = (struct evidence){ 0 };
}

static inline void cleanup_evidence(struct evidence *e)
{
	evidence_fini(e);
}

static void move_to(struct evidence *out, struct evidence *from)
{
	*out = *from;
	*from = (struct evidence){ 0 };
}

static int take(struct disk *d, bool anew, struct evidence *out, struct error *err)
{
	CLEANUP(cleanup_evidence) struct evidence e = { 0 };
	size_t n = disk_file_count(d);

	e.v = calloc(n ? n : 1, sizeof(*e.v));
	if (!e.v)
		return error_errno(err, ENOMEM, "fingerprint of %zu files", n);
	for (; e.n < n; e.n++) {
		const struct backing *b = disk_file(d, e.n);
		struct evidence_file *f = &e.v[e.n];

		f->stamp = b->stamp;
		if (anew && backing_restat(b, &f->stamp, err) < 0)
			return -1;
		f->path = strdup(b->path);
		if (!f->path)
			return error_errno(err, ENOMEM, "%s", b->path);
		f->stamps_writes = b->stamps_writes;
		clock_boot_id(f->seen_boot);
		f->seen_boottime_ns = clock_boottime_ns(); /* after the fstat: never earlier than the stamp was there */
	}
	move_to(out, &e);
	return 0;
}

int evidence_at_open(struct disk *d, struct evidence *out, struct error *err)
{
	return take(d, false, out, err);
}

int evidence_take(struct disk *d, struct evidence *out, struct error *err)
{
	return take(d, true, out, err);
}

static bool same_file(const struct evidence_file *a, const struct evidence_file *b)
{
	return strcmp(a->path, b->path) == 0 && backing_stamp_equal(&a->stamp, &b->stamp);
}

static bool same_paths(const struct evidence *a, const struct evidence *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].path, b->v[i].path) != 0)
			return false;
	return true;
}

bool evidence_equal(const struct evidence *a, const struct evidence *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!same_file(&a->v[i], &b->v[i]))
			return false;
	return true;
}

static const struct evidence_file *find(const struct evidence *e, const struct evidence_file *f)
{
	for (size_t i = 0; i < e->n; i++)
		if (same_file(&e->v[i], f))
			return &e->v[i];
	return NULL;
}

void evidence_inherit(struct evidence *e, const struct evidence *older)
{
	for (size_t i = 0; i < e->n; i++) {
		struct evidence_file *f = &e->v[i];
		const struct evidence_file *o = find(older, f);

		if (!o)
			continue;
		/* What a scan under a settled stamp hashed is what any later one under the same stamp reads. */
		f->settled = f->settled || (o->settled && o->stamps_writes);
		/* Boot-time clocks of different boots cannot be compared: then it counts as first seen now. */
		if (f->seen_boot[0] && strcmp(o->seen_boot, f->seen_boot) == 0 &&
		    o->seen_boottime_ns < f->seen_boottime_ns)
			f->seen_boottime_ns = o->seen_boottime_ns;
	}
}

static bool is_old(int64_t time_ns, uint64_t now_ns)
{
	int64_t now = now_ns > INT64_MAX ? INT64_MAX : (int64_t)now_ns;

	return time_ns < now - (int64_t)EVIDENCE_OLD_NS;
}

/* Time until the stamp of f is settled; UINT64_MAX: waiting does not help. */
static uint64_t settle_ns(const struct evidence_file *f, const char *boot, uint64_t boottime, uint64_t realtime)
{
	uint64_t seen_for;

	if (f->settled || (is_old(f->stamp.mtime_ns, realtime) && is_old(f->stamp.ctime_ns, realtime)))
		return 0;
	if (!f->seen_boot[0] || strcmp(f->seen_boot, boot) != 0 || f->seen_boottime_ns > boottime)
		return UINT64_MAX;
	seen_for = boottime - f->seen_boottime_ns;
	return seen_for >= EVIDENCE_SETTLE_NS ? 0 : EVIDENCE_SETTLE_NS - seen_for;
}

void evidence_settle(struct evidence *e, uint64_t opened_ns)
{
	uint64_t realtime = clock_realtime_ns();
	char boot[CLOCK_BOOT_ID_LEN];

	clock_boot_id(boot);
	for (size_t i = 0; i < e->n; i++)
		e->v[i].settled = settle_ns(&e->v[i], boot, opened_ns, realtime) == 0;
}

bool evidence_stamp_settled(const struct backing_stamp *s, uint64_t seen_ns, uint64_t opened_ns)
{
	uint64_t realtime = clock_realtime_ns();

	return (is_old(s->mtime_ns, realtime) && is_old(s->ctime_ns, realtime)) ||
	       (seen_ns <= opened_ns && opened_ns - seen_ns >= EVIDENCE_SETTLE_NS);
}

uint64_t evidence_settle_wait_ns(const struct evidence *e)
{
	uint64_t boottime = clock_boottime_ns(), realtime = clock_realtime_ns(), most = 0;
	char boot[CLOCK_BOOT_ID_LEN];

	clock_boot_id(boot);
	for (size_t i = 0; i < e->n; i++) {
		uint64_t ns = e->v[i].stamps_writes ? settle_ns(&e->v[i], boot, boottime, realtime) : UINT64_MAX;

		if (ns != UINT64_MAX && ns > most)
			most = ns;
	}
	return most;
}

static const char too_new[] = "its files had just been written when the last cycle read them, and times that are so new prove "
			      "nothing; the next cycle can go by them";

bool evidence_why_passes(const char *why)
{
	return why == too_new;
}

static const char *why_not_proven(const struct evidence *now, const struct evidence *last)
{
	if (now->n == 0)
		return "the disk has no files to judge by";
	if (last->n == 0)
		return "no file times are known from the last cycle";
	if (!same_paths(now, last))
		return "the disk consists of other files than in the last cycle";
	for (size_t i = 0; i < now->n; i++)
		if (!now->v[i].stamps_writes || !last->v[i].stamps_writes)
			return "this file system's times do not prove that a file is unchanged";
	if (!evidence_equal(now, last))
		return "a file of the disk has changed";
	for (size_t i = 0; i < last->n; i++)
		if (!last->v[i].settled)
			return too_new;
	return NULL;
}

bool evidence_proves_unchanged(const struct evidence *now, const struct evidence *last, const char **why_out)
{
	const char *why = why_not_proven(now, last);

	if (why)
		*why_out = why;
	return !why;
}

bool evidence_is_settled(const struct evidence *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (!e->v[i].stamps_writes || !e->v[i].settled)
			return false;
	return e->n > 0;
}

char *evidence_format(const struct evidence *e, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	for (size_t i = 0; i < e->n && b.len <= TEXT_MAX; i++) {
		const struct evidence_file *f = &e->v[i];
		CLEANUP_FREE char *path = escape_name(f->path, err);

		if (!path)
			return NULL;
		strbuf_addf(&b, "%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %s %" PRIu64 " %s%s%s %s\n",
			    f->stamp.inode, f->stamp.size, f->stamp.mtime_ns, f->stamp.ctime_ns,
			    f->seen_boot[0] ? f->seen_boot : "-", f->seen_boottime_ns, f->stamps_writes ? "w" : "",
			    f->settled ? "s" : "", f->stamps_writes || f->settled ? "" : "-", path);
	}
	if (b.len > TEXT_MAX) {
		strbuf_fini(&b);
		b = (struct strbuf){ 0 };
	}
	return strbuf_take(&b, err);
}

/* The next word of *text, which is cut off and stepped over; NULL if there is none. */
static char *next_word(char **text)
{
	char *word = *text, *end = strchr(word, ' ');

	if (!end || end == word)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return word;
}

static int parse_time(const char *word, int64_t *out)
{
	bool negative = word[0] == '-';
	uint64_t v;

	if (parse_u64(word + negative, INT64_MAX, &v, NULL) < 0)
		return -1;
	*out = negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

static int parse_boot(const char *word, char out[CLOCK_BOOT_ID_LEN])
{
	size_t len = strlen(word);

	if (len >= CLOCK_BOOT_ID_LEN)
		return -1;
	if (strcmp(word, "-") == 0)
		len = 0;
	memcpy(out, word, len);
	out[len] = '\0';
	return 0;
}

static int parse_flags(const char *word, struct evidence_file *f)
{
	f->stamps_writes = strchr(word, 'w');
	f->settled = strchr(word, 's');
	return strspn(word, "ws-") == strlen(word) ? 0 : -1;
}

/* Fills f but its path from a line that is cut up; the path's text is what is left of it.  NULL: not such a line. */
static char *parse_line(char *line, struct evidence_file *f)
{
	char *word[7];

	for (size_t i = 0; i < ARRAY_LEN(word); i++) {
		word[i] = next_word(&line);
		if (!word[i])
			return NULL;
	}
	if (parse_u64(word[0], UINT64_MAX, &f->stamp.inode, NULL) < 0 ||
	    parse_u64(word[1], UINT64_MAX, &f->stamp.size, NULL) < 0 || parse_time(word[2], &f->stamp.mtime_ns) < 0 ||
	    parse_time(word[3], &f->stamp.ctime_ns) < 0 || parse_boot(word[4], f->seen_boot) < 0 ||
	    parse_u64(word[5], UINT64_MAX, &f->seen_boottime_ns, NULL) < 0 || parse_flags(word[6], f) < 0)
		return NULL;
	return *line ? line : NULL;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

int evidence_parse(const char *text, struct evidence *out, struct error *err)
{
	CLEANUP(cleanup_evidence) struct evidence e = { 0 };
	CLEANUP_FREE char *copy = strdup(text);
	size_t lines = count_lines(text);
	char *line = copy, *end, *path;

	if (lines > FILES_MAX)
		return error_set(err, ERR_CORRUPT, "fingerprint of %zu files, at most %d", lines, FILES_MAX);
	e.v = calloc(lines ? lines : 1, sizeof(*e.v));
	if (!copy || !e.v)
		return error_errno(err, ENOMEM, "fingerprint of %zu files", lines);
	for (; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		path = end ? parse_line(line, &e.v[e.n]) : NULL;
		if (!path)
			return error_set(err, ERR_CORRUPT, "fingerprint, line %zu: not a file's size and times",
					 e.n + 1);
		e.v[e.n].path = unescape_percent(path, err);
		if (!e.v[e.n].path)
			return error_prefix(err, "fingerprint, line %zu", e.n + 1);
		e.n++;
	}
	move_to(out, &e);
	return 0;
}
