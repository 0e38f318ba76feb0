/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, and the steps of a plan one after the other. */
#include <config.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "assess/move_private.h"
#include "base/compiler.h"

/* ---- settings ---- */

static const struct {
	size_t at;
	double value, min, max;
	const char *name, *unit; /* unit: of value times scale; NULL for what has no default that anybody need know */
	double scale;
} settings[] = {
#define SETTING(field, ...)                                       \
	{                                                         \
		offsetof(struct move_options, field), __VA_ARGS__ \
	}
	SETTING(line_rate, 125e6, 1e3, 1e12, "line rate", " Mbit/s", 8e-6),
	SETTING(account_rate, 3.125e9, 1e6, 1e12, "account rate", " Mbit/s", 8e-6),
	SETTING(disks_at_once, 52, 1, 1e6, "disks at once", "", 1),
	SETTING(churn_share, 0.05, 0, 100, "churn", " % of a disk a day", 100),
	SETTING(churn_bytes, 0, 0, 1e18, "churn", NULL, 1),
	SETTING(change_bytes, 65536, 512, 4194304, "write of a cycle", " KiB", 1 / 1024.0),
	SETTING(cycle_fixed_s, 60, 0, 86400, "fixed time of a cycle", " seconds", 1),
	SETTING(scan_rate, 500e6, 0, 1e12, "search for changes", " MB/s", 1e-6),
	SETTING(wave_max, 50, 1, 1e6, "wave maximum", " machines", 1),
#undef SETTING
};

static const struct move_setting *setting(const struct move_options *o, size_t i)
{
	return (const struct move_setting *)(const void *)((const char *)o + settings[i].at);
}

void move_options_init(struct move_options *o)
{
	*o = (struct move_options){ .way = MOVE_PAGE_BLOB };
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		((struct move_setting *)(void *)((char *)o + settings[i].at))->v = settings[i].value;
}

int move_options_check(const struct move_options *o, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		double v = setting(o, i)->v;

		if (!(v >= settings[i].min && v <= settings[i].max))
			return error_set(err, ERR_USAGE, "%s: %.10g is not between %.10g and %.10g", settings[i].name,
					 v, settings[i].min, settings[i].max);
	}
	return 0;
}

static void say_assumptions(const struct move_options *o, struct machine_notices *out)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		const struct move_setting *s = setting(o, i);

		if (s->given || !settings[i].unit || (o->churn_bytes.given && s == &o->churn_share))
			continue;
		machine_notice(out, "assumed: %s %.10g%s", settings[i].name, s->v * settings[i].scale, settings[i].unit);
	}
}

/* ---- the plan ---- */

static int start(const struct assessment *a, struct move *m, struct error *err)
{
	size_t disks = 0;

	for (size_t i = 0; i < a->n_vms; i++)
		disks += a->vms[i].machine->n_disks;
	m->vms = calloc(a->n_vms + 1, sizeof(*m->vms));
	m->disks = calloc(disks + 1, sizeof(*m->disks));
	if (!m->vms || !m->disks)
		return error_errno(err, ENOMEM, "machines");
	m->n_vms = a->n_vms;
	disks = 0;
	for (size_t i = 0; i < a->n_vms; i++) {
		m->vms[i].vm = &a->vms[i];
		m->vms[i].disks = m->disks + disks;
		disks += a->vms[i].machine->n_disks;
	}
	return 0;
}

static int plan(const struct assessment *a, const struct catalogue *c, const struct move_options *o, struct move *m,
		struct error *err)
{
	CLEANUP(cleanup_wave_units) struct wave_units units = { .n = 0 };

	if (start(a, m, err) < 0 || move_find_shared(m, &units, err) < 0 || move_find_loads(c, o, m, err) < 0 ||
	    move_find_units(o, m, &units, err) < 0 || move_place(o, m, &units, err) < 0)
		return -1;
	move_judge(o, m, units.by_name);
	say_assumptions(o, &m->assumptions);
	return move_find_fixes(m, err);
}

int move_plan(const struct assessment *a, const struct catalogue *c, const struct move_options *o, struct move *out,
	      struct error *err)
{
	*out = (struct move){ .n_vms = 0 };
	if (move_options_check(o, err) < 0)
		return -1;
	if (plan(a, c, o, out, err) < 0) {
		move_fini(out);
		return -1;
	}
	return 0;
}

static void notices_fini(struct machine_notices *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->v[i]);
	free(n->v);
}

void move_fini(struct move *m)
{
	for (size_t i = 0; i < m->n_waves; i++) {
		free(m->waves[i].vms);
		notices_fini(&m->waves[i].reasons);
	}
	free(m->waves);
	free(m->vms);
	free(m->disks);
	free(m->fixes);
	notices_fini(&m->assumptions);
	notices_fini(&m->notices);
	*m = (struct move){ .n_vms = 0 };
}
