/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/strbuf.h"
#include "map/hasher.h"
#include "project/survey.h"
#include "sync_confirm.h"
#include "sync_unchanged.h"

#define BORN_MAX 256

/* As a disk's map, journal and replica were before its cycle. */
struct watched {
	struct state_stamp stamp;
	struct target_glance glance; /* "": one that had not settled, or there is none */
};

struct sync_unchanged {
	const struct sync_run *run;
	char *conditions;
	char key[STATE_KEY_LEN];
	struct survey now;  /* sources alone, as they are */
	struct survey last; /* of the round that left one */
	bool has_last;
	uint64_t began_ns;           /* boot-time clock: nothing was read before */
	struct watched *watched;     /* the set's disks, in its order */
	bool settled;                /* what is kept of all of them */
	bool plain;
	struct target_glance *fresh; /* of the survey's disks, "" where it has nothing newer; NULL: of none */
};

void sync_unchanged_free(struct sync_unchanged *u)
{
	if (!u)
		return;
	survey_fini(&u->now);
	survey_fini(&u->last);
	free(u->conditions);
	free(u->watched);
	free(u->fresh);
	free(u);
}

DEFINE_CLEANUP(cleanup_sync_unchanged, struct sync_unchanged *, sync_unchanged_free);

/* ---- conditions ---- */

static bool is_plain_round(const struct sync_run *r, const struct sync_round *round)
{
	const struct sync_options *o = r->opt;

	return !o->dry_run && !o->full && !o->adopt && !o->replace && !o->break_lease && !o->shrink && !o->frozen && !o->seed &&
	       o->datastores.n == 0 && !r->fleet.line && !round->parked_only;
}

/* What a survey is called by: which target, which folders, which part of them. */
static void add_subject(struct strbuf *b, const struct sync_unchanged *u)
{
	const struct sync_options *o = u->run->opt;

	strbuf_addf(b, "target %s\n", target_name(u->run->target));
	strbuf_addf(b, "points %d%d configured %d one-file-system %d block-size %" PRIu64 "\n", target_caps(u->run->target)->points,
		    o->no_points, o->only_configured, o->one_file_system, o->block_size);
	for (size_t i = 0; i < o->patterns.n; i++)
		strbuf_addf(b, "%s %s\n", o->patterns.v[i].include ? "include" : "exclude", o->patterns.v[i].text);
	for (size_t i = 0; i < u->now.n_sources; i++)
		strbuf_addf(b, "source %" PRIu64 "\n", u->now.sources[i].glance.inode);
}

/* Names of disks begin with the names of their SOURCEs where there are several. */
static bool add_names(struct strbuf *b, const struct sync_run *r)
{
	for (size_t i = 0; r->n_sources > 1 && i < r->n_sources; i++) {
		CLEANUP_FREE char *real = realpath(r->sources[i], NULL);

		if (!real)
			return false;
		strbuf_addf(b, "name %s\n", strrchr(real, '/') + 1);
	}
	return true;
}

static bool set_conditions(struct sync_unchanged *u, const struct state *state)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	char boot[CLOCK_BOOT_ID_LEN], born[BORN_MAX];

	add_subject(&b, u);
	if (b.failed)
		return false;
	hasher_plain_hex(b.s, b.len, u->key);
	clock_boot_id(boot);
	if (!boot[0] || state_make_born(state_fd(state), born, sizeof(born), NULL) < 0 || !add_names(&b, u->run))
		return false;
	strbuf_addf(&b, "boot %s\nstate %s\nuser %ju\nliftfs %s\n", boot, born, (uintmax_t)geteuid(), PACKAGE_VERSION);
	u->conditions = strbuf_take(&b, NULL);
	return u->conditions != NULL;
}

/* ---- SOURCE ---- */

static bool glance_at_sources(struct sync_unchanged *u)
{
	const struct sync_run *r = u->run;
	struct error why = ERROR_INIT;

	u->now.sources = calloc(r->n_sources, sizeof(*u->now.sources));
	if (!u->now.sources)
		return false;
	u->now.realtime_ns = clock_realtime_ns();
	u->now.boottime_ns = clock_boottime_ns();
	for (size_t i = 0; i < r->n_sources; i++) {
		if (datastore_glance(r->sources[i], &u->now.sources[i].glance, &why) < 0)
			return false;
		u->now.n_sources++;
		if (u->now.sources[i].glance.odd)
			return false;
	}
	return true;
}

