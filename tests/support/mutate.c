/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damages images in place, structure by structure, and judges what comes of it (mutate_outcome.h).
 *
 *	mutate [--full] TABLE FOLDER <FIELDS
 *
 * FIELDS are the lines of disk_fields.py.  TABLE has the fields whose damage nobody can find, one a line:
 *
 *	FIELD | moves or any | reason		FIELD+: only with its checksum renewed
 *
 * Every field's bytes are changed, once as they are and once with the checksum over them renewed, and the file is cut at
 * every boundary.  A child process does it for each file of an image, so that a crash, an endless loop or unbounded memory
 * is of one case.  Prints a line for each file; exit status 1 if anything was not allowed.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "disk/crc32c.h"
#include "support/mutate_outcome.h"

#define SECONDS_EACH 10
#define MEMORY_MAX ((rlim_t)512 << 20)
#define COMPLAINTS_MAX 60 /* of one file */
#define NAMES_MAX 8
#define SHORT_FIELD 8 /* bytes: longer ones are no numbers */

struct seal {
	char kind[12];
	uint64_t off, len, field;
};

struct rule {
	char name[64];
	bool any, sealed;
	struct rule *next;
};

/* What parent and child share: which case it is, for when the child does not come back. */
struct shared {
	char now[160];
	unsigned n[OUTCOME_KINDS], cases, complaints;
};

struct target {
	const char *folder;
	char leaf[256], flat_path[256], path[256]; /* below folder */
	const char *names[NAMES_MAX + 1];
	char name_store[NAMES_MAX][64];
	struct outcome_image img;
	uint8_t *flat, *bytes;
	uint64_t len;
	int fd;
	struct seal seals[16];
	size_t n_seals;
	struct rule *rules;
	struct shared *shared;
	bool full, skip, is_parent;
	unsigned n_fields; /* seen in a parent */
};

static void die(const char *what)
{
	fprintf(stderr, "mutate: %s: %m\n", what);
	exit(2);
}

static uint8_t *read_all(const char *path, uint64_t *len)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *buf;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	*len = (uint64_t)st.st_size;
	buf = malloc((size_t)*len + 1);
	if (!buf || io_pread(fd, buf, (size_t)*len, 0, NULL) < 0)
		die(path);
	return buf;
}

static void write_at(struct target *t, uint64_t off, const void *buf, size_t len)
{
	if (io_pwrite(t->fd, buf, len, off, NULL) < 0)
		die(t->path);
}

/* ---- one case ---- */

static const struct rule *rule_of(const struct target *t, const char *name, bool sealed)
{
	const struct rule *r = t->rules;

	while (r && (strcmp(r->name, name) != 0 || (r->sealed && !sealed)))
		r = r->next;
	return r;
}

static void run_case(struct target *t, const struct rule *r, uint64_t cover_off, uint64_t cover_len, const char *what)
{
	enum outcome_allowed allowed = !r ? OUTCOME_STRICT : r->any ? OUTCOME_ANY : OUTCOME_MOVES;
	char why[OUTCOME_WHY_MAX] = "";
	enum outcome kind = OUTCOME_SAME;

	snprintf(t->shared->now, sizeof(t->shared->now), "%s", what);
	alarm(SECONDS_EACH);
	if (!outcome_judge(&t->img, allowed, cover_off, cover_len, &kind, why) &&
	    t->shared->complaints++ < COMPLAINTS_MAX)
		printf("%s: %s: %s\n", t->path, what, why);
	t->shared->n[kind]++;
	t->shared->cases++;
	alarm(0);
}

