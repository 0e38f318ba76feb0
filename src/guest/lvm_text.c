/* SPDX-License-Identifier: Apache-2.0 */
/* Sections in braces, `key = value`, values that are numbers, "texts" or lists of them in brackets, comments from '#'
 * on. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "guest/lvm.h"

#define DEPTH_MAX 8

struct parser {
	char *at;
	const char *path[DEPTH_MAX];
	size_t depth;
	struct lvm_vg *vg;
};

static void skip_blank(struct parser *p)
{
	for (;;) {
		p->at += strspn(p->at, " \t\r\n,");
		if (*p->at != '#')
			return;
		p->at += strcspn(p->at, "\n");
	}
}

/* The next name, number or text, cut out of the buffer; *next is the character behind it, which the cut may have
 * overwritten. */
static char *take_word(struct parser *p, char *next)
{
	bool quoted = *p->at == '"';
	char *word = p->at + quoted, *end = word, *to = word;

	if (quoted) {
		for (; *end && *end != '"'; end++) {
			if (*end == '\\' && end[1])
				end++;
			*to++ = *end;
		}
		end += *end == '"';
	} else {
		end = to = word + strcspn(word, " \t\r\n,={}[]#\"");
	}
	*next = *end;
	p->at = end;
	if (*end)
		p->at++;
	*to = '\0';
	return word;
}

static struct lvm_lv *last_lv(struct lvm_vg *vg)
{
	return &vg->lvs[vg->n_lvs - 1];
}

static int add_pv(struct lvm_vg *vg, const char *name, struct error *err)
{
	struct lvm_pv *pvs;

	if (vg->n_pvs == LVM_PVS_MAX)
		return error_set(err, ERR_UNSUPPORTED, "LVM: more than %d physical volumes", LVM_PVS_MAX);
	pvs = reallocarray(vg->pvs, vg->n_pvs + 1, sizeof(*pvs));
	if (!pvs)
		return error_errno(err, ENOMEM, "LVM");
	vg->pvs = pvs;
	pvs[vg->n_pvs] = (struct lvm_pv){ 0 };
	snprintf(pvs[vg->n_pvs++].name, sizeof(pvs->name), "%s", name);
	return 0;
}

static int add_lv(struct lvm_vg *vg, const char *name, struct error *err)
{
	struct lvm_lv *lvs;

	if (vg->n_lvs == LVM_LVS_MAX)
		return error_set(err, ERR_UNSUPPORTED, "LVM: more than %d logical volumes", LVM_LVS_MAX);
	lvs = reallocarray(vg->lvs, vg->n_lvs + 1, sizeof(*lvs));
	if (!lvs)
		return error_errno(err, ENOMEM, "LVM");
	vg->lvs = lvs;
	lvs[vg->n_lvs] = (struct lvm_lv){ 0 };
	snprintf(lvs[vg->n_lvs++].name, sizeof(lvs->name), "%s", name);
	return 0;
}

static int add_segment(struct lvm_vg *vg, struct error *err)
{
	struct lvm_lv *lv = last_lv(vg);
	struct lvm_segment *segments;

	if (vg->n_segments == LVM_SEGMENTS_MAX)
		return error_set(err, ERR_UNSUPPORTED, "LVM: more than %d segments", LVM_SEGMENTS_MAX);
	segments = reallocarray(lv->segments, lv->n_segments + 1, sizeof(*segments));
	if (!segments)
		return error_errno(err, ENOMEM, "LVM");
	lv->segments = segments;
	segments[lv->n_segments++] = (struct lvm_segment){ 0 };
	vg->n_segments++;
	return 0;
}

static bool is_in(const struct parser *p, size_t depth, const char *section)
{
	return p->depth == depth && strcmp(p->path[1], section) == 0;
}

static int enter(struct parser *p, const char *name, struct error *err)
{
	if (p->depth == DEPTH_MAX)
		return error_set(err, ERR_CORRUPT, "LVM: sections deeper than %d", DEPTH_MAX);
	p->path[p->depth++] = name;
	if (p->depth == 1 && !p->vg->name[0])
		snprintf(p->vg->name, sizeof(p->vg->name), "%s", name);
	if (is_in(p, 3, "physical_volumes"))
		return add_pv(p->vg, name, err);
	if (is_in(p, 3, "logical_volumes"))
		return add_lv(p->vg, name, err);
	if (is_in(p, 4, "logical_volumes") && strncmp(name, "segment", 7) == 0)
		return add_segment(p->vg, err);
	return 0;
}

/* A number that is none stays 0, which fits nothing later. */
static void take_number(const char *text, uint64_t *out)
{
	if (parse_u64(text, UINT32_MAX, out, NULL) < 0)
		*out = 0;
}

static void take_id(struct lvm_pv *pv, const char *text)
{
	size_t n = 0;

	for (; *text && n + 1 < sizeof(pv->id); text++)
		if (*text != '-')
			pv->id[n++] = *text;
	pv->id[n] = '\0';
}

