/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "base/secret.h"

struct secret {
	size_t len;
	char text[]; /* len bytes and a NUL */
};

struct secret *secret_new_len(const void *text, size_t len, struct error *err)
{
	struct secret *s = NULL;
	size_t size;

	if (checked_add(len, sizeof(*s) + 1, &size))
		s = malloc(size);
	if (!s) {
		error_errno(err, ENOMEM, "secret of %zu bytes", len);
		return NULL;
	}
	s->len = len;
	if (len > 0)
		memcpy(s->text, text, len);
	s->text[len] = '\0';
	return s;
}

struct secret *secret_new(const char *text, struct error *err)
{
	return secret_new_len(text, strlen(text), err);
}

const char *secret_reveal(const struct secret *s)
{
	return s->text;
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	secret_wipe(s->text, s->len);
	free(s);
}

void secret_wipe(void *buf, size_t len)
{
	explicit_bzero(buf, len);
}
