/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of items by key.  A way down is as long as the root's level says, since each child is one below its parent; and
 * since a child begins with the key its parent has for it, no block is met twice on the way along: a walk ends.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/btrfs.h"

int btrfs_cursor_init(struct btrfs_cursor *c, struct btrfs *b, struct error *err)
{
	*c = (struct btrfs_cursor){ .b = b, .leaf = malloc(b->node) };
	return c->leaf ? 0 : error_errno(err, ENOMEM, "Btrfs");
}

void btrfs_cursor_fini(struct btrfs_cursor *c)
{
	free(c->leaf);
	c->leaf = NULL;
}

/* How many keys of the node are at or before it? */
static uint32_t count_upto(const uint8_t *node, const struct btrfs_key *key)
{
	uint32_t low = 0, high = btrfs_node_items(node);

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		struct btrfs_key k = btrfs_node_key(node, mid);

		if (btrfs_key_compare(&k, key) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Into the leaf where the key is or would be; *upto_out of its items are at or before it. */
static int descend(struct btrfs_cursor *c, const struct btrfs_root *root, const struct btrfs_key *key,
		   uint32_t *upto_out, struct error *err)
{
	struct btrfs_ref ref = {
		.logical = root->logical, .generation = root->generation, .owner = root->owner, .level = root->level
	};
	const uint8_t *node;
	uint32_t upto;

	if (look_budget_check(c->b->v->budget, err) < 0)
		return -1;
	c->root = *root;
	c->more = false;
	for (;;) {
		if (btrfs_node(c->b, &ref, &node, err) < 0)
			return -1;
		upto = count_upto(node, key);
		if (ref.level == 0)
			break;
		upto += upto == 0;
		if (upto < btrfs_node_items(node)) {
			c->more = true;
			c->next_leaf = btrfs_node_key(node, upto);
		}
		btrfs_node_child(node, upto - 1, &ref);
	}
	memcpy(c->leaf, node, c->b->node);
	c->leaf_at = ref.logical;
	*upto_out = upto;
	return 0;
}

static int stand_at(struct btrfs_cursor *c, uint32_t slot)
{
	c->slot = slot;
	c->key = btrfs_node_key(c->leaf, slot);
	c->item = btrfs_leaf_item(c->leaf, slot, &c->len);
	return 1;
}

int btrfs_seek_upto(struct btrfs_cursor *c, const struct btrfs_root *root, struct btrfs_key key, struct error *err)
{
	uint32_t upto;

	if (descend(c, root, &key, &upto, err) < 0)
		return -1;
	return upto == 0 ? 0 : stand_at(c, upto - 1);
}

int btrfs_next(struct btrfs_cursor *c, struct error *err)
{
	uint32_t upto;

	if (c->slot + 1 < btrfs_node_items(c->leaf))
		return stand_at(c, c->slot + 1);
	if (!c->more)
		return 0;
	if (descend(c, &c->root, &(struct btrfs_key){ c->next_leaf.object, c->next_leaf.type, c->next_leaf.off }, &upto,
		    err) < 0)
		return -1;
	return stand_at(c, 0); /* it begins with that key, or descend() would have failed */
}

uint64_t btrfs_item_place(const struct btrfs_cursor *c, uint32_t within)
{
	uint64_t off, len;

	if (btrfs_map(c->b, c->leaf_at + (uint64_t)(c->item - c->leaf) + within, 0, &off, &len, NULL) <= 0)
		return 0;
	return off;
}

int btrfs_seek_from(struct btrfs_cursor *c, const struct btrfs_root *root, struct btrfs_key key, struct error *err)
{
	uint32_t upto;

	if (descend(c, root, &key, &upto, err) < 0)
		return -1;
	if (upto > 0) {
		stand_at(c, upto - 1);
		return btrfs_key_compare(&c->key, &key) == 0 ? 1 : btrfs_next(c, err);
	}
	return btrfs_node_items(c->leaf) > 0 ? stand_at(c, 0) : 0;
}
