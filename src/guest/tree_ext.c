/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext2, ext3, ext4 by libext2fs, with an io_manager that reads our volume: no file, no loop device.  The library's
 * open() is given a name alone, so the volume is handed over in a variable of the thread.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <et/com_err.h>
#include <ext2fs/ext2fs.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "guest/tree.h"

enum { /* superblock */
       SB_OFF = 1024,
       SB_BLOCKS_LO = 4,
       SB_LOG_BLOCK_SIZE = 24,
       SB_BLOCKS_PER_GROUP = 32,
       SB_INCOMPAT = 96,
       SB_BLOCKS_HI = 336,
       SB_LEN = 1024,
       INCOMPAT_RECOVER = 4,
       INCOMPAT_64BIT = 0x80,
};

#define DESCRIPTORS_MAX (UINT64_C(64) << 20) /* 32 MiB are those of 64 TiB in groups of 128 MiB, 64 bytes each */

struct ext {
	struct volume *v;
	ext2_filsys fs;
	struct error err; /* why our io_manager failed last: more than the library's number says */
};

static _Thread_local struct ext *opening;
static struct struct_io_manager ext_io;
static pthread_once_t messages = PTHREAD_ONCE_INIT;

static void load_messages(void)
{
	initialize_ext2_error_table();
}

static errcode_t io_open(const char *name, int flags, io_channel *out)
{
	io_channel io = calloc(1, sizeof(*io));

	(void)flags;
	if (!io)
		return EXT2_ET_NO_MEMORY;
	*io = (struct struct_io_channel){
		.magic = EXT2_ET_MAGIC_IO_CHANNEL,
		.manager = &ext_io,
		.name = strdup(name),
		.block_size = SB_LEN,
		.refcount = 1,
	};
	io->private_data = opening;
	*out = io;
	return 0;
}

static errcode_t io_close(io_channel io)
{
	if (--io->refcount > 0)
		return 0;
	free(io->name);
	free(io);
	return 0;
}

static errcode_t io_set_blksize(io_channel io, int blksize)
{
	io->block_size = blksize;
	return 0;
}

static errcode_t io_read(io_channel io, unsigned long long block, int count, void *data)
{
	struct ext *x = io->private_data;
	uint64_t len = count < 0 ? (uint64_t) - (int64_t)count : (uint64_t)count * (uint64_t)io->block_size, off;

	x->err = (struct error)ERROR_INIT;
	if (!checked_mul((uint64_t)block, (uint64_t)io->block_size, &off))
		error_set(&x->err, ERR_CORRUPT, "block %llu: beyond its end", block);
	else if (volume_read(x->v, data, (size_t)len, off, &x->err) == 0)
		return 0;
	return EXT2_ET_SHORT_READ;
}

static errcode_t io_read_32(io_channel io, unsigned long block, int count, void *data)
{
	return io_read(io, block, count, data);
}

