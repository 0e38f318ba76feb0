/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes over disks that count how often they are opened and closed, and over a raw image that changes. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/scratch.h"
#include "support/vhdx_writer.h"
#include "tree.h"

struct counted {
	atomic_int opens, closes;
	struct error fail; /* ERR_NONE: opens */
	int fails_left;    /* with fail: so often */
};

static uint64_t now_ns = 1;

static uint64_t test_clock(int which)
{
	(void)which;
	return now_ns;
}

static int read_nothing(void *ctx, void *buf, size_t len, uint64_t off, struct error *err)
{
	(void)ctx;
	(void)off;
	(void)err;
	memset(buf, 0, len);
	return 0;
}

static void count_close(void *ctx)
{
	atomic_fetch_add(&((struct counted *)ctx)->closes, 1);
}

static const struct disk_foreign_ops foreign = { .format = "test", .read = read_nothing, .free_ctx = count_close };

static struct view *counted_open(void *ctx, const char *label, struct error *err)
{
	struct counted *c = ctx;
	struct disk *d;

	atomic_fetch_add(&c->opens, 1);
	if (c->fails_left > 0) {
		c->fails_left--;
		*err = c->fail;
		return NULL;
	}
	d = disk_new_foreign(label, 1 << 20, &foreign, c, err);
	return d ? view_new(label, d, err) : NULL;
}

static const struct node_source counted_source = { .open = counted_open };

static struct tree *new_tree(void)
{
	struct error err = ERROR_INIT;
	struct tree *t = tree_new(&err);

	assert_non_null(t);
	return t;
}

static struct node *add(struct tree *t, const char *path, struct counted *c)
{
	struct error err = ERROR_INIT;
	struct node *n = tree_add_path(t, path, c ? &counted_source : NULL, c, &err);

	assert_string_equal(err.msg, "");
	assert_non_null(n);
	return n;
}

static void look(struct tree *t, struct node *n)
{
	struct error err = ERROR_INIT;
	struct view *v = tree_view(t, n, &err);

	assert_non_null(v);
	view_put(v);
}

static void the_root_is_inode_1_and_every_file_has_its_own(void **state)
{
	struct tree *t = new_tree();
	struct counted c = { 0 };
	struct node *n = add(t, "web01/web01.vmdk", &c);
	enum file_id id;

	(void)state;
	assert_int_equal(node_inode(tree_root(t), FILE_NONE), 1);
	assert_ptr_equal(tree_node(t, 1, &id), tree_root(t));
	for (enum file_id f = FILE_NONE; f < FILE_IDS; f++) {
		assert_ptr_equal(tree_node(t, node_inode(n, f), &id), n);
		assert_int_equal(id, f);
	}
	assert_null(tree_node(t, 0, &id));
	assert_null(tree_node(t, node_inode(n, FILE_IDS), &id));
	assert_null(tree_node(t, 1000, &id));
	assert_null(tree_node(t, UINT64_MAX, &id));
	tree_free(t);
	assert_int_equal(atomic_load(&c.opens), 0);
}

static void a_path_makes_its_folders_once(void **state)
{
	struct tree *t = new_tree();
	struct counted c[2] = { 0 };
	struct node *b = add(t, "vms/b.vmdk", &c[0]), *a = add(t, "vms/a.vmdk", &c[1]), *vms;

	(void)state;
	assert_int_equal(tree_count(t), 4);
	vms = tree_child(t, tree_root(t), "vms");
	assert_non_null(vms);
	assert_false(node_shows_disk(vms));
	assert_true(node_shows_disk(a));
	assert_ptr_equal(tree_child(t, vms, "a.vmdk"), a);
	assert_ptr_equal(tree_child(t, vms, "b.vmdk"), b);
	assert_null(tree_child(t, vms, "c.vmdk"));
	assert_null(tree_child(t, tree_root(t), "a.vmdk"));
	assert_string_equal(node_label(a), "vms/a.vmdk");
	assert_int_equal(node_parent_inode(a), node_inode(vms, FILE_NONE));
	tree_free(t);
}

static void an_image_alone_is_the_root(void **state)
{
	struct tree *t = new_tree();
	struct counted c = { 0 };

	(void)state;
	assert_ptr_equal(add(t, "", &c), tree_root(t));
	assert_true(node_shows_disk(tree_root(t)));
	tree_free(t);
}

static void two_disks_of_one_name_are_refused(void **state)
{
	struct tree *t = new_tree();
	struct counted c[2] = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	add(t, "a/b.vhd", &c[0]);
	assert_null(tree_add_path(t, "a/b.vhd", &counted_source, &c[1], &err));
	assert_error(&err, ERR_BUG, "a/b.vhd: two disks of one name");
	tree_free(t);
}

