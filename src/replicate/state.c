/* SPDX-License-Identifier: Apache-2.0 */
/* One replica's map and journal, opened together: replay, claims, clean points, commits. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "replicate/state.h"

/* A journal longer than this is folded into the map although nothing changed: 16 MiB replays in a moment. */
#define JOURNAL_FOLD_BYTES (UINT64_C(16) << 20)
#define OWN_MAX 65536 /* numbers kept; a cycle draws two or three */

static int add_own(struct replica_state *rs, uint64_t number, struct error *err)
{
	uint64_t *own;

	if (number > rs->max_own)
		rs->max_own = number;
	if (rs->n_own == OWN_MAX) { /* one that is forgotten counts as somebody else's: less is believed, never more */
		memmove(rs->own, rs->own + 1, (OWN_MAX - 1) * sizeof(*rs->own));
		rs->own[OWN_MAX - 1] = number;
		return 0;
	}
	own = reallocarray(rs->own, rs->n_own + 1, sizeof(*own));
	if (!own)
		return error_errno(err, ENOMEM, "state");
	rs->own = own;
	own[rs->n_own++] = number;
	return 0;
}

bool replica_state_owns(const struct replica_state *rs, uint64_t number)
{
	for (size_t i = 0; i < rs->n_own; i++)
		if (rs->own[i] == number)
			return true;
	return false;
}

/* ---- clean points as text: moment, number of disks and consistency in a line, then the fingerprint ---- */

static const char *const consistencies[] = {
	[CONSISTENCY_UNPROVEN] = "unproven",
	[CONSISTENCY_PROVEN] = "proven",
	[CONSISTENCY_DECLARED] = "declared",
};

const char *consistency_name(enum consistency c)
{
	return consistencies[c];
}

static char *format_point(const struct clean_point *p, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	CLEANUP_FREE char *files = evidence_format(&p->evidence, err);

	if (!files)
		return NULL;
	strbuf_addf(&text, "%s %u %s\n%s", p->moment, p->disks, consistency_name(p->consistency), files);
	return strbuf_take(&text, err);
}

/* The word up to the next space or the line's end, and where the next one begins.  False: it is longer than that. */
static bool take_word(const char **text, char *out, size_t size)
{
	size_t len = strcspn(*text, " \n");

	if (len >= size)
		return false;
	memcpy(out, *text, len);
	out[len] = '\0';
	*text += len + ((*text)[len] == ' ');
	return true;
}

static int parse_point(const char *text, struct clean_point *p, struct error *err)
{
	char disks[16], word[16];
	uint64_t n;

	if (!take_word(&text, p->moment, sizeof(p->moment)) || !take_word(&text, disks, sizeof(disks)) || !disks[0])
		return error_set(err, ERR_CORRUPT, "clean point: no moment in its first line");
	if (parse_u64(disks, UINT32_MAX, &n, NULL) < 0)
		return error_set(err, ERR_CORRUPT, "clean point: '%s' disks", disks);
	p->disks = (unsigned)n;
	if (!take_word(&text, word, sizeof(word)))
		return error_set(err, ERR_CORRUPT, "clean point: more than a word of its consistency");
	for (size_t i = 0; i < ARRAY_LEN(consistencies); i++) /* a word that is not known, or none, proves nothing */
		if (strcmp(word, consistencies[i]) == 0)
			p->consistency = (enum consistency)i;
	return evidence_parse(text + strcspn(text, "\n") + (text[strcspn(text, "\n")] == '\n'), &p->evidence, err);
}

static void forget_clean(struct replica_state *rs)
{
	evidence_fini(&rs->last.evidence);
	rs->last = (struct clean_point){ 0 };
	rs->has_clean = false;
}

/* ---- replay ---- */

int replica_state_writable(struct replica_state *rs, struct error *err)
{
	return blockmap_make_writable(rs->map, err);
}

static bool take_version(struct replica_state *rs, const char *version, struct error *err)
{
	size_t len = strlen(version);

	if (len >= sizeof(rs->last.version)) {
		error_set(err, ERR_CORRUPT, "clean point: version of %zu bytes", len);
		return false;
	}
	memcpy(rs->last.version, version, len + 1);
	return true;
}