/* Over a copy of what it covers, in which [off, off + len) is `data`. */
static void renew_seal(struct target *t, const struct seal *s, uint64_t off, const uint8_t *data, size_t len)
{
	CLEANUP_FREE uint8_t *copy = malloc((size_t)s->len);
	uint64_t at = s->field - s->off;
	uint8_t sum[8] = { 0 };
	uint32_t add = 0;

	if (!copy)
		die("seal");
	memcpy(copy, t->bytes + s->off, (size_t)s->len);
	memcpy(copy + (off - s->off), data, len);
	if (strcmp(s->kind, "crc32c") == 0) {
		put_le32(sum, crc32c_sealed(copy, (size_t)s->len, (size_t)at));
		write_at(t, s->field, sum, 4);
		return;
	}
	memset(copy + at, *s->kind == 't' ? ' ' : 0, *s->kind == 't' ? 8 : 4);
	for (uint64_t i = 0; i < s->len; i++)
		add += copy[i];
	put_be32(sum, ~add);
	if (*s->kind == 't')
		snprintf((char *)sum, sizeof(sum), "%06o", add);
	write_at(t, s->field, sum, *s->kind == 't' ? 8 : 4);
}

struct field {
	char name[64];
	uint64_t off, len, cover_off, cover_len;
	const struct seal *seal;
};

/* The bytes [off, off + len) become `data`. */
static void try_bytes(struct target *t, const struct field *f, uint64_t off, const uint8_t *data, size_t len)
{
	const struct seal *s = f->seal;
	char what[160];

	if (memcmp(t->bytes + off, data, len) == 0)
		return;
	snprintf(what, sizeof(what), "%s at %" PRIu64 "+%" PRIu64 ": %02x%02x... for %02x%02x...", f->name, off,
		 (uint64_t)len, data[0], len > 1 ? data[1] : 0, t->bytes[off], len > 1 ? t->bytes[off + 1] : 0);
	write_at(t, off, data, len);
	if (t->full || !s || len == 1)
		run_case(t, rule_of(t, f->name, false), f->cover_off, f->cover_len, what);
	if (s && (off >= s->field + 8 || off + len <= s->field)) {
		renew_seal(t, s, off, data, len);
		strncat(what, ", sealed", sizeof(what) - strlen(what) - 1);
		run_case(t, rule_of(t, f->name, true), f->cover_off, f->cover_len, what);
		write_at(t, s->field, t->bytes + s->field, 8);
	}
	write_at(t, off, t->bytes + off, len);
}

static void try_byte(struct target *t, const struct field *f, uint64_t off)
{
	static const uint8_t few[] = { 0x01, 0x80, 0xff };
	size_t n = t->full ? 8 : f->len > 1 && f->len <= SHORT_FIELD ? sizeof(few) : 1;
	uint8_t b;

	for (size_t i = 0; i < n; i++) {
		b = t->bytes[off] ^ (t->full ? (uint8_t)(1 << i) : few[i]);
		try_bytes(t, f, off, &b, 1);
	}
	for (int i = 0; i < 2 && t->full; i++) {
		b = i ? 0xff : 0;
		try_bytes(t, f, off, &b, 1);
	}
}

static void try_field(struct target *t, const struct field *f)
{
	uint8_t all[SHORT_FIELD];

	try_byte(t, f, f->off);
	if (f->len > 1)
		try_byte(t, f, f->off + f->len - 1);
	for (uint64_t i = 1; t->full && i + 1 < f->len && i < 32; i++)
		try_byte(t, f, f->off + i);
	if (f->len == 1 || f->len > SHORT_FIELD)
		return;
	for (int i = 0; i < 3; i++) { /* 0, all ones, the largest positive number */
		memset(all, i ? 0xff : 0, sizeof(all));
		if (i == 2)
			all[f->len - 1] = 0x7f;
		try_bytes(t, f, f->off, all, (size_t)f->len);
	}
}

static void try_cut(struct target *t, const char *name, uint64_t at)
{
	char what[96];

	snprintf(what, sizeof(what), "%s at %" PRIu64, name, at);
	if (ftruncate(t->fd, (off_t)at) < 0)
		die(t->path);
	run_case(t, rule_of(t, name, false), 0, 0, what);
	if (ftruncate(t->fd, (off_t)t->len) < 0)
		die(t->path);
	for (uint64_t off = at, n; off < t->len; off += n) { /* holes stay holes */
		n = t->len - off < 65536 ? t->len - off : 65536;
		if (!io_is_zero(t->bytes + off, (size_t)n))
			write_at(t, off, t->bytes + off, (size_t)n);
	}
}

