/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "support/replica_rig.h"

static const struct guid lease_id = { .b = { 1, 2, 3 } };
static const struct guid liftfs_id = { .b = { 4, 5, 6 } };

static int replay(void *ctx, const struct journal_record *rec, struct error *err)
{
	struct replica_rig *r = ctx;

	(void)err;
	for (uint64_t i = 0; i < rec->count; i++) {
		if (rec->type == JOURNAL_INTENT)
			blockmap_set_unknown(r->map, rec->blk + i);
		else if (rec->type == JOURNAL_ACK && rec->zero)
			blockmap_set_zero(r->map, rec->blk + i);
		else if (rec->type == JOURNAL_ACK)
			blockmap_set_hash(r->map, rec->blk + i, &rec->hash);
	}
	return 0;
}

static void open_journal(struct replica_rig *r)
{
	assert_int_equal(blockmap_make_writable(r->map, NULL), 0);
	r->journal = journal_open(r->dir->fd, "journal", &liftfs_id, blockmap_header(r->map)->generation, replay, r,
				  NULL);
	assert_non_null(r->journal);
	r->pass.map = r->map;
	r->pass.journal = r->journal;
}

static void open_replica(struct replica_rig *r)
{
	r->target = fault_target_open(r->fault, mem_target_open(r->service, NULL, NULL), NULL);
	assert_non_null(r->target);
	r->replica = target_replica(r->target, RIG_NAME, NULL);
	assert_non_null(r->replica);
	r->pass.replica = r->replica;
}

void replica_rig_claim(struct replica_rig *r)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	char version[TARGET_VERSION_LEN];
	uint64_t live;

	assert_int_equal(replica_lease(r->replica, TARGET_LEASE_ACQUIRE, &lease_id, NULL), 0);
	assert_int_equal(replica_look(r->replica, &look, NULL), 0);
	r->number = look.number + 1;
	assert_int_equal(replica_raise(r->replica, r->number, look.version, &live, version, NULL), 0);
	assert_int_equal(live, r->number);
	memset(&r->progress, 0, sizeof(r->progress));
	mem_records_clear(r->service);
}

struct replica_rig *replica_rig_new(uint64_t virtual_size, uint64_t block_size, uint8_t secret)
{
	struct replica_rig *r = calloc(1, sizeof(*r));
	struct blockmap_header header = { .liftfs_id = liftfs_id, .virtual_size = virtual_size };
	struct target_meta meta = { 0 };
	static unsigned n_rigs;
	char service[32]; /* a target finds its service by name */
	void *dir;

	assert_non_null(r);
	snprintf(service, sizeof(service), "rig%u", n_rigs++);
	assert_int_equal(scratch_setup(&dir), 0);
	r->dir = dir;
	r->content_size = vhd_content_size(virtual_size);
	header.content_size = r->content_size;
	header.block_size = block_size;
	memset(header.secret, secret, sizeof(header.secret));
	r->map = blockmap_create(r->dir->fd, "map", &header, NULL);
	assert_non_null(r->map);
	blockmap_fill_zero(r->map);
	assert_int_equal(blockmap_make_writable(r->map, NULL), 0);
	blockmap_set_unknown(r->map, blockmap_blocks(r->map) - 1);
	assert_int_equal(blockmap_commit(r->map, NULL, NULL), 0);
	open_journal(r);
	r->service = mem_service_new(service);
	r->fault = fault_new();
	open_replica(r);
	assert_int_equal(replica_create(r->replica, r->content_size + VHD_FOOTER_LEN, 7, &meta, NULL), 0);
	vhd_footer_encode(r->content_size, &liftfs_id, r->pass.footer);
	r->pass.progress = &r->progress;
	replica_rig_claim(r);
	return r;
}

static void close_all(struct replica_rig *r)
{
	replica_close(r->replica);
	target_close(r->target);
	journal_close(r->journal);
	blockmap_close(r->map);
}

void replica_rig_free(struct replica_rig *r)
{
	void *dir = r->dir;

	close_all(r);
	fault_free(r->fault);
	mem_service_free(r->service);
	scratch_teardown(&dir);
	free(r);
}

void replica_rig_restart(struct replica_rig *r)
{
	close_all(r);
	fault_clear(r->fault);
	r->map = blockmap_open(r->dir->fd, "map", NULL);
	assert_non_null(r->map);
	open_journal(r);
	open_replica(r);
	replica_rig_claim(r);
	fault_release_late(r->fault); /* of an older epoch: refused */
}

void replica_rig_assert_equals(struct replica_rig *r, const struct model_disk *m)
{
	uint64_t size = r->content_size + VHD_FOOTER_LEN;
	uint8_t *copy = malloc(size);

	assert_non_null(copy);
	assert_int_equal(mem_size(r->service, RIG_NAME), size);
	mem_peek(r->service, RIG_NAME, -1, copy, size, 0);
	assert_memory_equal(copy, m->bytes, m->size);
	assert_true(io_is_zero(copy + m->size, r->content_size - m->size));
	assert_memory_equal(copy + r->content_size, r->pass.footer, VHD_FOOTER_LEN);
	free(copy);
}

uint64_t replica_rig_assert_map_true(struct replica_rig *r)
{
	uint8_t *copy = malloc(BLOCK_SIZE_MAX);
	struct block_hash known, now;
	struct hasher hasher;
	uint64_t off, len, unknown = 0;

	assert_non_null(copy);
	hasher_init(&hasher, blockmap_header(r->map)->secret);
	for (uint64_t blk = 0; blk < blockmap_blocks(r->map); blk++) {
		enum block_state state = blockmap_get(r->map, blk, &known);

		blockmap_range(r->map, blk, &off, &len);
		mem_peek(r->service, RIG_NAME, -1, copy, len, off);
		unknown += state == BLOCK_UNKNOWN;
		if (state == BLOCK_ZERO)
			assert_true(io_is_zero(copy, len));
		if (state == BLOCK_HASHED) {
			hasher_hash(&hasher, copy, len, &now);
			assert_true(block_hash_equal(&known, &now));
		}
	}
	free(copy);
	return unknown;
}
