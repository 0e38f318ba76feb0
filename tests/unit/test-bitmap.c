/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>

#include "base/bitmap.h"

static void bits_are_independent(void **state)
{
	static const uint64_t at[] = { 0, 1, 63, 64, 127, 128, 129 };
	struct bitmap b;

	(void)state;
	assert_int_equal(bitmap_init(&b, 130, NULL), 0);
	assert_int_equal(bitmap_count(&b), 0);
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		bitmap_set(&b, at[i]);
		bitmap_set(&b, at[i]);
		assert_int_equal(bitmap_count(&b), i + 1);
	}
	for (uint64_t i = 0, k = 0; i < 130; i++) {
		bool want = k < ARRAY_LEN(at) && at[k] == i;

		assert_int_equal(bitmap_get(&b, i), want);
		k += want;
	}
	bitmap_clear(&b, 64);
	bitmap_clear(&b, 65);
	assert_false(bitmap_get(&b, 64));
	assert_true(bitmap_get(&b, 63));
	assert_int_equal(bitmap_count(&b), 6);
	bitmap_fini(&b);
	assert_null(b.words);
}

static void the_next_set_bit_is_found(void **state)
{
	struct bitmap b;

	(void)state;
	assert_int_equal(bitmap_init(&b, 1000, NULL), 0);
	assert_int_equal(bitmap_next(&b, 0), 1000);
	bitmap_set(&b, 5);
	bitmap_set(&b, 700);
	bitmap_set(&b, 999);
	assert_int_equal(bitmap_next(&b, 0), 5);
	assert_int_equal(bitmap_next(&b, 5), 5);
	assert_int_equal(bitmap_next(&b, 6), 700);
	assert_int_equal(bitmap_next(&b, 701), 999);
	assert_int_equal(bitmap_next(&b, 1000), 1000);
	assert_int_equal(bitmap_next(&b, UINT64_MAX), 1000);
	bitmap_fini(&b);
}

static void a_bitmap_may_be_empty(void **state)
{
	struct bitmap b;

	(void)state;
	assert_int_equal(bitmap_init(&b, 0, NULL), 0);
	assert_int_equal(bitmap_count(&b), 0);
	assert_int_equal(bitmap_next(&b, 0), 0);
	bitmap_fini(&b);
}

#define THREADS 4
#define BITS 8192
static struct bitmap shared;

static void *set_every_fourth(void *arg)
{
	for (uint64_t i = (uint64_t)(uintptr_t)arg; i < BITS; i += THREADS)
		bitmap_set(&shared, i);
	return NULL;
}

static void threads_share_words(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	assert_int_equal(bitmap_init(&shared, BITS, NULL), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, set_every_fourth, (void *)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(bitmap_count(&shared), BITS);
	bitmap_fini(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits_are_independent),
		cmocka_unit_test(the_next_set_bit_is_found),
		cmocka_unit_test(a_bitmap_may_be_empty),
		cmocka_unit_test(threads_share_words),
	};

	return cmocka_run_group_tests_name("bitmap", tests, NULL, NULL);
}
