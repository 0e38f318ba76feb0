/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <string.h>

#include "base/bytes.h"
#include "disk/crc32c.h"

static void knows_the_published_check_values(void **state)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (size_t i = 0; i < sizeof(up); i++)
		up[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa); /* RFC 3720, B.4 */
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c_tables(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c_tables(0, up, 32), 0x46dd794e);
}

static void tables_and_instructions_agree_at_every_length_and_alignment(void **state)
{
	uint8_t buf[96];

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 37 + 11);
	for (size_t off = 0; off < 16; off++)
		for (size_t len = 0; len <= sizeof(buf) - off; len++)
			assert_int_equal(crc32c(7, buf + off, len), crc32c_tables(7, buf + off, len));
}

static void continues_where_it_stopped(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= 9; cut++)
		assert_int_equal(crc32c(crc32c(0, "123456789", cut), "123456789" + cut, 9 - cut), 0xe3069283);
}

static void its_own_field_counts_as_zeros(void **state)
{
	uint8_t buf[64];
	uint32_t sum;

	(void)state;
	memset(buf, 0x5a, sizeof(buf));
	put_le32(buf + 4, 0);
	sum = crc32c(0, buf, sizeof(buf));
	put_le32(buf + 4, 0xdeadbeef);
	assert_int_equal(crc32c_sealed(buf, sizeof(buf), 4), sum);
	buf[8] ^= 1;
	assert_int_not_equal(crc32c_sealed(buf, sizeof(buf), 4), sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_published_check_values),
		cmocka_unit_test(tables_and_instructions_agree_at_every_length_and_alignment),
		cmocka_unit_test(continues_where_it_stopped),
		cmocka_unit_test(its_own_field_counts_as_zeros),
	};

	return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
