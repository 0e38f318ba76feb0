/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "disk/vmdk_descriptor.h"
#include "disk/vmdk_encoding.h"

#define SECTORS_MAX ((uint64_t)INT64_MAX / 512)

struct span {
	const char *s;
	size_t n;
};

/* Keys that say something about the disk; a second one that says otherwise is refused. */
enum key {
	KEY_VERSION,
	KEY_ENCODING,
	KEY_DDB_ENCODING,
	KEY_CID,
	KEY_PARENT_CID,
	KEY_CREATE_TYPE,
	KEY_PARENT_HINT,
	KEY_UUID,
	KEY_ENCRYPTION_KEYS,
	KEY_FILTERS,
	N_KEYS
};

static const char *const key_names[N_KEYS] = {
	[KEY_VERSION] = "version",      [KEY_ENCODING] = "encoding",         [KEY_CID] = "CID",
	[KEY_PARENT_CID] = "parentCID", [KEY_CREATE_TYPE] = "createType",    [KEY_PARENT_HINT] = "parentFileNameHint",
	[KEY_UUID] = "ddb.uuid",        [KEY_DDB_ENCODING] = "ddb.encoding",
	[KEY_ENCRYPTION_KEYS] = "encryptionKeys",
	[KEY_FILTERS] = "ddb.iofilters", /* what ESXi puts between a guest's bytes and the extents */
};

#define ENCRYPTING_FILTER "vmwarevmcrypt"

struct parser {
	struct vmdk_descriptor *out;
	struct span values[N_KEYS]; /* s is NULL where the key did not come */
	bool any_option;            /* a line that is neither comment nor blank came */
};

static const struct {
	const char *name;
	bool device;
} create_types[] = {
	{ "monolithicSparse", false },
	{ "monolithicFlat", false },
	{ "twoGbMaxExtentSparse", false },
	{ "2GbMaxExtentSparse", false },
	{ "twoGbMaxExtentFlat", false },
	{ "2GbMaxExtentFlat", false },
	{ "streamOptimized", false },
	{ "vmfs", false },
	{ "vmfsSparse", false },
	{ "vmfsThin", false },
	{ "vmfsEagerZeroedThick", false },
	{ "vmfsPreallocated", false },
	{ "seSparse", false },
	{ "custom", false },
	{ "fullDevice", true },
	{ "partitionedDevice", true },
	{ "vmfsRaw", true },
	{ "vmfsRDM", true },
	{ "vmfsRawDeviceMap", true },
	{ "vmfsRDMP", true },
	{ "vmfsPassthroughRawDeviceMap", true },
};

static const char *const type_names[] = {
	[VMDK_FLAT] = "FLAT",       [VMDK_SPARSE] = "SPARSE",         [VMDK_ZERO] = "ZERO",
	[VMDK_VMFS] = "VMFS",       [VMDK_VMFSSPARSE] = "VMFSSPARSE", [VMDK_VMFSRDM] = "VMFSRDM",
	[VMDK_VMFSRAW] = "VMFSRAW", [VMDK_SESPARSE] = "SESPARSE",
};

const char *vmdk_extent_type_name(enum vmdk_extent_type type)
{
	return type_names[type];
}

/* For messages: at most 64 bytes of what was found. */
#define SHOWN(span) (int)((span).n < 64 ? (span).n : 64), (span).s

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span t)
{
	while (t.n > 0 && is_blank(t.s[0])) {
		t.s++;
		t.n--;
	}
	while (t.n > 0 && (is_blank(t.s[t.n - 1]) || t.s[t.n - 1] == '\r'))
		t.n--;
	return t;
}

static bool span_is(struct span t, const char *word)
{
	return t.n == strlen(word) && strncasecmp(t.s, word, t.n) == 0;
}

/* Takes the first word off *rest, and the blanks behind it. */
static struct span next_word(struct span *rest)
{
	struct span word = { rest->s, 0 };