static int replay_clean(struct replica_state *rs, const struct journal_clean *c, struct error *err)
{
	forget_clean(rs);
	if (parse_point(c->fingerprint, &rs->last, err) < 0)
		return -1;
	rs->last.cycle = c->cycle;
	rs->last.number = c->number;
	rs->last.token = c->token;
	rs->last.fuzzy = c->fuzzy;
	if (!take_version(rs, c->version, err))
		return -1;
	rs->has_clean = true;
	rs->touched = false;
	rs->kind = STATE_CLEAN;
	return add_own(rs, c->number, err);
}

static int replay_blocks(struct replica_state *rs, const struct journal_record *r, struct error *err)
{
	uint64_t blocks = blockmap_blocks(rs->map), count = r->type == JOURNAL_ACK && !r->zero ? 1 : r->count;

	if (r->blk >= blocks || count > blocks - r->blk)
		return error_set(err, ERR_CORRUPT, "journal: blocks %" PRIu64 "+%" PRIu64 " of %" PRIu64, r->blk, count,
				 blocks);
	if (replica_state_writable(rs, err) < 0)
		return -1;
	if (r->type == JOURNAL_INTENT)
		blockmap_set_run(rs->map, r->blk, count, BLOCK_UNKNOWN, NULL);
	else if (r->zero)
		blockmap_set_run(rs->map, r->blk, count, BLOCK_ZERO, NULL);
	else
		blockmap_set_hash(rs->map, r->blk, &r->hash);
	rs->touched = true;
	return 0;
}

static int replay(void *ctx, const struct journal_record *r, struct error *err)
{
	struct replica_state *rs = ctx;

	switch (r->type) {
	case JOURNAL_DISTRUST:
		if (replica_state_writable(rs, err) < 0)
			return -1;
		blockmap_fill_unknown(rs->map);
		rs->kind = STATE_DISTRUSTED;
		rs->touched = true;
		return 0;
	case JOURNAL_CLAIM:
		if (rs->kind != STATE_DISTRUSTED)
			rs->kind = STATE_OPEN;
		return add_own(rs, r->number, err);
	case JOURNAL_INTENT:
	case JOURNAL_ACK:
		return replay_blocks(rs, r, err);
	case JOURNAL_CLEAN:
		return replay_clean(rs, &r->clean, err);
	case JOURNAL_POINT:
		rs->last.pointed = rs->has_clean;
		rs->last.kept = rs->has_clean && r->snapshot[0] != '\0';
		return 0;
	case JOURNAL_LEASE:
		rs->lease_id = r->lease_id;
		return 0;
	}
	return error_set(err, ERR_CORRUPT, "journal: record of type %d", (int)r->type);
}

/* ---- opening ---- */

static int set_damage(struct replica_state *rs, const struct error *why, struct error *err)
{
	free(rs->damage);
	rs->damage = strdup(why->msg);
	return rs->damage ? 0 : error_errno(err, ENOMEM, "state");
}

/* The last commit is what holds before the journal says more. */
static int take_header(struct replica_state *rs, struct error *err)
{
	const struct blockmap_header *h = blockmap_header(rs->map);

	rs->lease_id = h->lease_id;
	rs->kind = h->number != 0 && !h->clean ? STATE_OPEN : STATE_CLEAN;
	rs->last.cycle = h->cycle;
	if (h->clean) {
		if (!take_version(rs, h->version, err))
			return -1;
		rs->has_clean = true;
		rs->last.number = h->number;
		rs->last.token = h->token;
		rs->last.fuzzy = true; /* its fingerprint is in the journal: without it nothing is proven, and no point made */
	}
	/* A replica that was carried here may have the number 0 at its clean point. */
	return h->number || h->clean ? add_own(rs, h->number, err) : 0;
}

static bool born_here(int fd, const char *recorded)
{
	char now[BLOCKMAP_TEXT_MAX];

	return recorded[0] == '\0' || state_make_born(fd, now, sizeof(now), NULL) < 0 || strcmp(now, recorded) == 0;
}

