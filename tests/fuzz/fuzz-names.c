/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of files: the input is one, up to its first NUL; and what follows holds others, each ended by a NUL.  What is
 * escaped is undone exactly, shown text is clean, a normal form is its own, and no two disks share a replica's name.
 */
#include <config.h>

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "fuzz.h"
#include "inventory/datastore_names.h"

enum { NAMES_MAX = 16 };

static void check_round_trip(char *escaped, const char *name)
{
	CLEANUP_FREE char *plain = NULL;

	FUZZ_MUST(escaped && utf8_valid(escaped, strlen(escaped)));
	plain = unescape_percent(escaped, NULL);
	FUZZ_MUST(plain && strcmp(plain, name) == 0);
	for (const char *p = escaped; *p; p++)
		FUZZ_MUST((uint8_t)*p >= 0x20 && *p != 0x7f);
	free(escaped);
}

static void check_escapes(const char *name)
{
	struct error e = ERROR_INIT;
	char *plain, shown[64];

	check_round_trip(escape_name(name, NULL), name);
	check_round_trip(escape_url_path(name, NULL), name);
	check_round_trip(escape_url_component(name, NULL), name);
	plain = unescape_percent(name, &e);
	FUZZ_MUST(plain ? strlen(plain) <= strlen(name) : e.code == ERR_CORRUPT);
	free(plain);
	for (size_t len = 1; len < sizeof(shown); len += 3) {
		memset(shown, 'x', sizeof(shown));
		escape_visible(name, shown, len);
		FUZZ_MUST(memchr(shown, '\0', len) && utf8_valid(shown, strlen(shown)) && !strchr(shown, '\n'));
		FUZZ_MUST(len == sizeof(shown) || shown[len] == 'x');
	}
}

static void check_normal(const char *name)
{
	CLEANUP_FREE char *once = datastore_normalise(name, NULL), *twice = NULL;

	FUZZ_MUST(once && strlen(once) <= strlen(name));
	twice = datastore_normalise(once, NULL);
	FUZZ_MUST(twice && strcmp(once, twice) == 0 && !strstr(once, "//") && !strstr(once, "/./"));
	FUZZ_MUST(strncmp(once, "../", 3) == 0 || !strstr(once, "/../"));
}

static void check_parts(const char *name)
{
	size_t stem = datastore_stem_len(name), base = datastore_base_len(name, stem), owner = 0;
	unsigned number;

	FUZZ_MUST(stem <= strlen(name) && base <= stem);
	FUZZ_MUST(datastore_disk_number(name, stem, &number) <= stem);
	if (datastore_is_extent_name(name, &owner))
		FUZZ_MUST(owner < strlen(name));
}

static void check_replica_names(char *const *names, size_t n)
{
	struct datastore_name_in in[NAMES_MAX];
	char *out[NAMES_MAX];

	for (size_t i = 0; i < n; i++)
		in[i] = (struct datastore_name_in){ .leaf = names[i],
						    .root = names[i / 2],
						    .has_parent = i != i / 2,
						    .shares_root = i % 3 == 1 };
	FUZZ_MUST(datastore_names(in, n, out, NULL) == 0);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++)
			FUZZ_MUST(!out[i] || !out[j] || strcasecmp(out[i], out[j]) != 0);
		FUZZ_MUST(!out[i] || utf8_valid(out[i], strlen(out[i])));
	}
	for (size_t i = 0; i < n; i++)
		free(out[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP_FREE char *text = malloc(len + 1);
	char *names[NAMES_MAX];
	size_t n = 0;

	FUZZ_MUST(text);
	memcpy(text, data, len);
	text[len] = '\0';
	for (char *p = text; n < NAMES_MAX && p < text + len; p += strlen(p) + 1) {
		check_escapes(p);
		check_normal(p);
		check_parts(p);
		if (*p)
			names[n++] = p;
	}
	check_replica_names(names, n);
	return 0;
}