/* In the order of a glance: what is in a folder comes before what is called as the folder and something more. */
static int path_order(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	if (*a == *b)
		return 0;
	if (!*a || !*b)
		return *a ? 1 : -1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* Stamps that the last round saw already were seen then.  False without memory. */
static bool set_seen(struct survey_source *now, const struct survey_source *last, uint64_t began_ns)
{
	const struct datastore_glance *g = &now->glance;
	size_t k = 0;

	now->seen_ns = calloc(g->n ? g->n : 1, sizeof(*now->seen_ns));
	if (!now->seen_ns)
		return false;
	for (size_t i = 0; i < g->n; i++) {
		now->seen_ns[i] = began_ns;
		while (last && k < last->glance.n && path_order(glance_path(&last->glance, k), glance_path(g, i)) < 0)
			k++;
		if (last && k < last->glance.n && strcmp(glance_path(&last->glance, k), glance_path(g, i)) == 0 &&
		    backing_stamp_equal(&last->glance.v[k].stamp, &g->v[i].stamp) && last->seen_ns[k] < began_ns)
			now->seen_ns[i] = last->seen_ns[k];
	}
	return true;
}

static bool all_settled(const struct survey_source *s, uint64_t began_ns)
{
	for (size_t i = 0; i < s->glance.n; i++)
		if (s->glance.v[i].kind == GLANCE_FILE && !evidence_stamp_settled(&s->glance.v[i].stamp, s->seen_ns[i], began_ns))
			return false;
	return true;
}

struct sync_unchanged *sync_unchanged_begin(const struct sync_run *run, const struct sync_round *round)
{
	CLEANUP(cleanup_sync_unchanged) struct sync_unchanged *u = NULL;
	CLEANUP(cleanup_state) struct state *state = NULL;
	struct error why = ERROR_INIT;

	if (!is_plain_round(run, round))
		return NULL;
	state = state_open(run->state, false, &why);
	u = state ? calloc(1, sizeof(*u)) : NULL;
	if (!u)
		return NULL;
	u->run = run;
	if (!glance_at_sources(u) || !set_conditions(u, state))
		return NULL;
	u->began_ns = clock_boottime_ns(); /* after the glance: never earlier than its stamps were there */
	u->has_last = survey_load(state, u->key, u->conditions, &u->last, &why) == 0 && u->last.n_sources == u->now.n_sources;
	if (!u->has_last)
		log_info("sync", "no survey of the last round: %s", why.msg);
	return steal_ptr(&u);
}

/* ---- by the survey ---- */

static bool source_is_same(const struct sync_unchanged *u)
{
	const struct survey *last = &u->last, *now = &u->now;

	if (!u->has_last || !last->whole ||
	    !survey_clock_held(last, now->realtime_ns, now->boottime_ns))
		return false;
	for (size_t i = 0; i < now->n_sources; i++)
		if (!datastore_glance_equal(&last->sources[i].glance, &now->sources[i].glance))
			return false;
	return true;
}

struct state_look {
	const struct sync_unchanged *u;
	const struct state *state;
};

static int look_at_state(void *ctx, size_t i, struct error *err)
{
	const struct state_look *l = ctx;
	const struct survey_disk *d = &l->u->last.disks[i];
	struct state_stamp stamp;

	if (state_stamp(l->state, target_name(l->u->run->target), d->name, &stamp) && state_stamp_equal(&stamp, &d->state))
		return 0;
	return error_set(err, ERR_CHANGED, "%s: map or journal changed", d->name);
}

static bool state_is_same(const struct sync_unchanged *u)
{
	CLEANUP(cleanup_state) struct state *state = state_open(u->run->state, false, NULL);
	struct state_look l = { .u = u, .state = state };
	struct error why = ERROR_INIT;

	return state && parallel_each(u->last.n_disks, look_at_state, &l, &why) == 0;
}

/* The inventory's VMs, with what a round asks of them. */
static bool fill_store(struct datastore *store, const struct survey *from, size_t source)
{
	size_t n = 0;

	for (size_t i = 0; i < from->n_vms; i++)
		n += from->vms[i].source == source;
	store->vms.v = calloc(n ? n : 1, sizeof(*store->vms.v));
	for (size_t i = 0; store->vms.v && i < from->n_vms; i++) {
		struct vm *vm = &store->vms.v[store->vms.n];

		if (from->vms[i].source != source)
			continue;
		vm->name = strdup(from->vms[i].name);
		vm->label = strdup(from->vms[i].label);
		store->vms.n++;
		if (!vm->name || !vm->label)
			return false;
	}
	return store->vms.v != NULL;
}

static bool fill_vm(struct sync_set *s, const struct survey *from, const struct survey_vm *vm, const struct vm *found)
{
	struct run_vm *run = &s->runs[s->n];
	struct sync_vm *svm = &s->vms[s->n];

	*svm = (struct sync_vm){ .vm = found, .store = &s->stores[vm->source], .name = strdup(vm->name) };
	run->cycle.name = svm->name;
	run->cycle.disks = calloc(vm->n ? vm->n : 1, sizeof(*run->cycle.disks));
	s->n++;
	for (size_t i = 0; run->cycle.disks && i < vm->n; i++) {
		const struct survey_disk *d = &from->disks[vm->first + i];
		struct cycle_disk *out = &run->cycle.disks[i];

		out->name = strdup(d->name);
		out->source_path = d->source_path;
		out->source_id = d->source_id;
		out->virtual_size = d->virtual_size;
		out->data_bytes = d->data_bytes;
		s->virtual_bytes += d->virtual_size;
		s->data_bytes += d->data_bytes;
		s->n_disks++;
		run->cycle.n++;
		if (!out->name)
			return false;
	}
	return svm->name && run->cycle.disks;
}

static bool fill_set(const struct sync_unchanged *u, struct sync_set *s)
{
	const struct survey *from = &u->last;
	const struct sync_options *o = u->run->opt;

	s->narrowed = o->patterns.n > 0 || o->only_configured;
	s->stores = calloc(from->n_sources, sizeof(*s->stores));
	s->prefixes = calloc(from->n_sources, sizeof(*s->prefixes));
	s->vms = calloc(from->n_vms + 1, sizeof(*s->vms));
	s->runs = calloc(from->n_vms + 1, sizeof(*s->runs));
	if (!s->stores || !s->prefixes || !s->vms || !s->runs)
		return false;
	for (; s->n_stores < from->n_sources; s->n_stores++)
		if (!fill_store(&s->stores[s->n_stores], from, s->n_stores)) {
			s->n_stores++;
			return false;
		}
	for (size_t i = 0, at = 0; i < from->n_vms; i++, at++) {
		const struct survey_vm *vm = &from->vms[i];

		if (i > 0 && vm->source != vm[-1].source)
			at = 0;
		if (!fill_vm(s, from, vm, &s->stores[vm->source].vms.v[at]))
			return false;
	}
	return true;
}

bool sync_unchanged_find(struct sync_unchanged *u, struct sync_set *out)
{
	CLEANUP(cleanup_sync_set) struct sync_set s = { 0 };

	if (!u || !source_is_same(u) || !state_is_same(u) || !fill_set(u, &s))
		return false;
	*out = s;
	s = (struct sync_set){ 0 };
	return true;
}

/* ---- the replicas ---- */

bool sync_unchanged_confirm(struct sync_unchanged *u, struct sync_set *s)
{
	bool same;

	free(u->fresh);
	same = sync_confirm(u->run, &u->last, s, &u->fresh);
	log_info("sync", same ? "all is as the survey of the last round has it" :
				"a replica is not as the survey has it: each disk is looked at");
	return same;
}

/* ---- leaving a survey ---- */

static bool watch_disk(const struct sync_unchanged *u, const struct state *state, const char *name, struct watched *out)
{
	uint64_t now_ns = clock_realtime_ns();

	if (!state_stamp(state, target_name(u->run->target), name, &out->stamp) || !state_stamp_settled(&out->stamp, now_ns))
		return false;
	if (target_glance(u->run->target, name, &out->glance, NULL) < 0 || !out->glance.settled)
		out->glance.text[0] = '\0';
	return true;
}

void sync_unchanged_watch(struct sync_unchanged *u, const struct sync_set *s, const struct state *state, bool plain)
{
	size_t at = 0;

	if (!u)
		return;
	free(u->watched);
	u->watched = calloc(s->n_disks ? s->n_disks : 1, sizeof(*u->watched));
	u->plain = plain && s->n_broken == 0;
	u->settled = u->watched != NULL;
	for (size_t i = 0; u->settled && i < s->n; i++)
		for (size_t k = 0; u->settled && k < s->runs[i].cycle.n; k++, at++)
			u->settled = watch_disk(u, state, s->runs[i].cycle.disks[k].name, &u->watched[at]);
}

/* Was there nothing to do, and nothing to say? */
static bool all_skipped(const struct sync_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < s->runs[i].cycle.n; k++) {
			const struct cycle_disk *d = &s->runs[i].cycle.disks[k];

			if (d->err.code != ERR_NONE || d->result != CYCLE_SKIPPED || *d->warning || d->given_up || d->read_why)
				return false;
		}
	}
	for (size_t i = 0; i < s->n_stores; i++)
		if (backing_root_strayed(s->stores[i].root))
			return false;
	return s->n_broken == 0;
}

