/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole disk through everything that looks at guests.  The first byte of the input is the disk's size, 512 << (it %
 * 18) bytes, and then runs of bytes with zeros between them: 4 bytes sector, 2 bytes length, the bytes.
 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "guest/look.h"

#define READ_MAX (UINT64_C(4) << 20)

struct content {
	uint8_t *bytes;
	uint64_t size;
	uint64_t read;
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

static void unpack(struct content *c, const uint8_t *p, size_t left)
{
	while (left > 6) {
		uint64_t at = (uint64_t)get_le32(p) * 512;
		size_t n = get_le16(p + 4);

		p += 6;
		left -= 6;
		n = n < left ? n : left;
		if (at < c->size)
			memcpy(c->bytes + at, p, n < c->size - at ? n : (size_t)(c->size - at));
		p += n;
		left -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct look_options opt = { .read_max = READ_MAX };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	CLEANUP(cleanup_look) struct look l = { 0 };
	CLEANUP_FREE uint8_t *bytes = NULL;
	struct error e = ERROR_INIT;
	struct content c;

	if (len == 0)
		return 0;
	c = (struct content){ .size = UINT64_C(512) << *data % 18 };
	bytes = calloc(1, c.size);
	FUZZ_MUST(bytes);
	c.bytes = bytes;
	unpack(&c, data + 1, len - 1);
	d = disk_new_foreign("fuzz", c.size, &content_ops, &c, NULL);
	FUZZ_MUST(d);
	FUZZ_MUST(look_at_disk(d, &opt, &l, &e) == 0); /* nobody stops it, and there is memory */
	FUZZ_MUST(l.n <= LOOK_FINDINGS_MAX);
	for (size_t i = 0; i < l.n; i++)
		FUZZ_MUST(l.v[i].off <= c.size && l.v[i].value && l.v[i].where);
	/* Tables and superblocks are read at most so often, twice for a logical volume. */
	FUZZ_MUST(c.read <= READ_MAX + (UINT64_C(128) << 20));
	return 0;
}
