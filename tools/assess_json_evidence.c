/* SPDX-License-Identifier: Apache-2.0 */
/* What disks show, for the document of --json. */
#include <config.h>

#include <math.h>

#include "assess_evidence.h"
#include "assess_json.h"
#include "base/escape.h"
#include "inventory/disk_info.h"

/* Text of a guest: as it is, if it is UTF-8. */
/* NULL as an item means that there was no memory for it. */
static bool append(json_t *list, json_t *item)
{
	return json_array_append_new(list, item) == 0;
}

static json_t *share(bool known, double v)
{
	return known ? json_real(v) : json_null();
}

static json_t *used_mib(bool known, double mib)
{
	return known ? json_real(mib) : json_null();
}

static json_t *sources_json(const struct assess_vm *vm, struct error *err)
{
	CLEANUP(cleanup_assess_said) struct assess_said_list l = { .n = 0 };
	CLEANUP(cleanup_json) json_t *list = json_array();

	if (!list || assess_said_by_all(vm, &l, err) < 0)
		return NULL;
	for (size_t i = 0; i < l.n; i++)
		if (!append(list,
			    json_pack("{s:s, s:s, s:o, s:o, s:b}", "field", l.v[i].field, "from", l.v[i].from, "value",
				      assess_json_text(l.v[i].value), "where", assess_json_text(l.v[i].where), "counts", (int)l.v[i].counts)))
			return NULL;
	return json_incref(list);
}

json_t *assess_json_evidence(const struct assess_vm *vm, struct error *err)
{
	const struct machine_facts *f = &vm->facts;
	const struct machine_shares *s = &vm->machine->shares;

	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:b, s:o, s:o, s:o, s:o}", "disks", (json_int_t)f->disks, "looked",
			 (json_int_t)f->looked, "whole", (json_int_t)f->whole, "unreadable", (json_int_t)f->unreadable,
			 "used_mib", used_mib(f->used_known, f->used_mib), "used_whole", (int)f->used_whole,
			 "zero_share", share(s->known, assess_zero_share(s)), "duplicate_share",
			 share(s->known, s->duplicate), "duplicate_error", share(s->known, s->error), "sources",
			 sources_json(vm, err));
}

static json_t *findings_json(const struct look *l)
{
	CLEANUP(cleanup_json) json_t *list = json_array();

	for (size_t i = 0; list && i < l->n; i++)
		if (!append(list, json_pack("{s:s, s:o, s:o, s:I}", "kind", finding_kind_name(l->v[i].kind), "value",
					    assess_json_text(l->v[i].value), "where", assess_json_text(l->v[i].where), "offset",
					    (json_int_t)l->v[i].off)))
			return NULL;
	return json_incref(list);
}

json_t *assess_json_disk_evidence(const struct machine_disk *d, bool brief, struct error *err)
{
	const struct machine_look *l = d->look;

	(void)err;
	if (!l)
		return json_null();
	return json_pack("{s:o, s:b, s:o, s:b, s:o, s:o, s:o, s:o}", "error", l->error ? assess_json_text(l->error) : json_null(),
			 "complete", (int)(l->found.n > 0 && l->found.complete && !l->error), "used_mib",
			 used_mib(l->found.facts.used > 0, (double)l->found.facts.used / 1048576), "used_whole",
			 (int)(l->found.n > 0 && l->found.facts.used_whole), "zero_share",
			 share(l->shares.known, assess_zero_share(&l->shares)), "duplicate_share",
			 share(l->shares.known, l->shares.duplicate), "duplicate_error",
			 share(l->shares.known, l->shares.error), "findings",
			 brief ? json_array() : findings_json(&l->found));
}

json_t *assess_json_confidence(const struct assess_vm *vm)
{
	const struct machine_notices *why = &vm->confidence.reasons;
	CLEANUP(cleanup_json) json_t *list = json_array();

	for (size_t i = 0; list && i < why->n; i++)
		if (!append(list, assess_json_text(why->v[i])))
			return NULL;
	return list ? json_pack("{s:i, s:O}", "level", (int)vm->confidence.level, "reasons", list) : NULL;
}

json_t *assess_json_measured(const struct machines_looked *l)
{
	const struct machine_shares *s = &l->fleet;

	if (!s->known)
		return json_null();
	return json_pack("{s:f, s:I, s:I, s:f, s:f, s:f}", "mib", l->fleet_mib, "blocks", (json_int_t)s->blocks,
			 "zero_blocks", (json_int_t)s->zero, "zero_share", assess_zero_share(s), "duplicate_share",
			 s->duplicate, "duplicate_error", s->error);
}
