/* SPDX-License-Identifier: Apache-2.0 */
/* Updating the copy.  Reading one is in map_copy_take.c. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io.h"
#include "map/blockmap_file.h"
#include "replicate/map_copy_private.h"

#define SLOTS 4         /* writes in flight */
#define SLOT_PAGES 256  /* 1 MiB each */
#define GAP_PAGES 16    /* 64 KiB of unchanged pages are cheaper than a request */
#define NUMBER_BITS 31  /* random part of a number, as of a replica's */

struct slot {
	struct target_op op;
	struct sender *sender;
	uint8_t *buf;
	bool busy;
};

struct sender {
	struct replica *copy;
	const struct blockmap *map;
	struct blockmap_layout layout;
	pthread_mutex_t lock; /* guards the slots' busy, and err */
	pthread_cond_t freed;
	struct slot slots[SLOTS];
	struct error err; /* the first */
};

/* Under the lock to its end: the sender may be gone once nothing is in flight. */
static void written(struct target_op *op)
{
	struct slot *slot = op->ctx;
	struct sender *s = slot->sender;

	LOCK_SCOPE(&s->lock);
	if (op->err.code != ERR_NONE && s->err.code == ERR_NONE)
		s->err = op->err;
	slot->busy = false;
	pthread_cond_signal(&s->freed);
}

/* NULL: a write failed. */
static struct slot *idle_slot(struct sender *s)
{
	LOCK_SCOPE(&s->lock);
	while (s->err.code == ERR_NONE) {
		for (size_t i = 0; i < SLOTS; i++) {
			if (!s->slots[i].busy) {
				s->slots[i].busy = true;
				return &s->slots[i];
			}
		}
		pthread_cond_wait(&s->freed, &s->lock);
	}
	return NULL;
}

static int send_run(struct sender *s, uint64_t first, uint64_t n, struct error *err)
{
	struct slot *slot = idle_slot(s);

	if (!slot)
		return error_set(err, ERR_CANCELLED, "a write before failed");
	for (uint64_t i = 0; i < n; i++)
		blockmap_get_page(s->map, first + i, slot->buf + i * BLOCKMAP_PAGE_LEN);
	slot->op = (struct target_op){ .off = s->layout.data_off + first * BLOCKMAP_PAGE_LEN, .len = n * BLOCKMAP_PAGE_LEN,
				       .data = slot->buf, .done = written, .ctx = slot };
	replica_submit(s->copy, &slot->op);
	return 0;
}

/* Is the page stored, and other than the copy holds it? */
static bool page_differs(const struct sender *s, const uint64_t *held, uint64_t p)
{
	uint64_t entry = blockmap_page_entry(s->map, p);

	return entry != BLOCKMAP_SUM_UNKNOWN && entry != BLOCKMAP_SUM_ZERO && (!held || entry != held[p]);
}

static int send_runs(struct sender *s, const uint64_t *held, struct error *err)
{
	uint64_t p = 0, end, next;

	while (p < s->layout.pages) {
		if (!page_differs(s, held, p)) {
			p++;
			continue;
		}
		for (end = next = p + 1; next < s->layout.pages && next - p < SLOT_PAGES && next - end < GAP_PAGES; next++)
			if (page_differs(s, held, next))
				end = next + 1;
		if (send_run(s, p, end - p, err) < 0)
			return -1;
		blockmap_drop_before((struct blockmap *)s->map, p * BLOCKMAP_PAGE_BLOCKS);
		p = end;
	}
	return 0;
}

/* All pages that `held` (NULL: nothing) does not have are stored when this returns. */
static int send_pages(struct sender *s, const uint64_t *held, struct error *err)
{
	int rc = 0;

	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->freed, NULL);
	for (size_t i = 0; i < SLOTS; i++) {
		s->slots[i].sender = s;
		s->slots[i].buf = malloc((size_t)SLOT_PAGES * BLOCKMAP_PAGE_LEN);
		if (!s->slots[i].buf)
			rc = error_errno(err, ENOMEM, "copy of the map");
	}
	if (rc == 0)
		rc = send_runs(s, held, err);
	replica_barrier(s->copy);
	for (size_t i = 0; i < SLOTS; i++)
		free(s->slots[i].buf);
	pthread_cond_destroy(&s->freed);
	pthread_mutex_destroy(&s->lock);
	if (s->err.code == ERR_NONE)
		return rc;
	if (err)
		*err = s->err;
	return -1;
}

