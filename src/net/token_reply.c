/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "net/token_reply.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/compiler.h"
#include "base/escape.h"
#include "base/parse.h"

#define NS_PER_S UINT64_C(1000000000)
#define LIFE_MAX_S (UINT64_C(10) * 366 * 86400) /* longer is not meant; and milliseconds of it fit easily */

DEFINE_CLEANUP(cleanup_json, json_t *, json_decref);

void token_fini(struct token *t)
{
	secret_free(t->text);
	*t = (struct token){ 0 };
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* Entra ID writes numbers, the metadata services write them as strings. */
static bool number_of(const json_t *object, const char *name, uint64_t *out)
{
	const json_t *v = json_object_get(object, name);

	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*out = (uint64_t)json_integer_value(v);
		return true;
	}
	return json_is_string(v) && parse_u64(json_string_value(v), INT64_MAX, out, NULL) == 0;
}

/* RFC 6750's b64token: nothing that could end a header. */
static bool is_token(const char *text, size_t len)
{
	return len > 0 && len <= TOKEN_LEN_MAX &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") == len;
}

static bool read_life(const json_t *object, uint64_t realtime_ns, uint64_t *life_s_out)
{
	uint64_t now_s = realtime_ns / NS_PER_S, at;

	if (!number_of(object, "expires_in", life_s_out)) {
		if (!number_of(object, "expires_on", &at) || at <= now_s)
			return false;
		*life_s_out = at - now_s;
	}
	if (*life_s_out > LIFE_MAX_S)
		*life_s_out = LIFE_MAX_S;
	return *life_s_out > 0;
}

static int read_token(const json_t *object, uint64_t realtime_ns, struct token *out, struct error *err)
{
	const char *text = text_of(object, "access_token"), *type = text_of(object, "token_type");
	uint64_t life_s, from;
	size_t len = json_string_length(json_object_get(object, "access_token"));

	if (!is_token(text, len) || (*type && strcasecmp(type, "Bearer") != 0))
		return error_set(err, ERR_NETWORK, "the answer holds no usable token");
	if (!read_life(object, realtime_ns, &life_s))
		return error_set(err, ERR_NETWORK, "the answer does not say how long its token is valid");
	*out = (struct token){ .life_ms = life_s * 1000 };
	if (number_of(object, "not_before", &from) && from <= UINT64_MAX / NS_PER_S)
		out->not_before_ns = from * NS_PER_S;
	out->text = secret_new_len(text, len, err);
	return out->text ? 0 : -1;
}

int token_reply_parse(const char *body, size_t len, uint64_t realtime_ns, struct token *out, struct error *err)
{
	CLEANUP(cleanup_json) json_t *object = json_loadb(body, len, 0, NULL);
	char *text;
	int rc;

	if (!json_is_object(object))
		return error_set(err, ERR_NETWORK, "the answer is no JSON object");
	rc = read_token(object, realtime_ns, out, err);
	/* jansson frees its copy without wiping it. */
	text = (char *)json_string_value(json_object_get(object, "access_token"));
	if (text)
		secret_wipe(text, strlen(text));
	return rc;
}

/* "AADSTS7000215: Invalid client secret provided. Ensure ... Trace ID: ..." to code and first sentence. */
static void split_description(const char *text, struct token_refusal *out)
{
	size_t digits = strncmp(text, "AADSTS", 6) == 0 ? strspn(text + 6, "0123456789") : 0, len;
	char sentence[sizeof(out->message)];
	const char *end;

	if (digits > 0 && digits < sizeof(out->code) - 6) {
		snprintf(out->code, sizeof(out->code), "%.*s", (int)digits + 6, text);
		text += 6 + digits;
		text += strspn(text, ": ");
	}
	len = strcspn(text, "\r\n");
	end = strstr(text, ". ");
	if (end && (size_t)(end - text) < len)
		len = (size_t)(end - text);
	end = strstr(text, " Trace ID:");
	if (end && (size_t)(end - text) < len)
		len = (size_t)(end - text);
	while (len > 0 && strchr(". ", text[len - 1]))
		len--;
	snprintf(sentence, sizeof(sentence), "%.*s", (int)(len < sizeof(sentence) ? len : sizeof(sentence) - 1), text);
	escape_visible(sentence, out->message, sizeof(out->message));
}

void token_refusal_parse(const char *body, size_t len, struct token_refusal *out)
{
	CLEANUP(cleanup_json) json_t *object = body ? json_loadb(body, len, 0, NULL) : NULL;

	memset(out, 0, sizeof(*out));
	if (!json_is_object(object))
		return;
	escape_visible(text_of(object, "error"), out->error, sizeof(out->error));
	split_description(text_of(object, "error_description"), out);
}

const char *token_refusal_remedy(const struct token_refusal *r)
{
	static const struct {
		const char *code, *remedy;
	} known[] = {
		{ "AADSTS90002", "check AZURE_TENANT_ID, and AZURE_AUTHORITY_HOST for other clouds" },
		{ "AADSTS900023", "check AZURE_TENANT_ID" },
		{ "AADSTS700016", "check AZURE_CLIENT_ID, and that the application is in this tenant" },
		{ "AADSTS7000229", "give the application a service principal in this tenant" },
		{ "AADSTS7000215", "AZURE_CLIENT_SECRET must be the secret's value, not its ID" },
		{ "AADSTS7000222", "make a new client secret: this one has ended" },
		{ "AADSTS700027", "add the certificate to the application: it does not know this one" },
		{ "AADSTS7000251", "this tenant takes no client secrets: use a certificate" },
		{ "AADSTS700024", "set this host's clock: the assertion is not valid by the service's" },
		{ "AADSTS70021", "check issuer, subject and audience of the application's federated credential" },
		{ "AADSTS700211", "check the issuer of the application's federated credential" },
		{ "AADSTS700212", "check the audience of the application's federated credential" },
		{ "AADSTS700213", "check the subject of the application's federated credential" },
		{ "AADSTS53003", "a Conditional Access policy blocks this host: ask who administers the tenant" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(r->code, known[i].code) == 0)
			return known[i].remedy;
	return NULL;
}

int arc_challenge_parse(const char *header, const char *folder, char name_out[ARC_NAME_LEN], struct error *err)
{
	static const char begin[] = "Basic realm=", suffix[] = ".key";
	size_t folder_len = strlen(folder), len;
	const char *path;

	if (!header || strncasecmp(header, begin, strlen(begin)) != 0)
		return error_set(err, ERR_REFUSED, "the challenge names no file (Basic realm=...)");
	path = header + strlen(begin);
	len = strlen(path);
	if (len >= 2 && path[0] == '"' && path[len - 1] == '"') {
		path++;
		len -= 2;
	}
	if (len <= folder_len + 1 || strncmp(path, folder, folder_len) != 0 || path[folder_len] != '/' ||
	    memchr(path + folder_len + 1, '/', len - folder_len - 1))
		return error_set(err, ERR_REFUSED, "the challenge names a file that is not in %s", folder);
	path += folder_len + 1;
	len -= folder_len + 1;
	if (len >= ARC_NAME_LEN || len <= strlen(suffix) ||
	    memcmp(path + len - strlen(suffix), suffix, strlen(suffix)) != 0)
		return error_set(err, ERR_REFUSED, "the challenge names a file that does not end in %s", suffix);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)path[i]) && !strchr("-_.", path[i]))
			return error_set(err, ERR_REFUSED, "the challenge names a file with an odd name");
	memcpy(name_out, path, len);
	name_out[len] = '\0';
	return 0;
}
