/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/io.h"
#include "disk/tar_member.h"

enum { /* a header block: POSIX ustar, of which GNU's differs after `version` */
	TAR_NAME = 0,
	TAR_NAME_LEN = 100,
	TAR_SIZE = 124,
	TAR_SIZE_LEN = 12,
	TAR_CHECKSUM = 148,
	TAR_CHECKSUM_LEN = 8,
	TAR_TYPE = 156,
	TAR_MAGIC = 257, /* "ustar\0" "00", or GNU "ustar  \0" */
	TAR_PREFIX = 345,
	TAR_PREFIX_LEN = 155,
};

/* What pax and GNU headers say of the member that follows. */
struct extra {
	char *pax_path, *gnu_path;
	bool has_size;
	uint64_t size;
};

static void extra_fini(struct extra *x)
{
	free(x->pax_path);
	free(x->gnu_path);
}

static int bad(struct error *err, uint64_t pos, const char *what)
{
	return error_set(err, ERR_CORRUPT, "tar header at %#" PRIx64 ": %s", pos, what);
}

/* Octal digits with blanks before and a blank or NUL behind them, none of which there must be. */
static bool get_octal(const uint8_t *p, size_t len, uint64_t *out)
{
	size_t i = 0;
	uint64_t v = 0;

	while (i < len && p[i] == ' ')
		i++;
	if (i == len || p[i] < '0' || p[i] > '7')
		return false;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0'); /* 12 digits at most: 36 bits */
	for (; i < len; i++)
		if (p[i] != ' ' && p[i] != '\0')
			return false;
	*out = v;
	return true;
}

/* A size: octal, or base-256, big-endian behind a byte 0x80. */
static int get_size(const uint8_t *p, uint64_t pos, uint64_t *out, struct error *err)
{
	uint64_t v = 0;

	if (!(p[0] & 0x80))
		return get_octal(p, TAR_SIZE_LEN, out) ? 0 : bad(err, pos, "its size is not an octal number");
	if (p[0] & 0x40)
		return bad(err, pos, "its size is negative");
	for (size_t i = 0; i < TAR_SIZE_LEN; i++) {
		if (v >> 55)
			return bad(err, pos, "its size is 2^63 bytes or more");
		v = v << 8 | (i == 0 ? p[i] & 0x3fu : p[i]);
	}
	*out = v;
	return 0;
}

static int check_checksum(const uint8_t *p, uint64_t pos, struct error *err)
{
	uint64_t want, sum = 0;
	int64_t old = 0; /* old programs added up signed bytes */

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		uint8_t byte = i >= TAR_CHECKSUM && i < TAR_CHECKSUM + TAR_CHECKSUM_LEN ? ' ' : p[i];

		sum += byte;
		old += (int8_t)byte;
	}
	if (pos == 0 && p[0] == 0x1f && p[1] == 0x8b)
		return error_set(err, ERR_UNSUPPORTED, "the archive is compressed as a whole (gzip): unpack it first");
	if (!get_octal(p + TAR_CHECKSUM, TAR_CHECKSUM_LEN, &want))
		return bad(err, pos, "no tar header, or a damaged one: its checksum is not an octal number");
	if (want != sum && (int64_t)want != old)
		return error_set(err, ERR_CORRUPT,
				 "tar header at %#" PRIx64 ": checksum %#" PRIo64 ", where %#" PRIo64 " is expected", pos,
				 want, sum);
	return 0;
}

static bool is_gnu(const uint8_t *p)
{
	return memcmp(p + TAR_MAGIC, "ustar  ", 8) == 0;
}

static bool is_posix(const uint8_t *p)
{
	return memcmp(p + TAR_MAGIC, "ustar", 5) == 0 && !is_gnu(p);
}

/* ---- pax and GNU headers ---- */

static bool key_is(const char *key, size_t len, const char *want)
{
	return len == strlen(want) && memcmp(key, want, len) == 0;
}

static bool key_begins(const char *key, size_t len, const char *want)
{
	return len >= strlen(want) && memcmp(key, want, strlen(want)) == 0;
}

static int pax_size(const char *value, size_t len, uint64_t pos, struct extra *x, struct error *err)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		if (value[i] < '0' || value[i] > '9' || !checked_mul(v, 10, &v) ||
		    !checked_add(v, (uint64_t)(value[i] - '0'), &v))
			len = 0;
	if (len == 0 || v > INT64_MAX)
		return bad(err, pos, "pax size is not a number below 2^63");
	x->has_size = true;
	x->size = v;
	return 0;
}

static int pax_record(const char *key, size_t key_len, const char *value, size_t len, bool global, uint64_t pos,
		      struct extra *x, struct error *err)
{
	bool is_path = key_is(key, key_len, "path"), is_size = key_is(key, key_len, "size");