/* ---- a file ---- */

static void bad_line(const char *line)
{
	fprintf(stderr, "mutate: line '%s'\n", line);
	exit(2);
}

/* Word i of a line, into out. */
static void word(const char *line, int i, char *out, size_t len)
{
	for (const char *at = line; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");

		if (i-- > 0)
			continue;
		if (n >= len)
			break;
		memcpy(out, at, n);
		out[n] = '\0';
		return;
	}
	bad_line(line);
}

static uint64_t number(const char *line, int i)
{
	char text[24];
	uint64_t n = 0;

	word(line, i, text, sizeof(text));
	if (parse_u64(text, UINT64_MAX, &n, NULL) < 0)
		bad_line(line);
	return n;
}

static void run_seal(struct target *t, const char *line)
{
	struct seal *s = &t->seals[t->n_seals++];

	if (t->n_seals == ARRAY_LEN(t->seals))
		bad_line(line);
	word(line, 1, s->kind, sizeof(s->kind));
	s->off = number(line, 2);
	s->len = number(line, 3);
	s->field = number(line, 4);
}

static void run_field(struct target *t, const char *line)
{
	struct field f = { .off = number(line, 2),
			   .len = number(line, 3),
			   .cover_off = number(line, 4),
			   .cover_len = number(line, 5) };

	word(line, 1, f.name, sizeof(f.name));
	if (!strstr(line, " -1"))
		f.seal = &t->seals[number(line, 6)];
	try_field(t, &f);
}

static void run_line(struct target *t, const char *line)
{
	char name[64];

	word(line, 1, name, sizeof(name));
	if (*line == 'S')
		run_seal(t, line);
	else if (*line == 'F' && (t->full || !t->is_parent || t->n_fields++ % 4 == 0)) /* its leaf has the same structures */
		run_field(t, line);
	else if (*line == 'T' && (t->full || number(line, 3) == 0))
		try_cut(t, name, number(line, 2));
}

static void child(struct target *t, char **lines, size_t n)
{
	struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };
	const char *sanitized = getenv("LIFTFS_SANITIZED");
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", t->folder, t->path);
	t->fd = open(path, O_RDWR | O_CLOEXEC);
	if (t->fd < 0)
		die(path);
	t->bytes = read_all(path, &t->len);
	if (!sanitized || !*sanitized) /* a sanitizer's shadow is larger than any limit */
		setrlimit(RLIMIT_AS, &memory);
	for (size_t i = 0; i < n; i++)
		run_line(t, lines[i]);
	close(t->fd);
	free(t->bytes);
	fflush(stdout);
}

/* Returns whether all was as allowed. */
static bool run_file(struct target *t, char **lines, size_t n)
{
	struct shared *s = t->shared;
	int status = 0;
	pid_t pid;

	memset(s, 0, sizeof(*s));
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		child(t, lines, n);
		exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	printf("%s: %u cases: %u the same, %u refused, %u with errors, %u undetectable\n", t->path, s->cases,
	       s->n[OUTCOME_SAME], s->n[OUTCOME_REFUSED], s->n[OUTCOME_ERRORS], s->n[OUTCOME_OTHER]);
	if (WIFSIGNALED(status))
		printf("%s: %s: ended by signal %d%s\n", t->path, s->now, WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM ? ": it took too long" : "");
	else if (WEXITSTATUS(status) != 0)
		printf("%s: %s: ended with %d\n", t->path, s->now, WEXITSTATUS(status));
	if (s->complaints > COMPLAINTS_MAX)
		printf("%s: %u complaints in all\n", t->path, s->complaints);
	return status == 0 && s->complaints == 0;
}

/* ---- the input ---- */

