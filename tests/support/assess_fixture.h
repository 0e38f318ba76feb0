/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue as it is shipped, machines in a line each, and one machine's assessment. */
#ifndef LIFTFS_TESTS_ASSESS_FIXTURE_H
#define LIFTFS_TESTS_ASSESS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/assessment.h"

static inline void catalogue_path(char out[4096])
{
	const char *srcdir = getenv("srcdir");

	snprintf(out, 4096, "%s/src/assess/catalogue", srcdir ? srcdir : ".");
}

static inline struct catalogue *shipped_catalogue(void)
{
	struct error err = ERROR_INIT;
	struct catalogue *c;
	char path[4096];

	catalogue_path(path);
	c = catalogue_open(path, &err);
	if (!c)
		fail_msg("%s", err.msg);
	return c;
}

static inline struct machine_number num(double v)
{
	return (struct machine_number){ .known = true, .v = v };
}

/* One machine, its options, and what came of it. */
struct subject {
	struct catalogue *c;
	struct machine_list list;
	struct assess_options o;
	struct assessment a;
};

/* Ready for Azure as it is: 2 vCPUs, 8 GiB, Windows Server 2022, BIOS, powered on, one disk of 100 GiB. */
static inline struct machine *subject_init(struct subject *s, struct catalogue *c)
{
	struct machine *m;

	*s = (struct subject){ .c = c };
	assess_options_init(&s->o);
	m = machine_add(&s->list, "web-01", "test", NULL);
	assert_non_null(m);
	m->vcpus = num(2);
	m->memory_mib = num(8192);
	m->firmware = MACHINE_BIOS;
	m->power = MACHINE_ON;
	assert_int_equal(machine_set(&m->os_tools, "Microsoft Windows Server 2022 (64-bit)", NULL), 0);
	assert_non_null(machine_add_disk(m, "Hard disk 1", NULL));
	m->disks[0].capacity_mib = num(102400);
	return m;
}

static inline struct machine_disk *add_disk(struct machine *m, double capacity_mib)
{
	struct machine_disk *d;
	char label[32];

	snprintf(label, sizeof(label), "Hard disk %zu", m->n_disks + 1);
	d = machine_add_disk(m, label, NULL);
	assert_non_null(d);
	d->capacity_mib = num(capacity_mib);
	return d;
}

static inline void set_os(struct machine *m, const char *tools)
{
	assert_int_equal(machine_set(&m->os_tools, tools, NULL), 0);
}

/* Again, if the machine changed. */
static inline const struct assess_vm *assess_subject(struct subject *s)
{
	struct error err = ERROR_INIT;

	assessment_fini(&s->a);
	for (size_t i = 0; i < s->list.n; i++)
		assert_int_equal(machine_order_disks(&s->list.v[i], &err), 0);
	if (assess(&s->list, s->c, &s->o, &s->a, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(s->a.n_vms, s->list.n);
	return s->a.vms;
}

static inline void subject_fini(struct subject *s)
{
	assessment_fini(&s->a);
	machine_list_fini(&s->list);
}

/* "A,B": in their order. */
static inline void assert_codes(const struct assess_codes *codes, const char *want)
{
	char got[1024] = "";
	size_t len = 0;

	for (size_t i = 0; i < codes->n && len < sizeof(got); i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s", i ? "," : "", codes->v[i]);
	assert_string_equal(got, want);
}

static inline int open_shipped_catalogue(void **state)
{
	*state = shipped_catalogue();
	return 0;
}

static inline int close_catalogue(void **state)
{
	catalogue_close(*state);
	return 0;
}

#endif