	if (key_begins(key, key_len, "GNU.sparse.") || key_is(key, key_len, "SCHILY.realsize") ||
	    key_begins(key, key_len, "GNU.volume."))
		return error_set(err, ERR_UNSUPPORTED, "tar header at %#" PRIx64 ": sparse and split members are not supported",
				 pos);
	if (global && (is_path || is_size))
		return bad(err, pos, "a pax header for the whole archive gives a name or a size");
	if (is_size)
		return pax_size(value, len, pos, x, err);
	if (!is_path)
		return 0;
	if (memchr(value, '\0', len))
		return bad(err, pos, "a NUL byte in the name");
	free(x->pax_path);
	x->pax_path = strndup(value, len);
	return x->pax_path ? 0 : error_errno(err, ENOMEM, "tar header");
}

/* Records "LEN KEY=VALUE\n", LEN counting all of it. */
static int parse_pax(const char *text, size_t len, bool global, uint64_t pos, struct extra *x, struct error *err)
{
	size_t n, i;

	for (const char *p = text; len > 0; p += n, len -= n) {
		const char *equals;

		n = 0;
		for (i = 0; i < len && p[i] >= '0' && p[i] <= '9' && n <= TAR_EXTRA_MAX; i++)
			n = n * 10 + (size_t)(p[i] - '0');
		if (i == 0 || i == len || p[i] != ' ' || n > len || n < i + 4 || p[n - 1] != '\n')
			return bad(err, pos, "a pax record has a wrong length");
		equals = memchr(p + i + 1, '=', n - i - 2);
		if (!equals)
			return bad(err, pos, "a pax record without '='");
		if (pax_record(p + i + 1, (size_t)(equals - p) - i - 1, equals + 1, (size_t)(p + n - 1 - equals - 1),
			       global, pos, x, err) < 0)
			return -1;
	}
	return 0;
}

static int gnu_name(const char *text, size_t len, uint64_t pos, struct extra *x, struct error *err)
{
	size_t n = strnlen(text, len);

	if (!io_is_zero(text + n, len - n))
		return bad(err, pos, "a NUL byte in the name");
	free(x->gnu_path);
	x->gnu_path = strndup(text, n);
	return x->gnu_path ? 0 : error_errno(err, ENOMEM, "tar header");
}

static int read_extra(const struct backing *b, uint8_t type, uint64_t pos, uint64_t size, struct extra *x,
		      struct error *err)
{
	CLEANUP_FREE char *text = NULL;

	if (size == 0 || size > TAR_EXTRA_MAX)
		return error_set(err, ERR_CORRUPT, "tar header at %#" PRIx64 ": a pax or GNU header of %" PRIu64
				 " bytes, of 1 to %zu", pos, size, TAR_EXTRA_MAX);
	if (!range_ok(pos + TAR_BLOCK, size, b->size))
		return bad(err, pos, "cut inside a pax or GNU header");
	text = malloc((size_t)size);
	if (!text)
		return error_errno(err, ENOMEM, "tar header");
	if (backing_read(b, text, (size_t)size, pos + TAR_BLOCK, err) < 0)
		return -1;
	if (type == 'L')
		return gnu_name(text, (size_t)size, pos, x, err);
	return type == 'K' ? 0 : parse_pax(text, (size_t)size, type == 'g', pos, x, err);
}

/* ---- the member ---- */

static int kind_of(uint8_t type, uint64_t pos, enum tar_kind *out, struct error *err)
{
	switch (type) {
	case '\0':
	case '0':
	case '7':
		*out = TAR_FILE;
		return 0;
	case '1':
	case '2':
		*out = TAR_LINK;
		return 0;
	case '3':
	case '4':
	case '6':
		*out = TAR_OTHER;
		return 0;
	case '5':
		*out = TAR_FOLDER;
		return 0;
	case 'S':
	case 'M':
		return error_set(err, ERR_UNSUPPORTED, "tar header at %#" PRIx64 ": sparse and split members are not supported",
				 pos);
	default:
		return error_set(err, ERR_UNSUPPORTED, "tar header at %#" PRIx64 ": member of type %#x", pos, type);
	}
}

static char *header_name(const uint8_t *p, const struct extra *x, struct error *err)
{
	const char *name = (const char *)p + TAR_NAME, *prefix = (const char *)p + TAR_PREFIX;
	char *out;

	if (x->pax_path || x->gnu_path)
		out = strdup(x->pax_path ? x->pax_path : x->gnu_path);
	else if (is_posix(p) && *prefix)
		out = asprintf(&out, "%.*s/%.*s", TAR_PREFIX_LEN, prefix, TAR_NAME_LEN, name) < 0 ? NULL : out;
	else
		out = strndup(name, TAR_NAME_LEN);
	if (!out)
		error_errno(err, ENOMEM, "tar header");
	return out;
}