static void read_rules(struct target *t, const char *path)
{
	char line[512], kind[16];
	FILE *f = fopen(path, "re");
	struct rule *r;
	size_t len;

	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		if (*line == '#' || *line == '\n')
			continue;
		r = calloc(1, sizeof(*r));
		if (!r)
			die(path);
		word(line, 0, r->name, sizeof(r->name));
		word(line, 2, kind, sizeof(kind));
		if (strcmp(kind, "moves") != 0 && strcmp(kind, "any") != 0)
			bad_line(line);
		len = strlen(r->name);
		r->sealed = r->name[len - 1] == '+';
		if (r->sealed)
			r->name[len - 1] = '\0';
		r->any = strcmp(kind, "any") == 0;
		r->next = t->rules;
		t->rules = r;
	}
	fclose(f);
}

/* The files that a message may name: all that follow the image's line. */
static void name_files(struct target *t, char **lines, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n && *lines[i] != 'I' && found < NAMES_MAX; i++) {
		if (*lines[i] != 'M')
			continue;
		snprintf(t->name_store[found], sizeof(t->name_store[found]), "%s", strrchr(lines[i], '/') + 1);
		t->names[found] = t->name_store[found];
		found++;
	}
	t->names[found] = NULL;
}

static bool begin_image(struct target *t, char **lines, size_t n)
{
	char name[64], leaf[128], flat[128], why[OUTCOME_WHY_MAX] = "";
	struct error unsupported = ERROR_INIT;
	uint64_t len;

	word(lines[0], 1, name, sizeof(name));
	word(lines[0], 2, leaf, sizeof(leaf));
	word(lines[0], 3, flat, sizeof(flat));
	snprintf(t->leaf, sizeof(t->leaf), "%s/%s", t->folder, leaf);
	snprintf(t->flat_path, sizeof(t->flat_path), "%s/%s", t->folder, flat);
	name_files(t, lines + 1, n - 1);
	free(t->flat);
	t->flat = read_all(t->flat_path, &len);
	t->img = (struct outcome_image){ .leaf = t->leaf, .flat = t->flat, .flat_len = len, .names = t->names };
	t->skip = true;
	if (!outcome_pristine(&t->img, &unsupported, why)) {
		printf("%s: %s\n", name, why);
		return false;
	}
	t->skip = unsupported.code != ERR_NONE;
	if (t->skip)
		printf("%s: not read by this build: %s\n", name, unsupported.msg);
	return true;
}

static char **read_lines(size_t *n_out)
{
	char **v = NULL, *line = NULL;
	size_t n = 0, cap = 0, size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		if (n == cap) {
			cap = cap ? 2 * cap : 1024;
			v = reallocarray(v, cap, sizeof(*v));
		}
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (!v || !(v[n++] = strdup(line)))
			die("input");
	}
	free(line);
	*n_out = n;
	return v;
}

int main(int argc, char **argv)
{
	struct target t = { .full = argc > 1 && strcmp(argv[1], "--full") == 0 };
	size_t n, end;
	char **lines;
	bool ok = true;

	if (argc != (t.full ? 4 : 3))
		return 2;
	read_rules(&t, argv[argc - 2]);
	t.folder = argv[argc - 1];
	t.shared = mmap(NULL, sizeof(*t.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t.shared == MAP_FAILED)
		die("mmap");
	lines = read_lines(&n);
	for (size_t i = 0; i < n; i = end) {
		end = i + 1;
		if (*lines[i] == 'I') {
			ok &= begin_image(&t, lines + i, n - i);
			continue;
		}
		while (end < n && *lines[end] != 'I' && *lines[end] != 'M')
			end++;
		if (t.skip)
			continue;
		snprintf(t.path, sizeof(t.path), "%s", lines[i] + 2);
		t.is_parent = strstr(t.path, "/base.") != NULL;
		t.n_seals = t.n_fields = 0;
		ok &= run_file(&t, lines + i + 1, end - i - 1);
	}
	for (size_t i = 0; i < n; i++)
		free(lines[i]);
	free(lines);
	free(t.flat);
	for (struct rule *r = t.rules; r; r = t.rules) {
		t.rules = r->next;
		free(r);
	}
	return ok ? 0 : 1;
}
