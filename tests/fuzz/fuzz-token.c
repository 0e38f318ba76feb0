/* SPDX-License-Identifier: Apache-2.0 */
/* What a token endpoint says.  The first byte chooses how the rest is read: a token, a refusal, a challenge. */
#include <config.h>

#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "net/token_reply.h"

#define FOLDER "/var/opt/azcmagent/tokens"

static void fuzz_token(const char *text, size_t len)
{
	struct error e = ERROR_INIT;
	struct token t = { 0 };

	if (token_reply_parse(text, len, UINT64_C(1795298400) * 1000000000, &t, &e) < 0) {
		FUZZ_MUST(e.code == ERR_NETWORK && !t.text);
		return;
	}
	FUZZ_MUST(secret_len(t.text) > 0 && secret_len(t.text) <= TOKEN_LEN_MAX && t.life_ms >= 1000);
	for (const char *p = secret_reveal(t.text); *p; p++)
		FUZZ_MUST(*p > 0x20 && *p < 0x7f);
	token_fini(&t);
}

static void fuzz_refusal(const char *text, size_t len)
{
	struct token_refusal r;

	token_refusal_parse(text, len, &r);
	FUZZ_MUST(memchr(r.error, '\0', sizeof(r.error)) && memchr(r.code, '\0', sizeof(r.code)));
	FUZZ_MUST(memchr(r.message, '\0', sizeof(r.message)));
	for (const char *p = r.message; *p; p++)
		FUZZ_MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
	token_refusal_remedy(&r);
}

static void fuzz_challenge(const char *text, size_t len)
{
	char name[ARC_NAME_LEN];
	size_t n;

	(void)len;
	if (arc_challenge_parse(text, FOLDER, name, NULL) < 0)
		return;
	n = strlen(name);
	FUZZ_MUST(n > 4 && strcmp(name + n - 4, ".key") == 0 && !strchr(name, '/') && strstr(text, FOLDER));
}

static fuzz_reader *const readers[] = { fuzz_token, fuzz_refusal, fuzz_challenge };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_one_reader(data, len, readers, sizeof(readers) / sizeof(readers[0]));
	return 0;
}