/*
 * A copied or restored folder: another host may go on under the same lease id, and an open cycle is not ours to go on.  Only
 * the journal is marked anew, last of all; its mark is the one that counts, and the map's where the journal has none: it
 * was begun by an open after a crash between the map's commit and its own.
 */
static int check_born(struct replica_state *rs, struct error *err)
{
	const char *mark = journal_born(rs->journal);
	CLEANUP_FD int fd = mark[0] ? -1 : openat(rs->dirfd, "map", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (!mark[0] && fd < 0)
		return error_errno(err, errno, "map");
	rs->moved = mark[0] ? !born_here(journal_fd(rs->journal), mark) : !born_here(fd, blockmap_header(rs->map)->born);
	if (rs->moved && (journal_sync(rs->journal, err) < 0 || (rs->kind == STATE_OPEN && replica_state_distrust(rs, err) < 0) ||
			  replica_state_new_lease(rs, err) < 0))
		return -1;
	return journal_mark_born(rs->journal, state_make_born, err); /* of those, too, that are begun from now on */
}

static void drop_files(struct replica_state *rs)
{
	journal_close(rs->journal);
	blockmap_close(rs->map);
	rs->journal = NULL;
	rs->map = NULL;
	rs->kind = STATE_NEW;
	rs->touched = false;
	rs->n_own = 0;
	rs->max_own = 0;
	forget_clean(rs);
}

/* Only the very first commit of a map comes before its journal: later a missing one is lost, and its INTENTs with it. */
static bool journal_lost(const struct replica_state *rs)
{
	struct stat st;

	if (blockmap_header(rs->map)->generation <= 1)
		return false;
	return fstatat(rs->dirfd, "journal", &st, AT_SYMLINK_NOFOLLOW) < 0 ? errno == ENOENT : st.st_size == 0;
}

static int open_files(struct replica_state *rs, struct error *err)
{
	struct error why = ERROR_INIT;

	rs->map = blockmap_open(rs->dirfd, "map", &why);
	if (!rs->map && why.code == ERR_SYSTEM && why.detail == ENOENT)
		return 0;
	if (!rs->map && why.code == ERR_CORRUPT)
		return set_damage(rs, &why, err);
	if (!rs->map || take_header(rs, &why) < 0) {
		if (err)
			*err = why;
		return -1;
	}
	if (journal_lost(rs))
		error_set(&why, ERR_CORRUPT, "journal: missing or empty, beside a map of generation %" PRIu64,
			  blockmap_header(rs->map)->generation);
	else
		rs->journal = journal_open(rs->dirfd, "journal", &blockmap_header(rs->map)->liftfs_id,
					   blockmap_header(rs->map)->generation, replay, rs, &why);
	if (!rs->journal && why.code == ERR_CORRUPT) {
		drop_files(rs);
		return set_damage(rs, &why, err);
	}
	if (!rs->journal) {
		if (err)
			*err = why;
		return -1;
	}
	return check_born(rs, err);
}

int replica_state_look(struct state *s, const char *target_name, const char *replica_name, struct replica_state *out,
		       struct error *err)
{
	struct replica_state rs = REPLICA_STATE_INIT;
	char folder[STATE_REPLICA_LEN], who[96], now[CLOCK_TEXT_LEN];

	rs.state = s;
	state_replica_folder(target_name, replica_name, folder);
	rs.dirfd = openat(state_fd(s), folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rs.dirfd < 0 && errno == ENOENT) {
		if (io_mkdirs(state_fd(s), folder, 0700, err) < 0)
			return error_prefix(err, "%s", state_path(s));
		rs.dirfd = openat(state_fd(s), folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (rs.dirfd < 0)
		return error_errno(err, errno, "%s/%s", state_path(s), folder);
	clock_format_iso(clock_realtime_ns(), now);
	snprintf(who, sizeof(who), "pid %ld since %s", (long)getpid(), now);
	rs.lock_fd = io_lock_file(rs.dirfd, "lock", who, err);
	if (rs.lock_fd < 0 && err && err->code == ERR_BUSY)
		err->detail = STATE_IN_USE;
	if (rs.lock_fd < 0 || open_files(&rs, err) < 0) {
		replica_state_close(&rs);
		error_prefix(err, "%s/%s", state_path(s), folder);
		return error_prefix(err, "%s", replica_name);
	}
	if (rs.damage)
		log_warn("state", "%s/%s: not used: %s", state_path(s), folder, rs.damage);
	*out = rs;
	return 0;
}

int replica_state_settle(struct replica_state *rs, struct error *err)
{
	if (rs->journal && journal_sync(rs->journal, err) < 0)
		return error_prefix(err, "state");
	rs->settled = true;
	return 0;
}

int replica_state_open(struct state *s, const char *target_name, const char *replica_name, struct replica_state *out,
		       struct error *err)
{
	if (replica_state_look(s, target_name, replica_name, out, err) < 0)
		return -1;
	if (replica_state_settle(out, err) == 0)
		return 0;
	replica_state_close(out);
	return -1;
}

void replica_state_close(struct replica_state *rs)
{
	drop_files(rs);
	if (rs->lock_fd >= 0)
		close(rs->lock_fd);
	if (rs->dirfd >= 0)
		close(rs->dirfd);
	free(rs->own);
	free(rs->damage);
	*rs = (struct replica_state)REPLICA_STATE_INIT;
}

/* ---- changes, each durable when it returns ---- */

/* The map first: a journal without it says nothing, while a map without its journal could be believed. */
static int remove_files(struct replica_state *rs, struct error *err)
{
	static const char *const names[] = { "map", "journal" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (unlinkat(rs->dirfd, names[i], 0) < 0 && errno != ENOENT)
			return error_errno(err, errno, "%s: delete", names[i]);
		if (io_fsync_dir(rs->dirfd, err) < 0)
			return -1;
	}
	return 0;
}

int replica_state_create(struct replica_state *rs, const struct blockmap_header *header, struct error *err)
{
	struct blockmap_header h = *header;

	if (guid_random(&rs->lease_id, err) < 0 || remove_files(rs, err) < 0)
		return error_prefix(err, "state");
	h.lease_id = rs->lease_id;
	snprintf(h.writer, sizeof(h.writer), "liftfs %s", PACKAGE_VERSION);
	rs->map = blockmap_create(rs->dirfd, "map", &h, err);
	if (!rs->map || blockmap_commit(rs->map, state_make_born, err) < 0)
		goto failed;
	rs->journal = journal_open(rs->dirfd, "journal", &h.liftfs_id, blockmap_header(rs->map)->generation, NULL, NULL, err);
	if (!rs->journal || journal_mark_born(rs->journal, state_make_born, err) < 0)
		goto failed;
	rs->kind = STATE_CLEAN;
	return 0;
failed:
	drop_files(rs);
	return error_prefix(err, "state");
}

int replica_state_import(struct replica_state *rs, const struct blockmap_header *header,
			 int (*fill)(void *ctx, struct blockmap *m, struct error *err), void *ctx, struct error *err)
{
	struct blockmap_header h = *header;

	h.lease_id = rs->lease_id;
	h.generation = blockmap_header(rs->map)->generation; /* the next one: the journal that is there belongs to none of it */
	h.clean = true;
	memset(h.digest, 0, sizeof(h.digest));
	drop_files(rs);
	rs->map = blockmap_create(rs->dirfd, "map", &h, err);
	if (!rs->map || blockmap_make_writable(rs->map, err) < 0 || fill(ctx, rs->map, err) < 0 ||
	    blockmap_commit(rs->map, state_make_born, err) < 0)
		goto failed;
	rs->journal = journal_open(rs->dirfd, "journal", &h.liftfs_id, blockmap_header(rs->map)->generation, NULL, NULL, err);
	if (!rs->journal || journal_mark_born(rs->journal, state_make_born, err) < 0 || take_header(rs, err) < 0)
		goto failed;
	return 0;
failed:
	drop_files(rs);
	return error_prefix(err, "state");
}

int replica_state_claim(struct replica_state *rs, uint64_t number, struct error *err)
{
	assert(rs->settled); /* else its lease was taken on records that a power cut may take away */
	if (journal_claim(rs->journal, number, err) < 0 || journal_sync(rs->journal, err) < 0)
		return -1;
	if (rs->kind != STATE_DISTRUSTED)
		rs->kind = STATE_OPEN;
	return add_own(rs, number, err);
}

int replica_state_distrust(struct replica_state *rs, struct error *err)
{
	if (replica_state_writable(rs, err) < 0 || journal_distrust(rs->journal, err) < 0 || journal_sync(rs->journal, err) < 0)
		return -1;
	blockmap_fill_unknown(rs->map);
	rs->kind = STATE_DISTRUSTED;
	rs->touched = true;
	return blockmap_failed(rs->map, err);
}

int replica_state_new_lease(struct replica_state *rs, struct error *err)
{
	struct guid id;

	if (guid_random(&id, err) < 0 || journal_lease(rs->journal, &id, err) < 0 || journal_sync(rs->journal, err) < 0)
		return -1;
	rs->lease_id = id;
	return 0;
}

/* Map and an empty journal, which is the journal from its next sync on; `clean` says whether last describes them. */
static int fold(struct replica_state *rs, uint64_t number, bool clean, struct error *err)
{
	struct blockmap_header h = *blockmap_header(rs->map);

	h.lease_id = rs->lease_id;
	h.number = number;
	h.clean = clean;
	h.cycle = rs->last.cycle;
	h.token = rs->last.token;
	h.fuzzy = rs->last.fuzzy;
	snprintf(h.version, sizeof(h.version), "%s", rs->last.version);
	snprintf(h.writer, sizeof(h.writer), "liftfs %s", PACKAGE_VERSION);
	if (replica_state_writable(rs, err) < 0)
		return -1;
	blockmap_set_header(rs->map, &h);
	if (blockmap_commit(rs->map, state_make_born, err) < 0 ||
	    journal_restart(rs->journal, blockmap_header(rs->map)->generation, err) < 0)
		return -1;
	rs->n_own = 0;
	return add_own(rs, number, err);
}

int replica_state_checkpoint(struct replica_state *rs, uint64_t number, struct error *err)
{
	if (fold(rs, number, false, err) < 0 || journal_sync(rs->journal, err) < 0)
		return error_prefix(err, "state");
	rs->kind = STATE_OPEN;
	return 0;
}

static int append_clean(struct replica_state *rs, const struct clean_point *p, struct error *err)
{
	CLEANUP_FREE char *text = format_point(p, err);
	struct journal_clean c = { .cycle = p->cycle, .number = p->number, .token = p->token, .fuzzy = p->fuzzy,
				   .version = p->version, .fingerprint = text };

	return text ? journal_clean(rs->journal, &c, err) : -1;
}

int replica_state_clean(struct replica_state *rs, struct clean_point *point, struct error *err)
{
	if (append_clean(rs, point, err) < 0 || journal_sync(rs->journal, err) < 0)
		return error_prefix(err, "state");
	forget_clean(rs);
	rs->last = *point;
	rs->last.pointed = rs->last.kept = false;
	point->evidence = (struct evidence){ 0 };
	rs->has_clean = true;
	rs->touched = false;
	rs->kind = STATE_CLEAN;
	return 0;
}

int replica_state_commit(struct replica_state *rs, const char *snapshot, struct error *err)
{
	if (journal_point(rs->journal, snapshot, err) < 0)
		return error_prefix(err, "state");
	rs->last.pointed = true;
	rs->last.kept = snapshot[0] != '\0';
	if (!blockmap_is_writable(rs->map) && blockmap_header(rs->map)->clean && journal_bytes(rs->journal) < JOURNAL_FOLD_BYTES)
		return 0;
	/* The fingerprint lives in the journal alone: the new one has it when it gets its name.  Lost in a crash between the two, it
	 * costs one full read. */
	if (fold(rs, rs->last.number, true, err) < 0 || append_clean(rs, &rs->last, err) < 0 ||
	    journal_point(rs->journal, snapshot, err) < 0 || journal_sync(rs->journal, err) < 0)
		return error_prefix(err, "state");
	return 0;
}
