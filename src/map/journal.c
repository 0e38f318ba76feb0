/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "map/journal_record.h"

#define WINDOW_LEN (1 << 20) /* read at once while replaying; several records of the largest size */

typedef int (*make_born_fn)(int fd, char *out, size_t len, struct error *err);

/*
 * Under the lock: everything that changes.  Appends write at once, so that a killed process loses nothing; one thread
 * at a time is in fdatasync, outside the lock, and carries everybody who appended before it went.
 */
struct journal {
	int dirfd;          /* the caller's */
	char *name, *fresh; /* NAME, NAME.new */
	int fd;
	struct guid liftfs_id;
	uint64_t generation;
	char born[JOURNAL_TEXT_MAX];
	make_born_fn make_born;
	pthread_mutex_t lock;
	pthread_cond_t synced;
	bool syncing;
	bool nameless;        /* the file is NAME.new: the next sync gives it its name */
	_Atomic uint64_t end; /* of the last record */
	uint64_t durable;     /* bytes up to here are on stable storage */
	struct error failure;
	uint8_t rec[JOURNAL_RECORD_MAX];
};

void journal_close(struct journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	pthread_cond_destroy(&j->synced);
	pthread_mutex_destroy(&j->lock);
	free(j->fresh);
	free(j->name);
	free(j);
}

static int give(const struct error *cause, struct error *err)
{
	if (err)
		*err = *cause;
	return -1;
}

/* The first failure stays. */
static int poison_locked(struct journal *j, const struct error *cause, struct error *err)
{
	if (j->failure.code == ERR_NONE) {
		j->failure = *cause;
		error_prefix(&j->failure, "%s", j->name);
	}
	return give(&j->failure, err);
}

/* An empty journal, as NAME.new; *fd_out is the new file. */
static int make_file(struct journal *j, uint64_t generation, int *fd_out, struct error *err)
{
	uint8_t head[JOURNAL_HEADER_LEN];
	char born[JOURNAL_TEXT_MAX] = "";
	CLEANUP_FD int fd = -1;

	if (unlinkat(j->dirfd, j->fresh, 0) < 0 && errno != ENOENT)
		return error_errno(err, errno, "%s: delete", j->fresh);
	fd = openat(j->dirfd, j->fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, errno, "%s", j->fresh);
	if (j->make_born && j->make_born(fd, born, sizeof(born), err) < 0)
		return -1;
	journal_header_encode(&j->liftfs_id, generation, head);
	journal_born_encode(born, head + JOURNAL_BORN_OFF);
	if (io_pwrite(fd, head, sizeof(head), 0, err) < 0)
		return -1;
	memcpy(j->born, born, sizeof(born));
	*fd_out = steal_fd(&fd);
	return 0;
}

/* What was appended to NAME.new becomes durable, and then the journal. */
static int give_name(struct journal *j, struct error *err)
{
	if (fsync(j->fd) < 0)
		return error_errno(err, errno, "%s: fsync", j->fresh);
	if (renameat(j->dirfd, j->fresh, j->dirfd, j->name) < 0)
		return error_errno(err, errno, "%s: rename", j->fresh);
	return io_fsync_dir(j->dirfd, err);
}

static int start_anew(struct journal *j, uint64_t generation, struct error *err)
{
	int fd;

	if (make_file(j, generation, &fd, err) < 0)
		return -1;
	if (j->fd >= 0)
		close(j->fd);
	j->fd = fd;
	j->generation = generation;
	j->end = j->durable = JOURNAL_HEADER_LEN;
	j->nameless = true;
	return 0;
}

/* A part of the file in memory: [off, off + len). */
struct window {
	uint8_t *buf;
	uint64_t off, len, file_size;
};

/* At least JOURNAL_RECORD_MAX bytes from off, or all that are left. */
static int window_at(const struct journal *j, struct window *w, uint64_t off, const uint8_t **p_out, size_t *len_out,
		     struct error *err)
{
	uint64_t end = w->off + w->len;

	if (off < w->off || (end - off < JOURNAL_RECORD_MAX && end < w->file_size)) {
		uint64_t len = w->file_size - off < WINDOW_LEN ? w->file_size - off : WINDOW_LEN;

		if (io_pread(j->fd, w->buf, len, off, err) < 0)
			return -1;
		w->off = off;
		w->len = len;
		end = off + len;
	}
	*p_out = w->buf + (off - w->off);
	*len_out = end - off;
	return 0;
}

