/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of other hosts: the input holds texts, each ended by a NUL.  The first two are datastores, the others names.  What
 * a name is translated to lies beneath one of them, has no "..", and means itself.
 */
#include <config.h>

#include <string.h>

#include "base/cleanup.h"
#include "disk/backing.h"
#include "disk/datastore_map.h"
#include "fuzz.h"

/* Folders that every system has: opened, never read. */
static const char *const dirs[] = { "/usr", "/etc" };

static void check_below(const char *rest)
{
	FUZZ_MUST(*rest != '\0' && *rest != '/');
	FUZZ_MUST(strncmp(rest, "./", 2) == 0 || strchr(rest, '/'));
	if (strncmp(rest, "./", 2) == 0)
		rest += 2;
	for (size_t n; *rest; rest += n + (rest[n] == '/')) {
		n = strcspn(rest, "/");
		FUZZ_MUST(n > 0 && !(n == 1 && rest[0] == '.') && !(n == 2 && rest[0] == '.' && rest[1] == '.'));
	}
}

static void check_name(const struct datastore_map *m, const char *name)
{
	struct error e = ERROR_INIT;
	CLEANUP_FREE char *path = datastore_map_translate(m, name, &e);
	CLEANUP_FREE char *again = NULL;
	const char *rest = NULL;

	FUZZ_MUST(path ? e.code == ERR_NONE : e.code == ERR_NONE || e.code == ERR_REFUSED);
	if (!path)
		return;
	FUZZ_MUST(backing_name_is_foreign(name) || datastore_map_place(m, name, &rest));
	FUZZ_MUST(datastore_map_place(m, path, &rest));
	check_below(rest);
	again = datastore_map_translate(m, path, &e);
	FUZZ_MUST(again && strcmp(path, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct datastore_map m = { .root_real = strdup("/nowhere/at/all") };
	CLEANUP_FREE char *text = malloc(len + 1);
	size_t given = 0;

	FUZZ_MUST(text && m.root_real);
	memcpy(text, data, len);
	text[len] = '\0';
	for (char *p = text; p < text + len; p += strlen(p) + 1) {
		struct error e = ERROR_INIT;

		if (given == 2)
			check_name(&m, p);
		else if (datastore_map_add(&m, p, dirs[given++], &e) < 0)
			FUZZ_MUST(e.code == ERR_USAGE);
	}
	datastore_map_fini(&m);
	return 0;
}
