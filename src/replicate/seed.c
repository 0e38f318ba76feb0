/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/parse.h"
#include "disk/vhd_footer.h"
#include "map/blockmap_file.h"
#include "replicate/cycle_disk.h"
#include "replicate/map_copy.h"
#include "replicate/read_back.h"
#include "replicate/seed.h"

#define READERS 4
#define NOTE_VERIFIED "verified"

/* ---- the map ---- */

/* What such a cycle left may never have become the file that people carry: a directory can keep it as a clone beside that. */
static int not_whole(struct target *seed, const char *name, struct error *err)
{
	return error_set(err, ERR_CONFLICT, "%s/%s: its last cycle did not end with a state of the source: run it once more, and "
			 "carry it anew", target_name(seed), name);
}

/* Did the last clean point become the file?  The header says it of a point that the journal does not have any more. */
static bool is_whole(const struct replica_state *rs)
{
	const struct blockmap_header *h = blockmap_header(rs->map);

	if (h->clean && h->number == rs->last.number)
		return !h->fuzzy;
	return rs->last.pointed && !rs->last.fuzzy;
}

/* As its last cycle left it?  A file that is gone was carried away. */
static int check_file(struct target *seed, const char *name, const struct replica_state *rs, struct error *err)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	CLEANUP(cleanup_replica) struct replica *r = target_replica(seed, name, err);

	if (!r || replica_look(r, &look, err) < 0)
		return -1;
	if (!look.exists && !is_whole(rs))
		return not_whole(seed, name, err);
	if (look.exists && strcmp(look.version, rs->last.version) != 0)
		return error_set(err, ERR_CONFLICT, "%s/%s: is not as its last cycle left it: what was carried from there may have "
				 "another block map", target_name(seed), name);
	return 0;
}

static int open_copy(struct target *seed, int scratch_dir, const char *name, struct seed_map *out, struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *copy = NULL;
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	struct map_copy c;
	int rc;

	copy = target_map_copy(seed, name, err);
	if (!copy || replica_look(copy, &look, err) < 0)
		return -1;
	if (!look.exists)
		return 1;
	if (map_copy_open(copy, &c, err) < 0)
		return -1;
	if (c.header.fuzzy) {
		map_copy_fini(&c);
		return not_whole(seed, name, err);
	}
	out->own = blockmap_create(scratch_dir, "seeded", &c.header, err);
	rc = out->own && blockmap_make_writable(out->own, err) == 0 ? map_copy_fill(&c, out->own, err) : -1;
	out->map = out->own;
	out->cycle = c.header.cycle;
	map_copy_fini(&c);
	return rc;
}

int seed_open(struct target *seed, struct state *state, int scratch_dir, const char *name, struct seed_map *out,
	      struct error *err)
{
	int rc;

	*out = (struct seed_map){ .rs = REPLICA_STATE_INIT };
	if (replica_state_open(state, target_name(seed), name, &out->rs, err) < 0)
		return -1;
	if (out->rs.kind == STATE_CLEAN && out->rs.has_clean) {
		out->map = out->rs.map;
		out->cycle = out->rs.last.cycle;
		rc = check_file(seed, name, &out->rs, err);
	} else if (out->rs.kind == STATE_NEW) {
		rc = open_copy(seed, scratch_dir, name, out, err);
	} else {
		rc = error_set(err, ERR_CONFLICT, "%s/%s: its last cycle was cut off: run it once more, and carry it anew",
			       target_name(seed), name);
	}
	if (rc != 0)
		seed_close(out);
	return rc < 0 ? error_prefix(err, "seed") : rc;
}

void seed_close(struct seed_map *s)
{
	blockmap_close(s->own);
	s->own = NULL;
	replica_state_close(&s->rs);
}

bool seed_has(struct target *seed, struct state *state, const char *name)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	CLEANUP(cleanup_replica) struct replica *copy = NULL;
	struct blockmap_header h;

	if (state && replica_state_peek(state, target_name(seed), name, &h, NULL) <= 0)
		return true;
	copy = target_map_copy(seed, name, NULL);
	return copy && replica_look(copy, &look, NULL) == 0 && look.exists;
}

/* ---- the comparison ---- */

struct check {
	const struct blockmap *map;
	struct replica *replica;
	const struct seed_live *live;
	struct cancel *cancel;
	struct hasher hasher;
	const uint64_t *blocks; /* to be read */
	size_t n;
	_Atomic size_t next;
	pthread_mutex_t lock; /* guards err */
	struct error err;
	atomic_bool failed;
};