static errcode_t io_write(io_channel io, unsigned long block, int count, const void *data)
{
	(void)io;
	(void)block;
	(void)count;
	(void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t io_write_64(io_channel io, unsigned long long block, int count, const void *data)
{
	return io_write(io, (unsigned long)block, count, data);
}

static errcode_t io_flush(io_channel io)
{
	(void)io;
	return 0;
}

static struct struct_io_manager ext_io = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "liftfs volume",
	.open = io_open,
	.close = io_close,
	.set_blksize = io_set_blksize,
	.read_blk = io_read_32,
	.write_blk = io_write,
	.flush = io_flush,
	.read_blk64 = io_read,
	.write_blk64 = io_write_64,
};

static int failed(struct ext *x, errcode_t rc, struct error *err)
{
	if (x->err.code != ERR_NONE) {
		if (err)
			*err = x->err;
		return -1;
	}
	if (rc == EXT2_ET_NO_MEMORY)
		return error_errno(err, ENOMEM, "ext");
	return error_set(err, ERR_CORRUPT, "%s", error_message(rc));
}

/* The library takes memory for all group descriptors, as many as the superblock says there are. */
static int check_size(struct volume *v, bool *recover_out, struct error *err)
{
	uint8_t sb[SB_LEN];
	uint64_t blocks, groups;
	uint32_t log_size, per_group, incompat;

	if (volume_read(v, sb, sizeof(sb), SB_OFF, err) < 0)
		return -1;
	incompat = get_le32(sb + SB_INCOMPAT);
	blocks = get_le32(sb + SB_BLOCKS_LO);
	if (incompat & INCOMPAT_64BIT)
		blocks |= (uint64_t)get_le32(sb + SB_BLOCKS_HI) << 32;
	log_size = get_le32(sb + SB_LOG_BLOCK_SIZE);
	per_group = get_le32(sb + SB_BLOCKS_PER_GROUP);
	if (log_size > 6 || per_group == 0)
		return error_set(err, ERR_CORRUPT, "superblock: blocks of 2^%" PRIu64 " bytes, %" PRIu32 " a group",
				 (uint64_t)log_size + 10, per_group);
	if (blocks > v->size >> (10 + log_size))
		return error_set(err, ERR_CORRUPT, "superblock: %" PRIu64 " blocks of %u bytes in %" PRIu64 " bytes",
				 blocks, 1024U << log_size, v->size);
	groups = blocks / per_group + 1;
	if (groups > DESCRIPTORS_MAX / 64)
		return error_set(err, ERR_CORRUPT, "superblock: %" PRIu64 " groups", groups);
	*recover_out = incompat & INCOMPAT_RECOVER;
	return 0;
}

static void ext_close(void *ctx)
{
	struct ext *x = ctx;

	if (x->fs)
		ext2fs_free(x->fs);
	free(x);
}
DEFINE_CLEANUP(cleanup_ext, struct ext *, ext_close);

static int ext_open(struct volume *v, void **out, struct error *err)
{
	CLEANUP(cleanup_ext) struct ext *x = calloc(1, sizeof(*x));
	bool recover;
	errcode_t rc;

	if (!x)
		return error_errno(err, ENOMEM, "ext");
	x->v = v;
	if (check_size(v, &recover, err) < 0)
		return -1;
	pthread_once(&messages, load_messages);
	opening = x;
	rc = ext2fs_open("guest", EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES, 0, 0, &ext_io, &x->fs);
	opening = NULL;
	if (rc != 0)
		return failed(x, rc, err);
	/* What the journal would still change need not agree with its checksums. */
	if (recover)
		x->fs->flags |= EXT2_FLAG_IGNORE_CSUM_ERRORS;
	*out = steal_ptr(&x);
	return 0;
}

static int ext_find(void *ctx, const char *path, struct tree_node *out, struct error *err)
{
	struct ext *x = ctx;
	struct ext2_inode inode;
	blk64_t first = 0;
	ext2_ino_t ino;
	errcode_t rc;

	x->err = (struct error)ERROR_INIT;
	rc = ext2fs_namei_follow(x->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, *path ? path : "/", &ino);
	/* A link that leads nowhere or in circles is no file either. */
	if (x->err.code == ERR_NONE &&
	    (rc == EXT2_ET_FILE_NOT_FOUND || rc == EXT2_ET_NO_DIRECTORY || rc == EXT2_ET_SYMLINK_LOOP))
		return 0;
	if (rc == 0)
		rc = ext2fs_read_inode(x->fs, ino, &inode);
	if (rc != 0)
		return failed(x, rc, err);
	*out = (struct tree_node){ .id = ino, .folder = LINUX_S_ISDIR(inode.i_mode) };
	if (!out->folder) {
		if (!LINUX_S_ISREG(inode.i_mode)) /* a device or a pipe holds nothing */
			return 0;
		out->size = EXT2_I_SIZE(&inode);
	}
	if (ext2fs_bmap2(x->fs, ino, &inode, NULL, 0, 0, NULL, &first) != 0)
		first = 0;
	out->off = volume_on_disk(x->v, first < x->v->size / x->fs->blocksize ? first * x->fs->blocksize : 0);
	return 1;
}

static int ext_read(void *ctx, const struct tree_node *n, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct ext *x = ctx;
	ext2_file_t file;
	errcode_t rc;

	x->err = (struct error)ERROR_INIT;
	rc = ext2fs_file_open(x->fs, (ext2_ino_t)n->id, 0, &file);
	if (rc != 0)
		return failed(x, rc, err);
	rc = ext2fs_file_llseek(file, off, EXT2_SEEK_SET, NULL);
	for (uint8_t *p = buf; rc == 0 && len > 0;) {
		unsigned got = 0, want = len < (1 << 20) ? (unsigned)len : 1 << 20;

		rc = ext2fs_file_read(file, p, want, &got);
		if (rc == 0 && got == 0)
			rc = EXT2_ET_SHORT_READ;
		p += got;
		len -= got;
	}
	ext2fs_file_close(file);
	return rc == 0 ? 0 : failed(x, rc, err);
}

struct listing {
	tree_entry_fn fn;
	void *ctx;
	struct error *err;
	unsigned n;
	int rc;
};

static int list_entry(struct ext2_dir_entry *entry, int offset, int blocksize, char *buf, void *priv)
{
	struct listing *l = priv;
	char name[EXT2_NAME_LEN + 1];
	size_t len = (size_t)ext2fs_dirent_name_len(entry);

	(void)offset;
	(void)blocksize;
	(void)buf;
	memcpy(name, entry->name, len);
	name[len] = '\0';
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || len == 0)
		return 0;
	if (++l->n > TREE_ENTRIES_MAX)
		l->rc = error_set(l->err, ERR_UNSUPPORTED, "more than %d entries", TREE_ENTRIES_MAX);
	else
		l->rc = l->fn(l->ctx, name, l->err);
	return l->rc < 0 ? DIRENT_ABORT : 0;
}

static int ext_list(void *ctx, const struct tree_node *n, tree_entry_fn fn, void *fn_ctx, struct error *err)
{
	struct listing l = { .fn = fn, .ctx = fn_ctx, .err = err };
	struct ext *x = ctx;
	errcode_t rc;

	x->err = (struct error)ERROR_INIT;
	rc = ext2fs_dir_iterate(x->fs, (ext2_ino_t)n->id, 0, NULL, list_entry, &l);
	if (l.rc < 0)
		return -1;
	return rc == 0 ? 0 : failed(x, rc, err);
}

const struct tree_ops tree_ext_ops = {
	.name = "ext",
	.open = ext_open,
	.close = ext_close,
	.find = ext_find,
	.read = ext_read,
	.list = ext_list,
};
