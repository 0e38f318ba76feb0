/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "disk/table_cache.h"
#include "support/scratch.h"

#define PAGES 8
#define TAIL 100 /* the last page is short */

struct fixture {
	struct backing_root *root;
	struct backing *b;
	uint8_t *bytes;
	size_t len;
};

static void fixture_init(struct fixture *f, const struct scratch_dir *s)
{
	f->len = (PAGES - 1) * TABLE_PAGE_LEN + TAIL;
	f->bytes = malloc(f->len);
	assert_non_null(f->bytes);
	pattern_fill(f->bytes, f->len, 0, 11);
	scratch_write(s, "t", f->bytes, f->len);
	f->root = backing_root_open(s->path, NULL);
	assert_non_null(f->root);
	f->b = backing_open(f->root, "t", false, NULL);
	assert_non_null(f->b);
}

static void fixture_fini(struct fixture *f)
{
	backing_close(f->b);
	backing_root_put(f->root);
	free(f->bytes);
}

static void touch(struct lru_cache *c, const struct fixture *f, uint64_t off)
{
	const struct cached *p = table_cache_get(c, f->b, 0, off, NULL);

	assert_non_null(p);
	assert_int_equal(p->at, off - off % TABLE_PAGE_LEN);
	assert_memory_equal(p->data, f->bytes + p->at, p->len);
	lru_cache_put(c, p);
}

static void a_page_is_read_once_and_the_oldest_goes_first(void **state)
{
	struct lru_cache *c = table_cache_new(3, NULL);
	struct fixture f;

	fixture_init(&f, *state);
	touch(c, &f, 0);
	touch(c, &f, 5);
	touch(c, &f, TABLE_PAGE_LEN);
	touch(c, &f, 2 * TABLE_PAGE_LEN);
	touch(c, &f, TABLE_PAGE_LEN - 1); /* page 0 again: now page 1 is oldest */
	assert_int_equal(lru_cache_fills(c), 3);
	touch(c, &f, 3 * TABLE_PAGE_LEN);
	assert_int_equal(lru_cache_pieces(c), 3);
	touch(c, &f, 0);
	assert_int_equal(lru_cache_fills(c), 4);
	touch(c, &f, TABLE_PAGE_LEN);
	assert_int_equal(lru_cache_fills(c), 5);
	touch(c, &f, f.len - 1);
	lru_cache_free(c);
	fixture_fini(&f);
}

static void files_do_not_mix(void **state)
{
	const struct cached *a, *b;
	struct lru_cache *c = table_cache_new(3, NULL);
	struct fixture f;

	fixture_init(&f, *state);
	a = table_cache_get(c, f.b, 1, 0, NULL);
	b = table_cache_get(c, f.b, 2, 0, NULL);
	assert_ptr_not_equal(a, b);
	assert_int_equal(a->file, 1);
	assert_int_equal(b->file, 2);
	lru_cache_put(c, a);
	lru_cache_put(c, b);
	lru_cache_put(c, NULL);
	lru_cache_free(c);
	fixture_fini(&f);
}

static void held_pages_stay(void **state)
{
	const struct cached *held[PAGES];
	struct lru_cache *c = table_cache_new(2, NULL);
	struct fixture f;

	fixture_init(&f, *state);
	for (size_t i = 0; i < PAGES; i++) {
		held[i] = table_cache_get(c, f.b, 0, i * TABLE_PAGE_LEN, NULL);
		assert_non_null(held[i]);
	}
	assert_int_equal(lru_cache_pieces(c), PAGES);
	for (size_t i = 0; i < PAGES; i++) {
		assert_memory_equal(held[i]->data, f.bytes + held[i]->at, held[i]->len);
		lru_cache_put(c, held[i]);
	}
	assert_int_equal(held[PAGES - 1]->len, TAIL);
	touch(c, &f, 0);
	assert_int_equal(lru_cache_fills(c), PAGES);
	lru_cache_free(c);
	fixture_fini(&f);
}

static void failures_are_told_and_not_kept(void **state)
{
	const struct scratch_dir *s = *state;
	struct lru_cache *c = table_cache_new(2, NULL);
	struct error e = ERROR_INIT, e2 = ERROR_INIT;
	struct fixture f;

	fixture_init(&f, s);
	assert_null(table_cache_get(c, f.b, 0, f.len, &e));
	assert_error(&e, ERR_CORRUPT, "table at 0x70064: beyond end of file (458852 bytes)");
	scratch_truncate(s, "t", 10);
	assert_null(table_cache_get(c, f.b, 0, 0, &e2));
	assert_error(&e2, ERR_CHANGED, "t: shrank from 458852 to 10 bytes");
	assert_int_equal(lru_cache_pieces(c), 0);
	scratch_write(s, "t", f.bytes, f.len);
	touch(c, &f, 0);
	lru_cache_free(c);
	fixture_fini(&f);
}

struct reader {
	struct lru_cache *c;
	const struct fixture *f;
	unsigned seed;
	bool ok;
};

static void *read_pages(void *arg)
{
	struct reader *r = arg;
	const struct cached *p;
	uint64_t off;

	r->ok = true;
	for (int i = 0; i < 2000; i++) {
		r->seed = r->seed * 1103515245 + 12345;
		off = (r->seed >> 8) % r->f->len;
		p = table_cache_get(r->c, r->f->b, 0, off, NULL);
		r->ok = r->ok && p && p->data[off - p->at] == r->f->bytes[off];
		lru_cache_put(r->c, p);
	}
	return NULL;
}

static void threads_see_the_same_bytes_while_pages_come_and_go(void **state)
{
	struct lru_cache *c = table_cache_new(3, NULL);
	struct reader r[4];
	pthread_t t[4];
	struct fixture f;

	fixture_init(&f, *state);
	for (unsigned i = 0; i < 4; i++) {
		r[i] = (struct reader){ .c = c, .f = &f, .seed = i + 1 };
		assert_int_equal(pthread_create(&t[i], NULL, read_pages, &r[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		assert_true(r[i].ok);
	}
	assert_true(lru_cache_pieces(c) <= 3 + 4);
	lru_cache_free(c);
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_read_once_and_the_oldest_goes_first),
		cmocka_unit_test(files_do_not_mix),
		cmocka_unit_test(held_pages_stay),
		cmocka_unit_test(failures_are_told_and_not_kept),
		cmocka_unit_test(threads_see_the_same_bytes_while_pages_come_and_go),
	};

	return cmocka_run_group_tests_name("table_cache", tests, scratch_setup, scratch_teardown);
}