	while (word.n < rest->n && !is_blank(rest->s[word.n]))
		word.n++;
	rest->s += word.n;
	rest->n -= word.n;
	*rest = trim(*rest);
	return word;
}

/* Decimal digits only, at most max. */
static bool span_number(struct span t, uint64_t max, uint64_t *out)
{
	char text[24];

	if (t.n == 0 || t.n >= sizeof(text))
		return false;
	memcpy(text, t.s, t.n);
	text[t.n] = '\0';
	return parse_u64(text, max, out, NULL) == 0;
}

static char *span_dup(struct span t, struct error *err)
{
	char *s = strndup(t.s, t.n);

	if (!s)
		error_errno(err, ENOMEM, "descriptor");
	return s;
}

/* The quoted text at the start of *rest, which moves behind it. */
static int take_quoted(struct span *rest, struct span *out, struct error *err)
{
	const char *end = rest->n > 1 ? memchr(rest->s + 1, '"', rest->n - 1) : NULL;

	if (!end)
		return error_set(err, ERR_CORRUPT, "unterminated quote: %.*s", SHOWN(*rest));
	out->s = rest->s + 1;
	out->n = (size_t)(end - out->s);
	rest->n -= out->n + 2;
	rest->s = end + 1;
	return 0;
}

static int check_name(struct span name, struct error *err)
{
	if (name.n == 0)
		return error_set(err, ERR_CORRUPT, "empty file name");
	if (name.n > VMDK_NAME_MAX)
		return error_set(err, ERR_CORRUPT, "file name of %zu bytes (at most %d)", name.n, VMDK_NAME_MAX);
	return 0;
}

static int add_extent(struct vmdk_descriptor *d, const struct vmdk_extent_line *x, struct error *err)
{
	size_t cap = d->cap_extents ? d->cap_extents * 2 : 4;
	struct vmdk_extent_line *v;

	if (d->n_extents == VMDK_EXTENTS_MAX)
		return error_set(err, ERR_CORRUPT, "more than %d extents", VMDK_EXTENTS_MAX);
	if (x->sectors > SECTORS_MAX - d->sectors)
		return error_set(err, ERR_CORRUPT, "the disk's size overflows");
	if (d->n_extents == d->cap_extents) {
		v = reallocarray(d->extents, cap, sizeof(*v));
		if (!v)
			return error_errno(err, ENOMEM, "extents");
		d->extents = v;
		d->cap_extents = cap;
	}
	d->extents[d->n_extents++] = *x;
	d->sectors += x->sectors;
	return 0;
}

static bool find_type(struct span word, enum vmdk_extent_type *out)
{
	for (size_t i = 0; i < ARRAY_LEN(type_names); i++) {
		if (span_is(word, type_names[i])) {
			*out = (enum vmdk_extent_type)i;
			return true;
		}
	}
	return false;
}

/* What may follow the name: an offset for FLAT (none: 0); for VMFS and others nothing, or a 0 that says nothing. */
static int parse_offset(struct span rest, struct vmdk_extent_line *x, struct error *err)
{
	struct span word;

	rest = trim(rest);
	if (rest.n == 0)
		return 0;
	word = next_word(&rest);
	if (!span_number(word, SECTORS_MAX, &x->offset_sectors))
		return error_set(err, ERR_CORRUPT, "extent offset '%.*s': not a number of sectors", SHOWN(word));
	if (x->type != VMDK_FLAT && (x->offset_sectors != 0 || rest.n > 0))
		return error_set(err, ERR_CORRUPT, "%s extent with an offset", type_names[x->type]);
	if (rest.n > 0)
		next_word(&rest); /* partition UUID */
	if (rest.n > 0)
		next_word(&rest); /* device id */
	if (rest.n > 0)
		return error_set(err, ERR_CORRUPT, "'%.*s' after the extent", SHOWN(rest));
	return 0;
}

