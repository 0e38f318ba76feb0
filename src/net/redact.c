/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "net/redact.h"

/* Where the secret that a mark announces ends. */
enum extent {
	TO_VALUE_END, /* of a query parameter, an assignment, a JSON string */
	TO_SPACE,     /* of a token */
	TO_LINE_END,  /* of a header's value */
};

static const struct mark {
	const char *text; /* lower case */
	bool assigns;     /* followed by '=', ':' or their encoded forms, else by blanks */
	enum extent extent;
} marks[] = {
	{ "authorization", true, TO_LINE_END },
	{ "proxy-authorization", true, TO_LINE_END },
	{ "sharedaccesssignature", true, TO_LINE_END },
	{ "x-ms-copy-source-authorization", true, TO_LINE_END },
	{ "accountkey", true, TO_VALUE_END },
	{ "azure_storage_key", true, TO_VALUE_END },
	{ "azure_client_secret", true, TO_VALUE_END },
	{ "client_secret", true, TO_VALUE_END },
	{ "client_assertion", true, TO_VALUE_END },
	{ "access_token", true, TO_VALUE_END },
	{ "refresh_token", true, TO_VALUE_END },
	{ "sig", true, TO_VALUE_END },
	{ "bearer", false, TO_SPACE },
	{ "sharedkey", false, TO_SPACE },
	{ "sharedkeylite", false, TO_SPACE },
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Past "=", ": ", "%3D", or the `": "` of JSON; NULL if text is none of these. */
static char *past_assignment(char *p)
{
	if (*p == '\\')
		p++;
	if (*p == '"' || *p == '\'')
		p++;
	while (*p == ' ' || *p == '\t')
		p++;
	if (strncasecmp(p, "%253d", 5) == 0)
		p += 5;
	else if (strncasecmp(p, "%3d", 3) == 0 || strncasecmp(p, "%3a", 3) == 0)
		p += 3;
	else if (*p == '=' || *p == ':')
		p++;
	else
		return NULL;
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p == '\\')
		p++;
	if (*p == '"' || *p == '\'')
		p++;
	return p;
}

static char *past_blanks(char *p)
{
	char *start = p;

	while (*p == ' ' || *p == '\t')
		p++;
	if (p == start && strncasecmp(p, "%20", 3) == 0)
		p += 3;
	return p == start ? NULL : p;
}

static char *secret_end(char *p, enum extent extent)
{
	static const char *const ends[] = {
		[TO_VALUE_END] = "&; \t\r\n\"'<>,\\)",
		[TO_SPACE] = " \t\r\n\"'<>,;\\)",
		[TO_LINE_END] = "\r\n\"'",
	};

	for (; *p && !strchr(ends[extent], *p); p++)
		if (extent == TO_VALUE_END && strncasecmp(p, "%26", 3) == 0) /* the '&' of a URL inside a URL */
			break;
	return p;
}

/* Replaces [from, to) by "***", or by nothing longer than it was; returns where reading goes on. */
static char *cut(char *from, char *to)
{
	size_t stars = (size_t)(to - from) < 3 ? (size_t)(to - from) : 3;

	memset(from, '*', stars);
	memmove(from + stars, to, strlen(to) + 1);
	return from + stars;
}

/* If a mark starts here: the secret behind it is cut, and the place after it returned; else NULL. */
static char *cut_marked(char *p)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		size_t len = strlen(marks[i].text);
		char *secret;

		if (strncasecmp(p, marks[i].text, len) != 0)
			continue;
		secret = marks[i].assigns ? past_assignment(p + len) : past_blanks(p + len);
		if (secret)
			return cut(secret, secret_end(secret, marks[i].extent));
	}
	return NULL;
}

/* scheme://user:password@host: p is behind "://". */
static char *cut_userinfo(char *p)
{
	size_t len = strcspn(p, "/?# \t\r\n\"'<>");
	char *at = NULL;

	for (size_t i = 0; i < len; i++)
		if (p[i] == '@')
			at = p + i;
	return at ? cut(p, at) : p;
}

void redact_text(char *text)
{
	bool in_word = false; /* "design=" is not "sig=" */

	for (char *p = text; *p;) {
		char *next = in_word ? NULL : cut_marked(p);

		if (!next && strncmp(p, "://", 3) == 0)
			next = cut_userinfo(p + 3);
		if (next) {
			p = next;
			in_word = false;
			continue;
		}
		in_word = is_word(*p);
		if (*p == '%' && strlen(p) > 2 && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2])) {
			p += 3; /* "%26sig%3D": what follows an escape starts a word */
			in_word = false;
			continue;
		}
		p++;
	}
}

static size_t add(char *out, size_t len, size_t used, const char *text, size_t n)
{
	size_t room = len - 1 - used;

	n = n < room ? n : room;
	memcpy(out + used, text, n);
	out[used + n] = '\0';
	return used + n;
}

static bool is_shown(const char *parameter, size_t len)
{
	return (len > 5 && strncasecmp(parameter, "comp=", 5) == 0) ||
	       (len > 8 && strncasecmp(parameter, "restype=", 8) == 0);
}

void redact_url(const char *url, char *out, size_t len)
{
	const char *sep = "?", *host = strstr(url, "://"), *p;
	size_t used = 0, n;

	out[0] = '\0';
	n = strcspn(url, "?#");
	if (host && host < url + n) {
		size_t authority = strcspn(host + 3, "/?#");
		const char *at = NULL;

		host += 3;
		for (size_t i = 0; i < authority; i++)
			if (host[i] == '@')
				at = host + i;
		used = add(out, len, used, url, (size_t)(host - url));
		if (at)
			host = at + 1;
		used = add(out, len, used, host, (size_t)(url + n - host));
	} else {
		used = add(out, len, used, url, n);
	}
	p = url + n;
	while (*p == '?' || *p == '&') {
		n = strcspn(++p, "&#");
		if (is_shown(p, n)) {
			used = add(out, len, used, sep, 1);
			used = add(out, len, used, p, n);
			sep = "&";
		}
		p += n;
	}
	redact_text(out); /* a SAS behind a mistyped URL, which has no query */
}
