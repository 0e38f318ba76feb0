/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease of a replica: a flock, and a record of who took it last and how it left the replica.
 *
 * The lock ends with its process, so nothing ever runs out here; RENEW after a crash takes the lock again and has to
 * prove what the service proves by itself: that nobody leased or wrote since.  For that the record (512 bytes in
 * NAME.lease, written in place and not synced: it need only survive the process) holds
 *
 *   liftfs lease 1\n<lease id>\n<boot id>\n  idle <version>\n       as our last batch left the replica
 *                                        or  writing <ns> <inode> <version>\n   a change of this version began at <ns>
 *                                            (CLOCK_REALTIME), after which that file is the content
 *
 *   record                                              RENEW
 *   another id, this boot                               ERR_BUSY: somebody leased since
 *   idle, version as it is                              granted
 *   idle, another version, this boot                    ERR_BUSY: somebody wrote since
 *   writing, version as it is                           granted: it had not begun
 *   writing, this boot, mtime within 2 s of <ns>        granted: our own last write
 *   all else (a power loss, which can take the record   ERR_CONFLICT/UNPROVEN
 *             itself; a version in doubt)
 *
 * What that leaves: another tool's write within two seconds of a process's death amid a write.  Other tools do not look
 * at flocks, and nothing stops them during a cycle either; the writer notices them before its next batch. BREAK takes
 * the lock's name away; its holder sees that before the next batch and stops.  A holder that sleeps between that look
 * and its write is not held off: only a service can do that.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/parse.h"
#include "target/dir_private.h"

#define RECORD_LEN 512
#define RECORD_HEAD "liftfs lease 1"
#define CRASH_WINDOW_NS UINT64_C(2000000000)
/* dir_is_leased() takes the lock for an instant: so often, and so long apart, is a busy one tried. */
#define LOCK_TRIES 4
#define LOCK_PAUSE_MS 15

static void write_record(struct dir_replica *d, const char *state)
{
	char id[GUID_TEXT_LEN], boot[CLOCK_BOOT_ID_LEN], text[RECORD_LEN + 1];
	struct error ignored = ERROR_INIT;
	int n;

	guid_format(&d->lease_id, id);
	clock_boot_id(boot);
	n = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s\n", RECORD_HEAD, id, boot, state);
	memset(text + n, '\n', sizeof(text) - (size_t)n);
	/* A record that could not be written proves less, never more: it has the version of before. */
	if (io_pwrite(d->record, text, RECORD_LEN, 0, &ignored) < 0 && ftruncate(d->record, 0) < 0)
		return;
}

void dir_record_idle(struct dir_replica *d)
{
	char state[TARGET_VERSION_LEN + 8];

	snprintf(state, sizeof(state), "idle %s", d->now.version);
	write_record(d, state);
}

void dir_record_writing(struct dir_replica *d, ino_t ino)
{
	char state[TARGET_VERSION_LEN + 64];

	snprintf(state, sizeof(state), "writing %" PRIu64 " %ju %s", clock_realtime_ns(), (uintmax_t)ino,
		 d->now.version);
	write_record(d, state);
}

static char *next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return line + strlen(line);
	*end = '\0';
	*text = end + 1;
	return line;
}

/* Cuts the first word off. */
static char *next_word(char **text)
{
	char *word = *text;
	size_t len = strcspn(word, " ");

	*text = word + len + (word[len] != '\0');
	word[len] = '\0';
	return word;
}

/* "<ns> <inode> <version>" */
static bool was_our_write(char *state, bool this_boot, const struct dir_state *s)
{
	const struct stat *st = &s->content;
	const char *ns = next_word(&state), *inode = next_word(&state);
	uint64_t began, ino, mtime;

	if (strcmp(state, s->version) == 0)
		return true;
	if (!this_boot || s->foreign || st->st_mtim.tv_sec < 0 || parse_u64(ns, UINT64_MAX, &began, NULL) < 0 ||
	    parse_u64(inode, UINT64_MAX, &ino, NULL) < 0)
		return false;
	mtime = (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec;
	return ino == st->st_ino && mtime < began + CRASH_WINDOW_NS;
}

static int unproven(const struct replica *r, struct error *err)
{
	return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_UNPROVEN,
			     "%s/%s: nothing proves that nobody wrote to it since the last run ended", r->target->name,
			     r->name);
}