/* `rest` is the line behind its access. */
static int parse_extent(struct parser *p, struct span rest, bool readable, struct error *err)
{
	struct vmdk_extent_line x = { 0 };
	struct span word = next_word(&rest), name = { 0 };

	if (!span_number(word, SECTORS_MAX, &x.sectors) || x.sectors == 0)
		return error_set(err, ERR_CORRUPT, "extent size '%.*s': not a number of sectors from 1 to %" PRIu64,
				 SHOWN(word), SECTORS_MAX);
	word = next_word(&rest);
	if (!find_type(word, &x.type))
		return error_set(err, ERR_CORRUPT, "extent type '%.*s'", SHOWN(word));
	if (!readable)
		return error_set(err, ERR_UNSUPPORTED, "an extent that may not be read (NOACCESS)");
	if (x.type == VMDK_VMFSRDM || x.type == VMDK_VMFSRAW)
		return error_set(err, ERR_UNSUPPORTED, "%s extent: raw device maps are not supported",
				 type_names[x.type]);
	if (x.type == VMDK_ZERO) {
		if (rest.n > 0)
			return error_set(err, ERR_CORRUPT, "'%.*s' after a ZERO extent", SHOWN(rest));
		return add_extent(p->out, &x, err);
	}
	if (rest.n == 0 || rest.s[0] != '"')
		return error_set(err, ERR_CORRUPT, "%s extent without a file name", type_names[x.type]);
	if (take_quoted(&rest, &name, err) < 0 || check_name(name, err) < 0)
		return -1;
	if (rest.n > 0 && !is_blank(rest.s[0]))
		return error_set(err, ERR_CORRUPT, "'%.*s' right after the extent's file name", SHOWN(rest));
	if (parse_offset(rest, &x, err) < 0)
		return -1;
	x.name = span_dup(name, err);
	if (!x.name)
		return -1;
	if (add_extent(p->out, &x, err) < 0) {
		free(x.name);
		return -1;
	}
	return 0;
}

static int store_value(struct parser *p, enum key key, struct span value, struct error *err)
{
	struct span *slot = &p->values[key];

	if (slot->s && (slot->n != value.n || memcmp(slot->s, value.s, value.n) != 0))
		return error_set(err, ERR_CORRUPT, "%s comes twice: '%.*s' and '%.*s'", key_names[key], SHOWN(*slot),
				 SHOWN(value));
	*slot = value;
	return 0;
}

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || strchr("._-:$[]", c) != NULL;
}

/* "key = value"; false in *is_option if the line is none. */
static int parse_option(struct parser *p, struct span line, bool *is_option, struct error *err)
{
	struct span key = { line.s, 0 }, value = line;

	while (key.n < line.n && line.s[key.n] != '\0' && is_key_char(line.s[key.n]))
		key.n++;
	value.s += key.n;
	value.n -= key.n;
	value = trim(value);
	*is_option = key.n > 0 && value.n > 0 && value.s[0] == '=';
	if (!*is_option)
		return 0;
	value.s++;
	value.n--;
	value = trim(value);
	if (value.n > 0 && value.s[0] == '"') {
		if (value.n < 2 || value.s[value.n - 1] != '"')
			return error_set(err, ERR_CORRUPT, "unterminated quote: %.*s", SHOWN(line));
		value.s++;
		value.n -= 2;
	}
	for (int k = 0; k < N_KEYS; k++) {
		if (!span_is(key, key_names[k]))
			continue;
		if (memchr(value.s, '"', value.n))
			return error_set(err, ERR_CORRUPT, "%s: a quote inside the value", key_names[k]);
		value = trim(value);
		return store_value(p, (enum key)k, value, err);
	}
	return 0;
}