/* Header and page table, in one write; the table goes into the note too. */
static int send_head(struct sender *s, const struct replica_state *rs, uint64_t *sums, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(s->layout.data_off);
	CLEANUP_FREE struct blockmap_header *h = malloc(sizeof(*h));
	struct slot slot = { .sender = s };
	uint64_t table_sum;

	if (!buf || !h)
		return error_errno(err, ENOMEM, "copy of the map");
	for (uint64_t p = 0; p < s->layout.pages; p++)
		sums[p] = blockmap_page_entry(s->map, p);
	table_sum = blockmap_table_encode(&s->layout, sums, buf + BLOCKMAP_HEADER_LEN);
	*h = *blockmap_header(s->map);
	h->lease_id = (struct guid){ 0 };
	memset(h->born, 0, sizeof(h->born));
	h->clean = true;
	h->cycle = rs->last.cycle;
	h->number = rs->last.number;
	h->token = rs->last.token;
	h->fuzzy = rs->last.fuzzy;
	snprintf(h->version, sizeof(h->version), "%s", rs->last.version);
	snprintf(h->writer, sizeof(h->writer), "liftfs %s", PACKAGE_VERSION);
	if (map_copy_digest(buf + BLOCKMAP_HEADER_LEN, s->layout.table_len, h->digest, err) < 0)
		return -1;
	blockmap_header_encode(h, table_sum, buf);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->freed, NULL);
	slot.op = (struct target_op){ .len = s->layout.data_off, .data = buf, .done = written, .ctx = &slot };
	replica_submit(s->copy, &slot.op);
	replica_barrier(s->copy);
	pthread_cond_destroy(&s->freed);
	pthread_mutex_destroy(&s->lock);
	if (s->err.code == ERR_NONE)
		return 0;
	if (err)
		*err = s->err;
	return -1;
}

/* ---- the note ---- */

/* What the copy holds: pages' sums, or NULL if the note does not tell; *number and version of the replica as it says. */
static uint64_t *read_note(const struct replica_state *rs, const struct blockmap_layout *l, uint64_t *number,
			   char version[TARGET_VERSION_LEN])
{
	size_t len = 0, want = NOTE_SUMS + l->pages * 8 + 8;
	CLEANUP_FREE uint8_t *buf = (uint8_t *)io_read_file(rs->dirfd, MAP_COPY_NOTE, want, &len, NULL);
	uint64_t *sums;

	if (!buf || len != want || memcmp(buf, NOTE_MAGIC, sizeof(NOTE_MAGIC) - 1) != 0 ||
	    get_le64(buf + len - 8) != hasher_checksum(buf, len - 8, 0) ||
	    get_le64(buf + NOTE_BLOCK_SIZE) != blockmap_header(rs->map)->block_size ||
	    get_le64(buf + NOTE_FILE_SIZE) != l->file_size || buf[NOTE_VERSION + TARGET_VERSION_LEN - 1] != '\0')
		return NULL;
	sums = calloc(l->pages, sizeof(*sums));
	if (!sums)
		return NULL; /* then all pages are sent */
	for (uint64_t p = 0; p < l->pages; p++)
		sums[p] = get_le64(buf + NOTE_SUMS + p * 8);
	*number = get_le64(buf + NOTE_NUMBER);
	memcpy(version, buf + NOTE_VERSION, TARGET_VERSION_LEN);
	return sums;
}

int map_copy_write_note(const struct replica_state *rs, uint64_t number, const char *version, const uint64_t *sums,
			struct error *err)
{
	const struct blockmap_header *h = blockmap_header(rs->map);
	struct blockmap_layout l;
	CLEANUP_FREE uint8_t *buf = NULL;
	size_t len;

