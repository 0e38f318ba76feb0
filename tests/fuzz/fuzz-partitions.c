/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's partition tables and superblocks.  The first byte of the input is the disk's size, 512 << (it % 40) bytes,
 * and then runs of bytes with zeros between them: 4 bytes sector, 2 bytes length, the bytes; a sector with the highest
 * bit set counts from the end.
 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "guest/partitions.h"

struct content {
	const uint8_t *data;
	size_t len;
	uint64_t size;
};

static int content_read(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	const struct content *c = ctx;
	const uint8_t *p = c->data;
	size_t left = c->len;

	(void)err;
	FUZZ_MUST(len <= c->size && off <= c->size - len);
	memset(buf, 0, len);
	while (left > 6) {
		uint32_t sector = get_le32(p);
		uint64_t at = (uint64_t)(sector & INT32_MAX) * 512;
		size_t n = get_le16(p + 4);

		p += 6;
		left -= 6;
		n = n < left ? n : left;
		if (sector > INT32_MAX)
			at = at < c->size ? c->size - at : 0;
		for (size_t i = 0; i < n; i++)
			if (at + i >= off && at + i - off < len)
				((uint8_t *)buf)[at + i - off] = p[i];
		p += n;
		left -= n;
	}
	return 0;
}

static const struct disk_foreign_ops content_ops = { .format = "fuzz", .read = content_read };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct error e = ERROR_INIT;
	struct partitions found;
	struct content c;

	if (len == 0)
		return 0;
	c = (struct content){ .data = data + 1, .len = len - 1, .size = UINT64_C(512) << *data % 40 };
	d = disk_new_foreign("fuzz", c.size, &content_ops, &c, NULL);
	FUZZ_MUST(d);
	if (partitions_find(d, &found, &e) < 0)
		FUZZ_MUST(e.code != ERR_NONE && e.code != ERR_BUG && e.code != ERR_USAGE);
	else
		for (size_t i = 0; i < found.n; i++)
			FUZZ_MUST(found.v[i].len > 0 && found.v[i].off < c.size &&
				  found.v[i].len <= c.size - found.v[i].off);
	partitions_fini(&found);
	return 0;
}