static bool fill_survey(const struct sync_unchanged *u, const struct sync_set *s, struct survey *out)
{
	out->vms = calloc(s->n ? s->n : 1, sizeof(*out->vms));
	out->disks = calloc(s->n_disks ? s->n_disks : 1, sizeof(*out->disks));
	if (!out->vms || !out->disks)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const struct cycle_vm *vm = &s->runs[i].cycle;

		out->vms[out->n_vms++] = (struct survey_vm){ .name = s->vms[i].name, .label = s->vms[i].vm->label,
							     .source = (size_t)(s->vms[i].store - s->stores),
							     .first = out->n_disks, .n = vm->n };
		for (size_t k = 0; k < vm->n; k++) {
			const struct cycle_disk *d = &vm->disks[k];

			out->disks[out->n_disks] = (struct survey_disk){
				.name = d->name, .source_path = d->source_path, .source_id = d->source_id,
				.virtual_size = d->virtual_size, .data_bytes = d->data_bytes,
				.left = { .cycle = d->cycle, .version = d->version, .glance = u->watched[out->n_disks].glance.text,
					  .unverified = d->unverified },
				.state = u->watched[out->n_disks].stamp,
			};
			out->n_disks++;
		}
	}
	return true;
}

/* The sources' lists are u's own. */
static void drop_lists(struct survey *s)
{
	free(s->vms);
	free(s->disks);
}

