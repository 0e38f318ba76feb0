/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "base/parse.h"
#include "disk/vmdk_raw_map.h"

#define SECTOR 512
#define SECTORS_MAX (INT64_MAX / SECTOR)
#define BLANKS " \t\r"

/* The next word of the line at *p, without its quotes, cut to what a keyword or a number may have. */
static bool next_word(const char **p, const char *end, const char *stop, char out[64])
{
	size_t n = 0;

	while (*p < end && strchr(BLANKS "\"", **p))
		(*p)++;
	for (; *p < end && !strchr(stop, **p); (*p)++)
		if (n + 1 < 64)
			out[n++] = **p;
	out[n] = '\0';
	return n > 0;
}

static bool is_device(const char *type, struct vmdk_raw_map *out)
{
	static const struct {
		const char *type, *mode;
	} types[] = {
		{ "vmfsRawDeviceMap", "virtualMode" },
		{ "vmfsRDM", "virtualMode" },
		{ "vmfsPassthroughRawDeviceMap", "physicalMode" },
		{ "vmfsRDMP", "physicalMode" },
		{ "vmfsRaw", NULL },
		{ "fullDevice", NULL },
		{ "partitionedDevice", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcasecmp(type, types[i].type) == 0) {
			out->mode = types[i].mode;
			return true;
		}
	}
	return false;
}

/* *known stays true as long as all sizes are. */
static void take_line(const char *p, const char *end, bool *device, bool *known, struct vmdk_raw_map *out)
{
	char word[64], number[64];
	uint64_t sectors;

	if (!next_word(&p, end, BLANKS "=", word))
		return;
	if (strcasecmp(word, "createType") == 0) {
		while (p < end && strchr(BLANKS "=", *p))
			p++;
		*device = next_word(&p, end, BLANKS "\"", word) && is_device(word, out);
		return;
	}
	if (strcasecmp(word, "RW") != 0 && strcasecmp(word, "RDONLY") != 0 && strcasecmp(word, "NOACCESS") != 0)
		return;
	if (!next_word(&p, end, BLANKS, number) || parse_u64(number, SECTORS_MAX, &sectors, NULL) < 0 ||
	    out->bytes > (uint64_t)INT64_MAX - sectors * SECTOR)
		*known = false;
	else
		out->bytes += sectors * SECTOR;
}

bool vmdk_raw_map(const char *text, size_t len, struct vmdk_raw_map *out)
{
	const char *end = text + len;
	bool device = false, known = true;

	*out = (struct vmdk_raw_map){ 0 };
	if (memchr(text, '\0', len))
		return false;
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = eol ? eol : end;

		take_line(text, line_end, &device, &known, out);
		text = eol ? eol + 1 : end;
	}
	if (!known)
		out->bytes = 0;
	return device;
}
