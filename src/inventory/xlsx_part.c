/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/xlsx_part.h"

#define MEMBERS_MAX 10000 /* of the archive; RVTools writes some 40 */
#define BLOCK 65536

struct xlsx_part {
	char *what; /* "PATH: NAME", for messages */
	struct archive *zip;
	xmlTextReaderPtr xml;
	uint64_t len; /* read so far */
	struct error failed; /* of the archive, while libxml2 reads */
	int type;            /* of the present node */
	xmlChar *attribute;  /* the one asked for last */
};

/* ---- the archive ---- */

/* 1: found; 0: there is none. */
static int find_member(struct xlsx_part *p, const char *path, const char *name, struct error *err)
{
	struct archive_entry *entry;
	int rc = ARCHIVE_OK;

	if (archive_read_support_format_zip_seekable(p->zip) != ARCHIVE_OK ||
	    archive_read_open_filename(p->zip, path, BLOCK) != ARCHIVE_OK)
		return error_set(err, ERR_CORRUPT, "%s: not a ZIP archive: %.200s", path, archive_error_string(p->zip));
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		const char *found;

		rc = archive_read_next_header(p->zip, &entry);
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			break;
		found = archive_entry_pathname(entry);
		if (found && strcmp(found, name) == 0)
			return 1;
	}
	if (rc == ARCHIVE_EOF)
		return 0;
	return error_set(err, ERR_CORRUPT, "%s: ZIP archive: %.200s", path,
			 rc == ARCHIVE_OK ? "too many members" : archive_error_string(p->zip));
}

static int read_member(void *ctx, char *buf, int len)
{
	struct xlsx_part *p = ctx;
	la_ssize_t n = archive_read_data(p->zip, buf, (size_t)len);

	if (n < 0)
		return error_set(&p->failed, ERR_CORRUPT, "%s: %.200s", p->what, archive_error_string(p->zip));
	p->len += (uint64_t)n;
	if (p->len > XLSX_PART_MAX)
		return error_set(&p->failed, ERR_CORRUPT, "%s: more than 1 GiB", p->what);
	return (int)n;
}

/* libxml2 must say nothing on its own. */
static void take_error(void *ctx, xmlErrorPtr said)
{
	(void)ctx;
	(void)said;
}

struct xlsx_part *xlsx_part_open(const char *path, const char *name, bool *absent_out, struct error *err)
{
	CLEANUP(cleanup_xlsx_part) struct xlsx_part *p = calloc(1, sizeof(*p));
	int rc;

	*absent_out = false;
	if (p && asprintf(&p->what, "%s: %s", path, name) < 0)
		p->what = NULL;
	if (p && p->what)
		p->zip = archive_read_new();
	if (!p || !p->zip) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	rc = find_member(p, path, name, err);
	*absent_out = rc == 0;
	if (rc <= 0)
		return NULL;
	xmlInitParser();
	p->xml = xmlReaderForIO(read_member, NULL, p, NULL, NULL,
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
	if (!p->xml) {
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	xmlTextReaderSetStructuredErrorHandler(p->xml, take_error, p);
	return steal_ptr(&p);
}

void xlsx_part_close(struct xlsx_part *p)
{
	if (!p)
		return;
	xmlFree(p->attribute);
	if (p->xml)
		xmlFreeTextReader(p->xml);
	archive_read_free(p->zip);
	free(p->what);
	free(p);
}

/* ---- nodes ---- */

int xlsx_part_next(struct xlsx_part *p, struct error *err)
{
	int rc = xmlTextReaderRead(p->xml);

	if (p->failed.code != ERR_NONE) {
		if (err)
			*err = p->failed;
		return -1;
	}
	if (rc < 0)
		return error_set(err, ERR_CORRUPT, "%s: XML: not well-formed", p->what);
	p->type = rc ? xmlTextReaderNodeType(p->xml) : XML_READER_TYPE_NONE;
	if (p->type == XML_READER_TYPE_DOCUMENT_TYPE || p->type == XML_READER_TYPE_ENTITY_REFERENCE)
		return error_set(err, ERR_CORRUPT, "%s: XML: it brings a DTD", p->what);
	return rc;
}

static bool is_called(const struct xlsx_part *p, const char *name)
{
	const xmlChar *found = xmlTextReaderConstLocalName(p->xml);

	return found && strcmp((const char *)found, name) == 0;
}

bool xlsx_part_begins(const struct xlsx_part *p, const char *name)
{
	return p->type == XML_READER_TYPE_ELEMENT && is_called(p, name);
}

bool xlsx_part_ends(const struct xlsx_part *p, const char *name)
{
	return (p->type == XML_READER_TYPE_END_ELEMENT || xlsx_part_is_empty(p)) && is_called(p, name);
}

bool xlsx_part_is_empty(const struct xlsx_part *p)
{
	return p->type == XML_READER_TYPE_ELEMENT && xmlTextReaderIsEmptyElement(p->xml) == 1;
}

const char *xlsx_part_attribute(struct xlsx_part *p, const char *name)
{
	xmlFree(p->attribute);
	p->attribute = NULL;
	while (!p->attribute && xmlTextReaderMoveToNextAttribute(p->xml) == 1)
		if (is_called(p, name))
			p->attribute = xmlTextReaderValue(p->xml);
	xmlTextReaderMoveToElement(p->xml);
	return (const char *)p->attribute;
}

void xlsx_text_take(struct xlsx_text *t, const struct xlsx_part *p, struct strbuf *out)
{
	const xmlChar *text;

	if (p->type == XML_READER_TYPE_ELEMENT || p->type == XML_READER_TYPE_END_ELEMENT) {
		if (is_called(p, "rPh"))
			t->phonetic = p->type == XML_READER_TYPE_ELEMENT && !xlsx_part_is_empty(p);
		if (is_called(p, "t") || is_called(p, "v"))
			t->inside = p->type == XML_READER_TYPE_ELEMENT && !xlsx_part_is_empty(p);
		return;
	}
	text = t->inside && !t->phonetic ? xmlTextReaderConstValue(p->xml) : NULL;
	if (text)
		strbuf_adds(out, (const char *)text);
}
