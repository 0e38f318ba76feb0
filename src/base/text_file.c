/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "base/text_file.h"

#define UTF8_BOM "\xef\xbb\xbf"
#define UNKNOWN_CHARACTER "\xef\xbf\xbd" /* U+FFFD */
#define GROWTH 3                         /* UTF-8 of a byte of Windows-1252, of two bytes of UTF-16 */

enum encoding { UTF_8, UTF_16, WINDOWS_1252 };

struct text_file {
	char *path;
	int fd;
	enum encoding encoding;
	iconv_t iconv; /* unless UTF-8 */
	bool convert;
	uint64_t off; /* of what is read next */
	char raw[TEXT_FILE_PIECE];
	size_t begin, end; /* of raw: read, and not given out */
	char text[GROWTH * TEXT_FILE_PIECE];
};

/* Adds what there is room for; what is at the beginning and not given out stays.  False at the file's end. */
static int fill(struct text_file *f, bool *more, struct error *err)
{
	ssize_t n;

	memmove(f->raw, f->raw + f->begin, f->end - f->begin);
	f->end -= f->begin;
	f->begin = 0;
	do {
		n = pread(f->fd, f->raw + f->end, sizeof(f->raw) - f->end, (off_t)f->off);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, errno, "%s", f->path);
	f->end += (size_t)n;
	f->off += (size_t)n;
	*more = n > 0;
	return 0;
}

/* ---- UTF-8 ---- */

/* How many of the bytes are not the beginning of a character that goes on behind them. */
static size_t whole_characters(const char *text, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		unsigned char c = (unsigned char)text[len - back];

		if (c < 0x80)
			break;
		if (c >= 0xc0)
			return len - (back < (c >= 0xf0 ? 4U : c >= 0xe0 ? 3U : 2U) ? back : 0);
	}
	return len;
}

/* Most of an inventory is ASCII, eight of which are looked at at once. */
static bool is_utf8(const char *text, size_t len)
{
	size_t at = 0;
	uint64_t eight;

	for (; len - at >= sizeof(eight); at += sizeof(eight)) {
		memcpy(&eight, text + at, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	return at == len || utf8_valid(text + at, len - at);
}

static int next_utf8(struct text_file *f, bool *valid, size_t *len, struct error *err)
{
	bool more;

	do {
		if (fill(f, &more, err) < 0)
			return -1;
		*len = more ? whole_characters(f->raw, f->end) : f->end;
	} while (more && *len == 0);
	*valid = is_utf8(f->raw, *len);
	f->begin = *len;
	return 0;
}

/* ---- others ---- */

static int convert(struct text_file *f, bool more, size_t *len, struct error *err)
{
	char *in = f->raw, *out = f->text;
	size_t in_left = f->end, out_left = sizeof(f->text);

	while (in_left > 0 && iconv(f->iconv, &in, &in_left, &out, &out_left) == (size_t)-1) {
		assert(errno != E2BIG);
		if (errno == EINVAL && more)
			break;
		if (f->encoding == UTF_16)
			return error_set(err, ERR_CORRUPT, "%s: at byte %" PRIu64 ": half a character of UTF-16",
					 f->path, f->off - in_left);
		memcpy(out, UNKNOWN_CHARACTER, 3);
		out += 3;
		out_left -= 3;
		in++;
		in_left--;
	}
	f->begin = f->end - in_left;
	*len = (size_t)(out - f->text);
	return 0;
}

static int next_converted(struct text_file *f, size_t *len, struct error *err)
{
	bool more;

	do {
		if (fill(f, &more, err) < 0 || convert(f, more, len, err) < 0)
			return -1;
	} while (more && *len == 0);
	return 0;
}

/* ---- the file ---- */

static int convert_from(struct text_file *f, const char *name, struct error *err)
{
	f->iconv = iconv_open("UTF-8", name);
	if (f->iconv == (iconv_t)-1)
		return error_errno(err, errno, "%s: converting from %s", f->path, name);
	f->convert = true;
	return 0;
}

static void go_to(struct text_file *f, uint64_t off)
{
	f->begin = f->end = 0;
	f->off = off;
}

/* Sets the encoding, and what is read next to the first byte of text. */
static int find_encoding(struct text_file *f, struct error *err)
{
	bool valid = true, more;
	uint64_t begin;
	size_t len;

	if (fill(f, &more, err) < 0)
		return -1;
	if (f->end >= 2 && (memcmp(f->raw, "\xff\xfe", 2) == 0 || memcmp(f->raw, "\xfe\xff", 2) == 0)) {
		f->encoding = UTF_16;
		go_to(f, 2);
		return convert_from(f, f->raw[0] == '\xff' ? "UTF-16LE" : "UTF-16BE", err);
	}
	begin = f->end >= 3 && memcmp(f->raw, UTF8_BOM, 3) == 0 ? 3 : 0;
	go_to(f, begin);
	do {
		if (next_utf8(f, &valid, &len, err) < 0)
			return -1;
	} while (valid && len > 0);
	go_to(f, valid ? begin : 0);
	if (valid)
		return 0;
	f->encoding = WINDOWS_1252;
	return convert_from(f, "WINDOWS-1252", err);
}

struct text_file *text_file_open(int dirfd, const char *path, struct error *err)
{
	CLEANUP_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP(cleanup_text_file) struct text_file *f = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		error_errno(err, errno, "%s", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		error_set(err, ERR_UNSUPPORTED, "%s: not a regular file", path);
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (f) {
		f->fd = steal_fd(&fd);
		f->path = strdup(path);
	}
	if (!f || !f->path) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	if (find_encoding(f, err) < 0)
		return NULL;
	return steal_ptr(&f);
}

int text_file_next(struct text_file *f, const char **out, size_t *len_out, struct error *err)
{
	bool valid = true;

	*out = f->convert ? f->text : f->raw;
	if ((f->convert ? next_converted(f, len_out, err) : next_utf8(f, &valid, len_out, err)) < 0)
		return -1;
	return valid ? 0 : error_set(err, ERR_CHANGED, "%s: changed while it was read: it was UTF-8", f->path);
}

void text_file_close(struct text_file *f)
{
	if (!f)
		return;
	if (f->convert)
		iconv_close(f->iconv);
	close(f->fd);
	free(f->path);
	free(f);
}
