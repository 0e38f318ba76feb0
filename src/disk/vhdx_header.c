/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "disk/crc32c.h"
#include "disk/vhdx_header.h"

enum {
	HEAD_SIGNATURE = 0, /* 4 bytes: "head" */
	HEAD_CRC = 4,
	HEAD_SEQUENCE = 8,
	HEAD_FILE_WRITE = 16,
	HEAD_DATA_WRITE = 32,
	HEAD_LOG_GUID = 48,
	HEAD_LOG_VERSION = 64,
	HEAD_VERSION = 66,
	HEAD_LOG_LEN = 68,
	HEAD_LOG_OFF = 72,
};

int vhdx_file_id_check(const uint8_t *head, size_t len, struct error *err)
{
	if (len < VHDX_FILE_ID_LEN || memcmp(head, VHDX_FILE_ID, VHDX_FILE_ID_LEN) != 0)
		return error_set(err, ERR_CORRUPT, "not a VHDX: the file does not begin with 'vhdxfile'");
	return 0;
}

/* Why a header does not count, or NULL. */
static const char *header_fault(const uint8_t *raw)
{
	if (memcmp(raw + HEAD_SIGNATURE, "head", 4) != 0)
		return "no signature";
	if (crc32c_sealed(raw, VHDX_HEADER_LEN, HEAD_CRC) != get_le32(raw + HEAD_CRC))
		return "wrong checksum";
	return NULL;
}

static int check_log_place(const struct vhdx_header *h, uint64_t file_size, struct error *err)
{
	if (h->log_off < VHDX_MIB || h->log_off % VHDX_MIB != 0 || h->log_len % VHDX_MIB != 0)
		return error_set(err, ERR_CORRUPT,
				 "header: log at %#" PRIx64 "+%#" PRIx32 ", not in whole MiB behind the first",
				 h->log_off, h->log_len);
	if (!guid_is_zero(&h->log) && (h->log_len == 0 || !range_ok(h->log_off, h->log_len, file_size)))
		return error_set(err, ERR_CORRUPT,
				 "header: log at %#" PRIx64 "+%#" PRIx32 ": beyond end of file (%#" PRIx64 ")",
				 h->log_off, h->log_len, file_size);
	return 0;
}

static int decode_header(const uint8_t *raw, uint64_t file_size, struct vhdx_header *out, struct error *err)
{
	uint16_t version = get_le16(raw + HEAD_VERSION), log_version = get_le16(raw + HEAD_LOG_VERSION);
	struct vhdx_header h = {
		.sequence = get_le64(raw + HEAD_SEQUENCE),
		.log_off = get_le64(raw + HEAD_LOG_OFF),
		.log_len = get_le32(raw + HEAD_LOG_LEN),
	};

	guid_from_le(raw + HEAD_FILE_WRITE, &h.file_write);
	guid_from_le(raw + HEAD_DATA_WRITE, &h.data_write);
	guid_from_le(raw + HEAD_LOG_GUID, &h.log);
	if (version != 1)
		return error_set(err, ERR_UNSUPPORTED, "header: version %u, not 1", version);
	if (log_version != 0 && !guid_is_zero(&h.log))
		return error_set(err, ERR_UNSUPPORTED, "header: a pending log of version %u, not 0", log_version);
	if (check_log_place(&h, file_size, err) < 0)
		return -1;
	*out = h;
	return 0;
}

int vhdx_header_choose(const uint8_t first[VHDX_HEADER_LEN], const uint8_t second[VHDX_HEADER_LEN], uint64_t file_size,
		       struct vhdx_header *out, struct error *err)
{
	const char *fault1 = header_fault(first), *fault2 = header_fault(second);
	uint64_t seq1 = get_le64(first + HEAD_SEQUENCE), seq2 = get_le64(second + HEAD_SEQUENCE);

	if (fault1 && fault2)
		return error_set(err, ERR_CORRUPT, "no valid header: %s at 0x10000, %s at 0x20000", fault1, fault2);
	/* Disk2vhd writes the same header twice; otherwise nobody can tell which one is newer. */
	if (!fault1 && !fault2 && seq1 == seq2 && memcmp(first, second, VHDX_HEADER_LEN) != 0)
		return error_set(err, ERR_CORRUPT, "two different headers with the same sequence number %" PRIu64,
				 seq1);
	if (decode_header(fault2 || (!fault1 && seq1 >= seq2) ? first : second, file_size, out, err) < 0)
		return -1;
	out->other_fault = fault1 ? fault1 : fault2;
	return 0;
}