/* What stops the replay at `end`: nothing, a torn tail, or damage to what a later record knows to have been durable? */
static int check_tail(const struct journal *j, struct window *w, uint64_t end, struct error *err)
{
	struct journal_raw raw;
	const uint8_t *p;
	size_t len;

	for (uint64_t off = end + 8; off < w->file_size; off += 8) {
		if (window_at(j, w, off, &p, &len, err) < 0)
			return -1;
		if (journal_record_open(p, len, off, j->generation, &raw) && raw.durable > end)
			return error_set(err, ERR_CORRUPT,
					 "record at %#" PRIx64 ": damaged; the one at %#" PRIx64
					 " knows it to have been intact",
					 end, off);
	}
	return 0;
}

static int replay_all(struct journal *j, uint64_t file_size, journal_replay_fn replay, void *ctx, struct error *err)
{
	uint64_t left = file_size - JOURNAL_HEADER_LEN;
	CLEANUP_FREE uint8_t *buf = malloc(left < WINDOW_LEN ? left : WINDOW_LEN);
	struct window w = { .buf = buf, .off = JOURNAL_HEADER_LEN, .file_size = file_size };
	uint64_t off = JOURNAL_HEADER_LEN;
	struct journal_raw raw;
	const uint8_t *p;
	size_t len;

	if (!buf)
		return error_errno(err, ENOMEM, "replay");
	for (; off < file_size; off += raw.size) {
		if (window_at(j, &w, off, &p, &len, err) < 0)
			return -1;
		if (!journal_record_open(p, len, off, j->generation, &raw))
			break;
		if (journal_record_replay(&raw, replay, ctx, err) < 0)
			return error_prefix(err, "record at %#" PRIx64, off);
	}
	if (off < file_size) {
		if (check_tail(j, &w, off, err) < 0)
			return -1;
		if (ftruncate(j->fd, (off_t)off) < 0)
			return error_errno(err, errno, "cut at %#" PRIx64, off);
		if (fsync(j->fd) < 0)
			return error_errno(err, errno, "fsync");
	}
	j->end = off; /* durable is where it was: the records may only be in the page cache */
	return 0;
}

/* *usable: the file belongs to the map and was taken over. */
static int take_over(struct journal *j, journal_replay_fn replay, void *ctx, bool *usable, struct error *err)
{
	uint8_t head[JOURNAL_HEADER_LEN];
	uint64_t generation, size;
	struct stat st;
	struct guid id;

	if (fstat(j->fd, &st) < 0)
		return error_errno(err, errno, "size");
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_CORRUPT, "not a regular file");
	size = (uint64_t)st.st_size;
	*usable = false;
	if (size == 0)
		return 0;
	if (io_pread(j->fd, head, size < sizeof(head) ? size : sizeof(head), 0, err) < 0 ||
	    journal_header_decode(head, size < sizeof(head) ? size : sizeof(head), &id, &generation, j->born, err) < 0)
		return -1;
	if (!guid_equal(&id, &j->liftfs_id) || generation != j->generation)
		return 0;
	*usable = true;
	j->end = j->durable = JOURNAL_HEADER_LEN;
	return size == JOURNAL_HEADER_LEN ? 0 : replay_all(j, size, replay, ctx, err);
}

static struct journal *journal_new(int dirfd, const char *name, struct error *err)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j) {
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	j->dirfd = dirfd;
	j->fd = -1;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->synced, NULL);
	j->name = strdup(name);
	if (!j->name || asprintf(&j->fresh, "%s.new", name) < 0) {
		j->fresh = NULL;
		journal_close(j);
		error_errno(err, ENOMEM, "%s", name);
		return NULL;
	}
	return j;
}

struct journal *journal_open(int dirfd, const char *name, const struct guid *liftfs_id, uint64_t generation,
			     journal_replay_fn replay, void *ctx, struct error *err)
{
	CLEANUP(cleanup_journal) struct journal *j = journal_new(dirfd, name, err);
	bool usable = false;

	if (!j)
		return NULL;
	j->liftfs_id = *liftfs_id;
	j->generation = generation;
	j->fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (j->fd < 0 && errno != ENOENT) {
		error_errno(err, errno, "%s", name);
		return NULL;
	}
	if ((j->fd >= 0 && take_over(j, replay, ctx, &usable, err) < 0) ||
	    (!usable && (start_anew(j, generation, err) < 0 || journal_sync(j, err) < 0))) {
		error_prefix(err, "%s", name);
		return NULL;
	}
	return steal_ptr(&j);
}

