/* SPDX-License-Identifier: Apache-2.0 */
/*
 * liftfs VERB ...: finds the program liftfs-VERB and becomes it.
 *
 * Looked for in LIFTFS_EXEC_PATH; then, if this program does not lie in the folder of its installation, beside it (a
 * build folder) and in ../libexec/liftfs (a copy of an installation); then where it was installed.
 * Without a verb and with two arguments it was called by mount(8), and is liftfs mount.
 */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/compiler.h"

#define PATH_LEN 4096

static const struct {
	const char *verb, *does;
} verbs[] = {
	{ "assess", "which machines will run in Azure, as what, at what cost" },
	{ "info", "what an image is: format, chain, sizes, partitions" },
	{ "list", "what is there: VMs, disks, replicas, recovery points" },
	{ "mount", "show disks as flat files" },
	{ "prune", "remove recovery points by policy" },
	{ "status", "every VM and disk: how old its copy is, what went wrong" },
	{ "sync", "bring replicas up to date" },
	{ "verify", "compare two disks, bit for bit" },
};

static int print_help(void)
{
	printf("usage: liftfs VERB [options] ARGUMENTS\n"
	       "Replicates virtual machine disks to Azure page blobs or to a directory.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		printf("  %-10s%s\n", verbs[i].verb, verbs[i].does);
	printf("\n  help VERB            the manual page of a verb\n"
	       "\n"
	       "liftfs VERB --help says what options a verb has.  See liftfs(1).\n");
	return fflush(stdout) == 0 ? 0 : EX_IOERR;
}

static int print_verbs(void)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		printf("%s\t%s\n", verbs[i].verb, verbs[i].does);
	printf("help\tthe manual page of a verb\n");
	return fflush(stdout) == 0 ? 0 : EX_IOERR;
}

/* Letters, digits and '-' only: what is printed is safe to print, and no path. */
static bool is_verb_name(const char *name)
{
	return *name >= 'a' && *name <= 'z' && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool program_in(const char *dir, const char *verb, char *out)
{
	int len = snprintf(out, PATH_LEN, "%s/liftfs-%s", dir, verb);

	return len > 0 && len < PATH_LEN && access(out, X_OK) == 0;
}

static bool find_program(const char *verb, char out[PATH_LEN])
{
	const char *given = getenv("LIFTFS_EXEC_PATH");
	char own[PATH_LEN / 2];
	ssize_t len;
	char *slash;

	if (given && *given)
		return program_in(given, verb, out);
	len = readlink("/proc/self/exe", own, sizeof(own) - sizeof("/../libexec/liftfs"));
	own[len > 0 ? len : 0] = '\0';
	slash = strrchr(own, '/');
	if (slash) {
		*slash = '\0';
		if (strcmp(own, BINDIR) != 0) {
			if (program_in(own, verb, out))
				return true;
			memcpy(slash, "/../libexec/liftfs", sizeof("/../libexec/liftfs"));
			if (program_in(own, verb, out))
				return true;
		}
	}
	return program_in(VERBDIR, verb, out);
}

/* Levenshtein's distance, for words of at most 15 letters; more for longer ones. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[16];
	size_t la = strlen(a), lb = strlen(b);

	if (la > 15 || lb > 15)
		return 99;
	for (size_t j = 0; j <= lb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]), drop = row[j] + 1, add = row[j - 1] + 1;

			diagonal = row[j];
			row[j] = change < drop ? change : drop;
			if (add < row[j])
				row[j] = add;
		}
	}
	return row[lb];
}

static int unknown_verb(const char *word)
{
	const char *nearest = NULL;
	unsigned best = 3; /* farther away is another word */

	if (!is_verb_name(word)) {
		fprintf(stderr, "liftfs: the first argument is no verb\nTry 'liftfs --help'.\n");
		return 2;
	}
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		unsigned d = strncmp(verbs[i].verb, word, strlen(word)) == 0 ? 1 : distance(word, verbs[i].verb);

		if (d < best) {
			best = d;
			nearest = verbs[i].verb;
		}
	}
	fprintf(stderr, "liftfs: '%.40s' is not a verb", word);
	if (nearest)
		fprintf(stderr, "; did you mean '%s'?", nearest);
	fprintf(stderr, "\nTry 'liftfs --help'.\n");
	return 2;
}

static int run_verb(const char *verb, char **argv)
{
	char path[PATH_LEN];

	if (!is_verb_name(verb) || !find_program(verb, path))
		return unknown_verb(verb);
	/* What ps(1) shows: a bare `sync` would be somebody else.  mount(8)'s name for us stays: the verb looks at it. */
	if (strcmp(argv[0], verb) == 0)
		argv[0] = strrchr(path, '/') + 1;
	execv(path, argv);
	fprintf(stderr, "liftfs: %s: %s\n", path, strerrordesc_np(errno));
	return EX_IOERR;
}

/* Manual pages that are of no verb. */
static bool is_topic(const char *word)
{
	return strcmp(word, "fleet") == 0 || strcmp(word, "blockmap") == 0;
}

static int help_verb(const char *verb)
{
	char page[64], path[PATH_LEN];

	if (!verb)
		return print_help();
	if (!is_verb_name(verb) || (!is_topic(verb) && !find_program(verb, path)))
		return unknown_verb(verb);
	snprintf(page, sizeof(page), "liftfs-%.40s", verb);
	execlp("man", "man", page, (char *)NULL);
	fprintf(stderr, "liftfs: man: %s\n", strerrordesc_np(errno));
	return EX_UNAVAILABLE;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0] ? argv[0] : "liftfs", '/');

	name = name ? name + 1 : argv[0];
	/* mount(8) runs mount.fuse.liftfs, which may be a link to this program; mount.fuse3(8) runs `liftfs SOURCE DIR -o ...` */
	if (argc > 2 && name && strcmp(name, "mount.fuse.liftfs") == 0)
		return run_verb("mount", argv);
	if (argc < 2) {
		fprintf(stderr, "liftfs: no verb\nTry 'liftfs --help'.\n");
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return print_help();
	if (strcmp(argv[1], "--version") == 0) {
		printf("liftfs %s\n", PACKAGE_VERSION);
		return fflush(stdout) == 0 ? 0 : EX_IOERR;
	}
	if (strcmp(argv[1], "--dump-verbs") == 0)
		return print_verbs();
	if (strcmp(argv[1], "help") == 0)
		return help_verb(argv[2]);
	if (argv[1][0] == '-') {
		fprintf(stderr, "liftfs: the verb comes before the options\nTry 'liftfs --help'.\n");
		return 2;
	}
	/* Called by mount(8): a source with a path or a scheme in the verb's place, and a folder. */
	if (argc > 2 && strpbrk(argv[1], "/:.") && argv[2][0] == '/')
		return run_verb("mount", argv);
	return run_verb(argv[1], argv + 1);
}
