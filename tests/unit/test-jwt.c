/* SPDX-License-Identifier: Apache-2.0 */
/* That the signature is right is checked by the page-blob server's sign-in, see test-entra.c, and by openssl(1). */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "net/jwt.h"
#include "support/make_certificate.h"

static struct made_certificate rsa, other, ec;

static int make_all(void **state)
{
	(void)state;
	make_certificate(&rsa, 0, 30);
	make_certificate(&other, 0, 30);
	make_certificate(&ec, 1, 30);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	made_certificate_fini(&rsa);
	made_certificate_fini(&other);
	made_certificate_fini(&ec);
	return 0;
}

static struct certificate *read_both(const char *a, const char *b, const char *c, const char *password,
				     struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf pem = { 0 };
	CLEANUP(cleanup_secret) struct secret *s = password ? secret_new(password, NULL) : NULL;

	strbuf_adds(&pem, a);
	strbuf_adds(&pem, b);
	strbuf_adds(&pem, c);
	return certificate_read(pem.s ? pem.s : "", pem.len, s, err);
}

static void key_and_certificate_are_found_in_any_order_and_beside_a_chain(void **state)
{
	const char *orders[][3] = { { rsa.key, rsa.cert, "" },
				    { rsa.cert, rsa.key, "" },
				    { other.cert, rsa.cert, rsa.key },
				    { rsa.key, other.cert, rsa.cert } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		CLEANUP(cleanup_certificate)
		struct certificate *c = read_both(orders[i][0], orders[i][1], orders[i][2], NULL, NULL);

		assert_non_null(c);
		assert_true(certificate_end(c) > 0);
	}
}

static void a_locked_key_needs_its_password(void **state)
{
	CLEANUP(cleanup_certificate)
	struct certificate *c = read_both(rsa.locked_key, rsa.cert, "", "password", NULL);
	struct error e = ERROR_INIT;

	(void)state;
	assert_non_null(c);
	assert_null(read_both(rsa.locked_key, rsa.cert, "", "wrong", &e));
	assert_error(&e, ERR_REFUSED, "no private key in PEM form that the password opens");
	e = (struct error)ERROR_INIT;
	assert_null(read_both(rsa.locked_key, rsa.cert, "", NULL, &e)); /* and nobody is asked for it */
	assert_error(&e, ERR_REFUSED, "no private key in PEM form, or one with a password");
}

static void what_does_not_fit_is_refused(void **state)
{
	struct error e = ERROR_INIT;

	(void)state;
	assert_null(read_both(rsa.key, other.cert, "", NULL, &e));
	assert_error(&e, ERR_REFUSED, "the certificate is not that of the private key");
	e = (struct error)ERROR_INIT;
	assert_null(read_both(rsa.key, "", "", NULL, &e));
	assert_error(&e, ERR_REFUSED, "no certificate in PEM form");
	e = (struct error)ERROR_INIT;
	assert_null(read_both(ec.key, ec.cert, "", NULL, &e));
	assert_error(&e, ERR_REFUSED, "the private key is not an RSA key");
	e = (struct error)ERROR_INIT;
	assert_null(read_both("", "", "", NULL, &e));
	assert_error(&e, ERR_REFUSED, "no private key in PEM form, or one with a password");
}

static void each_assertion_is_another_of_three_parts(void **state)
{
	CLEANUP(cleanup_certificate) struct certificate *c = read_both(rsa.key, rsa.cert, "", NULL, NULL);
	CLEANUP(cleanup_secret) struct secret *a = NULL, *b = NULL;
	const char *claims;
	size_t len;

	(void)state;
	assert_non_null(c);
	a = jwt_assertion(c, "client", "https://login/t", UINT64_C(1795298400000000000), NULL);
	b = jwt_assertion(c, "client", "https://login/t", UINT64_C(1795298400000000000), NULL);
	assert_non_null(a);
	assert_non_null(b);
	claims = strchr(secret_reveal(a), '.');
	len = (size_t)(strrchr(secret_reveal(a), '.') - claims);
	assert_memory_not_equal(claims, strchr(secret_reveal(b), '.'), len); /* jti: one that was used is refused */
	assert_int_equal(strspn(secret_reveal(a), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
			 secret_len(a));
	assert_non_null(strchr(strchr(secret_reveal(a), '.') + 1, '.'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_and_certificate_are_found_in_any_order_and_beside_a_chain),
		cmocka_unit_test(a_locked_key_needs_its_password),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(each_assertion_is_another_of_three_parts),
	};

	return cmocka_run_group_tests_name("jwt", tests, make_all, free_all);
}
