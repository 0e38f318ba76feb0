/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at all disks of all machines, several at a time. */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "inventory/machine_image.h"

#define MIB 1048576.0

struct job { /* a disk */
	struct machine_disk *d;
	size_t machine; /* index in `machines` */
	bool again;     /* the image is another job's too, which counts for the fleet */
};

struct measured {                  /* a machine, while its disks are read */
	struct block_stats *stats; /* of those read so far; NULL: none */
	unsigned left;
	bool failed; /* there is one that was not read: the machine's shares are not known */
};

struct looking {
	const struct machines_look_options *opt;
	struct machines_looked *out;
	struct machine_list *l;
	struct job *jobs;
	size_t n_jobs;
	struct measured *machines; /* in step with the list's */
	pthread_mutex_t lock;      /* of what several jobs fill: machines, fleet, out->fleet_mib */
	struct block_stats *fleet;
};

/* ---- what there is to do ---- */

static bool is_wanted(const struct machine_disk *d)
{
	return !d->raw && !d->look && (d->image || d->error);
}

static int by_leaf(const void *a, const void *b)
{
	const struct job *const *x = a, *const *y = b;
	const struct machine_image *p = (*x)->d->image, *q = (*y)->d->image;
	int rc;

	if (!p || !q)
		return (p != NULL) - (q != NULL);
	rc = (p->leaf.dev > q->leaf.dev) - (p->leaf.dev < q->leaf.dev);
	if (rc == 0)
		rc = (p->leaf.inode > q->leaf.inode) - (p->leaf.inode < q->leaf.inode);
	if (rc == 0)
		rc = (p->leaf.off > q->leaf.off) - (p->leaf.off < q->leaf.off);
	return rc ? rc : (*x > *y) - (*x < *y);
}

static bool same_leaf(const struct machine_image *a, const struct machine_image *b)
{
	return a && b && a->leaf.dev == b->leaf.dev && a->leaf.inode == b->leaf.inode && a->leaf.off == b->leaf.off;
}

/* Machines may share a disk, and inventories may describe a machine twice. */
static int mark_again(struct looking *k, struct error *err)
{
	CLEANUP_FREE struct job **v = calloc(k->n_jobs + 1, sizeof(*v));

	if (!v)
		return error_errno(err, ENOMEM, "disks");
	for (size_t i = 0; i < k->n_jobs; i++)
		v[i] = &k->jobs[i];
	qsort(v, k->n_jobs, sizeof(*v), by_leaf);
	for (size_t i = 1; i < k->n_jobs; i++)
		v[i]->again = same_leaf(v[i]->d->image, v[i - 1]->d->image);
	return 0;
}

static void add_machine(struct looking *k, size_t at)
{
	struct machine *m = &k->l->v[at];

	if (machine_left_out(m))
		return;
	for (size_t i = 0; i < m->n_disks; i++) {
		struct machine_disk *d = &m->disks[i];

		if (!is_wanted(d)) {
			k->machines[at].failed |= !d->raw;
			continue;
		}
		k->jobs[k->n_jobs++] = (struct job){ .d = d, .machine = at };
		k->machines[at].left++;
		if (d->image)
			k->out->total += d->image->size;
	}
}

static int find_jobs(struct looking *k, struct error *err)
{
	size_t n = 0;

	for (size_t i = 0; i < k->l->n; i++)
		n += k->l->v[i].n_disks;
	k->jobs = calloc(n + 1, sizeof(*k->jobs));
	k->machines = calloc(k->l->n + 1, sizeof(*k->machines));
	if (!k->jobs || !k->machines)
		return error_errno(err, ENOMEM, "disks");
	for (size_t i = 0; i < k->l->n; i++)
		add_machine(k, i);
	k->out->disks = (unsigned)k->n_jobs;
	return mark_again(k, err);
}

/* ---- one disk ---- */

static void release(struct machine_look *l)
{
	look_fini(&l->found);
}

static struct machine_shares shares_of(const struct block_stats *s)
{
	struct block_shares b;

	block_stats_shares(s, &b);
	return (struct machine_shares){
		.known = true, .blocks = b.blocks, .zero = b.zero, .duplicate = b.duplicate, .error = b.error
	};
}

static bool ends_all(const struct error *why)
{
	return why->code == ERR_CANCELLED || why->code == ERR_NOMEM;
}

static int give_up(const struct error *why, const char *text, struct machine_look *look, struct error *err)
{
	if (why && ends_all(why)) {
		*err = *why;
		return -1;
	}
	look->error = strdup(text);
	return look->error ? 0 : error_errno(err, ENOMEM, "disks");
}