static void a_folder_of_many_is_found_by_name(void **state)
{
	struct tree *t = new_tree();
	char name[32];
	bool gone;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "vm%04u", i * 7919 % 3000);
		add(t, name, NULL);
	}
	assert_int_equal(tree_count(t), 3001);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "vm%04u", i);
		assert_string_equal(node_name(tree_child(t, tree_root(t), name)), name);
	}
	assert_string_equal(node_name(tree_child_at(t, tree_root(t), 1, &gone)), "vm1919");
	assert_null(tree_child_at(t, tree_root(t), 3000, &gone));
	tree_free(t);
}

static void a_disk_opens_when_it_is_looked_at_and_stays_open(void **state)
{
	struct tree *t = new_tree();
	struct counted c = { 0 };
	struct node *n = add(t, "a.vmdk", &c);

	(void)state;
	assert_int_equal(atomic_load(&c.opens), 0);
	look(t, n);
	look(t, n);
	assert_int_equal(atomic_load(&c.opens), 1);
	assert_int_equal(atomic_load(&c.closes), 0);
	tree_free(t);
	assert_int_equal(atomic_load(&c.closes), 1);
}

static void a_failure_is_remembered_for_a_second(void **state)
{
	struct tree *t = new_tree();
	struct counted c = { .fails_left = 1 };
	struct node *n = add(t, "a.vmdk", &c);

	(void)state;
	now_ns = 1000;
	clock_set_for_test(test_clock);
	error_set(&c.fail, ERR_CORRUPT, "a.vmdk: no magic");
	for (int i = 0; i < 3; i++) {
		struct error err = ERROR_INIT;

		assert_null(tree_view(t, n, &err));
		assert_error(&err, ERR_CORRUPT, "a.vmdk: no magic");
	}
	assert_int_equal(atomic_load(&c.opens), 1);
	now_ns += UINT64_C(1000000000);
	look(t, n);
	assert_int_equal(atomic_load(&c.opens), 2);
	clock_set_for_test(NULL);
	tree_free(t);
}

static void the_pool_closes_what_was_not_used_for_longest(void **state)
{
	struct tree *t = new_tree();
	static struct counted c[TREE_POOL + 2];
	struct node *n[TREE_POOL + 2];
	struct error err = ERROR_INIT;
	struct view *held;
	char name[32];

	(void)state;
	memset(c, 0, sizeof(c));
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		snprintf(name, sizeof(name), "disk%zu", i);
		n[i] = add(t, name, &c[i]);
	}
	held = tree_view(t, n[0], &err);
	for (size_t i = 1; i < TREE_POOL; i++)
		look(t, n[i]);
	look(t, n[1]);
	look(t, n[TREE_POOL]);
	assert_int_equal(atomic_load(&c[0].closes), 0); /* the oldest, but in use */
	assert_int_equal(atomic_load(&c[1].closes), 0); /* used again */
	assert_int_equal(atomic_load(&c[2].closes), 1);
	look(t, n[TREE_POOL + 1]);
	assert_int_equal(atomic_load(&c[3].closes), 1);
	look(t, n[2]);
	assert_int_equal(atomic_load(&c[2].opens), 2);
	view_put(held);
	tree_free(t);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		assert_int_equal(atomic_load(&c[i].closes), atomic_load(&c[i].opens));
}

static void without_descriptors_the_pool_is_emptied_and_the_disk_tried_again(void **state)
{
	struct tree *t = new_tree();
	struct counted idle = { 0 }, c = { .fails_left = 1 };
	struct node *a = add(t, "idle", &idle), *n = add(t, "wanted", &c);

	(void)state;
	error_errno(&c.fail, EMFILE, "wanted");
	look(t, a);
	look(t, n);
	assert_int_equal(atomic_load(&idle.closes), 1);
	assert_int_equal(atomic_load(&c.opens), 2);
	tree_free(t);
}

/* ---- an image that changes ---- */

static struct view *image_open(void *ctx, const char *label, struct error *err)
{
	struct disk *d = disk_open_path(ctx, NULL, err);

	return d ? view_new(label, d, err) : NULL;
}

