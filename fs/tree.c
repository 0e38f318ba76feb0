/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "tree.h"

#define FAILURE_KEPT_NS UINT64_C(1000000000)
#define LISTING_KEPT_NS (10 * UINT64_C(1000000000)) /* a listing of a remote target is a request that is billed */
#define FILES_PER_NODE 8u

_Static_assert(FILE_IDS <= FILES_PER_NODE, "an inode has room for each file");

/* Locks, outermost first: a node's `opening`, the tree's `lock`. */
struct node {
	char *name, *label;
	struct node *parent; /* the root's is itself */
	uint64_t index;

	/* Under the tree's lock. */
	bool gone;
	uint64_t listing, named_in; /* this folder's listings so far; the parent's listing that named it last */
	struct node **children; /* in the order in which they were made */
	struct node **by_name;  /* the same, sorted */
	size_t n_children, cap_children;
	struct view *view;          /* not NULL: in the pool */
	struct node *newer, *older; /* in the pool */

	const struct node_source *source; /* NULL: a plain folder */
	void *ctx;

	pthread_mutex_t opening; /* guards what follows; held while the source opens or lists */
	struct error err;
	uint64_t failed_at, listed_at; /* 0: never */

	_Atomic uint64_t content[FILE_IDS]; /* what each file last showed; 0: never opened */
};

struct tree {
	pthread_mutex_t lock; /* guards nodes, children and the pool */
	struct node **nodes;
	size_t n_nodes, cap_nodes;
	struct node *newest, *oldest;
	size_t n_pool;
};

static void node_free(struct node *n)
{
	view_put(n->view);
	if (n->source && n->source->free_ctx)
		n->source->free_ctx(n->ctx);
	pthread_mutex_destroy(&n->opening);
	free(n->children);
	free(n->by_name);
	free(n->label);
	free(n->name);
	free(n);
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_nodes; i++)
		node_free(t->nodes[i]);
	free(t->nodes);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static char *label_of(const struct node *dir, const char *name)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	if (!dir)
		return strdup(".");
	if (dir->parent != dir)
		strbuf_addf(&b, "%s/", dir->label);
	strbuf_adds(&b, name);
	return strbuf_take(&b, NULL);
}

/* A node of the tree, not yet in any folder. */
static struct node *node_new_locked(struct tree *t, struct node *dir, const char *name, struct error *err)
{
	struct node **nodes, *n;
	size_t cap;

	if (t->n_nodes == t->cap_nodes) {
		cap = t->cap_nodes ? 2 * t->cap_nodes : 64;
		nodes = reallocarray(t->nodes, cap, sizeof(struct node *));
		if (!nodes)
			goto nomem;
		t->nodes = nodes;
		t->cap_nodes = cap;
	}
	n = calloc(1, sizeof(*n));
	if (!n)
		goto nomem;
	pthread_mutex_init(&n->opening, NULL);
	n->parent = dir ? dir : n;
	n->index = t->n_nodes;
	n->name = strdup(name);
	n->label = label_of(dir, name);
	if (!n->name || !n->label) {
		node_free(n);
		goto nomem;
	}
	t->nodes[t->n_nodes++] = n;
	return n;
nomem:
	error_errno(err, ENOMEM, "%s", name);
	return NULL;
}

struct tree *tree_new(struct error *err)
{
	CLEANUP(cleanup_tree) struct tree *t = calloc(1, sizeof(*t));

	if (!t) {
		error_errno(err, ENOMEM, "inodes");
		return NULL;
	}
	pthread_mutex_init(&t->lock, NULL);
	return node_new_locked(t, NULL, "", err) ? steal_ptr(&t) : NULL;
}

struct node *tree_root(struct tree *t)
{
	return t->nodes[0];
}

