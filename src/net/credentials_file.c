/* SPDX-License-Identifier: Apache-2.0 */
/* NAME=VALUE lines in a file that only its owner can read. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/io.h"
#include "net/credentials.h"

#define FILE_MAX ((off_t)64 << 10)
#define ENTRIES_MAX 24

static const char *const known[] = {
	"AZURE_STORAGE_CONNECTION_STRING",
	"AZURE_STORAGE_SAS_TOKEN",
	"AZURE_STORAGE_ACCOUNT",
	"AZURE_STORAGE_KEY",
	"AZURE_TENANT_ID",
	"AZURE_CLIENT_ID",
	"AZURE_CLIENT_SECRET",
	"AZURE_CLIENT_CERTIFICATE_PATH",
	"AZURE_CLIENT_CERTIFICATE_PASSWORD",
	"AZURE_FEDERATED_TOKEN_FILE",
	"AZURE_AUTHORITY_HOST",
	"AZURE_POD_IDENTITY_AUTHORITY_HOST",
	"IDENTITY_ENDPOINT",
	"IMDS_ENDPOINT",
	"LIFTFS_AUTH",
	"LIFTFS_VCENTER_USER",
	"LIFTFS_VCENTER_PASSWORD",
};

struct credentials_file {
	char *path; /* absolute; NULL: not known */
	size_t n;
	struct {
		const char *name; /* one of `known` */
		struct secret *value;
	} entries[ENTRIES_MAX];
};

void credentials_file_free(struct credentials_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		secret_free(f->entries[i].value);
	free(f->path);
	free(f);
}

const char *credentials_file_get(const struct credentials_file *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->entries[i].name, name) == 0)
			return secret_reveal(f->entries[i].value);
	return NULL;
}

static const char *find_known(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i]) == len && memcmp(known[i], name, len) == 0)
			return known[i];
	return NULL;
}

/* No part of the line is in a message: it may be a secret that somebody put in the wrong place. */
static int take_line(struct credentials_file *f, const char *line, size_t len, unsigned number, struct error *err)
{
	const char *equals = memchr(line, '=', len), *name;

	if (memchr(line, '\0', len))
		return error_set(err, ERR_REFUSED, "line %u: a NUL byte", number);
	if (!equals)
		return error_set(err, ERR_REFUSED, "line %u: not NAME=VALUE", number);
	name = find_known(line, (size_t)(equals - line));
	if (!name)
		return error_set(err, ERR_REFUSED, "line %u: a name that is not known", number);
	if (credentials_file_get(f, name) || f->n == ENTRIES_MAX)
		return error_set(err, ERR_REFUSED, "line %u: %s for the second time", number, name);
	f->entries[f->n].value = secret_new_len(equals + 1, len - (size_t)(equals - line) - 1, err);
	if (!f->entries[f->n].value)
		return -1;
	f->entries[f->n++].name = name;
	return 0;
}

static int parse(struct credentials_file *f, const char *text, size_t len, struct error *err)
{
	unsigned number = 0;

	for (size_t at = 0; at < len;) {
		const char *line = text + at, *end = memchr(line, '\n', len - at);
		size_t line_len = end ? (size_t)(end - line) : len - at;

		at += line_len + 1;
		number++;
		if (line_len > 0 && line[line_len - 1] == '\r')
			line_len--;
		if (line_len == 0 || line[0] == '#')
			continue;
		if (take_line(f, line, line_len, number, err) < 0)
			return -1;
	}
	return 0;
}

static int check_file(int fd, struct stat *st, struct error *err)
{
	if (fstat(fd, st) < 0)
		return error_errno(err, errno, "stat");
	if (!S_ISREG(st->st_mode))
		return error_set(err, ERR_REFUSED, "not a regular file");
	if (st->st_mode & 077)
		return error_set(err, ERR_REFUSED, "mode %03o: others than its owner may use it (chmod 600)",
				 (unsigned)st->st_mode & 0777);
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return error_set(err, ERR_REFUSED, "owned by user %u, not by us", (unsigned)st->st_uid);
	if (st->st_size > FILE_MAX)
		return error_set(err, ERR_REFUSED, "%lld bytes, more than %lld", (long long)st->st_size,
				 (long long)FILE_MAX);
	return 0;
}

struct credentials_file *credentials_file_read(int fd, const char *name, struct error *err)
{
	CLEANUP(cleanup_credentials_file) struct credentials_file *f = calloc(1, sizeof(*f));
	struct stat st;
	char *text;
	int rc;

	if (!f) {
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	if (check_file(fd, &st, err) < 0) {
		error_prefix(err, "%s", name);
		return NULL;
	}
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text) {
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	rc = io_pread(fd, text, (size_t)st.st_size, 0, err);
	if (rc == 0)
		rc = parse(f, text, (size_t)st.st_size, err);
	secret_wipe(text, (size_t)st.st_size);
	free(text);
	if (rc < 0) {
		error_prefix(err, "%s", name);
		return NULL;
	}
	return steal_ptr(&f);
}

/* A program that goes into the background changes its folder; a file whose folder is gone is read this once only. */
static char *absolute(const char *name)
{
	CLEANUP_FREE char *here = name[0] == '/' ? NULL : getcwd(NULL, 0);
	char *path;

	if (name[0] == '/')
		return strdup(name);
	return here && asprintf(&path, "%s/%s", here, name) >= 0 ? path : NULL;
}

struct credentials_file *credentials_file_open(const char *name, struct error *err)
{
	CLEANUP_FD int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct credentials_file *f;

	if (fd < 0) {
		error_errno(err, errno, "%s", name);
		return NULL;
	}
	f = credentials_file_read(fd, name, err);
	if (f)
		f->path = absolute(name);
	return f;
}

const char *credentials_file_path(const struct credentials_file *f)
{
	return f->path;
}