/*
 * A round by a survey that had to look at some replicas leaves what it went by, with their glances as they were before those looks:
 * the next one is by these.
 */
static void renew(struct sync_unchanged *u, const struct sync_set *s, const struct state *state)
{
	struct error why = ERROR_INIT;

	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < u->last.vms[i].n; k++) {
			size_t at = u->last.vms[i].first + k;

			if (!u->fresh[at].text[0])
				continue;
			u->last.disks[at].left.glance = u->fresh[at].text;
			u->last.disks[at].left.unverified = s->runs[i].cycle.disks[k].unverified;
		}
	if (survey_store(state, u->key, &u->last, &why) < 0)
		log_info("sync", "the survey of the last round stays: %s", why.msg);
}

static void leave_survey(struct sync_unchanged *u, const struct sync_set *s, const struct state *state)
{
	struct survey out;
	struct error why = ERROR_INIT;

	out = (struct survey){ .conditions = u->conditions, .realtime_ns = u->now.realtime_ns, .boottime_ns = u->now.boottime_ns,
			       .sources = u->now.sources, .n_sources = u->now.n_sources, };
	out.whole = u->plain && u->settled && all_skipped(s);
	for (size_t i = 0; i < out.n_sources; i++) {
		if (!set_seen(&out.sources[i], u->has_last ? &u->last.sources[i] : NULL, u->began_ns))
			return;
		out.whole = out.whole && all_settled(&out.sources[i], u->began_ns);
	}
	if ((out.whole && !fill_survey(u, s, &out)) || survey_store(state, u->key, &out, &why) < 0)
		log_info("sync", "no survey of this round is left: %s", why.msg);
	drop_lists(&out);
}

void sync_unchanged_remember(struct sync_unchanged *u, const struct sync_set *s, const struct state *state)
{
	if (u && u->watched)
		leave_survey(u, s, state);
	else if (u && u->fresh)
		renew(u, s, state);
}
