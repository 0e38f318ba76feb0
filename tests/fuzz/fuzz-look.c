/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole disk through everything that looks at guests.  The first byte of the input is the disk's size, 512 << (it %
 * 128 % 18) bytes, its highest bit leaves checksums as they are; then runs of bytes with zeros between them: 4 bytes
 * sector, 2 bytes length, the bytes.
 */
#include <config.h>

#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "fuzz_seal.h"
#include "guest/look.h"

#define READ_MAX (UINT64_C(4) << 20)
#define NOT_SEALED 0x80 /* in the first byte: checksums stay as they are */

struct content {
	uint8_t *bytes;
	uint64_t size;
	uint64_t read;
	struct seal seal;
};

static int content_read(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct content *c = ctx;

	(void)err;
	FUZZ_MUST(len <= c->size && off <= c->size - len);
	memcpy(buf, c->bytes + off, len);
	c->read += len;
	return 0;
}

static const struct disk_foreign_ops content_ops = { .format = "fuzz", .read = content_read };

/* Calls fn with each run. */
static void walk_runs(struct content *c, const uint8_t *p, size_t left,
		      void (*fn)(struct content *c, const uint8_t *p, size_t n, uint64_t at))
{
	while (left > 6) {
		uint64_t at = (uint64_t)get_le32(p) * 512;
		size_t n = get_le16(p + 4);

		p += 6;
		left -= 6;
		n = n < left ? n : left;
		if (at < c->size)
			fn(c, p, n < c->size - at ? n : (size_t)(c->size - at), at);
		p += n;
		left -= n;
	}
}

static void unpack(struct content *c, const uint8_t *p, size_t n, uint64_t at)
{
	memcpy(c->bytes + at, p, n);
}

static void seal(struct content *c, const uint8_t *p, size_t n, uint64_t at)
{
	(void)p;
	seal_range(&c->seal, at, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct look_options opt = { .read_max = READ_MAX };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	CLEANUP(cleanup_look) struct look l = { 0 };
	struct error e = ERROR_INIT;
	struct content c;

	if (len == 0)
		return 0;
	c = (struct content){ .size = UINT64_C(512) << *data % NOT_SEALED % 18 };
	/* Not from the heap, which would fill all of it: most of the disk is never touched. */
	c.bytes = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FUZZ_MUST(c.bytes != MAP_FAILED);
	walk_runs(&c, data + 1, len - 1, unpack);
	if (!(*data & NOT_SEALED)) {
		seal_begin(&c.seal, c.bytes, c.size);
		walk_runs(&c, data + 1, len - 1, seal);
	}
	d = disk_new_foreign("fuzz", c.size, &content_ops, &c, NULL);
	FUZZ_MUST(d);
	FUZZ_MUST(look_at_disk(d, &opt, &l, &e) == 0); /* nobody stops it, and there is memory */
	FUZZ_MUST(l.n <= LOOK_FINDINGS_MAX);
	for (size_t i = 0; i < l.n; i++)
		FUZZ_MUST(l.v[i].off <= c.size && l.v[i].value && l.v[i].where);
	/* Tables and superblocks are read at most so often, twice for a logical volume. */
	FUZZ_MUST(c.read <= READ_MAX + (UINT64_C(128) << 20));
	FUZZ_MUST(munmap(c.bytes, c.size) == 0);
	return 0;
}