/* Counts what was read while a disk is read. */
struct counting {
	const struct machines_look_options *opt;
	struct machines_looked *out;
	uint64_t size, counted;
};

static void hash_counted(const void *ctx, const void *buf, size_t len, uint64_t *lo, uint64_t *hi)
{
	struct counting *const *c = ctx;

	(*c)->opt->hash((*c)->opt->hash_ctx, buf, len, lo, hi);
	(*c)->counted += len;
	(*c)->out->done += len;
}

/* Takes the disk's statistics over, which may be NULL. */
static int add_stats(struct looking *k, const struct job *j, struct block_stats **stats, struct error *err)
{
	struct measured *m = &k->machines[j->machine];

	LOCK_SCOPE(&k->lock);
	m->left--;
	m->failed |= !*stats;
	if (*stats && !j->again) {
		if (!k->fleet) {
			k->fleet = block_stats_new(BLOCK_STATS_ROOM, err);
			if (!k->fleet)
				return -1;
		}
		block_stats_merge(k->fleet, *stats);
		k->out->fleet_mib += (double)j->d->image->size / MIB;
	}
	if (*stats && m->stats)
		block_stats_merge(m->stats, *stats);
	else if (*stats)
		m->stats = steal_ptr(stats);
	if (m->left > 0)
		return 0;
	if (m->stats && !m->failed)
		k->l->v[j->machine].shares = shares_of(m->stats);
	block_stats_free(steal_ptr(&m->stats));
	return 0;
}

static int measure(struct looking *k, const struct job *j, struct disk *d, struct machine_look *look, struct error *err)
{
	CLEANUP(cleanup_block_stats) struct block_stats *stats = block_stats_new(BLOCK_STATS_ROOM, err);
	struct counting c = { .opt = k->opt, .out = k->out }, *ctx = &c;
	struct error why = ERROR_INIT;

	if (!stats)
		return -1;
	if (block_stats_scan(stats, d, hash_counted, &ctx, k->opt->cancel, &why) < 0) {
		if (give_up(&why, why.msg, look, err) < 0)
			return -1;
		block_stats_free(steal_ptr(&stats));
	} else {
		look->shares = shares_of(stats);
	}
	k->out->done += j->d->image->size - (c.counted < j->d->image->size ? c.counted : j->d->image->size);
	return add_stats(k, j, &stats, err);
}

static int open_and_look(struct looking *k, const struct job *j, struct machine_look *look, struct error *err)
{
	const struct look_options opt = { .read_max = k->opt->read_max,
					  .time_ms = k->opt->full ? 0 : MACHINE_LOOK_TIME_MS,
					  .cancel = k->opt->cancel };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct block_stats *none = NULL;
	struct error why = ERROR_INIT;

	d = disk_open(j->d->image->root, j->d->image->path, NULL, &why);
	if (!d) {
		k->out->done += j->d->image->size;
		if (give_up(&why, why.msg, look, err) < 0)
			return -1;
		return add_stats(k, j, &none, err);
	}
	if (look_at_disk(d, &opt, &look->found, err) < 0)
		return -1;
	if (k->opt->full)
		return measure(k, j, d, look, err);
	k->out->done += j->d->image->size;
	return 0;
}

static int look_at(void *ctx, size_t i, struct error *err)
{
	struct looking *k = ctx;
	struct job *j = &k->jobs[i];
	struct machine_look *look;
	struct block_stats *none = NULL;

	if (cancel_check(k->opt->cancel, err) < 0)
		return -1;
	look = calloc(1, sizeof(*look));
	if (!look)
		return error_errno(err, ENOMEM, "disks");
	look->release = release;
	j->d->look = look;
	if (!j->d->image) {
		if (give_up(NULL, j->d->error, look, err) < 0 || add_stats(k, j, &none, err) < 0)
			return -1;
	} else if (open_and_look(k, j, look, err) < 0) {
		return -1;
	}
	k->out->disks_done++;
	return 0;
}

/* ---- all ---- */

int machines_look(struct machine_list *l, const struct machines_look_options *opt, struct machines_looked *out,
		  struct error *err)
{
	struct looking k = { .opt = opt, .out = out, .l = l, .lock = PTHREAD_MUTEX_INITIALIZER };
	int rc = find_jobs(&k, err);

	if (rc == 0)
		rc = parallel_each_long(k.n_jobs, look_at, &k, err);
	if (rc == 0 && k.fleet)
		out->fleet = shares_of(k.fleet);
	for (size_t i = 0; k.machines && i < l->n; i++)
		block_stats_free(k.machines[i].stats);
	block_stats_free(k.fleet);
	pthread_mutex_destroy(&k.lock);
	free(k.machines);
	free(k.jobs);
	return rc;
}