	if (blockmap_layout_init(&l, h->content_size, h->virtual_size, h->block_size, err) < 0)
		return -1;
	len = NOTE_SUMS + l.pages * 8 + 8;
	buf = calloc(1, len);
	if (!buf)
		return error_errno(err, ENOMEM, MAP_COPY_NOTE);
	memcpy(buf, NOTE_MAGIC, sizeof(NOTE_MAGIC) - 1);
	put_le64(buf + NOTE_NUMBER, number);
	put_le64(buf + NOTE_BLOCK_SIZE, h->block_size);
	put_le64(buf + NOTE_FILE_SIZE, l.file_size);
	memcpy(buf + NOTE_VERSION, version, strlen(version)); /* shorter than TARGET_VERSION_LEN, like every version */
	for (uint64_t p = 0; p < l.pages; p++)
		put_le64(buf + NOTE_SUMS + p * 8, sums[p]);
	put_le64(buf + len - 8, hasher_checksum(buf, len - 8, 0));
	return io_replace_derived(rs->dirfd, MAP_COPY_NOTE, buf, len, 0600, err);
}

/* ---- an update ---- */

static int create_copy(struct replica *copy, uint64_t size, const char *name, struct error *err)
{
	CLEANUP(cleanup_target_meta) struct target_meta m = { 0 };

	/* No liftfsid: that is what makes a blob a replica. */
	if (target_meta_set(&m, "format", "1", err) < 0 || target_meta_set(&m, "mapof", name, err) < 0)
		return -1;
	return replica_create(copy, size, 1 + random_below(UINT64_C(1) << NUMBER_BITS), &m, err);
}

static int look_or_create(struct replica *copy, const struct sender *s, struct target_look *out, struct error *err)
{
	if (replica_look(copy, out, err) < 0)
		return -1;
	if (out->exists)
		return 0;
	target_look_fini(out);
	if (create_copy(copy, s->layout.file_size, replica_name(copy), err) < 0 || replica_look(copy, out, err) < 0)
		return -1;
	return out->exists ? 0 : error_set(err, ERR_CONFLICT, "it is gone again");
}

/* An epoch of our own, and the size. */
static int claim(struct replica *copy, const struct sender *s, const struct target_look *look, uint64_t seen,
		 uint64_t *number_out, struct error *err)
{
	uint64_t number = (look->number > seen ? look->number : seen) + 1 + random_below(UINT64_C(1) << NUMBER_BITS), live;
	char version[TARGET_VERSION_LEN];

	if (replica_raise(copy, number, look->version, &live, version, err) < 0)
		return -1;
	if (live != number)
		return error_set(err, ERR_BUSY, "another liftfs writes it");
	*number_out = number;
	if (look->size == s->layout.file_size)
		return 0;
	return replica_resize(copy, s->layout.file_size, version, version, err);
}

static int update(struct replica *copy, struct replica_state *rs, struct error *err)
{
	const struct blockmap_header *h = blockmap_header(rs->map);
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	struct sender s = { .copy = copy, .map = rs->map };
	CLEANUP_FREE uint64_t *held = NULL;
	CLEANUP_FREE uint64_t *sums = NULL;
	char version[TARGET_VERSION_LEN] = "";
	uint64_t noted = 0, number = 0;

	if (blockmap_layout_init(&s.layout, h->content_size, h->virtual_size, h->block_size, err) < 0)
		return -1;
	held = read_note(rs, &s.layout, &noted, version);
	if (held && strcmp(version, rs->last.version) == 0)
		return 0;
	sums = calloc(s.layout.pages, sizeof(*sums));
	if (!sums)
		return error_errno(err, ENOMEM, "%" PRIu64 " pages", s.layout.pages);
	if (look_or_create(copy, &s, &look, err) < 0)
		return -1;
	/* Another number: somebody else wrote since, or an update of ours began and did not end. */
	if (held && (look.number != noted || look.size != s.layout.file_size)) {
		free(held);
		held = NULL;
	}
	if (claim(copy, &s, &look, noted, &number, err) < 0 || send_pages(&s, held, err) < 0 ||
	    send_head(&s, rs, sums, err) < 0)
		return -1;
	return map_copy_write_note(rs, number, rs->last.version, sums, err);
}

int map_copy_update(struct replica *copy, struct replica_state *rs, struct error *err)
{
	if (rs->kind != STATE_CLEAN || !rs->has_clean)
		return error_set(err, ERR_BUG, "copy of a map that is not clean");
	return update(copy, rs, err) < 0 ? error_prefix(err, "copy of the block map") : 0;
}