/* The table above, with the lock held. */
static int prove(struct replica *r, int record, const struct guid *id, const struct dir_state *s, struct error *err)
{
	char text[RECORD_LEN + 1] = "", boot[CLOCK_BOOT_ID_LEN];
	ssize_t n = pread(record, text, RECORD_LEN, 0);
	char *at = text, *state;
	struct guid last;
	bool this_boot;

	text[n > 0 ? n : 0] = '\0';
	if (strcmp(next_line(&at), RECORD_HEAD) != 0 || guid_parse(next_line(&at), &last, NULL) < 0)
		return unproven(r, err);
	clock_boot_id(boot);
	this_boot = *boot && strcmp(next_line(&at), boot) == 0;
	/* Of another boot it can be an older one that came back; another host that wrote has raised the number besides. */
	if (!guid_equal(&last, id) && !this_boot)
		return unproven(r, err);
	if (!guid_equal(&last, id))
		return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s/%s: another lease was taken since",
				     r->target->name, r->name);
	state = next_line(&at);
	if (strncmp(state, "idle ", 5) == 0 && strcmp(state + 5, s->version) == 0)
		return 0;
	if (strncmp(state, "writing ", 8) == 0 && was_our_write(state + 8, this_boot, s))
		return 0;
	if (this_boot && (s->foreign || strncmp(state, "idle ", 5) == 0))
		return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s/%s: somebody else wrote to it since",
				     r->target->name, r->name);
	return unproven(r, err);
}

static int lock_once(struct replica *r, int lock_dir, const char *base, struct error *err)
{
	char who[200], since[CLOCK_TEXT_LEN];

	clock_format_iso(clock_realtime_ns(), since);
	snprintf(who, sizeof(who), "%.100s, process %ld, since %s", r->target->config.host, (long)getpid(), since);
	return io_lock_file(lock_dir, base, who, err);
}

int dir_lock(struct replica *r, struct error *err)
{
	CLEANUP_FD int lock_dir = -1;
	char base[NAME_MAX + 1];
	struct error why = ERROR_INIT;
	int fd = -1;

	if (dir_parent(r->target, DIR_LOCKS, r->name, ".lock", true, &lock_dir, base, err) < 0)
		return -1;
	for (int i = 0; i < LOCK_TRIES && fd < 0; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = LOCK_PAUSE_MS * 1000000L }, NULL);
		why = (struct error)ERROR_INIT;
		fd = lock_once(r, lock_dir, base, &why);
		if (fd < 0 && why.code != ERR_BUSY)
			break;
	}
	if (fd >= 0)
		return fd;
	if (why.code == ERR_BUSY)
		return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s/%s: %s", r->target->name, r->name,
				     why.msg);
	if (why.code == ERR_UNSUPPORTED)
		return error_set(err, ERR_REFUSED, "%s/%s: %s: two runs could write at once; use one that has them",
				 r->target->name, r->name, why.msg);
	return dir_explain(r, &why, err);
}

