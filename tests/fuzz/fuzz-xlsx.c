/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile bytes as the vInfo sheet of a workbook, and what follows a NUL as the texts that its cells share. */
#include <config.h>

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "fuzz.h"
#include "inventory/inventory.h"

static const char workbook[] = "<workbook><sheets><sheet name=\"vInfo\" id=\"1\"/></sheets></workbook>";
static const char relations[] = "<Relationships><Relationship Id=\"1\" Target=\"s.xml\"/></Relationships>";

static void add(struct archive *zip, const char *name, const void *data, size_t len)
{
	struct archive_entry *e = archive_entry_new();

	FUZZ_MUST(e);
	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, (la_int64_t)len);
	archive_entry_set_filetype(e, AE_IFREG);
	FUZZ_MUST(archive_write_header(zip, e) == ARCHIVE_OK);
	FUZZ_MUST(archive_write_data(zip, data, len) == (la_ssize_t)len);
	archive_entry_free(e);
}

static void write_workbook(int fd, const uint8_t *sheet, size_t len, const uint8_t *texts, size_t texts_len)
{
	struct archive *zip = archive_write_new();

	FUZZ_MUST(zip && archive_write_set_format_zip(zip) == ARCHIVE_OK);
	FUZZ_MUST(archive_write_zip_set_compression_store(zip) == ARCHIVE_OK && archive_write_open_fd(zip, fd) == ARCHIVE_OK);
	add(zip, "xl/workbook.xml", workbook, sizeof(workbook) - 1);
	add(zip, "xl/_rels/workbook.xml.rels", relations, sizeof(relations) - 1);
	add(zip, "xl/s.xml", sheet, len);
	if (texts)
		add(zip, "xl/sharedStrings.xml", texts, texts_len);
	FUZZ_MUST(archive_write_free(zip) == ARCHIVE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	const uint8_t *nul = len > 0 ? memchr(data, 0, len) : NULL;
	size_t sheet = nul ? (size_t)(nul - data) : len;
	int fd = memfd_create("workbook", MFD_CLOEXEC);
	struct error e = ERROR_INIT;
	char path[40];

	FUZZ_MUST(fd >= 0);
	write_workbook(fd, data, sheet, nul ? nul + 1 : NULL, nul ? len - sheet - 1 : 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (inventory_read(path, NULL, &l, &e) < 0)
		FUZZ_MUST(*e.msg && e.code == ERR_CORRUPT);
	for (size_t i = 0; i < l.n; i++)
		FUZZ_MUST(l.v[i].name && strlen(l.v[i].name) <= MACHINE_TEXT_MAX && utf8_valid(l.v[i].name, strlen(l.v[i].name)));
	for (size_t i = 0; i < l.notices.n; i++)
		FUZZ_MUST(utf8_valid(l.notices.v[i], strlen(l.notices.v[i])));
	close(fd);
	return 0;
}
