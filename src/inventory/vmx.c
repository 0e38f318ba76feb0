/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/compiler.h"
#include "inventory/vmx.h"

static const char *const buses[] = { "ide", "nvme", "sata", "scsi" };

#define CONTROLLERS 4
#define UNITS 64

struct device {
	bool present;
	bool optical;
	char *file;
};

#define LEN_MAX ((size_t)1 << 20) /* real ones have a few thousand */

struct parse {
	struct vm_config *vm;
	struct device devices[ARRAY_LEN(buses)][CONTROLLERS][UNITS];
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy of the value with |XX undone; a NUL in it ends it, as it would end a file name. */
static char *unescape(const char *value, size_t len)
{
	char *text = malloc(len + 1);
	size_t n = 0;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '|' && i + 2 < len && hex(value[i + 1]) >= 0 && hex(value[i + 2]) >= 0) {
			text[n++] = (char)(hex(value[i + 1]) << 4 | hex(value[i + 2]));
			i += 2;
		} else {
			text[n++] = value[i];
		}
	}
	text[n] = '\0';
	return text;
}

static bool key_is(const char *key, size_t len, const char *want)
{
	return len == strlen(want) && strncasecmp(key, want, len) == 0;
}

/* A number of one or two digits below limit at *p, which moves past it. */
static bool take_number(const char **p, const char *end, unsigned limit, unsigned *out)
{
	unsigned v = 0, digits = 0;

	while (*p < end && isdigit((unsigned char)**p) && digits < 2) {
		v = v * 10 + (unsigned)(*(*p)++ - '0');
		digits++;
	}
	*out = v;
	return digits > 0 && v < limit;
}

/* "scsi0:1.fileName" -> the device and the rest of the key; NULL if it is no key of a disk device. */
static struct device *find_device(struct parse *p, const char *key, size_t len, const char **field, size_t *field_len)
{
	const char *end = key + len;

	for (size_t bus = 0; bus < ARRAY_LEN(buses); bus++) {
		size_t n = strlen(buses[bus]);
		const char *at = key + n;
		unsigned controller, unit;

		if (len <= n || strncasecmp(key, buses[bus], n) != 0)
			continue;
		if (!take_number(&at, end, CONTROLLERS, &controller) || at == end || *at++ != ':' ||
		    !take_number(&at, end, UNITS, &unit) || at == end || *at++ != '.')
			return NULL;
		*field = at;
		*field_len = (size_t)(end - at);
		return &p->devices[bus][controller][unit];
	}
	return NULL;
}

static int set(struct parse *p, const char *key, size_t key_len, const char *value, size_t len, struct error *err)
{
	CLEANUP_FREE char *text = unescape(value, len);
	const char *field = NULL;
	size_t field_len = 0;
	struct device *d = find_device(p, key, key_len, &field, &field_len);

	if (!text)
		return error_errno(err, ENOMEM, "configuration");
	if (key_is(key, key_len, "displayName")) {
		free(p->vm->label);
		p->vm->label = steal_ptr(&text);
	} else if (d && key_is(field, field_len, "present")) {
		d->present = strcasecmp(text, "true") == 0;
	} else if (d && key_is(field, field_len, "deviceType")) {
		d->optical = strcasestr(text, "cdrom") != NULL;
	} else if (d && key_is(field, field_len, "fileName")) {
		free(d->file);
		d->file = steal_ptr(&text);
	}
	return 0;
}

static int parse_line(struct parse *p, const char *line, size_t len, unsigned number, struct error *err)
{
	const char *equals, *end = line + len, *value;
	size_t key_len;

	while (line < end && isspace((unsigned char)*line))
		line++;
	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	if (line == end || *line == '#')
		return 0;
	equals = memchr(line, '=', (size_t)(end - line));
	if (!equals)
		return error_set(err, ERR_CORRUPT, "line %u: no '='", number);
	key_len = (size_t)(equals - line);
	while (key_len > 0 && isspace((unsigned char)line[key_len - 1]))
		key_len--;
	for (value = equals + 1; value < end && isspace((unsigned char)*value);)
		value++;
	if (value < end && *value == '"') {
		if (end - value < 2 || end[-1] != '"')
			return error_set(err, ERR_CORRUPT, "line %u: quote without an end", number);
		value++;
		end--;
	}
	return set(p, line, key_len, value, (size_t)(end - value), err);
}

static int collect(struct parse *p, struct error *err)
{
	struct device *d = &p->devices[0][0][0];

	for (size_t i = 0; i < sizeof(p->devices) / sizeof(*d); i++) {
		if (!d[i].present || d[i].optical || !d[i].file || d[i].file[0] == '\0')
			continue;
		if (vm_config_add_disk(p->vm, d[i].file, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_text(struct parse *p, const char *text, size_t len, struct error *err)
{
	const char *end = text + len;
	unsigned number = 0;

	if (memchr(text, '\0', len))
		return error_set(err, ERR_CORRUPT, "a NUL byte in the text");
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((eol ? eol : end) - text);

		if (parse_line(p, text, n, ++number, err) < 0)
			return -1;
		text += n + (eol ? 1 : 0);
	}
	return collect(p, err);
}

static int vmx_parse(const char *text, size_t len, struct vm_config_list *out, struct error *err)
{
	CLEANUP_FREE struct parse *p = calloc(1, sizeof(*p));
	struct device *d;
	int rc;

	if (!p)
		return error_errno(err, ENOMEM, "configuration");
	p->vm = vm_config_add(out, NULL, err);
	if (!p->vm)
		return -1;
	rc = parse_text(p, text, len, err);
	d = &p->devices[0][0][0];
	for (size_t i = 0; i < sizeof(p->devices) / sizeof(*d); i++)
		free(d[i].file);
	return rc;
}

const struct vm_config_format vmx_config_format = {
	.suffix = ".vmx",
	.len_max = LEN_MAX,
	.parse = vmx_parse,
};
