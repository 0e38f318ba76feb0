/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A physical volume of LVM2, and the logical volumes that lie whole and in plain pieces on it; others are named and not
 * looked at.  Layouts as lvm2's lib/format_text/layout.h has them.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/look_private.h"
#include "guest/lvm.h"

enum {
	SECTOR = 512,
	LABEL_SECTORS = 4,
	LABEL_OFFSET = 20, /* of the header behind it */
	LABEL_TYPE = 24,
	LABEL_LEN = 32,
	PV_ID_LEN = 32,
	PV_AREAS = 40,
	AREA_LEN = 16,
	MDA_MAGIC = 4,
	MDA_SIZE = 32,
	MDA_TEXT = 40,
	TEXT_OFF = 0,
	TEXT_LEN = 8,
	TEXT_CRC = 16,
	TEXT_FLAGS = 20,
	TEXT_IGNORED = 1,
};

struct pv {
	struct volume *v;
	char id[PV_ID_LEN + 1];
	uint64_t text_off; /* byte of the volume */
};

/* CRC-32 with LVM's own beginning, and not inverted at the end. */
static uint32_t lvm_crc(const char *p, size_t len)
{
	uint32_t crc = 0xf597a6cf;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint8_t)p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return crc;
}

/* The text of one metadata area; *out NULL if it has none. */
static int read_area(struct pv *pv, uint64_t off, uint64_t size, char **out, struct error *err)
{
	CLEANUP_FREE char *text = NULL;
	uint8_t h[SECTOR];
	uint64_t at, len, first;

	*out = NULL;
	if (volume_read(pv->v, h, sizeof(h), off, err) < 0)
		return -1;
	if (memcmp(h + MDA_MAGIC, " LVM2 x[5A%r0N*>", 16) != 0)
		return error_set(err, ERR_CORRUPT, "LVM: no metadata at byte %" PRIu64, off);
	at = get_le64(h + MDA_TEXT + TEXT_OFF);
	len = get_le64(h + MDA_TEXT + TEXT_LEN);
	if (len == 0 || get_le32(h + MDA_TEXT + TEXT_FLAGS) & TEXT_IGNORED)
		return 0;
	if (size <= SECTOR || len > LVM_TEXT_MAX || len > size - SECTOR || at < SECTOR || at >= size)
		return error_set(err, ERR_CORRUPT,
				 "LVM: %" PRIu64 " bytes of metadata at %" PRIu64 " in an area of %" PRIu64, len, at,
				 size);
	text = malloc(len + 1);
	if (!text)
		return error_errno(err, ENOMEM, "LVM");
	first = len < size - at ? len : size - at; /* the area is a ring behind its header */
	if (volume_read(pv->v, text, first, off + at, err) < 0 ||
	    (len > first && volume_read(pv->v, text + first, len - first, off + SECTOR, err) < 0))
		return -1;
	if (lvm_crc(text, len) != get_le32(h + MDA_TEXT + TEXT_CRC))
		return error_set(err, ERR_CORRUPT, "LVM: metadata at byte %" PRIu64 ": wrong checksum", off + at);
	text[len] = '\0';
	pv->text_off = off + at;
	*out = steal_ptr(&text);
	return 0;
}

static const uint8_t *find_label(const uint8_t *b)
{
	for (unsigned i = 0; i < LABEL_SECTORS; i++)
		if (memcmp(b + i * SECTOR, "LABELONE", 8) == 0 &&
		    memcmp(b + i * SECTOR + LABEL_TYPE, "LVM2 001", 8) == 0)
			return b + i * SECTOR;
	return NULL;
}

static int read_pv(struct pv *pv, char **text_out, struct error *err)
{
	uint8_t b[LABEL_SECTORS * SECTOR];
	const uint8_t *label, *header;
	unsigned lists = 0;
	uint32_t at;

	if (volume_read(pv->v, b, sizeof(b), 0, err) < 0)
		return -1;
	label = find_label(b);
	if (!label)
		return error_set(err, ERR_CORRUPT, "LVM: no label");
	at = get_le32(label + LABEL_OFFSET);
	if (!range_ok(at, PV_AREAS, SECTOR))
		return error_set(err, ERR_CORRUPT, "LVM: a header at byte %" PRIu32 " of a sector", at);
	header = label + at;
	memcpy(pv->id, header, PV_ID_LEN);
	/* Data areas up to an empty one, then those of metadata. */
	for (uint32_t area = at + PV_AREAS; range_ok(area, AREA_LEN, SECTOR) && lists < 2; area += AREA_LEN) {
		uint64_t off = get_le64(label + area), size = get_le64(label + area + 8);

		if (off == 0)
			lists++;
		else if (lists == 1) {
			if (read_area(pv, off, size, text_out, err) < 0 || *text_out)
				return *text_out ? 0 : -1;
		}
	}
	return error_set(err, ERR_UNSUPPORTED, "LVM: no metadata on this physical volume");
}