static int differs(const struct check *c, uint64_t blk, const char *what, struct error *err)
{
	uint64_t off, len;

	blockmap_range(c->map, blk, &off, &len);
	return error_set(err, ERR_CONFLICT, "%s: is not what the seed's block map says: block %" PRIu64 ", at byte %" PRIu64
			 ", %s; nothing was written", c->live->name, blk, off, what);
}

static int compare_block(struct check *c, uint64_t blk, uint8_t *buf, struct error *err)
{
	struct block_hash want, have;
	enum block_state s = blockmap_get(c->map, blk, &want);
	uint64_t off, len;

	blockmap_range(c->map, blk, &off, &len);
	if (cancel_check(c->cancel, err) < 0 || replica_read(c->replica, buf, (size_t)len, off, c->live->version, err) < 0)
		return -1;
	if (s == BLOCK_ZERO)
		return io_is_zero(buf, (size_t)len) ? 0 : differs(c, blk, "holds data and should be zero", err);
	hasher_hash(&c->hasher, buf, (size_t)len, &have);
	if (io_is_zero(buf, (size_t)len) || !block_hash_equal(&want, &have))
		return differs(c, blk, "has other content", err);
	return 0;
}

static void *compare_some(void *arg)
{
	struct check *c = arg;
	struct error err = ERROR_INIT;
	CLEANUP_FREE uint8_t *buf = malloc(BLOCK_SIZE_MAX);
	size_t i;

	if (!buf)
		error_errno(&err, ENOMEM, "seed");
	while (err.code == ERR_NONE && !atomic_load(&c->failed)) {
		i = atomic_fetch_add(&c->next, 1);
		if (i >= c->n || compare_block(c, c->blocks[i], buf, &err) < 0)
			break;
	}
	if (err.code != ERR_NONE) {
		LOCK_SCOPE(&c->lock);
		if (c->err.code == ERR_NONE)
			c->err = err;
		atomic_store(&c->failed, true);
	}
	return NULL;
}

static int compare_blocks(struct check *c, const uint64_t *blocks, size_t n_blocks, struct error *err)
{
	pthread_t threads[READERS - 1];
	size_t n = 0;

	c->blocks = blocks;
	c->n = n_blocks;
	atomic_store(&c->next, 0);
	pthread_mutex_init(&c->lock, NULL);
	while (n < READERS - 1 && n + 1 < n_blocks && pthread_create(&threads[n], NULL, compare_some, c) == 0)
		n++;
	compare_some(c);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	pthread_mutex_destroy(&c->lock);
	if (c->err.code == ERR_NONE)
		return 0;
	if (err)
		*err = c->err;
	return -1;
}

/* Moves a random choice of `n` to the front, each as likely as any other. */
static void choose(uint64_t *v, size_t of, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = i + (size_t)random_below(of - i);
		uint64_t t = v[i];

		v[i] = v[k];
		v[k] = t;
	}
}

/* What is where, as far as the ranges tell: hashed blocks, and zero ones that must be read. */
static int sort_blocks(const struct check *c, const struct extent_list *ranges, uint64_t *hashed, size_t *n_hashed,
		       uint64_t *suspect, size_t *n_suspect, struct error *err)
{
	uint64_t off, len;

	for (uint64_t blk = 0; blk < blockmap_blocks(c->map); blk++) {
		bool data;

		blockmap_range(c->map, blk, &off, &len);
		data = extent_list_has_data(ranges, off, len);
		switch (blockmap_get(c->map, blk, NULL)) {
		case BLOCK_HASHED:
			if (!data)
				return differs(c, blk, "holds no data", err);
			hashed[(*n_hashed)++] = blk;
			break;
		case BLOCK_ZERO:
			if (data)
				suspect[(*n_suspect)++] = blk;
			break;
		case BLOCK_UNKNOWN: /* will be sent */
			break;
		}
	}
	return 0;
}

static int check_footer(struct check *c, struct error *err)
{
	uint64_t blk = blockmap_blocks(c->map) - 1;
	uint8_t footer[VHD_FOOTER_LEN];
	struct vhd_footer f;

	if (blockmap_get(c->map, blk, NULL) != BLOCK_HASHED)
		return error_set(err, ERR_CONFLICT, "%s: the seed's last cycle did not end", c->live->name);
	if (compare_block(c, blk, footer, err) < 0)
		return -1;
	if (vhd_footer_decode(footer, &f, err) < 0 || f.type != VHD_FIXED)
		return error_set(err, ERR_CONFLICT, "%s: no footer of a fixed VHD at its end", c->live->name);
	return 0;
}