/* Where name is, or belongs, among the sorted children. */
static size_t place_of(const struct node *dir, const char *name, bool *found)
{
	size_t low = 0, high = dir->n_children, mid;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		order = strcmp(dir->by_name[mid]->name, name);
		if (order == 0) {
			*found = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*found = false;
	return low;
}

static int grow_children(struct node *dir, struct error *err)
{
	size_t cap = dir->cap_children ? 2 * dir->cap_children : 8;
	struct node **v;

	if (dir->n_children < dir->cap_children)
		return 0;
	v = reallocarray(dir->children, cap, sizeof(struct node *));
	if (!v)
		return error_errno(err, ENOMEM, "%s", dir->label);
	dir->children = v;
	v = reallocarray(dir->by_name, cap, sizeof(struct node *));
	if (!v)
		return error_errno(err, ENOMEM, "%s", dir->label);
	dir->by_name = v;
	dir->cap_children = cap;
	return 0;
}

static struct node *add_locked(struct tree *t, struct node *dir, const char *name, struct error *err)
{
	struct node *n;
	bool found;
	size_t at = place_of(dir, name, &found);

	if (found) {
		dir->by_name[at]->gone = false;
		dir->by_name[at]->named_in = dir->listing;
		return dir->by_name[at];
	}
	if (grow_children(dir, err) < 0)
		return NULL;
	n = node_new_locked(t, dir, name, err);
	if (!n)
		return NULL;
	n->named_in = dir->listing;
	memmove(dir->by_name + at + 1, dir->by_name + at, (dir->n_children - at) * sizeof(struct node *));
	dir->by_name[at] = n;
	dir->children[dir->n_children++] = n;
	return n;
}

static struct node *with_source(struct node *n, const struct node_source *source, void *ctx, struct error *err)
{
	if (n && (!source || !n->source)) {
		if (source) {
			n->source = source;
			n->ctx = ctx;
		}
		return n;
	}
	if (n)
		error_set(err, ERR_BUG, "%s: two disks of one name", n->label);
	if (source && source->free_ctx)
		source->free_ctx(ctx);
	return NULL;
}

struct node *tree_add(struct tree *t, struct node *dir, const char *name, const struct node_source *source, void *ctx,
		      struct error *err)
{
	LOCK_SCOPE(&t->lock);
	return with_source(add_locked(t, dir, name, err), source, ctx, err);
}

struct node *tree_add_path(struct tree *t, const char *path, const struct node_source *source, void *ctx,
			   struct error *err)
{
	struct node *n = t->nodes[0];
	CLEANUP_FREE char *name = NULL;
	size_t len;

	LOCK_SCOPE(&t->lock);
	for (const char *p = path; *p && n; p += len) {
		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len == 0)
			break;
		free(name);
		name = strndup(p, len);
		if (!name)
			error_errno(err, ENOMEM, "%s", path);
		n = name ? add_locked(t, n, name, err) : NULL;
	}
	return with_source(n, source, ctx, err);
}

void tree_listing_begin(struct tree *t, struct node *dir)
{
	LOCK_SCOPE(&t->lock);
	dir->listing++;
}

bool tree_listing_has(struct tree *t, struct node *dir, const char *name)
{
	LOCK_SCOPE(&t->lock);
	bool found;
	size_t at = place_of(dir, name, &found);

	return found && dir->by_name[at]->named_in == dir->listing;
}

bool tree_listing_keep(struct tree *t, struct node *dir, const char *name)
{
	LOCK_SCOPE(&t->lock);
	bool found;
	size_t at = place_of(dir, name, &found);

	if (found) {
		dir->by_name[at]->gone = false;
		dir->by_name[at]->named_in = dir->listing;
	}
	return found;
}

void tree_listing_end(struct tree *t, struct node *dir)
{
	LOCK_SCOPE(&t->lock);
	for (size_t i = 0; i < dir->n_children; i++)
		dir->children[i]->gone = dir->children[i]->named_in != dir->listing;
}

uint64_t tree_count(struct tree *t)
{
	LOCK_SCOPE(&t->lock);
	return t->n_nodes;
}

uint64_t node_inode(const struct node *n, enum file_id file)
{
	return n->index * FILES_PER_NODE + file + 1;
}

struct node *tree_node(struct tree *t, uint64_t inode, enum file_id *file_out)
{
	LOCK_SCOPE(&t->lock);
	uint64_t index = (inode - 1) / FILES_PER_NODE;

	if (inode == 0 || index >= t->n_nodes || (inode - 1) % FILES_PER_NODE >= FILE_IDS)
		return NULL;
	*file_out = (enum file_id)((inode - 1) % FILES_PER_NODE);
	return t->nodes[index];
}

bool node_shows_disk(const struct node *n)
{
	return n->source && n->source->open;
}

const char *node_name(const struct node *n)
{
	return n->name;
}

const char *node_label(const struct node *n)
{
	return n->label;
}

uint64_t node_parent_inode(const struct node *n)
{
	return node_inode(n->parent, FILE_NONE);
}

struct node *tree_child(struct tree *t, struct node *dir, const char *name)
{
	LOCK_SCOPE(&t->lock);
	bool found;
	size_t at = place_of(dir, name, &found);

	return found && !dir->by_name[at]->gone ? dir->by_name[at] : NULL;
}

