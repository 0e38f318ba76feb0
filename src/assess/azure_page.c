/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess/azure_page.h"

#include <errno.h>
#include <string.h>

/* Not fewer than it holds: each value but the first of a list or an object has a comma before it. */
static size_t count_values(const char *body, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += body[i] == ',' || body[i] == '[' || body[i] == '{';
	return n;
}

json_t *azure_page_parse(const char *body, size_t len, const char *list, const char *link, const json_t **list_out,
			 char **next_out, struct error *err)
{
	CLEANUP(cleanup_azure_page) json_t *doc = NULL;
	const json_t *next;
	const char *text;
	json_error_t where;

	*next_out = NULL;
	if (count_values(body, len) > AZURE_PAGE_VALUES_MAX) {
		error_set(err, ERR_CORRUPT, "a page of more than %zu values", AZURE_PAGE_VALUES_MAX);
		return NULL;
	}
	doc = json_loadb(body, len, JSON_REJECT_DUPLICATES, &where);
	if (!doc) {
		error_set(err, ERR_CORRUPT, "not JSON: line %d: %s", where.line, where.text);
		return NULL;
	}
	*list_out = json_object_get(doc, list);
	next = json_object_get(doc, link);
	text = json_string_value(next);
	if (!json_is_array(*list_out)) {
		error_set(err, ERR_CORRUPT, "not a page of a list: there is no array '%s'", list);
		return NULL;
	}
	if (next && !text && !json_is_null(next)) {
		error_set(err, ERR_CORRUPT, "%s: no text", link);
		return NULL;
	}
	if (text && *text) {
		*next_out = strdup(text);
		if (!*next_out) {
			error_errno(err, ENOMEM, "%s", link);
			return NULL;
		}
	}
	return steal_ptr(&doc);
}