static int check_blocks(struct check *c, struct error *err)
{
	CLEANUP(cleanup_extent_list) struct extent_list ranges = { 0 };
	uint64_t blocks = blockmap_blocks(c->map);
	CLEANUP_FREE uint64_t *hashed = calloc(blocks, sizeof(*hashed));
	CLEANUP_FREE uint64_t *suspect = calloc(blocks, sizeof(*suspect));
	size_t n_hashed = 0, n_suspect = 0, n;
	char notice[READ_BACK_TEXT_LEN];

	if (!hashed || !suspect)
		return error_errno(err, ENOMEM, "seed");
	if (replica_extents(c->replica, c->live->size, 0, c->live->version, &ranges, err) < 0 ||
	    sort_blocks(c, &ranges, hashed, &n_hashed, suspect, &n_suspect, err) < 0)
		return -1;
	n = n_hashed < SEED_SAMPLES ? n_hashed : SEED_SAMPLES;
	choose(hashed, n_hashed, n);
	if (read_back_text(replica_target(c->replica), c->live->name, n_suspect * blockmap_header(c->map)->block_size, notice))
		log_warn("seed", "%s", notice);
	if (compare_blocks(c, hashed, n, err) < 0)
		return -1;
	return n_suspect > 0 ? compare_blocks(c, suspect, n_suspect, err) : 0;
}

int seed_check(const struct seed_map *s, struct replica *replica, const struct seed_live *live, struct cancel *cancel,
	       struct error *err)
{
	const struct blockmap_header *h = blockmap_header(s->map);
	struct check c = { .map = s->map, .replica = replica, .live = live, .cancel = cancel };

	if (live->size != h->content_size + VHD_FOOTER_LEN)
		return error_set(err, ERR_CONFLICT, "%s: has %" PRIu64 " bytes, and its seed's replica %" PRIu64
				 " with the footer; nothing was written", live->name, live->size, h->content_size + VHD_FOOTER_LEN);
	hasher_init(&c.hasher, h->secret);
	return check_footer(&c, err) < 0 ? -1 : check_blocks(&c, err);
}

/* ---- taking it over ---- */

static int copy_pages(void *ctx, struct blockmap *m, struct error *err)
{
	const struct blockmap *from = ctx;
	uint8_t page[BLOCKMAP_PAGE_LEN];
	struct block_hash hash;

	for (uint64_t p = 0; p < blockmap_pages(m); p++) {
		for (uint64_t i = 0; i < BLOCKMAP_PAGE_BLOCKS; i++) {
			uint64_t blk = p * BLOCKMAP_PAGE_BLOCKS + i;
			enum block_state s = blk < blockmap_blocks(m) ? blockmap_get(from, blk, &hash) : BLOCK_UNKNOWN;

			blockmap_entry_encode(s, &hash, page + i * BLOCKMAP_ENTRY_LEN);
		}
		blockmap_set_page(m, p, page);
	}
	return blockmap_failed(m, err);
}

int seed_import(const struct seed_map *s, const struct seed_live *live, struct replica_state *rs, struct error *err)
{
	struct blockmap_header h = *blockmap_header(s->map);

	snprintf(h.name, sizeof(h.name), "%s", live->name);
	snprintf(h.version, sizeof(h.version), "%s", live->version);
	h.number = live->number;
	h.cycle = s->cycle;
	h.token = (struct guid){ 0 };
	if (unlinkat(rs->dirfd, NOTE_VERIFIED, 0) < 0 && errno != ENOENT) /* that was another replica */
		return error_errno(err, errno, NOTE_VERIFIED);
	return replica_state_import(rs, &h, copy_pages, (void *)s->map, err);
}

/* ---- verified ---- */

int seed_note_verified(struct state *state, const char *target_name, const char *replica_name, struct error *err)
{
	struct replica_state rs = REPLICA_STATE_INIT;
	int rc = replica_state_open(state, target_name, replica_name, &rs, err);

	if (rc == 0 && !rs.map)
		rc = 1;
	if (rc == 0)
		rc = io_replace_file(rs.dirfd, NOTE_VERIFIED, "", 0, 0600, err);
	replica_state_close(&rs);
	return rc;
}

bool seed_was_verified(const struct replica_state *rs)
{
	return faccessat(rs->dirfd, NOTE_VERIFIED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void seed_forget_verified(const struct replica_state *rs)
{
	(void)unlinkat(rs->dirfd, NOTE_VERIFIED, 0); /* mostly there is none; one that stays is removed by the next cycle */
}