bool dir_is_leased(struct replica *r)
{
	CLEANUP_FD int dir = -1;
	CLEANUP_FD int fd = -1;
	char base[NAME_MAX + 1];

	if (dir_parent(r->target, DIR_LOCKS, r->name, ".lock", false, &dir, base, NULL) != 0)
		return false;
	fd = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

void dir_drop_lease(struct dir_replica *d)
{
	int *fds[] = { &d->data, &d->record, &d->lock };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (*fds[i] >= 0)
			close(steal_fd(fds[i]));
	dir_undo_end(d);
	dir_state_fini(&d->now);
	d->leased = d->owned = false;
}

/* What a leased handle keeps open.  Into a half-made d: the caller drops it on failure. */
static int open_data(struct replica *r, struct dir_replica *d, struct error *err)
{
	int rc = dir_state_load(r, true, &d->now, err);

	if (rc == 0)
		rc = dir_state_open(r, &d->now, O_RDWR, &d->data, err);
	if (rc > 0)
		return target_refuse(err, ERR_CONFLICT, TARGET_REFUSED_MISSING, "%s/%s: not there", r->target->name,
				     r->name);
	if (rc < 0)
		return -1;
	d->meta_seen = (struct stat){ 0 };
	return dir_stat(r, DIR_META, ".json", &d->meta_seen, err) < 0 ? -1 : 0;
}

static int open_record(struct replica *r, struct dir_replica *d, struct error *err)
{
	CLEANUP_FD int dir = -1;
	char base[NAME_MAX + 1];

	if (dir_parent(r->target, DIR_LOCKS, r->name, ".lease", true, &dir, base, err) < 0)
		return -1;
	d->record = openat(dir, base, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0666);
	return d->record < 0 ? dir_errno(r, errno, "lease", err) : 0;
}

static int take(struct replica *r, enum target_lease_action action, const struct guid *id, struct error *err)
{
	struct dir_replica *d = dir_of(r);

	if (d->leased && guid_equal(&d->lease_id, id))
		return dir_check_lease(r, err);
	if (d->leased)
		return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s/%s: leased under another id",
				     r->target->name, r->name);
	d->lock = dir_lock(r, err);
	if (d->lock < 0)
		return -1;
	if (open_data(r, d, err) < 0 || open_record(r, d, err) < 0 ||
	    (action == TARGET_LEASE_RENEW && prove(r, d->record, id, &d->now, err) < 0)) {
		dir_drop_lease(d);
		return -1;
	}
	d->leased = true;
	d->lease_id = *id;
	dir_record_idle(d);
	return 0;
}

/* How a file that was written in place was left, so that the next lease sees what somebody else did to it meanwhile. */
static int record_left(struct replica *r, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct dir_meta m = d->now.meta; /* borrows */

	if (!d->owned || d->now.in_work || d->poison.code != ERR_NONE)
		return 0;
	dir_version(&d->now.named, m.named.file);
	memcpy(m.named.version, d->now.version, sizeof(m.named.version));
	return dir_store_meta(r, &m, err);
}

static int release(struct replica *r, const struct guid *id, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct error ignored = ERROR_INIT;

	if (!d->leased || !guid_equal(&d->lease_id, id))
		return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s/%s: not our lease", r->target->name,
				     r->name);
	d->lease_id = (struct guid){ 0 }; /* a lease that was given back cannot be renewed */
	if (dir_check_lease(r, NULL) == 0) {
		/* What of this fails proves less, never more. */
		if (dir_undo_settle(r, &ignored) < 0 || record_left(r, &ignored) < 0)
			log_info("dir", "%s: %s", r->name, ignored.msg);
		dir_record_idle(d);
	}
	dir_drop_lease(d);
	return 0;
}

static int break_lease(struct replica *r, struct error *err)
{
	static const char *const suffixes[] = { ".lock", ".lease" };

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		CLEANUP_FD int dir = -1;
		char base[NAME_MAX + 1];
		int rc = dir_parent(r->target, DIR_LOCKS, r->name, suffixes[i], false, &dir, base, err);

		if (rc < 0)
			return -1;
		if (rc == 0 && unlinkat(dir, base, 0) < 0 && errno != ENOENT)
			return dir_errno(r, errno, "break the lease", err);
	}
	return 0;
}

int dir_check_lease(struct replica *r, struct error *err)
{
	struct dir_replica *d = dir_of(r);
	struct stat ours, named;

	if (!d->leased)
		return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s/%s: no lease is held", r->target->name,
				     r->name);
	if (fstat(d->lock, &ours) == 0 && dir_stat(r, DIR_LOCKS, ".lock", &named, NULL) == 0 &&
	    ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
		return 0;
	return target_refuse(err, ERR_BUSY, TARGET_REFUSED_LEASE, "%s/%s: the lease was broken", r->target->name,
			     r->name);
}

int dir_lease(struct replica *r, enum target_lease_action action, const struct guid *id, const char *if_version,
	      struct error *err)
{
	(void)if_version; /* a system call is over when it returns */
	LOCK_SCOPE(&dir_of(r)->io);
	switch (action) {
	case TARGET_LEASE_ACQUIRE:
	case TARGET_LEASE_RENEW:
		return take(r, action, id, err);
	case TARGET_LEASE_RELEASE:
		return release(r, id, err);
	case TARGET_LEASE_BREAK:
		break;
	}
	return break_lease(r, err);
}
