/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/compiler.h"
#include "inventory/vmx_read.h"

const char *const vmx_buses[VMX_BUSES] = { "ide", "nvme", "sata", "scsi" };

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

const char *vmx_place(const char *key, struct vmx_place *out)
{
	const char *end = key + strlen(key);

	for (unsigned bus = 0; bus < VMX_BUSES; bus++) {
		size_t n = strlen(vmx_buses[bus]);
		const char *at = key + n;

		if (strncasecmp(key, vmx_buses[bus], n) != 0)
			continue;
		out->bus = bus;
		if (!take_number(&at, end, VMX_CONTROLLERS, &out->controller) || *at++ != ':' ||
		    !take_number(&at, end, VMX_UNITS, &out->unit) || *at++ != '.')
			return NULL;
		return at;
	}
	return NULL;
}

const char *vmx_controller(const char *key, unsigned *bus, unsigned *controller)
{
	for (*bus = 0; *bus < VMX_BUSES; (*bus)++) {
		size_t n = strlen(vmx_buses[*bus]);
		const char *at = key + n;

		if (strncasecmp(key, vmx_buses[*bus], n) != 0)
			continue;
		return take_number(&at, key + strlen(key), VMX_CONTROLLERS, controller) && *at == '.' ? at + 1 : NULL;
	}
	return NULL;
}

const char *vmx_numbered(const char *key, const char *word)
{
	size_t n = strlen(word);
	const char *at = key + n;
	unsigned number;

	if (strncasecmp(key, word, n) != 0 || !take_number(&at, key + strlen(key), 100, &number) || *at != '.')
		return NULL;
	return at + 1;
}

int vmx_device_set(struct vmx_device *d, const char *field, const char *value, struct error *err)
{
	char *file;

	if (strcasecmp(field, "present") == 0) {
		d->present = strcasecmp(value, "true") == 0;
	} else if (strcasecmp(field, "deviceType") == 0) {
		d->optical = strcasestr(value, "cdrom") != NULL;
	} else if (strcasecmp(field, "fileName") == 0) {
		file = strdup(value);
		if (!file)
			return error_errno(err, ENOMEM, "configuration");
		free(d->file);
		d->file = file;
	}
	return 0;
}

bool vmx_device_is_disk(const struct vmx_device *d)
{
	return d->present && !d->optical && d->file && *d->file;
}

struct reading {
	vmx_each_fn each;
	void *ctx;
};

static int set(const struct reading *r, const char *key, size_t key_len, const char *value, size_t len, struct error *err)
{
	CLEANUP_FREE char *text = unescape(value, len);
	CLEANUP_FREE char *name = strndup(key, key_len);

	if (!text || !name)
		return error_errno(err, ENOMEM, "configuration");
	return r->each(r->ctx, name, text, err);
}

static int parse_line(const struct reading *r, const char *line, size_t len, unsigned number, struct error *err)
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
	return set(r, line, key_len, value, (size_t)(end - value), err);
}

int vmx_each(const char *text, size_t len, vmx_each_fn each, void *ctx, struct error *err)
{
	const struct reading r = { .each = each, .ctx = ctx };
	const char *end = text + len;
	unsigned number = 0;

	if (memchr(text, '\0', len))
		return error_set(err, ERR_CORRUPT, "a NUL byte in the text");
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((eol ? eol : end) - text);

		if (parse_line(&r, text, n, ++number, err) < 0)
			return -1;
		text += n + (eol ? 1 : 0);
	}
	return 0;
}
