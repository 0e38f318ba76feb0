/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal file of hostile bytes.  The first byte of the input chooses what the rest is:
 *   0  the file itself
 *   1  changes to a good file: 2 bytes offset, 1 byte value each; what is replayed must be a prefix of what was written
 *   2  payloads behind a good header and right checksums: 1 byte type, 1 byte length, payload, each
 */
#include <config.h>

#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "fuzz.h"
#include "map/journal_record.h"

enum { RECORDS = 20, FILE_MAX = 1 << 17 };

static char folder[] = "/tmp/fuzz-journal-XXXXXX";
static int dirfd_ = -1;
static uint8_t file[FILE_MAX];
static const struct guid id = { { 1, 2, 3 } };

static void leave(void)
{
	unlinkat(dirfd_, "j", 0);
	unlinkat(dirfd_, "j.new", 0);
	rmdir(folder);
}

struct seen {
	uint64_t n;
	bool in_order;
};

static int look(void *ctx, const struct journal_record *r, struct error *err)
{
	struct seen *s = ctx;

	(void)err;
	s->in_order = s->in_order && r->type == JOURNAL_INTENT && r->blk == s->n && r->count == 1;
	s->n++;
	if (r->type == JOURNAL_CLEAN)
		s->n += strlen(r->clean.version) + strlen(r->clean.fingerprint);
	if (r->type == JOURNAL_POINT)
		s->n += strlen(r->snapshot);
	return 0;
}

static size_t make_good(void)
{
	size_t len = JOURNAL_HEADER_LEN;

	journal_header_encode(&id, 3, file);
	for (uint64_t i = 0; i < RECORDS; i++) {
		put_le64(file + len + JOURNAL_HEAD, i);
		put_le64(file + len + JOURNAL_HEAD + 8, 1);
		len += journal_record_seal(file + len, JOURNAL_INTENT, 16, len - len % 128, len, 3);
	}
	return len;
}

static size_t make_payloads(const uint8_t *data, size_t len)
{
	size_t end = JOURNAL_HEADER_LEN;

	journal_header_encode(&id, 3, file);
	while (len >= 2 && end < FILE_MAX - JOURNAL_RECORD_MAX) {
		uint8_t type = data[0];
		size_t payload = data[1] < len - 2 ? data[1] : len - 2;

		memcpy(file + end + JOURNAL_HEAD, data + 2, payload);
		end += journal_record_seal(file + end, (enum journal_type)type, payload, end, end, 3);
		data += 2 + payload;
		len -= 2 + payload;
	}
	return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_journal) struct journal *j = NULL;
	struct seen first = { .in_order = true }, second = { .in_order = true };
	size_t file_len;
	uint8_t mode;
	int fd;

	if (len == 0)
		return 0;
	if (dirfd_ < 0) {
		FUZZ_MUST(mkdtemp(folder) && atexit(leave) == 0);
		dirfd_ = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		FUZZ_MUST(dirfd_ >= 0);
	}
	mode = *data++ % 3;
	len--;
	if (mode == 0) {
		file_len = len < FILE_MAX ? len : FILE_MAX;
		memcpy(file, data, file_len);
	} else if (mode == 1) {
		file_len = make_good();
		for (; len >= 3; data += 3, len -= 3)
			file[get_le16(data) % file_len] = data[2];
	} else {
		file_len = make_payloads(data, len);
	}
	fd = openat(dirfd_, "j", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_MUST(fd >= 0 && io_pwrite(fd, file, file_len, 0, NULL) == 0);
	close(fd);
	j = journal_open(dirfd_, "j", &id, 3, look, &first, NULL);
	if (mode == 1)
		FUZZ_MUST(first.in_order);
	if (!j)
		return 0;
	FUZZ_MUST(journal_claim(j, 1, NULL) == 0);
	journal_close(steal_ptr(&j));
	j = journal_open(dirfd_, "j", &id, 3, look, &second, NULL);
	FUZZ_MUST(j && second.n == first.n + 1); /* what follows a cut tail is found */
	return 0;
}
