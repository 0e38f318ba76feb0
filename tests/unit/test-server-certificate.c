/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "net/server_certificate.h"
#include "support/make_certificate.h"

/* SHA-256 of what is between the lines BEGIN and END. */
static void thumbprint_by_hand(const char *pem, char out[THUMBPRINT_LEN])
{
	char text[4096], *end = text;
	uint8_t der[4096], sha256[SHA256_LEN];
	size_t len;

	for (const char *p = strchr(pem, '\n'); *p != '-'; p++)
		if (*p != '\n')
			*end++ = *p;
	*end = '\0';
	assert_int_equal(base64_decode(text, der, sizeof(der), &len, NULL), 0);
	assert_int_equal(digest_sha256(der, len, sha256, NULL), 0);
	for (size_t i = 0; i < SHA256_LEN; i++)
		snprintf(out + 3 * i, 4, "%02X%s", sha256[i], i < SHA256_LEN - 1 ? ":" : "");
}

static void a_thumbprint_is_that_of_the_whole_certificate(void **state)
{
	struct made_certificate c;
	struct server_certificate got;
	char want[THUMBPRINT_LEN];
	struct error err = ERROR_INIT;

	(void)state;
	make_certificate(&c, 1, 1);
	assert_int_equal(server_certificate_of_pem(c.cert, &got, NULL), 0);
	thumbprint_by_hand(c.cert, want);
	assert_string_equal(got.thumbprint, want);
	assert_int_equal(strlen(got.pinned_key), 8 + 44);
	made_certificate_fini(&c);
	assert_int_equal(server_certificate_of_pem("nothing", &got, &err), -1);
	assert_error(&err, ERR_CORRUPT, "the server's certificate cannot be read");
}

static void thumbprints_are_read_as_people_write_them(void **state)
{
	const char *want =
		"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:FF";
	char out[THUMBPRINT_LEN];

	(void)state;
	assert_int_equal(server_certificate_thumbprint(want, out, NULL), 0);
	assert_string_equal(out, want);
	assert_int_equal(server_certificate_thumbprint(
				 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff", out, NULL),
			 0);
	assert_string_equal(out, want);
}

static void what_is_no_sha256_is_refused(void **state)
{
	static const char *const bad[] = { "", "12:34",
					   "g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff",
					   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff0",
					   "0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D" };
	char out[THUMBPRINT_LEN], want[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(server_certificate_thumbprint(bad[i], out, &err), -1);
		snprintf(want, sizeof(want), "'%s': not the SHA-256 of a certificate, 64 hexadecimal digits", bad[i]);
		assert_error(&err, ERR_USAGE, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thumbprint_is_that_of_the_whole_certificate),
		cmocka_unit_test(thumbprints_are_read_as_people_write_them),
		cmocka_unit_test(what_is_no_sha256_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
