/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OVA of hostile bytes.  The first byte of the input chooses what the rest is:
 *   0  the archive
 *   1  the descriptor in a good archive
 *   2  the manifest in a good archive
 *   3  changes to a good archive, 2 bytes offset (modulo its length) and the value, each; checksums of its headers are made good
 *   4  the records of a pax header before the disk
 */
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "disk/ova.h"
#include "disk/ova_manifest.h"
#include "fuzz.h"
#include "fuzz_disk.h"
#include "support/ova_writer.h"

enum { MODES = 5, LEN_MAX = 1 << 17, DISK = 4096 };

static char text[LEN_MAX + 1];

static void make(struct ova_writer *w, uint8_t mode, const uint8_t *data, size_t len)
{
	static const uint8_t disk[DISK] = { 1, 2, 3 };
	char ovf[OVA_W_OVF_MAX];
	size_t headers[4], n = 0;

	memcpy(text, data, len);
	text[len] = '\0';
	ova_writer_ovf_one(ovf, "d.raw", DISK);
	if (mode == 1)
		headers[n++] = ova_writer_add(w, "x.ovf", text, len) - OVA_W_BLOCK;
	else
		headers[n++] = ova_writer_add(w, "x.ovf", ovf, strlen(ovf)) - OVA_W_BLOCK;
	headers[n++] = ova_writer_add(w, "x.mf", text, mode == 2 ? len : 0) - OVA_W_BLOCK;
	if (mode == 4)
		ova_writer_extra(w, 'x', text);
	headers[n++] = ova_writer_add(w, "d.raw", disk, DISK) - OVA_W_BLOCK;
	ova_writer_add(w, "d.vmdk", disk, 64);
	if (mode != 3)
		return;
	for (size_t i = 0; i + 3 <= len; i += 3)
		w->bytes[get_le16(data + i) % w->len] = data[i + 2];
	for (size_t i = 0; i < n; i++)
		ova_writer_checksum(w, headers[i]);
}

static void check_manifest(const struct ova *o)
{
	CLEANUP(cleanup_ova_manifest) struct ova_manifest m = { 0 };
	char found[OVA_DIGEST_TEXT];
	struct error e = ERROR_INIT;
	bool equal;

	if (ova_manifest_read(o, &m, &e) < 0) {
		FUZZ_MUST(strncmp(e.msg, "d.ova: ", 7) == 0);
		FUZZ_MUST(e.code == ERR_CORRUPT || e.code == ERR_UNSUPPORTED);
		return;
	}
	for (size_t i = 0; i < m.n && i < 4; i++)
		FUZZ_MUST(ova_manifest_check(o, &m.lines[i], &equal, found, NULL) == 0);
}

static void use(const struct ova *o)
{
	char name[64];

	for (size_t i = 0; i < o->n_members; i++) {
		const struct tar_member *m = &o->members[i];

		FUZZ_MUST(m->off <= o->file->size && m->size <= o->file->size - m->off && backing_name_stays(m->name));
		FUZZ_MUST(ova_member(o, m->name) == m);
	}
	check_manifest(o);
	if (o->n_disks == 1 && o->disks[0].err.code == ERR_NONE)
		disk_close(fuzz_use_disk("d.ova", NULL));
	for (size_t i = 0; i < o->n_disks && i < 4; i++) {
		if (o->disks[i].err.code != ERR_NONE || strlen(o->disks[i].name) > 50)
			continue;
		snprintf(name, sizeof(name), "d.ova/%s", o->disks[i].name);
		disk_close(fuzz_use_disk(name, NULL));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_backing_root) struct backing_root *root = NULL;
	CLEANUP(cleanup_ova) struct ova *o = NULL;
	struct error e = ERROR_INIT;
	struct ova_writer w = { 0 };
	uint8_t mode;

	if (len == 0 || len > LEN_MAX)
		return 0;
	mode = *data++ % MODES;
	len--;
	if (mode == 0)
		fuzz_write("d.ova", data, len);
	else
		make(&w, mode, data, len);
	if (mode > 0)
		fuzz_write("d.ova", w.bytes, w.len);
	ova_writer_fini(&w);
	root = backing_root_open(fuzz_folder(), NULL);
	FUZZ_MUST(root);
	o = ova_open(backing_open(root, "d.ova", true, NULL), &e);
	FUZZ_MUST((o == NULL) == (e.code != ERR_NONE) && e.code != ERR_BUG && e.code != ERR_USAGE && e.code != ERR_SYSTEM);
	if (!o)
		FUZZ_MUST(strncmp(e.msg, "d.ova: ", 7) == 0);
	else
		use(o);
	FUZZ_MUST(mode != 3 || len >= 3 || o);
	return 0;
}
