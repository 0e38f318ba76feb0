/* SPDX-License-Identifier: Apache-2.0 */
/* --explain: what each source says, which one counts, and what the disks show. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "assess_evidence.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "inventory/disk_info.h"

/* Values are the guest's: made visible. */
static void put(const char *what, struct strbuf *b)
{
	char shown[OUTPUT_TEXT_MAX];

	printf("  %-14s %s\n", what, output_visible(b->s ? b->s : "", shown));
	b->len = 0;
}

static int source_lines(const struct assess_vm *vm, struct error *err)
{
	CLEANUP(cleanup_assess_said) struct assess_said_list l = { .n = 0 };
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	if (assess_said_by_all(vm, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const struct assess_said *s = &l.v[i];

		strbuf_addf(&b, "%s says \"%s\": %s%s", s->from, s->value, s->where, s->counts ? "; this counts" : "");
		put(s->field, &b);
	}
	return b.failed ? error_set(err, ERR_NOMEM, "no memory for --explain") : 0;
}

static void share_line(const struct machine_shares *s, struct strbuf *b)
{
	if (!s->known)
		return;
	strbuf_addf(b, "%.1f %% zeros; of the rest %.1f %% is there more than once", 100 * assess_zero_share(s),
		    100 * s->duplicate);
	if (s->error > 0)
		strbuf_addf(b, " (to %.1f %%)", 100 * s->error);
	put("", b);
}

static int disk_lines(const struct machine_disk *d, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };
	CLEANUP_FREE char *label = disk_info_escape(d->label, err);
	CLEANUP_FREE char *cut = label ? assess_cut(label, 60, err) : NULL;
	const struct machine_look *l = d->look;
	char size[FORMAT_TEXT_LEN];

	if (!cut)
		return -1;
	strbuf_adds(&b, !l                  ? "not looked at"
			: l->error          ? l->error
			: l->found.complete ? "all that is understood of it"
					    : "not all of it");
	put(cut, &b);
	if (!l)
		return 0;
	if (l->found.facts.used > 0) {
		format_size(l->found.facts.used, size);
		strbuf_addf(&b, "%s in use%s", size,
			    l->found.facts.used_whole ? "" : ", as far as file systems say it");
		put("", &b);
	}
	share_line(&l->shares, &b);
	for (size_t i = 0; i < l->found.n; i++) {
		const struct finding *f = &l->found.v[i];

		strbuf_addf(&b, "%s: %s (%s, byte %" PRIu64 ")", finding_kind_name(f->kind), f->value, f->where,
			    f->off);
		put("", &b);
	}
	return b.failed ? error_set(err, ERR_NOMEM, "no memory for --explain") : 0;
}

int assess_explain_evidence(const struct assess_vm *vm, struct error *err)
{
	const struct machine *m = vm->machine;
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	printf("\nWhat is known, and from where: confidence %u of 5\n", vm->confidence.level);
	for (size_t i = 0; i < vm->confidence.reasons.n; i++) {
		strbuf_adds(&b, vm->confidence.reasons.v[i]);
		put("less", &b);
	}
	if (source_lines(vm, err) < 0)
		return -1;
	for (size_t i = 0; i < vm->n_conflicts; i++) {
		const struct machine_conflict *c = &vm->conflicts[i];

		strbuf_addf(&b, "%s is \"%s\" in %s, which counts, and \"%s\" in %s", c->field, c->kept, c->kept_from,
			    c->other, c->other_from);
		put("conflict", &b);
	}
	printf("\nWhat the disks show\n");
	share_line(&m->shares, &b);
	for (size_t i = 0; i < m->n_disks; i++)
		if (!m->disks[i].raw && disk_lines(&m->disks[i], err) < 0)
			return -1;
	return b.failed ? error_set(err, ERR_NOMEM, "no memory for --explain") : 0;
}
