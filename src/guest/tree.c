/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "guest/tree.h"

static const struct {
	const char *fs;
	const struct tree_ops *ops;
} readers[] = {
	{ "ext2", &tree_ext_ops }, { "ext3", &tree_ext_ops },  { "ext4", &tree_ext_ops },
	{ "vfat", &tree_fat_ops }, { "ntfs", &tree_ntfs_ops }, { "xfs", &tree_xfs_ops },
	{ "btrfs", &tree_btrfs_ops },
};

int tree_open(struct tree *t, struct volume *v, const char *fs, struct error *err)
{
	*t = (struct tree){ .v = v };
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		if (strcmp(readers[i].fs, fs) == 0) {
			if (readers[i].ops->open(v, &t->ctx, err) < 0)
				return -1;
			t->ops = readers[i].ops;
		}
	return 0;
}

void tree_close(struct tree *t)
{
	if (t->ops)
		t->ops->close(t->ctx);
	*t = (struct tree){ 0 };
}

int tree_find(struct tree *t, const char *path, struct tree_node *out, struct error *err)
{
	if (look_budget_check(t->v->budget, err) < 0)
		return -1;
	return t->ops->find(t->ctx, path, out, err);
}

int tree_read(struct tree *t, const struct tree_node *n, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct look_budget *budget = t->v->budget;
	uint64_t before, taken;

	assert(range_ok(off, len, n->size) && !n->folder);
	if (len == 0)
		return 0;
	before = budget->bytes_left;
	if (t->ops->read(t->ctx, n, buf, len, off, err) < 0)
		return -1;
	taken = before - budget->bytes_left;
	return taken < len ? look_budget_take(budget, len - taken, err) : 0;
}

int tree_list(struct tree *t, const struct tree_node *n, tree_entry_fn fn, void *fn_ctx, struct error *err)
{
	assert(n->folder);
	if (!t->ops->list)
		return error_set(err, ERR_UNSUPPORTED, "folders of %s are not listed", t->ops->name);
	return t->ops->list(t->ctx, n, fn, fn_ctx, err);
}

int tree_text(struct tree *t, const char *path, size_t max, char **out, uint64_t *off_out, struct error *err)
{
	CLEANUP_FREE char *text = NULL;
	struct tree_node n;
	size_t len;
	int found = tree_find(t, path, &n, err);

	*out = NULL;
	if (found < 0)
		return error_prefix(err, "/%s", path);
	if (found == 0 || n.folder)
		return 0;
	len = n.size < max ? (size_t)n.size : max;
	text = malloc(len + 1);
	if (!text)
		return error_errno(err, ENOMEM, "/%s", path);
	if (tree_read(t, &n, text, len, 0, err) < 0)
		return error_prefix(err, "/%s", path);
	text[len] = '\0';
	*off_out = n.off;
	*out = steal_ptr(&text);
	return 0;
}

static unsigned char upper(char c)
{
	return (unsigned char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

bool tree_same_name(const char *a, const char *b, size_t b_len)
{
	if (strlen(a) != b_len)
		return false;
	for (size_t i = 0; i < b_len; i++)
		if (upper(a[i]) != upper(b[i]))
			return false;
	return true;
}