static void a_changed_image_is_opened_anew_and_the_old_view_lives_on(void **state)
{
	static const struct node_source source = { .open = image_open };
	const struct scratch_dir *s = *state;
	struct tree *t = new_tree();
	struct error err = ERROR_INIT;
	struct view *before, *again, *after;
	struct node *n;
	char path[128];

	snprintf(path, sizeof(path), "%s/a.raw", s->path);
	scratch_write(s, "a.raw", "", 0);
	scratch_truncate(s, "a.raw", 4096);
	n = tree_add_path(t, "a.raw", &source, path, &err);
	assert_non_null(n);
	before = tree_view(t, n, &err);
	assert_non_null(before);
	assert_false(tree_same_content(n, FILE_RAW, before));
	assert_true(tree_same_content(n, FILE_RAW, before));
	assert_false(tree_same_content(n, FILE_VHD, before));
	again = tree_view(t, n, &err);
	assert_ptr_equal(again, before);
	scratch_truncate(s, "a.raw", 8192);
	after = tree_view(t, n, &err);
	assert_non_null(after);
	assert_ptr_not_equal(after, before);
	assert_int_equal(before->size, 4096);
	assert_int_equal(after->size, 8192);
	assert_false(tree_same_content(n, FILE_RAW, after));
	assert_true(tree_same_content(n, FILE_RAW, after));
	view_put(before);
	view_put(again);
	view_put(after);
	tree_free(t);
}