static int parse_line(struct parser *p, struct span line, struct error *err)
{
	static const struct {
		const char *word;
		bool readable;
	} accesses[] = { { "RW", true }, { "RDONLY", true }, { "NOACCESS", false } };
	struct span rest = line, word;
	bool first = !p->any_option, is_option = false;

	if (line.n == 0 || line.s[0] == '#')
		return 0;
	p->any_option = true;
	if (parse_option(p, line, &is_option, err) < 0)
		return -1;
	if (first && !p->values[KEY_VERSION].s)
		return error_set(err, ERR_CORRUPT, "'%.*s' where 'version=' must be", SHOWN(line));
	if (is_option)
		return 0;
	word = next_word(&rest);
	for (size_t i = 0; i < ARRAY_LEN(accesses); i++)
		if (span_is(word, accesses[i].word))
			return parse_extent(p, rest, accesses[i].readable, err);
	return error_set(err, ERR_CORRUPT, "neither an option nor an extent: '%.*s'", SHOWN(line));
}

/*
 * NULs at the end are padding: VMware and qemu fill up sectors.  qemu writes a CID without leading zeros, which shortens the
 * text by up to 7 bytes, and leaves behind the NUL the last bytes of the longer text, which are the last of this one too.
 */
#define RESIDUE_MAX 6

static int cut_padding(const char *text, size_t *len, struct error *err)
{
	const char *nul = memchr(text, '\0', *len);
	size_t text_len = nul ? (size_t)(nul - text) : *len, n;

	for (size_t i = text_len; i < *len; i += n > 0 ? n : 1) {
		n = strnlen(text + i, *len - i);
		if (n > 0 && (i + n > text_len + 1 + RESIDUE_MAX || n > text_len ||
			      memcmp(text + text_len - n, text + i, n) != 0))
			return error_set(err, ERR_CORRUPT, "descriptor: a NUL at byte %zu with text after it",
					 text_len);
	}
	*len = text_len;
	return 0;
}

static int parse_lines(struct parser *p, const char *text, size_t len, struct error *err)
{
	struct span line;
	const char *nl;
	size_t n = 1;

	for (size_t at = 0; at < len; at += line.n + 1, n++) {
		nl = memchr(text + at, '\n', len - at);
		line.s = text + at;
		line.n = nl ? (size_t)(nl - line.s) : len - at;
		if (parse_line(p, trim(line), err) < 0)
			return error_prefix(err, "descriptor line %zu", n);
	}
	return 0;
}

static int parse_cid(struct span t, uint32_t *out, const char *what, struct error *err)
{
	char text[9];
	uint64_t v;

	if (t.n > 0 && t.n <= 8) {
		memcpy(text, t.s, t.n);
		text[t.n] = '\0';
		if (parse_hex64(text, &v, NULL) == 0) {
			*out = (uint32_t)v;
			return 0;
		}
	}
	return error_set(err, ERR_CORRUPT, "descriptor: %s '%.*s': not up to 8 hexadecimal digits", what, SHOWN(t));
}

static int take_create_type(struct vmdk_descriptor *d, struct span t, struct error *err)
{
	if (!t.s)
		return error_set(err, ERR_CORRUPT, "descriptor: no createType");
	for (size_t i = 0; i < ARRAY_LEN(create_types); i++) {
		if (!span_is(t, create_types[i].name))
			continue;
		if (create_types[i].device)
			return error_set(err, ERR_UNSUPPORTED,
					 "descriptor: createType %s: disks that are devices are not supported",
					 create_types[i].name);
		d->create_type = create_types[i].name;
		return 0;
	}
	return error_set(err, ERR_CORRUPT, "descriptor: createType '%.*s' is unknown", SHOWN(t));
}

static bool span_holds(struct span t, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= t.n; i++)
		if (strncasecmp(t.s + i, word, len) == 0)
			return true;
	return false;
}

/* The descriptor of an encrypted disk is clear text; its extents are not, and what is in them is nobody's disk. */
static int check_plain(const struct parser *p, struct error *err)
{
	if (p->values[KEY_ENCRYPTION_KEYS].n == 0 && !span_holds(p->values[KEY_FILTERS], ENCRYPTING_FILTER))
		return 0;
	return error_set(err, ERR_UNSUPPORTED, "descriptor: the disk is encrypted by its host (%s)",
			 key_names[p->values[KEY_ENCRYPTION_KEYS].n > 0 ? KEY_ENCRYPTION_KEYS : KEY_FILTERS]);
}

