/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/parse.h"
#include "inventory/machine_describe.h"

#define SHOWN 64           /* bytes of a text in a notice */
#define VISIBLE_GROWTH 4   /* "\xXX" for a byte */

/* A copy that is UTF-8; NULL only without memory. */
static char *as_utf8(const char *text)
{
	size_t len = strlen(text), room = VISIBLE_GROWTH * (len < MACHINE_TEXT_MAX ? len : MACHINE_TEXT_MAX + 1) + 1;
	char *visible;

	if (utf8_valid(text, len))
		return strdup(text);
	visible = malloc(room);
	if (visible)
		escape_visible(text, visible, room);
	return visible;
}

int describe_text(struct machine_notices *n, const char *what, const char *text, char **field, struct error *err)
{
	CLEANUP_FREE char *copy = as_utf8(text ? text : "");
	size_t end = MACHINE_TEXT_MAX;

	if (!copy)
		return error_errno(err, ENOMEM, "%s", what);
	if (strlen(copy) > MACHINE_TEXT_MAX) {
		while (end > 0 && ((unsigned char)copy[end] & 0xc0) == 0x80)
			end--;
		copy[end] = '\0';
		machine_notice(n, "%s: a text of more than %d bytes is cut", what, MACHINE_TEXT_MAX);
	}
	return machine_set(field, copy, err);
}

struct machine *describe_machine(struct machine_list *l, const char *name, struct error *err)
{
	CLEANUP_FREE char *cut = NULL;

	if (describe_text(&l->notices, "name", name, &cut, err) < 0)
		return NULL;
	return machine_add(l, cut ? cut : "", "", err);
}

struct machine_number describe_number(struct machine_notices *n, const char *what, const char *text, uint64_t max)
{
	char shown[SHOWN + 1];
	uint64_t v;

	if (!text || !*text)
		return (struct machine_number){ .known = false };
	if (parse_u64(text, max, &v, NULL) == 0)
		return machine_known((double)v);
	escape_visible(text, shown, sizeof(shown));
	machine_notice(n, "%s: '%s' is not a number of 0 to %llu", what, shown, (unsigned long long)max);
	return (struct machine_number){ .known = false };
}

bool describe_truth(const char *text)
{
	return text && strcasecmp(text, "true") == 0;
}

struct machine_number machine_mib(uint64_t bytes)
{
	return machine_known((double)bytes / (1 << 20));
}