struct node *tree_child_at(struct tree *t, struct node *dir, size_t i, bool *gone_out)
{
	LOCK_SCOPE(&t->lock);
	if (i >= dir->n_children)
		return NULL;
	*gone_out = dir->children[i]->gone;
	return dir->children[i];
}

int tree_refresh(struct tree *t, struct node *dir, struct error *err)
{
	uint64_t now = clock_monotonic_ns();

	if (!dir->source || !dir->source->list)
		return 0;
	LOCK_SCOPE(&dir->opening);
	if (dir->listed_at && now - dir->listed_at < LISTING_KEPT_NS)
		return 0;
	if (dir->source->list(dir->ctx, t, dir, err) < 0)
		return error_prefix(err, "%s", dir->label);
	dir->listed_at = now;
	return 0;
}

/* ---- the pool ---- */

static void pool_remove_locked(struct tree *t, struct node *n)
{
	*(n->newer ? &n->newer->older : &t->newest) = n->older;
	*(n->older ? &n->older->newer : &t->oldest) = n->newer;
	n->newer = n->older = NULL;
	t->n_pool--;
}

static void pool_insert_locked(struct tree *t, struct node *n)
{
	n->older = t->newest;
	*(t->newest ? &t->newest->newer : &t->oldest) = n;
	t->newest = n;
	t->n_pool++;
}

/* The view of the longest unused node that nobody reads from, taken out of the pool; NULL if there is none. */
static struct view *pool_evict_locked(struct tree *t)
{
	for (struct node *n = t->oldest; n; n = n->newer) {
		if (atomic_load(&n->view->refs) > 1)
			continue;
		pool_remove_locked(t, n);
		return steal_ptr(&n->view);
	}
	return NULL;
}

/* Keeps the pool to `max`.  Views are closed without a lock: closing a replica may wait. */
static void pool_trim(struct tree *t, size_t max)
{
	struct view *victim;

	do {
		pthread_mutex_lock(&t->lock);
		victim = t->n_pool > max ? pool_evict_locked(t) : NULL;
		pthread_mutex_unlock(&t->lock);
		view_put(victim);
	} while (victim);
}

static struct view *present_view(struct tree *t, struct node *n)
{
	LOCK_SCOPE(&t->lock);
	if (!n->view)
		return NULL;
	pool_remove_locked(t, n);
	pool_insert_locked(t, n);
	return view_get(n->view);
}

static void replace_view(struct tree *t, struct node *n, struct view *v)
{
	struct view *old;

	pthread_mutex_lock(&t->lock);
	old = n->view;
	if (old)
		pool_remove_locked(t, n);
	n->view = v ? view_get(v) : NULL;
	if (v)
		pool_insert_locked(t, n);
	pthread_mutex_unlock(&t->lock);
	view_put(old);
}

static bool lacks_descriptors(const struct error *e)
{
	return e->code == ERR_SYSTEM && (e->detail == EMFILE || e->detail == ENFILE);
}

static struct view *open_view(struct tree *t, struct node *n, struct error *err)
{
	struct error why = ERROR_INIT;
	struct view *v = n->source->open(n->ctx, n->label, &why);

	if (!v && lacks_descriptors(&why)) {
		pool_trim(t, 0);
		why = (struct error)ERROR_INIT;
		v = n->source->open(n->ctx, n->label, &why);
	}
	if (!v && err)
		*err = why;
	return v;
}

struct view *tree_view(struct tree *t, struct node *n, struct error *err)
{
	struct view *v;

	{
		LOCK_SCOPE(&n->opening);
		v = present_view(t, n);
		if (v && view_is_current(v))
			return v;
		view_put(v);
		if (!v && n->failed_at && clock_monotonic_ns() - n->failed_at < FAILURE_KEPT_NS) {
			if (err)
				*err = n->err;
			return NULL;
		}
		n->err = (struct error)ERROR_INIT;
		v = open_view(t, n, &n->err);
		replace_view(t, n, v);
		n->failed_at = v ? 0 : clock_monotonic_ns();
		if (!v) {
			log_debug("mount", "%s: %s", n->label, n->err.msg);
			if (err)
				*err = n->err;
			return NULL;
		}
	}
	pool_trim(t, TREE_POOL);
	return v;
}

void tree_forget_content(struct node *n, enum file_id id)
{
	atomic_store(&n->content[id], 0);
}

bool tree_same_content(struct node *n, enum file_id id, const struct view *v)
{
	return atomic_exchange(&n->content[id], v->content_id) == v->content_id;
}