static struct view *view_of(const struct scratch_dir *s, const char *name)
{
	struct error err = ERROR_INIT;
	char path[128];
	struct view *v;

	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	v = image_open(path, name, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(v);
	return v;
}

static void tables_hold_until_somebody_writes_to_their_file(void **state)
{
	const struct scratch_dir *s = *state;
	struct vhdx_image img = { .size = 2 << 20 };
	struct view *v, *same, *flat;

	vhdx_image_build(&img);
	scratch_write(s, "t.vhdx", img.bytes, img.len);
	scratch_write(s, "t.raw", img.bytes, img.len);
	now_ns = 1; /* long before any write: stamps are settled */
	clock_set_for_test(test_clock);
	v = view_of(s, "t.vhdx");
	same = view_of(s, "t.vhdx");
	flat = view_of(s, "t.raw");
	assert_true(view_is_same_disk(v, same));
	assert_false(view_is_same_disk(v, flat));
	now_ns += VIEW_TICK_NS;
	assert_true(view_tables_hold(v));
	assert_int_equal(fchmodat(s->fd, "t.vhdx", 0600, 0), 0); /* no byte of it */
	now_ns += VIEW_TICK_NS;
	assert_true(view_tables_hold(v));
	scratch_truncate(s, "t.vhdx", img.len + (1 << 20));
	scratch_truncate(s, "t.raw", img.len + (1 << 20));
	assert_true(view_tables_hold(v)); /* not looked at again in the same tick */
	now_ns += VIEW_TICK_NS;
	assert_false(view_tables_hold(v));
	assert_true(view_tables_hold(flat));
	scratch_truncate(s, "t.vhdx", img.len);
	now_ns += VIEW_TICK_NS;
	assert_false(view_tables_hold(v)); /* from then on */
	clock_set_for_test(NULL);
	view_put(v);
	view_put(same);
	view_put(flat);
	vhdx_image_fini(&img);
}

static void a_view_opened_in_the_tick_of_a_write_is_opened_once_more(void **state)
{
	const struct scratch_dir *s = *state;
	struct vhdx_image img = { .size = 2 << 20 };
	struct view *v, *later;

	vhdx_image_build(&img);
	scratch_write(s, "u.vhdx", img.bytes, img.len);
	clock_set_for_test(test_clock);
	v = view_of(s, "u.vhdx");
	now_ns = (uint64_t)v->mtime_ns + 1;
	view_put(v);
	v = view_of(s, "u.vhdx");
	assert_true(view_is_current(v));
	assert_true(view_tables_hold(v));
	now_ns += 2 * VIEW_TICK_NS;
	assert_false(view_tables_hold(v));
	assert_false(view_is_current(v));
	later = view_of(s, "u.vhdx");
	assert_int_not_equal(later->content_id, v->content_id);
	now_ns += 2 * VIEW_TICK_NS;
	assert_true(view_tables_hold(later));
	assert_true(view_is_current(later));
	clock_set_for_test(NULL);
	view_put(v);
	view_put(later);
	vhdx_image_fini(&img);
}

/* ---- listings ---- */

struct listed {
	const char *names[4]; /* NULL ends */
	int calls;
	struct counted disks;
};

static int list_names(void *ctx, struct tree *t, struct node *n, struct error *err)
{
	struct listed *l = ctx;

	l->calls++;
	if (!l->names[0])
		return error_set(err, ERR_NETWORK, "listing");
	tree_listing_begin(t, n);
	for (size_t i = 0; l->names[i]; i++) {
		assert_false(tree_listing_has(t, n, l->names[i]));
		if (!tree_listing_keep(t, n, l->names[i]) &&
		    !tree_add(t, n, l->names[i], &counted_source, &l->disks, err))
			return -1;
		assert_true(tree_listing_has(t, n, l->names[i]));
	}
	tree_listing_end(t, n);
	return 0;
}

static void a_listing_adds_hides_and_brings_back(void **state)
{
	static const struct node_source source = { .list = list_names };
	struct listed l = { .names = { "p1", "p2" } };
	struct tree *t = new_tree();
	struct error err = ERROR_INIT;
	struct node *n = tree_add(t, tree_root(t), "recovery-points", &source, &l, &err), *p1;

	(void)state;
	now_ns = 1000;
	clock_set_for_test(test_clock);
	assert_int_equal(tree_refresh(t, n, &err), 0);
	p1 = tree_child(t, n, "p1");
	assert_non_null(p1);
	assert_non_null(tree_child(t, n, "p2"));
	l.names[0] = "p2";
	l.names[1] = "p3";
	assert_int_equal(tree_refresh(t, n, &err), 0);
	assert_int_equal(l.calls, 1); /* not twice within ten seconds */
	now_ns += UINT64_C(10000000000);
	assert_int_equal(tree_refresh(t, n, &err), 0);
	assert_null(tree_child(t, n, "p1"));
	assert_non_null(tree_child(t, n, "p3"));
	l.names[0] = NULL;
	now_ns += UINT64_C(10000000000);
	assert_int_equal(tree_refresh(t, n, &err), -1);
	assert_error(&err, ERR_NETWORK, "recovery-points: listing");
	assert_non_null(tree_child(t, n, "p3"));
	l.names[0] = "p1";
	l.names[1] = NULL;
	err = (struct error)ERROR_INIT;
	assert_int_equal(tree_refresh(t, n, &err), 0);
	assert_ptr_equal(tree_child(t, n, "p1"), p1);
	assert_null(tree_child(t, n, "p3"));
	clock_set_for_test(NULL);
	tree_free(t);
}

/* ---- threads ---- */

#define CROWD (TREE_POOL + 50)

struct crowd {
	struct tree *tree;
	struct node *nodes[CROWD];
	atomic_uint seed;
};

static void *look_around(void *arg)
{
	struct crowd *c = arg;
	unsigned x = atomic_fetch_add(&c->seed, 1) * 2654435761u;

	for (unsigned i = 0; i < 4000; i++) {
		struct view *v;

		x = x * 1103515245u + 12345u;
		v = tree_view(c->tree, c->nodes[(x >> 8) % CROWD], NULL);
		if (!v)
			return "a view is missing";
		view_put(v);
	}
	return NULL;
}

static void threads_may_look_at_more_disks_than_the_pool_holds(void **state)
{
	static struct counted disks[CROWD];
	struct crowd c = { .tree = new_tree(), .seed = 1 };
	pthread_t threads[4];
	void *said;
	char name[32];

	(void)state;
	for (size_t i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "disk%zu", i);
		c.nodes[i] = add(c.tree, name, &disks[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look_around, &c), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &said), 0);
		assert_null(said);
	}
	tree_free(c.tree);
	for (size_t i = 0; i < CROWD; i++)
		assert_int_equal(atomic_load(&disks[i].closes), atomic_load(&disks[i].opens));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_is_inode_1_and_every_file_has_its_own),
		cmocka_unit_test(a_path_makes_its_folders_once),
		cmocka_unit_test(an_image_alone_is_the_root),
		cmocka_unit_test(two_disks_of_one_name_are_refused),
		cmocka_unit_test(a_folder_of_many_is_found_by_name),
		cmocka_unit_test(a_disk_opens_when_it_is_looked_at_and_stays_open),
		cmocka_unit_test(a_failure_is_remembered_for_a_second),
		cmocka_unit_test(the_pool_closes_what_was_not_used_for_longest),
		cmocka_unit_test(without_descriptors_the_pool_is_emptied_and_the_disk_tried_again),
		cmocka_unit_test_setup_teardown(tables_hold_until_somebody_writes_to_their_file, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(a_view_opened_in_the_tick_of_a_write_is_opened_once_more, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(a_changed_image_is_opened_anew_and_the_old_view_lives_on, scratch_setup,
						scratch_teardown),
		cmocka_unit_test(a_listing_adds_hides_and_brings_back),
		cmocka_unit_test(threads_may_look_at_more_disks_than_the_pool_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
