/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/vhd_footer.h"

enum {
	FOOTER_COOKIE = 0, /* 8 bytes: "conectix" */
	FOOTER_FEATURES = 8,
	FOOTER_VERSION = 12,
	FOOTER_DATA_OFFSET = 16,
	FOOTER_TIMESTAMP = 24,
	FOOTER_CREATOR = 28,
	FOOTER_CREATOR_VERSION = 32,
	FOOTER_CREATOR_HOST = 36,
	FOOTER_ORIGINAL_SIZE = 40,
	FOOTER_CURRENT_SIZE = 48,
	FOOTER_GEOMETRY = 56,
	FOOTER_TYPE = 60,
	FOOTER_CHECKSUM = 64,
	FOOTER_ID = 68, /* 16 bytes, as the text shows them */
	FOOTER_SAVED_STATE = 84,

	FEATURE_RESERVED = 2, /* always set */
	VERSION_1_0 = 0x00010000,
	SECTOR = 512,
};

uint32_t vhd_checksum(const uint8_t *raw, size_t len, size_t field)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		if (i < field || i >= field + 4)
			sum += raw[i];
	return ~sum;
}

void vhd_footer_encode(uint64_t content_size, const struct guid *id, uint8_t out[VHD_FOOTER_LEN])
{
	assert(content_size > 0 && content_size % VHD_ALIGN == 0);
	memset(out, 0, VHD_FOOTER_LEN);
	memcpy(out + FOOTER_COOKIE, "conectix", 8);
	put_be32(out + FOOTER_FEATURES, FEATURE_RESERVED);
	put_be32(out + FOOTER_VERSION, VERSION_1_0);
	put_be64(out + FOOTER_DATA_OFFSET, UINT64_MAX);
	memcpy(out + FOOTER_CREATOR, "win ", 4);
	put_be32(out + FOOTER_CREATOR_VERSION, 0x000a0000);
	memcpy(out + FOOTER_CREATOR_HOST, "Wi2k", 4);
	put_be64(out + FOOTER_ORIGINAL_SIZE, content_size);
	put_be64(out + FOOTER_CURRENT_SIZE, content_size);
	put_be16(out + FOOTER_GEOMETRY, 65535);
	out[FOOTER_GEOMETRY + 2] = 16;
	out[FOOTER_GEOMETRY + 3] = 255;
	put_be32(out + FOOTER_TYPE, VHD_FIXED);
	memcpy(out + FOOTER_ID, id->b, sizeof(id->b));
	put_be32(out + FOOTER_CHECKSUM, vhd_checksum(out, VHD_FOOTER_LEN, FOOTER_CHECKSUM));
}

int vhd_footer_decode(const uint8_t raw[VHD_FOOTER_LEN], struct vhd_footer *out, struct error *err)
{
	uint32_t sum = vhd_checksum(raw, VHD_FOOTER_LEN, FOOTER_CHECKSUM), stored = get_be32(raw + FOOTER_CHECKSUM);
	uint32_t version = get_be32(raw + FOOTER_VERSION), type = get_be32(raw + FOOTER_TYPE);
	uint64_t size = get_be64(raw + FOOTER_CURRENT_SIZE);
	struct vhd_footer f = {
		.current_size = size,
		.data_offset = get_be64(raw + FOOTER_DATA_OFFSET),
		.timestamp = get_be32(raw + FOOTER_TIMESTAMP),
		.checksum = stored,
		.geometry_size = (uint64_t)get_be16(raw + FOOTER_GEOMETRY) * raw[FOOTER_GEOMETRY + 2] *
				 raw[FOOTER_GEOMETRY + 3] * SECTOR,
		.saved_state = raw[FOOTER_SAVED_STATE] != 0,
	};

	if (memcmp(raw + FOOTER_COOKIE, "conectix", 8) != 0)
		return error_set(err, ERR_CORRUPT, "footer: no 'conectix' where it must begin");
	if (sum != stored)
		return error_set(err, ERR_CORRUPT, "footer: checksum %08" PRIx32 ", its bytes sum up to %08" PRIx32,
				 stored, sum);
	if (version >> 16 != VERSION_1_0 >> 16)
		return error_set(err, ERR_CORRUPT, "footer: version %#010" PRIx32 ", not 1.0", version);
	if (type != VHD_FIXED && type != VHD_DYNAMIC && type != VHD_DIFFERENCING)
		return error_set(err, ERR_CORRUPT, "footer: disk type %" PRIu32 ", not 2, 3 or 4", type);
	if (size == 0 || size % SECTOR != 0)
		return error_set(err, ERR_CORRUPT, "footer: current size %" PRIu64 ", not a positive multiple of 512",
				 size);
	f.type = (enum vhd_type)type;
	memcpy(f.creator, raw + FOOTER_CREATOR, 4);
	memcpy(f.id.b, raw + FOOTER_ID, sizeof(f.id.b));
	*out = f;
	return 0;
}

uint32_t vhd_footer_claimed_type(const uint8_t raw[VHD_FOOTER_LEN])
{
	return get_be32(raw + FOOTER_TYPE);
}

uint64_t vhd_content_size(uint64_t virtual_size)
{
	uint64_t content, file;

	if (!align_up(virtual_size, VHD_ALIGN, &content) || !checked_add(content, VHD_FOOTER_LEN, &file))
		return 0;
	return content;
}
