/* SPDX-License-Identifier: Apache-2.0 */
/* Guests as their os-release names them. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "assess/catalogue_private.h"

enum { R_ID, R_VERSION, R_KEY };
const char *const catalogue_release_columns[] = {
	[R_ID] = "id",
	[R_VERSION] = "version",
	[R_KEY] = "os_key",
	NULL,
};

static int add_release(struct catalogue *c, const struct table *t, struct error *err)
{
	struct os_release *r;
	const struct catalogue_os *os = catalogue_os(c, table_text(t, R_KEY));

	if (strcmp(os->key, table_text(t, R_KEY)) != 0)
		return table_bad(t, R_KEY, err, "'%s' is not in os-keys.csv", table_text(t, R_KEY));
	if (!*table_text(t, R_ID))
		return table_bad(t, R_ID, err, "empty");
	for (size_t i = 0; i < c->n_releases; i++)
		if (strcmp(c->releases[i].id, table_text(t, R_ID)) == 0 && !*c->releases[i].version)
			return table_bad(t, R_ID, err, "'%s' has a row for any version before this one",
					 table_text(t, R_ID));
	if (table_grow(&c->releases, sizeof(*c->releases), c->n_releases, &c->cap_releases, err) < 0)
		return -1;
	r = &c->releases[c->n_releases++];
	*r = (struct os_release){ .os = os };
	return table_copy(t, R_ID, &r->id, err) < 0 ? -1 : table_copy(t, R_VERSION, &r->version, err);
}

int catalogue_load_releases(struct catalogue *c, struct table *t, struct error *err)
{
	int rc;

	while ((rc = table_next(t, err)) > 0)
		if (add_release(c, t, err) < 0)
			return -1;
	return rc;
}

void catalogue_free_releases(struct catalogue *c)
{
	for (size_t i = 0; i < c->n_releases; i++) {
		free(c->releases[i].id);
		free(c->releases[i].version);
	}
	free(c->releases);
}

/* "8" is what "8" and "8.6" begin with, but not "80". */
static bool begins(const char *version, const char *with)
{
	size_t len = strlen(with);

	return len == 0 || (strncmp(version, with, len) == 0 && (version[len] == '\0' || version[len] == '.'));
}

const struct catalogue_os *catalogue_os_by_release(const struct catalogue *c, const char *id, const char *version)
{
	for (size_t i = 0; i < c->n_releases; i++)
		if (strcmp(c->releases[i].id, id) == 0 && begins(version, c->releases[i].version))
			return c->releases[i].os;
	return NULL;
}