static void take_segment_value(struct lvm_segment *s, const char *key, unsigned index, const char *text)
{
	if (strcmp(key, "start_extent") == 0)
		take_number(text, &s->first);
	else if (strcmp(key, "extent_count") == 0)
		take_number(text, &s->n);
	else if (strcmp(key, "stripe_count") == 0)
		take_number(text, &s->stripes);
	else if (strcmp(key, "type") == 0)
		snprintf(s->type, sizeof(s->type), "%s", text);
	else if (strcmp(key, "stripes") == 0 && index == 0)
		snprintf(s->pv, sizeof(s->pv), "%s", text);
	else if (strcmp(key, "stripes") == 0 && index == 1)
		take_number(text, &s->pv_extent);
}

static void take_value(struct parser *p, const char *key, unsigned index, const char *text)
{
	struct lvm_vg *vg = p->vg;

	if (p->depth == 1 && strcmp(key, "extent_size") == 0) {
		take_number(text, &vg->extent_sectors);
	} else if (is_in(p, 3, "physical_volumes")) {
		struct lvm_pv *pv = &vg->pvs[vg->n_pvs - 1];

		if (strcmp(key, "id") == 0)
			take_id(pv, text);
		else if (strcmp(key, "pe_start") == 0)
			take_number(text, &pv->first_sector);
		else if (strcmp(key, "pe_count") == 0)
			take_number(text, &pv->extents);
	} else if (is_in(p, 3, "logical_volumes") && strcmp(key, "status") == 0) {
		last_lv(vg)->visible |= strcmp(text, "VISIBLE") == 0;
	} else if (is_in(p, 4, "logical_volumes") && strncmp(p->path[3], "segment", 7) == 0) {
		take_segment_value(&last_lv(vg)->segments[last_lv(vg)->n_segments - 1], key, index, text);
	}
}

/* Behind '='.  *next is what follows the value. */
static int take_values(struct parser *p, const char *key, char *next, struct error *err)
{
	char *word;

	skip_blank(p);
	if (*p->at != '[') {
		word = take_word(p, next);
		take_value(p, key, 0, word);
		return 0;
	}
	p->at++;
	for (unsigned i = 0;; i++) {
		skip_blank(p);
		if (*p->at == ']') {
			p->at++;
			*next = ' ';
			return 0;
		}
		if (!*p->at || strchr("={}[", *p->at))
			return error_set(err, ERR_CORRUPT, "LVM: the list %.40s has no end", key);
		word = take_word(p, next);
		take_value(p, key, i, word);
		if (*next == ']') {
			*next = ' ';
			return 0;
		}
	}
}

static int by_first(const void *a, const void *b)
{
	const struct lvm_segment *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int parse(struct parser *p, struct error *err)
{
	char next = ' ';

	for (;;) {
		char *word;

		if (next != '}' && next != '#')
			skip_blank(p);
		if (next == '}' || (next != '#' && *p->at == '}')) {
			p->at += next != '}';
			next = ' ';
			if (p->depth == 0)
				return error_set(err, ERR_CORRUPT, "LVM: a section ends that never began");
			p->depth--;
			continue;
		}
		if (next == '#') {
			p->at += strcspn(p->at, "\n");
			next = ' ';
			continue;
		}
		if (!*p->at)
			return p->depth == 0 ? 0 : error_set(err, ERR_CORRUPT, "LVM: the text ends within a section");
		word = take_word(p, &next);
		if (!*word)
			return error_set(err, ERR_CORRUPT, "LVM: '%c' where a name belongs", next);
		if (next != '=' && next != '{') {
			skip_blank(p);
			next = *p->at;
			p->at += next != '\0';
		}
		if (next == '=') {
			if (take_values(p, word, &next, err) < 0)
				return -1;
		} else if (next == '{') {
			next = ' ';
			if (enter(p, word, err) < 0)
				return -1;
		} else {
			return error_set(err, ERR_CORRUPT, "LVM: neither a value nor a section: %.40s", word);
		}
	}
}

int lvm_parse(char *text, struct lvm_vg *out, struct error *err)
{
	struct parser p = { .at = text, .vg = out };

	*out = (struct lvm_vg){ 0 };
	if (parse(&p, err) < 0) {
		lvm_vg_fini(out);
		return -1;
	}
	for (size_t i = 0; i < out->n_lvs; i++)
		if (out->lvs[i].n_segments > 1)
			qsort(out->lvs[i].segments, out->lvs[i].n_segments, sizeof(*out->lvs[i].segments), by_first);
	return 0;
}

void lvm_vg_fini(struct lvm_vg *vg)
{
	for (size_t i = 0; i < vg->n_lvs; i++)
		free(vg->lvs[i].segments);
	free(vg->lvs);
	free(vg->pvs);
	*vg = (struct lvm_vg){ 0 };
}