/* Strips "./" and a folder's '/'; what is left consists of names alone.  "" only for a folder. */
static int check_name(char *name, struct tar_member *m, uint64_t pos, struct error *err)
{
	size_t len, n;
	char *p = name;

	while (p[0] == '.' && p[1] == '/')
		for (p += 2; *p == '/';)
			p++;
	len = strlen(p);
	if (len > 0 && p[len - 1] == '/') {
		if (m->kind == TAR_FILE && m->size == 0)
			m->kind = TAR_FOLDER; /* before there was a type for them */
		if (m->kind != TAR_FOLDER)
			return bad(err, pos, "a name that ends in '/', and no folder");
		while (len > 0 && p[len - 1] == '/')
			p[--len] = '\0';
	}
	if (m->kind == TAR_FOLDER && strcmp(p, ".") == 0)
		p[--len] = '\0';
	memmove(name, p, len + 1);
	if (len == 0 && m->kind == TAR_FOLDER && *name != '/')
		return 0;
	if (len == 0)
		return bad(err, pos, "a member without a name");
	if (len > TAR_NAME_MAX)
		return error_set(err, ERR_CORRUPT, "tar header at %#" PRIx64 ": a name of %zu bytes (at most %d)", pos, len,
				 TAR_NAME_MAX);
	if (!backing_name_stays(name))
		return error_set(err, ERR_REFUSED, "tar header at %#" PRIx64 ": member '%.200s' leads out of the archive", pos,
				 name);
	for (p = name; *p; p += n + (p[n] == '/')) {
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && *p == '.'))
			return error_set(err, ERR_CORRUPT, "tar header at %#" PRIx64 ": member '%.200s' is no file's name", pos,
					 name);
	}
	return 0;
}

static int finish(const struct backing *b, const uint8_t *p, uint64_t pos, struct extra *x, struct tar_member *m,
		  struct error *err)
{
	uint64_t size;

	if (kind_of(p[TAR_TYPE], pos, &m->kind, err) < 0 || get_size(p + TAR_SIZE, pos, &size, err) < 0)
		return -1;
	m->size = x->has_size ? x->size : size;
	if (m->kind != TAR_FILE && m->size > 0)
		return bad(err, pos, "a link, folder or device with content");
	m->name = header_name(p, x, err);
	if (!m->name || check_name(m->name, m, pos, err) < 0)
		return -1;
	m->off = pos + TAR_BLOCK;
	if (!range_ok(m->off, m->size, b->size))
		return error_set(err, ERR_CORRUPT,
				 "cut inside '%.200s': %" PRIu64 " bytes at %#" PRIx64 ", where the file ends at %" PRIu64,
				 m->name, m->size, m->off, b->size);
	m->next = align_down(m->off + m->size + TAR_BLOCK - 1, TAR_BLOCK); /* a file ends below 2^63 */
	return 0;
}

static int read_headers(const struct backing *b, uint64_t pos, struct extra *x, struct tar_member *m, struct error *err)
{
	uint8_t p[TAR_BLOCK];
	uint64_t size;

	for (unsigned n = 0;; n++) {
		if (pos >= b->size && n == 0)
			return 0; /* without the two blocks of zeros at the end, or only its padding is missing */
		if (!range_ok(pos, TAR_BLOCK, b->size))
			return bad(err, pos, "cut: the file ends before or inside it");
		if (backing_read(b, p, TAR_BLOCK, pos, err) < 0)
			return -1;
		if (n == 0 && io_is_zero(p, TAR_BLOCK))
			return 0;
		if (check_checksum(p, pos, err) < 0)
			return -1;
		if (!p[TAR_TYPE] || !strchr("xgLK", p[TAR_TYPE]))
			return finish(b, p, pos, x, m, err);
		if (n == TAR_EXTRAS_MAX)
			return bad(err, pos, "too many pax and GNU headers before a member");
		if (get_size(p + TAR_SIZE, pos, &size, err) < 0 || read_extra(b, p[TAR_TYPE], pos, size, x, err) < 0)
			return -1;
		pos = align_down(pos + TAR_BLOCK + size + TAR_BLOCK - 1, TAR_BLOCK);
	}
}

int tar_member_read(const struct backing *b, uint64_t pos, struct tar_member *out, struct error *err)
{
	struct tar_member m = { .kind = TAR_END };
	struct extra x = { 0 };
	int rc = read_headers(b, pos, &x, &m, err);

	extra_fini(&x);
	if (rc < 0)
		free(m.name);
	else
		*out = m;
	return rc;
}