static int take_hint(struct vmdk_descriptor *d, struct span hint, const char *encoding, struct error *err)
{
	CLEANUP_FREE char *raw = NULL;

	if (check_name(hint, err) < 0)
		return error_prefix(err, "descriptor: parentFileNameHint");
	d->parent_hint = span_dup(hint, err);
	if (!d->parent_hint || vmdk_name_to_utf8(&d->parent_hint, &raw, encoding, err) < 0)
		return -1;
	if (!raw)
		return 0;
	d->parent_base_raw = strdup(vmdk_name_base(raw, encoding));
	return d->parent_base_raw ? 0 : error_errno(err, ENOMEM, "descriptor");
}

static int take_names(struct vmdk_descriptor *d, const struct parser *p, struct error *err)
{
	struct span name = p->values[p->values[KEY_ENCODING].s ? KEY_ENCODING : KEY_DDB_ENCODING];
	struct span hint = p->values[KEY_PARENT_HINT];
	CLEANUP_FREE char *encoding = NULL;

	if (name.s) {
		encoding = span_dup(name, err);
		if (!encoding)
			return -1;
	}
	for (size_t i = 0; i < d->n_extents; i++)
		if (d->extents[i].name &&
		    vmdk_name_to_utf8(&d->extents[i].name, &d->extents[i].raw_name, encoding, err) < 0)
			return -1;
	return hint.n > 0 ? take_hint(d, hint, encoding, err) : 0;
}

int vmdk_descriptor_parse(const char *text, size_t len, struct vmdk_descriptor *out, struct error *err)
{
	struct parser p = { .out = out };
	struct span uuid;
	uint64_t version;

	*out = (struct vmdk_descriptor){ .parent_cid = VMDK_CID_NONE };
	if (len > VMDK_DESCRIPTOR_MAX)
		return error_set(err, ERR_CORRUPT, "descriptor of %zu bytes (at most %" PRIu64 ")", len,
				 VMDK_DESCRIPTOR_MAX);
	if (cut_padding(text, &len, err) < 0 || parse_lines(&p, text, len, err) < 0)
		return -1;
	if (!p.any_option)
		return error_set(err, ERR_CORRUPT, "descriptor: empty");
	if (check_plain(&p, err) < 0)
		return -1;
	if (!span_number(p.values[KEY_VERSION], 3, &version) || version < 1)
		return error_set(err, ERR_CORRUPT, "descriptor: version '%.*s' (1 to 3)", SHOWN(p.values[KEY_VERSION]));
	if (take_create_type(out, p.values[KEY_CREATE_TYPE], err) < 0)
		return -1;
	if (out->n_extents == 0)
		return error_set(err, ERR_CORRUPT, "descriptor: no extents");
	out->has_cid = p.values[KEY_CID].s != NULL;
	if (out->has_cid && parse_cid(p.values[KEY_CID], &out->cid, "CID", err) < 0)
		return -1;
	if (!p.values[KEY_PARENT_CID].s && p.values[KEY_PARENT_HINT].n > 0) /* a base? its parent's bytes would be zeros */
		return error_set(err, ERR_CORRUPT, "descriptor: parentFileNameHint, but no parentCID");
	if (p.values[KEY_PARENT_CID].s && parse_cid(p.values[KEY_PARENT_CID], &out->parent_cid, "parentCID", err) < 0)
		return -1;
	uuid = p.values[KEY_UUID];
	if (uuid.s && uuid.n < sizeof(out->uuid))
		memcpy(out->uuid, uuid.s, uuid.n);
	return take_names(out, &p, err);
}

void vmdk_descriptor_fini(struct vmdk_descriptor *d)
{
	for (size_t i = 0; i < d->n_extents; i++) {
		free(d->extents[i].name);
		free(d->extents[i].raw_name);
	}
	free(d->extents);
	free(d->parent_hint);
	free(d->parent_base_raw);
	*d = (struct vmdk_descriptor){ 0 };
}