/* The payload lies in j->rec at JOURNAL_HEAD. */
static int append_locked(struct journal *j, enum journal_type type, size_t len, struct error *err)
{
	struct error cause = ERROR_INIT;
	size_t size;

	if (j->failure.code != ERR_NONE)
		return give(&j->failure, err);
	size = journal_record_seal(j->rec, type, len, j->durable, j->end, j->generation);
	if (io_pwrite(j->fd, j->rec, size, j->end, &cause) < 0)
		return poison_locked(j, &cause, err);
	j->end += size;
	return 0;
}

int journal_distrust(struct journal *j, struct error *err)
{
	LOCK_SCOPE(&j->lock);
	return append_locked(j, JOURNAL_DISTRUST, 0, err);
}

int journal_claim(struct journal *j, uint64_t number, struct error *err)
{
	LOCK_SCOPE(&j->lock);
	put_le64(j->rec + JOURNAL_HEAD, number);
	return append_locked(j, JOURNAL_CLAIM, 8, err);
}

int journal_lease(struct journal *j, const struct guid *lease_id, struct error *err)
{
	LOCK_SCOPE(&j->lock);
	memcpy(j->rec + JOURNAL_HEAD, lease_id->b, sizeof(lease_id->b));
	return append_locked(j, JOURNAL_LEASE, sizeof(lease_id->b), err);
}

int journal_intent(struct journal *j, uint64_t blk, uint64_t count, struct error *err)
{
	LOCK_SCOPE(&j->lock);
	put_le64(j->rec + JOURNAL_HEAD, blk);
	put_le64(j->rec + JOURNAL_HEAD + 8, count);
	return append_locked(j, JOURNAL_INTENT, 16, err);
}

static uint8_t *ack_head(struct journal *j, uint64_t blk, uint32_t count, uint32_t kind)
{
	uint8_t *p = j->rec + JOURNAL_HEAD;

	put_le64(p, blk);
	put_le32(p + 8, count);
	put_le32(p + 12, kind);
	return p + 16;
}

int journal_acks(struct journal *j, uint64_t blk, const struct block_hash *hashes, size_t n, struct error *err)
{
	LOCK_SCOPE(&j->lock);
	for (size_t done = 0, k; done < n; done += k) {
		uint8_t *p;

		k = n - done < JOURNAL_HASHES_MAX ? n - done : JOURNAL_HASHES_MAX;
		p = ack_head(j, blk + done, (uint32_t)k, JOURNAL_ACK_HASHED);
		for (size_t i = 0; i < k; i++, p += 16) {
			put_le64(p, hashes[done + i].lo);
			put_le64(p + 8, hashes[done + i].hi);
		}
		if (append_locked(j, JOURNAL_ACK, 16 + k * 16, err) < 0)
			return -1;
	}
	return 0;
}

int journal_ack(struct journal *j, uint64_t blk, const struct block_hash *hash, struct error *err)
{
	return journal_acks(j, blk, hash, 1, err);
}

int journal_ack_zero(struct journal *j, uint64_t blk, uint64_t count, struct error *err)
{
	LOCK_SCOPE(&j->lock);
	if (count > UINT32_MAX) /* a map has at most 2^24 + 1 blocks */
		return error_set(err, ERR_BUG, "%s: acknowledgement of %" PRIu64 " blocks", j->name, count);
	ack_head(j, blk, (uint32_t)count, JOURNAL_ACK_ZERO);
	return append_locked(j, JOURNAL_ACK, 16, err);
}

