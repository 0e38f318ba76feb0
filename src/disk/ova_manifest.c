/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "disk/ova_manifest.h"

#define READ_LEN ((size_t)1 << 20)

static const struct algorithm {
	const char *spelling, *name;
	const EVP_MD *(*md)(void);
} algorithms[] = {
	{ "SHA1", "SHA1", EVP_sha1 },         { "SHA-1", "SHA1", EVP_sha1 },
	{ "SHA256", "SHA256", EVP_sha256 },   { "SHA-256", "SHA256", EVP_sha256 },
	{ "SHA2-256", "SHA256", EVP_sha256 }, { "SHA512", "SHA512", EVP_sha512 },
	{ "SHA-512", "SHA512", EVP_sha512 },  { "SHA2-512", "SHA512", EVP_sha512 },
};

static const struct algorithm *find_algorithm(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (strlen(algorithms[i].spelling) == len && strncasecmp(algorithms[i].spelling, text, len) == 0)
			return &algorithms[i];
	return NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_digest(const char *text, size_t len, struct ova_manifest_line *line)
{
	if (len != 2 * line->len)
		return false;
	for (size_t i = 0; i < line->len; i++) {
		int high = hex(text[2 * i]), low = hex(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		line->digest[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*text)[*len - 1]))
		(*len)--;
}

static const struct tar_member *find_member(const struct ova *o, const char *name, size_t len, struct error *err)
{
	CLEANUP_FREE char *copy = strndup(name, len);
	const struct tar_member *m;

	if (!copy) {
		error_errno(err, ENOMEM, "manifest");
		return NULL;
	}
	m = ova_member(o, strncmp(copy, "./", 2) == 0 ? copy + 2 : copy);
	if (!m || m->kind != TAR_FILE) {
		error_set(err, ERR_CORRUPT, "'%.200s' is not a file of the archive", copy);
		return NULL;
	}
	return m;
}

/* ALGORITHM(NAME)= HEX; the name may hold brackets and '='. */
static int parse_line(const struct ova *o, const char *text, size_t len, struct ova_manifest_line *out, struct error *err)
{
	const char *open = memchr(text, '(', len), *equals = memrchr(text, '=', len), *name, *digest;
	const char *end = text + len;
	size_t algorithm_len, name_len, digest_len;
	const struct algorithm *a;

	if (!open || !equals || equals < open)
		return error_set(err, ERR_CORRUPT, "not as in SHA256(NAME)= DIGEST");
	name = open + 1;
	name_len = (size_t)(equals - name);
	while (name_len > 0 && is_blank(name[name_len - 1]))
		name_len--;
	if (name_len < 2 || name[name_len - 1] != ')')
		return error_set(err, ERR_CORRUPT, "not as in SHA256(NAME)= DIGEST");
	name_len--;
	algorithm_len = (size_t)(open - text);
	trim(&text, &algorithm_len);
	a = find_algorithm(text, algorithm_len);
	if (!a)
		return error_set(err, ERR_UNSUPPORTED, "digest '%.*s': SHA1, SHA256 and SHA512 are known",
				 (int)(algorithm_len < 64 ? algorithm_len : 64), text);
	digest = equals + 1;
	digest_len = (size_t)(end - digest);
	out->algorithm = a->name;
	out->len = (size_t)EVP_MD_size(a->md());
	trim(&digest, &digest_len);
	if (!parse_digest(digest, digest_len, out))
		return error_set(err, ERR_CORRUPT, "not the %zu hexadecimal digits of a %s digest", 2 * out->len, a->name);
	out->member = find_member(o, name, name_len, err);
	return out->member ? 0 : -1;
}

static int parse(const struct ova *o, const char *text, size_t len, struct ova_manifest *m, struct error *err)
{
	struct ova_manifest_line *v;
	unsigned number = 0;
	size_t n;

	for (const char *p = text; p < text + len; p += n + 1) {
		const char *eol = memchr(p, '\n', (size_t)(text + len - p)), *line = p;
		size_t line_len;

		n = (size_t)((eol ? eol : text + len) - p);
		number++;
		line_len = n;
		trim(&line, &line_len);
		if (line_len == 0)
			continue;
		if (m->n == 2 * (size_t)OVA_MEMBERS_MAX)
			return error_set(err, ERR_CORRUPT, "more than %d lines", 2 * OVA_MEMBERS_MAX);
		v = reallocarray(m->lines, m->n + 1, sizeof(*v));
		if (!v)
			return error_errno(err, ENOMEM, "manifest");
		m->lines = v;
		v[m->n] = (struct ova_manifest_line){ 0 };
		if (parse_line(o, line, line_len, &v[m->n++], err) < 0)
			return error_prefix(err, "line %u", number);
	}
	return 0;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len > n && strcasecmp(name + len - n, suffix) == 0;
}

static int read_manifest(const struct ova *o, struct ova_manifest *m, struct error *err)
{
	CLEANUP_FREE char *text = NULL;

	for (size_t i = 0; i < o->n_members; i++) {
		if (!has_suffix(o->members[i].name, ".mf"))
			continue;
		if (m->file)
			return error_set(err, ERR_CORRUPT, "two manifests, '%.100s' and '%.100s'", m->file->name,
					 o->members[i].name);
		m->file = &o->members[i];
	}
	if (!m->file)
		return 0;
	if (m->file->kind != TAR_FILE || m->file->size > OVA_MANIFEST_MAX)
		return error_set(err, ERR_CORRUPT, "'%.200s': %s", m->file->name,
				 m->file->kind != TAR_FILE ? "not a file" : "larger than 4 MiB");
	text = malloc((size_t)m->file->size + 1);
	if (!text)
		return error_errno(err, ENOMEM, "manifest");
	if (backing_read(o->file, text, (size_t)m->file->size, m->file->off, err) < 0)
		return -1;
	return parse(o, text, (size_t)m->file->size, m, err) < 0 ? error_prefix(err, "%.200s", m->file->name) : 0;
}

int ova_manifest_read(const struct ova *o, struct ova_manifest *out, struct error *err)
{
	CLEANUP(cleanup_ova_manifest) struct ova_manifest m = { 0 };
	size_t len = strlen(o->file->path);

	if (read_manifest(o, &m, err) < 0) {
		if (err && !(strncmp(err->msg, o->file->path, len) == 0 && err->msg[len] == ':'))
			error_prefix(err, "%s", o->file->path);
		return -1;
	}
	*out = m;
	m = (struct ova_manifest){ 0 };
	return 0;
}

void ova_manifest_fini(struct ova_manifest *m)
{
	free(m->lines);
	*m = (struct ova_manifest){ 0 };
}

static void hex_text(const uint8_t *digest, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[2 * len] = '\0';
}

void ova_manifest_digest(const struct ova_manifest_line *line, char out[OVA_DIGEST_TEXT])
{
	hex_text(line->digest, line->len, out);
}

static int digest_member(const struct ova *o, const struct ova_manifest_line *line, EVP_MD_CTX *ctx, uint8_t *buf,
			 uint8_t out[EVP_MAX_MD_SIZE], struct error *err)
{
	const struct algorithm *a = find_algorithm(line->algorithm, strlen(line->algorithm));
	const struct tar_member *m = line->member;
	size_t n;

	if (EVP_DigestInit_ex(ctx, a->md(), NULL) != 1)
		return error_set(err, ERR_UNSUPPORTED, "%s: this system's OpenSSL does not allow %s", o->file->path,
				 line->algorithm);
	for (uint64_t done = 0; done < m->size; done += n) {
		n = m->size - done < READ_LEN ? (size_t)(m->size - done) : READ_LEN;
		if (backing_read(o->file, buf, n, m->off + done, err) < 0)
			return -1;
		if (EVP_DigestUpdate(ctx, buf, n) != 1)
			return error_set(err, ERR_BUG, "%s: %s fails", o->file->path, line->algorithm);
	}
	return EVP_DigestFinal_ex(ctx, out, NULL) == 1 ?
		       0 : error_set(err, ERR_BUG, "%s: %s fails", o->file->path, line->algorithm);
}

int ova_manifest_check(const struct ova *o, const struct ova_manifest_line *line, bool *equal_out,
		       char found[OVA_DIGEST_TEXT], struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(READ_LEN);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	int rc;

	rc = buf && ctx ? digest_member(o, line, ctx, buf, digest, err) : error_errno(err, ENOMEM, "digest");
	EVP_MD_CTX_free(ctx);
	if (rc < 0)
		return -1;
	*equal_out = memcmp(digest, line->digest, line->len) == 0;
	if (found)
		hex_text(digest, line->len, found);
	return 0;
}

bool ova_manifest_covers(const struct ova_manifest *m, const struct tar_member *member)
{
	if (member == m->file || has_suffix(member->name, ".cert"))
		return true;
	for (size_t i = 0; i < m->n; i++)
		if (m->lines[i].member == member)
			return true;
	return false;
}
