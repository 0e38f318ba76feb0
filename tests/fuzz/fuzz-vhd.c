/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VHD of hostile bytes.  The low bits of the input's first byte choose what the rest is:
 *   0x01  clear: the file itself; set: changes to a good fixed disk of 64 KiB: 2 bytes offset before the end, 1 byte
 *         value each
 *   0x0c  not 0: changes to a good image, 4 a dynamic one, 8 a child of such a one, 12 a dynamic one whose table and
 *         header lie at odd places.  A change: a byte 0xWA (width 1 << W % 4, area A of the table in change()), 2 bytes
 *         offset, the value.  Without changes the image reads as its model says.
 *   0x02  that all checksums are made right again, 0x10 that the footer at the end is a copy of the one at 0, 0x20 that
 *         the file is cut, by the next 2 bytes
 */
#include <config.h>

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/vhd_footer.h"
#include "fuzz.h"
#include "fuzz_disk.h"
#include "support/vhd_writer.h"

enum { CONTENT = 64 << 10, HEADER_LEN = 1024, FILE_MAX = 1 << 20, CHANGES_MAX = 64, CHILD = 2, IMAGES = 4 };

static struct vhd_image images[IMAGES]; /* by 0x0c; the first is not used */
static uint8_t file[FILE_MAX];

static void build(void)
{
	static const uint8_t base_states[] = { 1, 1, 0, 2, 1 }, states[] = { 2, 0, 1, 2, 0, 1 };
	struct vhd_image base = { .size = 40960, .block_size = 8192, .id = 5, .states = base_states, .seed = 1 };

	vhd_image_build(&base);
	fuzz_write("base.vhd", base.bytes, base.len);
	images[1] = (struct vhd_image){ .size = 40448, .block_size = 8192, .states = base_states, .seed = 2 };
	images[CHILD] = (struct vhd_image){ .size = 45056,
					    .block_size = 8192,
					    .type = 4,
					    .id = 6,
					    .states = states,
					    .parent = base.guest,
					    .parent_size = base.size,
					    .seed = 3 };
	images[3] = (struct vhd_image){ .size = 49152,
					.block_size = 16384,
					.header_off = 70000,
					.bat_off = 65535,
					.more_entries = 3,
					.ascending = true,
					.short_footer = true,
					.seed = 4 };
	for (int i = 1; i < IMAGES; i++) {
		vhd_image_build(&images[i]);
		FUZZ_MUST(images[i].len <= sizeof(file));
	}
	vhd_image_set_parent(&images[CHILD], 5, "C:\\vm\\base.vhd");
	vhd_image_set_locator(&images[CHILD], 0, VHD_W_W2RU, ".\\base.vhd");
	vhd_image_set_locator(&images[CHILD], 1, VHD_W_W2KU, "C:\\vm\\base.vhd");
	vhd_image_set_locator(&images[CHILD], 2, VHD_W_MACX, "file://localhost/vm/base.vhd");
	vhd_image_fini(&base);
}

/* The checksums of both footers, of which the last has footer_len bytes, and of the header where the one at 0 says. */
static void seal(size_t len, size_t footer_len)
{
	uint8_t footer[VHD_FOOTER_LEN] = { 0 };
	uint64_t header;

	if (len >= footer_len) {
		memcpy(footer, file + len - footer_len, footer_len);
		vhd_seal_footer(footer);
		memcpy(file + len - footer_len, footer, footer_len);
	}
	if (len < 2 * VHD_FOOTER_LEN || memcmp(file, "conectix", 8) != 0)
		return;
	vhd_seal_footer(file);
	header = get_be64(file + 16);
	if (header >= VHD_FOOTER_LEN && range_ok(header, HEADER_LEN, len - VHD_FOOTER_LEN))
		vhd_seal_header(file + header);
}

static unsigned change(struct vhd_image *img, const uint8_t *data, size_t len)
{
	const uint64_t areas[16] = { 0,
				     img->header_off,
				     img->header_off + 576, /* the locators */
				     img->bat_off,
				     img->text_off,
				     img->text_off + VHD_W_TEXT_ROOM,
				     img->text_off + 2 * VHD_W_TEXT_ROOM,
				     (uint64_t)(vhd_image_footer(img) - img->bytes),
				     (uint64_t)(vhd_image_bitmap(img, 0) - img->bytes),
				     img->data_off,
				     img->header_off + 64, /* the parent's name */
				     48,
				     img->header_off + 16,
				     img->header_off + 28,
				     img->header_off + 40,
				     img->len / 2 };
	unsigned n_changes = 0;

	for (; len > 3 && n_changes < CHANGES_MAX; n_changes++) {
		size_t n = (size_t)1 << (data[0] >> 4) % 4;
		uint64_t off = areas[data[0] % 16] + get_le16(data + 1);

		data += 3;
		len -= 3;
		n = n < len ? n : len;
		if (!range_ok(off, n, img->len))
			break;
		memcpy(file + off, data, n);
		data += n;
		len -= n;
	}
	return n_changes;
}

static void compare(struct disk *d, const struct vhd_image *img)
{
	static uint8_t buf[FILE_MAX];

	FUZZ_MUST(d && disk_size(d) == img->size && img->size <= sizeof(buf));
	FUZZ_MUST(disk_read(d, buf, (size_t)img->size, 0, NULL) == 0 && memcmp(buf, img->guest, img->size) == 0);
}

static int changed_image(struct vhd_image *img, uint8_t mode, const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	size_t file_len = img->len, footer_len = img->short_footer ? 511 : VHD_FOOTER_LEN, cut = 0;
	unsigned n_changes;

	if (mode & 0x20) {
		if (len < 2)
			return 0;
		cut = get_le16(data) % file_len;
		data += 2;
		len -= 2;
	}
	memcpy(file, img->bytes, file_len);
	n_changes = change(img, data, len);
	if (n_changes > 0 && (mode & 2))
		seal(file_len, footer_len);
	if (n_changes > 0 && (mode & 0x10))
		memcpy(file + file_len - footer_len, file, footer_len);
	fuzz_write("d.vhd", file, file_len - cut);
	d = fuzz_use_disk("d.vhd", NULL);
	if (n_changes == 0 && cut == 0)
		compare(d, img);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct guid id = { { 1, 2, 3 } };
	size_t file_len;
	uint8_t mode;

	if (len == 0 || len > FILE_MAX)
		return 0;
	if (!images[1].bytes)
		build();
	mode = *data++;
	file_len = --len;
	if (mode >> 2 & 3)
		return changed_image(&images[mode >> 2 & 3], mode, data, len);
	if (mode & 1) {
		file_len = CONTENT + VHD_FOOTER_LEN;
		memset(file, 'x', CONTENT);
		vhd_footer_encode(VHD_ALIGN, &id, file + CONTENT);
		put_be64(file + CONTENT + 48, CONTENT);
		vhd_seal_footer(file + CONTENT);
		for (; len >= 3; data += 3, len -= 3)
			file[file_len - 1 - get_le16(data) % file_len] = data[2];
	} else {
		memcpy(file, data, len);
	}
	if (mode & 2)
		seal(file_len, VHD_FOOTER_LEN);
	fuzz_write("d.vhd", file, file_len);
	d = fuzz_use_disk("d.vhd", NULL);
	if (d && strcmp(disk_chain_info(d, 0)->subformat, "fixed") == 0)
		FUZZ_MUST(disk_size(d) <= file_len);
	return 0;
}