int journal_clean(struct journal *j, const struct journal_clean *c, struct error *err)
{
	size_t version_len = strlen(c->version) + 1, fingerprint_len = strlen(c->fingerprint) + 1;
	uint8_t *p = j->rec + JOURNAL_HEAD;

	if (version_len > JOURNAL_VERSION_MAX || fingerprint_len > JOURNAL_FINGERPRINT_MAX)
		return error_set(err, ERR_BUG, "%s: version of %zu bytes, fingerprint of %zu", j->name, version_len - 1,
				 fingerprint_len - 1);
	LOCK_SCOPE(&j->lock);
	put_le64(p, c->cycle);
	put_le64(p + 8, c->number);
	memcpy(p + 16, c->token.b, sizeof(c->token.b));
	put_le32(p + 32, c->fuzzy);
	put_le32(p + 36, (uint32_t)version_len);
	memcpy(p + JOURNAL_CLEAN_HEAD, c->version, version_len);
	memcpy(p + JOURNAL_CLEAN_HEAD + version_len, c->fingerprint, fingerprint_len);
	return append_locked(j, JOURNAL_CLEAN, JOURNAL_CLEAN_HEAD + version_len + fingerprint_len, err);
}

int journal_point(struct journal *j, const char *snapshot, struct error *err)
{
	size_t len = strlen(snapshot) + 1;

	if (len > JOURNAL_SNAPSHOT_MAX)
		return error_set(err, ERR_BUG, "%s: snapshot's name of %zu bytes", j->name, len - 1);
	LOCK_SCOPE(&j->lock);
	memcpy(j->rec + JOURNAL_HEAD, snapshot, len);
	return append_locked(j, JOURNAL_POINT, len, err);
}

/* The one thread that syncs for all; returns with the lock held, as it was called. */
static void sync_locked(struct journal *j)
{
	struct error cause = ERROR_INIT;
	uint64_t end = j->end;
	bool nameless = j->nameless;
	int rc;

	j->syncing = true;
	pthread_mutex_unlock(&j->lock);
	rc = nameless ? give_name(j, &cause) : fdatasync(j->fd);
	if (rc < 0 && !nameless)
		error_errno(&cause, errno, "fdatasync");
	pthread_mutex_lock(&j->lock);
	j->syncing = false;
	if (rc < 0) {
		poison_locked(j, &cause, NULL);
	} else {
		j->nameless = false;
		j->durable = end;
	}
	pthread_cond_broadcast(&j->synced);
}

int journal_sync(struct journal *j, struct error *err)
{
	uint64_t want;

	LOCK_SCOPE(&j->lock);
	want = j->end;
	while ((j->durable < want || j->nameless) && j->failure.code == ERR_NONE) {
		if (j->syncing)
			pthread_cond_wait(&j->synced, &j->lock);
		else
			sync_locked(j);
	}
	return j->failure.code == ERR_NONE ? 0 : give(&j->failure, err);
}

int journal_restart(struct journal *j, uint64_t generation, struct error *err)
{
	struct error cause = ERROR_INIT;

	LOCK_SCOPE(&j->lock);
	assert(!j->syncing);
	if (j->failure.code != ERR_NONE)
		return give(&j->failure, err);
	return start_anew(j, generation, &cause) < 0 ? poison_locked(j, &cause, err) : 0;
}

uint64_t journal_bytes(const struct journal *j)
{
	return j->end;
}

int journal_fd(const struct journal *j)
{
	return j->fd;
}

const char *journal_born(const struct journal *j)
{
	return j->born;
}

int journal_mark_born(struct journal *j, int (*make_born)(int fd, char *out, size_t len, struct error *err),
		      struct error *err)
{
	uint8_t half[JOURNAL_BORN_LEN];
	struct error cause = ERROR_INIT;
	char born[JOURNAL_TEXT_MAX] = "";

	LOCK_SCOPE(&j->lock);
	if (j->failure.code != ERR_NONE)
		return give(&j->failure, err);
	if (make_born(j->fd, born, sizeof(born), &cause) < 0)
		return poison_locked(j, &cause, err);
	journal_born_encode(born, half);
	/* What reads alike needs no write; should it be in the page cache only, the next sync takes it along. */
	if (strcmp(born, j->born) == 0) {
		j->make_born = make_born;
		return 0;
	}
	if (io_pwrite(j->fd, half, sizeof(half), JOURNAL_BORN_OFF, &cause) < 0)
		return poison_locked(j, &cause, err);
	if (fdatasync(j->fd) < 0) {
		error_errno(&cause, errno, "fdatasync");
		return poison_locked(j, &cause, err);
	}
	memcpy(j->born, born, sizeof(born));
	j->make_born = make_born;
	return 0;
}