static const char *map_volume(const struct pv *pv, const struct lvm_vg *vg, const struct lvm_pv *here,
			      const struct lvm_lv *lv, struct volume *out, struct error *why)
{
	uint64_t next = 0;

	for (size_t i = 0; i < lv->n_segments; i++) {
		const struct lvm_segment *s = &lv->segments[i];
		uint64_t sector =
			here->first_sector + s->pv_extent * vg->extent_sectors; /* below 2^32 * 2^32 + 2^32... */

		if (strcmp(s->type, "striped") != 0 || s->stripes != 1)
			return "it is not linear";
		if (strcmp(s->pv, here->name) != 0)
			return "it lies on other disks too";
		if (s->first != next || s->n == 0 || !range_ok(s->pv_extent, s->n, here->extents) ||
		    !range_ok(sector, s->n * vg->extent_sectors, pv->v->size / SECTOR))
			return "its pieces contradict each other";
		if (volume_add(out, volume_on_disk(pv->v, sector * SECTOR), s->n * vg->extent_sectors * SECTOR, why) <
		    0)
			return why->msg;
		next += s->n;
	}
	return lv->n_segments ? NULL : "it has no pieces";
}

static int read_volume(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	return volume_read(ctx, buf, len, off, err);
}

static int look_inside(struct looker *lk, struct volume *v, struct error *err)
{
	static const struct disk_foreign_ops ops = { .format = "logical volume", .read = read_volume };
	CLEANUP(cleanup_disk) struct disk *d = disk_new_foreign(v->name, v->size, &ops, v, err);
	CLEANUP(cleanup_partitions) struct partitions p = { 0 };
	struct error why = ERROR_INIT;

	if (!d)
		return -1;
	if (partitions_find(d, &p, &why) < 0)
		return look_gave_up(lk, v->name, volume_on_disk(v, 0), &why, err);
	if (p.table[0])
		return look_add(lk, FINDING_SKIPPED, v->name, volume_on_disk(v, 0), err,
				"partitions within a logical volume");
	if (p.n == 0)
		return 0;
	if (strcmp(p.v[0].fs, "LVM2_member") == 0)
		return look_add(lk, FINDING_SKIPPED, v->name, volume_on_disk(v, 0), err, "LVM within LVM");
	return look_volume(lk, v, p.v[0].fs, p.v[0].label, false, err);
}

static int look_logical(struct looker *lk, const struct pv *pv, const struct lvm_vg *vg, const struct lvm_pv *here,
			const struct lvm_lv *lv, struct error *err)
{
	CLEANUP(cleanup_volume) struct volume v = { 0 };
	struct error why = ERROR_INIT;
	const char *wrong;
	char name[160];

	snprintf(name, sizeof(name), "logical volume %.64s/%.64s", vg->name, lv->name);
	if (volume_init(&v, lk->d, &lk->budget, 0, 0, err) < 0)
		return -1;
	memcpy(v.name, name, sizeof(name));
	wrong = map_volume(pv, vg, here, lv, &v, &why);
	if (why.code == ERR_NOMEM)
		return look_gave_up(lk, name, 0, &why, err);
	if (wrong)
		return look_add(lk, FINDING_SKIPPED, name, volume_on_disk(pv->v, pv->text_off), err, "%s", wrong);
	if (look_add(lk, FINDING_LOGICAL, name, volume_on_disk(&v, 0), err, "%s/%s: %" PRIu64 " bytes", vg->name,
		     lv->name, v.size) < 0)
		return -1;
	return look_inside(lk, &v, err);
}

int look_lvm(struct looker *lk, struct volume *v, struct error *err)
{
	CLEANUP(cleanup_lvm_vg) struct lvm_vg vg = { 0 };
	CLEANUP_FREE char *text = NULL;
	struct pv pv = { .v = v };
	const struct lvm_pv *here = NULL;
	struct error why = ERROR_INIT;

	if (look_add(lk, FINDING_VOLUMES, v->name, volume_on_disk(v, 0), err, "LVM") < 0)
		return -1;
	if (read_pv(&pv, &text, &why) < 0 || lvm_parse(text, &vg, &why) < 0)
		return look_gave_up(lk, v->name, volume_on_disk(v, 0), &why, err);
	for (size_t i = 0; i < vg.n_pvs; i++)
		if (strcmp(vg.pvs[i].id, pv.id) == 0)
			here = &vg.pvs[i];
	if (!here || vg.extent_sectors == 0)
		return look_add(lk, FINDING_UNREADABLE, v->name, volume_on_disk(v, pv.text_off), err,
				"LVM: the metadata does not name this physical volume");
	for (size_t i = 0; i < vg.n_lvs; i++)
		if (vg.lvs[i].visible && look_logical(lk, &pv, &vg, here, &vg.lvs[i], err) < 0)
			return -1;
	return 0;
}
