/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "support/ova_writer.h"

static uint8_t *append(struct ova_writer *w, size_t len)
{
	size_t at = w->len;

	w->len += len;
	if (w->len > w->cap) {
		w->cap = 2 * w->len;
		w->bytes = realloc(w->bytes, w->cap);
		assert_non_null(w->bytes);
	}
	memset(w->bytes + at, 0, len);
	return w->bytes + at;
}

void ova_writer_fini(struct ova_writer *w)
{
	free(w->bytes);
	*w = (struct ova_writer){ 0 };
}

void ova_writer_checksum(struct ova_writer *w, size_t header)
{
	uint8_t *p = w->bytes + header;
	unsigned sum = 0;

	memset(p + 148, ' ', 8);
	for (size_t i = 0; i < OVA_W_BLOCK; i++)
		sum += p[i];
	snprintf((char *)p + 148, 8, "%06o", sum);
}

size_t ova_writer_header(struct ova_writer *w, const char *name, uint64_t size, char type)
{
	uint8_t *p = append(w, OVA_W_BLOCK);
	size_t at = w->len - OVA_W_BLOCK, len = strlen(name);

	memcpy(p, name, len < 100 ? len : 100);
	memcpy(p + 100, "0000644", 8);
	snprintf((char *)p + 124, 12, "%011" PRIo64, size & 077777777777);
	memcpy(p + 136, "00000000000", 12);
	p[156] = (uint8_t)type;
	memcpy(p + 257, "ustar\0" "00", 8);
	ova_writer_checksum(w, at);
	return at;
}

void ova_writer_content(struct ova_writer *w, const void *buf, size_t len)
{
	uint8_t *p = append(w, (len + OVA_W_BLOCK - 1) / OVA_W_BLOCK * OVA_W_BLOCK);

	if (len > 0)
		memcpy(p, buf, len);
}

size_t ova_writer_add(struct ova_writer *w, const char *name, const void *buf, size_t len)
{
	size_t at = ova_writer_header(w, name, len, '0') + OVA_W_BLOCK;

	ova_writer_content(w, buf, len);
	return at;
}

void ova_writer_pax_record(char *text, size_t cap, const char *record)
{
	size_t at = strlen(text), len = strlen(record) + 2, n = len + 1;
	char digits[24];

	while (n != len + (size_t)snprintf(digits, sizeof(digits), "%zu", n))
		n++;
	assert_true(at + n < cap);
	snprintf(text + at, cap - at, "%zu %s\n", n, record);
}

void ova_writer_extra(struct ova_writer *w, char type, const char *text)
{
	size_t len = strlen(text) + (type == 'L'); /* a GNU name has its NUL */

	ova_writer_header(w, type == 'L' ? "././@LongLink" : "PaxHeaders/x", len, type);
	ova_writer_content(w, text, len);
}

void ova_writer_end(struct ova_writer *w)
{
	append(w, (size_t)2 * OVA_W_BLOCK);
}

void ova_writer_base256(struct ova_writer *w, size_t header, uint8_t first, uint64_t size)
{
	uint8_t *p = w->bytes + header + 124;

	memset(p, first == 0xff ? 0xff : 0, 4);
	p[0] = first;
	put_be64(p + 4, size);
	ova_writer_checksum(w, header);
}

void ova_writer_save(const struct ova_writer *w, const struct scratch_dir *s, const char *name)
{
	scratch_write(s, name, w->bytes, w->len);
}

void ova_writer_ovf(char out[OVA_W_OVF_MAX], const char *files, const char *disks, const char *items)
{
	int n = snprintf(out, OVA_W_OVF_MAX,
			 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			 "<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\" "
			 "xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\" xmlns:rasd=\"http://schemas.dmtf.org/rasd\">\n"
			 "<References>%s</References>\n<DiskSection><Info>disks</Info>%s</DiskSection>\n"
			 "<VirtualSystem ovf:id=\"vm\"><Name>web 01</Name><VirtualHardwareSection>%s"
			 "</VirtualHardwareSection></VirtualSystem>\n</Envelope>\n",
			 files, disks, items);

	assert_true(n > 0 && n < OVA_W_OVF_MAX);
}

void ova_writer_ovf_one(char out[OVA_W_OVF_MAX], const char *href, uint64_t capacity)
{
	char file[1400], disk[200];

	snprintf(file, sizeof(file), "<File ovf:id=\"f1\" ovf:href=\"%s\"/>", href);
	snprintf(disk, sizeof(disk), "<Disk ovf:diskId=\"d1\" ovf:fileRef=\"f1\" ovf:capacity=\"%" PRIu64 "\"/>", capacity);
	ova_writer_ovf(out, file, disk,
		       "<Item><rasd:HostResource>ovf:/disk/d1</rasd:HostResource>"
		       "<rasd:ResourceType>17</rasd:ResourceType></Item>");
}
