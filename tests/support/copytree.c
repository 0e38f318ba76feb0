/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copytree IMAGE FS FOLDER: all that src/guest/tree.h finds in the file system that begins at the image's first byte,
 * copied into the folder, links followed.  For scripts that compare it with what was put in.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "guest/tree.h"

#define PIECE 100000 /* of no power of two: pieces begin anywhere */
#define DEPTH_MAX 20

struct copy {
	struct tree *t;
	const char *path; /* in the guest, "" the root */
	const char *to;
	unsigned depth;
};

static int copy_any(struct tree *t, const char *path, const char *to, unsigned depth, struct error *err);

static int copy_entry(void *ctx, const char *name, struct error *err)
{
	const struct copy *c = ctx;
	char path[2048], to[4096];

	snprintf(path, sizeof(path), "%s%s%s", c->path, *c->path ? "/" : "", name);
	snprintf(to, sizeof(to), "%s/%s", c->to, name);
	return copy_any(c->t, path, to, c->depth + 1, err);
}

static int copy_file(struct tree *t, const struct tree_node *n, const char *to, struct error *err)
{
	static uint8_t buf[PIECE];
	CLEANUP_FD int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(err, errno, "%s", to);
	for (uint64_t off = 0; off < n->size;) {
		size_t len = n->size - off < PIECE ? (size_t)(n->size - off) : PIECE;

		if (tree_read(t, n, buf, len, off, err) < 0)
			return error_prefix(err, "%s", to);
		if (io_pwrite(fd, buf, len, off, err) < 0)
			return -1;
		off += len;
	}
	return 0;
}

static int copy_any(struct tree *t, const char *path, const char *to, unsigned depth, struct error *err)
{
	struct copy c = { .t = t, .path = path, .to = to, .depth = depth };
	struct tree_node n;
	int rc = tree_find(t, path, &n, err);

	if (rc <= 0)
		return rc < 0 ? error_prefix(err, "%s", path) : 0;
	if (depth > DEPTH_MAX)
		return error_set(err, ERR_UNSUPPORTED, "%s: too deep", path);
	if (!n.folder)
		return copy_file(t, &n, to, err);
	if (mkdir(to, 0700) < 0 && (depth > 0 || errno != EEXIST))
		return error_errno(err, errno, "%s", to);
	return tree_list(t, &n, copy_entry, &c, err);
}

int main(int argc, char **argv)
{
	struct look_budget budget = { .bytes_left = UINT64_C(4) << 30 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	CLEANUP(cleanup_volume) struct volume v = { 0 };
	CLEANUP(cleanup_tree) struct tree t = { 0 };
	struct error e = ERROR_INIT;

	if (argc != 4)
		return 2;
	d = disk_open_path(argv[1], NULL, &e);
	if (!d || volume_init(&v, d, &budget, 0, disk_size(d), &e) < 0 || tree_open(&t, &v, argv[2], &e) < 0 ||
	    (!t.ops && error_set(&e, ERR_USAGE, "%s: no such reader", argv[2]) < 0) ||
	    copy_any(&t, "", argv[3], 0, &e) < 0) {
		fprintf(stderr, "copytree: %s\n", e.msg);
		return 1;
	}
	return 0;
}
