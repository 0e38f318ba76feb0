/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence: what the host files of a chain looked like, and what may be concluded from their looking the same.
 *
 * A fingerprint is the list of a chain's files with their stamps (path below SOURCE, inode, size, mtime, ctime; never the
 * device, which differs for each storage snapshot and mount).  Equal before and after a scan: the disk held still while it
 * was read.  Equal to that of the last clean cycle, and `proven` there: nothing need be read.
 *
 * A stamp proves something only if
 *  - the file system stamps every write (backing.stamps_writes), and
 *  - the scan that hashed the file had seen these very times at least 2 s (boot-time clock, same boot) before it read its
 *    first byte, in this or an earlier run, or they were then more than a day old by our own clock: the file server's clock
 *    is not ours, and a write within the same clock tick as the one we saw would leave no trace.
 * Why 2 s are enough: X is a stamp, seen at s, and g the tick of the clock that makes stamps, at most 2 s (FAT's).  What is written
 * at w gets a stamp later than w - g; so what is written after s + g cannot get X, which was there at s already.  All content under
 * X was there by s + g, and a read that begins then sees it.  A read that began earlier may have missed some of it, tables of
 * an image included, and nothing would ever show that.  So what was read earlier never counts: who does not want to idle may send
 * it, and then begins anew with files that are opened after s + g (cycle.c, settle()).
 *
 * Each file's entry therefore carries when its stamp was first seen; fingerprints are stored as text in the journal's CLEAN
 * record and carried on from cycle to cycle.
 *
 * Text form, one line a file:  <inode> <size> <mtime_ns> <ctime_ns> <seen boot id> <seen boottime ns> <flags> <path escaped>
 */
#ifndef LIFTFS_REPLICATE_EVIDENCE_H
#define LIFTFS_REPLICATE_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "disk/disk.h"

#define EVIDENCE_SETTLE_NS (UINT64_C(2) * 1000 * 1000 * 1000)
#define EVIDENCE_OLD_NS (UINT64_C(24) * 3600 * 1000 * 1000 * 1000)

struct evidence_file {
	char *path;
	struct backing_stamp stamp;
	bool stamps_writes;
	char seen_boot[CLOCK_BOOT_ID_LEN]; /* when this stamp was first seen ... */
	uint64_t seen_boottime_ns;
	bool settled; /* the scan that hashed the content began late enough after that: the rule above */
};

struct evidence {
	struct evidence_file *v;
	size_t n;
};

/*
 * The files of `d` as they were when they were opened, before anything was read of them: what tables say was read from then
 * on.  The fingerprint at a scan's beginning.
 */
int evidence_at_open(struct disk *d, struct evidence *out, struct error *err) MUST_CHECK;
/* The files of `d` now (fstat anew of each open file): the fingerprint at a scan's end. */
int evidence_take(struct disk *d, struct evidence *out, struct error *err) MUST_CHECK;
void evidence_fini(struct evidence *e);

/* Same files with the same stamps, in the same order? */
bool evidence_equal(const struct evidence *a, const struct evidence *b);

/* Carries `seen` over from an older fingerprint for files whose stamp is the same. */
void evidence_inherit(struct evidence *e, const struct evidence *older);

/* Marks each file settled or not, for a disk that was opened, and with that its first byte read, at opened_ns (boot-time clock). */
void evidence_settle(struct evidence *e, uint64_t opened_ns);
/*
 * The same of one stamp that was first seen at seen_ns, of what was read from opened_ns on (both boot-time clock of this boot), on a
 * file system that stamps every write.
 */
bool evidence_stamp_settled(const struct backing_stamp *s, uint64_t seen_ns, uint64_t opened_ns);
/* How long to wait until all files that can settle would be settled if they were opened then, 0 to EVIDENCE_SETTLE_NS. */
uint64_t evidence_settle_wait_ns(const struct evidence *e);

/* May the whole disk be skipped: equal to `last`, whose content was hashed under settled stamps on trusted file systems?
 * If not, *why_out is one phrase for the summary (static text). */
bool evidence_proves_unchanged(const struct evidence *now, const struct evidence *last, const char **why_out);
/* Such a phrase: is there nothing that anybody could do about it, since it will not hold at the next cycle? */
bool evidence_why_passes(const char *why);

/*
 * Was everything that the fingerprint's cycle read and recorded, read under settled stamps on trusted file systems?  Then what
 * it recorded of any part of the chain holds as long as that part's files look the same (replicate/layers.h).
 */
bool evidence_is_settled(const struct evidence *e);

/* The caller frees it; at most 32 KiB, beyond that "" (a fingerprint that proves nothing). */
char *evidence_format(const struct evidence *e, struct error *err) MUST_CHECK;
int evidence_parse(const char *text, struct evidence *out, struct error *err) MUST_CHECK;

#endif
