/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libblkid wants a file: it gets a sparse one in memory, as long as the disk, that holds what partition tables and
 * superblocks are made of and zeros elsewhere.  At most PARTITIONS_MAX times a third of a MiB, so about 43 MiB.
 */
#include <config.h>

#include <blkid.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/io.h"
#include "guest/partitions.h"

#define PARTITIONS_MAX 128              /* what a GPT usually has room for */
#define ENDS_LEN (UINT64_C(1) << 20)    /* tables, and GPT's second copy */
#define HEAD_LEN (UINT64_C(272) << 10)  /* superblocks: the furthest, UFS, lies at 256 KiB */
#define TAIL_LEN (UINT64_C(64) << 10)   /* of those that sign at the end, such as md 1.0 */
#define PIECE_LEN ((size_t)64 << 10)

enum { MBR_TABLE = 446, MBR_ENTRY = 16, MBR_TYPE = 4, MBR_START = 8, MBR_MAGIC = 510 };

DEFINE_CLEANUP(cleanup_probe, blkid_probe, blkid_free_probe);

static int copy(struct disk *d, int fd, uint64_t off, uint64_t len, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(PIECE_LEN);
	uint64_t size = disk_size(d);

	if (!buf)
		return error_errno(err, ENOMEM, "partitions");
	if (off >= size)
		return 0;
	if (len > size - off)
		len = size - off;
	while (len > 0) {
		size_t n = len < PIECE_LEN ? (size_t)len : PIECE_LEN;

		if (disk_read(d, buf, n, off, err) < 0)
			return -1;
		if (!io_is_zero(buf, n) && io_pwrite(fd, buf, n, off, err) < 0)
			return error_prefix(err, "memory file for partitions");
		off += n;
		len -= n;
	}
	return 0;
}

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/* Logical partitions of an MBR: a list of sectors through the extended one.  A list that goes on too long is a loop. */
static int copy_logical(struct disk *d, int fd, struct error *err)
{
	uint8_t sector[512];
	uint64_t base = 0, at = 0;

	for (unsigned n = 0; n < PARTITIONS_MAX && at + sizeof(sector) <= disk_size(d); n++) {
		uint64_t next = 0;

		if (disk_read(d, sector, sizeof(sector), at, err) < 0 ||
		    io_pwrite(fd, sector, sizeof(sector), at, err) < 0)
			return -1;
		if (get_le16(sector + MBR_MAGIC) != 0xaa55)
			return 0;
		for (unsigned i = 0; i < 4 && next == 0; i++) {
			const uint8_t *entry = sector + MBR_TABLE + i * MBR_ENTRY;

			if (is_extended(entry[MBR_TYPE]))
				next = base + (uint64_t)get_le32(entry + MBR_START) * 512; /* below 2^42 */
		}
		if (next == 0)
			return 0;
		if (base == 0)
			base = next;
		at = next;
	}
	return 0;
}

static void take_value(blkid_probe p, const char *name, char *out, size_t len)
{
	const char *value = NULL;

	if (blkid_probe_lookup_value(p, name, &value, NULL) == 0 && value)
		snprintf(out, len, "%s", value);
}

/* Which file system begins there?  An answer that is not certain is none. */
static int find_fs(struct disk *d, int fd, struct partition *part, struct error *err)
{
	CLEANUP(cleanup_probe) blkid_probe p = NULL;

	if (copy(d, fd, part->off, part->len < HEAD_LEN ? part->len : HEAD_LEN, err) < 0)
		return -1;
	if (part->len > HEAD_LEN + TAIL_LEN && copy(d, fd, part->off + part->len - TAIL_LEN, TAIL_LEN, err) < 0)
		return -1;
	p = blkid_new_probe();
	if (!p || blkid_probe_set_device(p, fd, (blkid_loff_t)part->off, (blkid_loff_t)part->len) < 0)
		return error_errno(err, ENOMEM, "partition %u", part->number);
	blkid_probe_enable_superblocks(p, 1);
	blkid_probe_set_superblocks_flags(p, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
	if (blkid_do_safeprobe(p) == 0) {
		take_value(p, "TYPE", part->fs, sizeof(part->fs));
		take_value(p, "LABEL", part->label, sizeof(part->label));
	}
	return 0;
}

static int take_partition(struct disk *d, int fd, blkid_partition entry, struct partitions *out, struct error *err)
{
	struct partition *part = &out->v[out->n];
	const char *type = blkid_partition_get_type_string(entry);
	uint64_t start = (uint64_t)blkid_partition_get_start(entry), len = (uint64_t)blkid_partition_get_size(entry);

	if (start > disk_size(d) / 512 || len == 0) /* beyond the disk: the table is wrong there */
		return 0;
	*part = (struct partition){ .number = (unsigned)blkid_partition_get_partno(entry), .off = start * 512 };
	part->len = len > (disk_size(d) - part->off) / 512 ? disk_size(d) - part->off : len * 512;
	if (part->len == 0)
		return 0;
	part->active = strcmp(out->table, "dos") == 0 && (blkid_partition_get_flags(entry) & 0x80);
	if (type)
		snprintf(part->type, sizeof(part->type), "%s", type);
	else
		snprintf(part->type, sizeof(part->type), "%#x", (unsigned)blkid_partition_get_type(entry));
	out->n++;
	return blkid_partition_is_extended(entry) ? 0 : find_fs(d, fd, part, err);
}

static int take_table(struct disk *d, int fd, blkid_partlist list, struct partitions *out, struct error *err)
{
	blkid_parttable table = blkid_partlist_get_table(list);
	int n = blkid_partlist_numof_partitions(list);

	snprintf(out->table, sizeof(out->table), "%s", table ? blkid_parttable_get_type(table) : "");
	for (int i = 0; i < n && out->n < PARTITIONS_MAX; i++)
		if (take_partition(d, fd, blkid_partlist_get_partition(list, i), out, err) < 0)
			return -1;
	return 0;
}

int partitions_find(struct disk *d, struct partitions *out, struct error *err)
{
	CLEANUP(cleanup_probe) blkid_probe p = NULL;
	CLEANUP_FD int fd = memfd_create("partitions", MFD_CLOEXEC);
	uint64_t size = disk_size(d);
	blkid_partlist list = NULL;

	*out = (struct partitions){ .v = calloc(PARTITIONS_MAX, sizeof(*out->v)) };
	if (!out->v || fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return error_errno(err, out->v ? errno : ENOMEM, "memory file for partitions");
	if (copy(d, fd, 0, ENDS_LEN, err) < 0 || (size > ENDS_LEN && copy(d, fd, size - ENDS_LEN, ENDS_LEN, err) < 0) ||
	    copy_logical(d, fd, err) < 0)
		return -1;
	p = blkid_new_probe();
	if (!p || blkid_probe_set_device(p, fd, 0, 0) < 0)
		return error_errno(err, ENOMEM, "partitions");
	blkid_probe_enable_partitions(p, 1);
	list = blkid_probe_get_partitions(p);
	if (list && blkid_partlist_numof_partitions(list) > 0)
		return take_table(d, fd, list, out, err);
	out->v[0] = (struct partition){ .len = size };
	if (find_fs(d, fd, &out->v[0], err) < 0)
		return -1;
	out->n = out->v[0].fs[0] ? 1 : 0;
	return 0;
}

void partitions_fini(struct partitions *p)
{
	free(p->v);
	*p = (struct partitions){ 0 };
}
