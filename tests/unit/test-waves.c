/* SPDX-License-Identifier: Apache-2.0 */
/* Who goes when. */
#include "unit.h"

#include "assess/move.h"
#include "support/assess_fixture.h"
#include "support/scratch.h"

static struct catalogue *shipped;

struct fleet {
	struct subject s;
	struct wave_groups groups;
	struct move_options o;
	struct move m;
};

/* The machines in `names`, parted by blanks; "!" before one that is not ready. */
static void fleet_init(struct fleet *f, const char *names)
{
	char copy[4096], *next = copy, *name;

	*f = (struct fleet){ .s = { .c = shipped } };
	assess_options_init(&f->s.o);
	move_options_init(&f->o);
	snprintf(copy, sizeof(copy), "%s", names);
	while ((name = strsep(&next, " "))) {
		struct machine *m = machine_add(&f->s.list, name + (*name == '!'), "test", NULL);

		assert_non_null(m);
		m->vcpus = num(2);
		m->memory_mib = num(4096);
		m->firmware = MACHINE_BIOS;
		m->power = MACHINE_ON;
		m->nics = num(*name == '!' ? 33 : 1);
		set_os(m, "Microsoft Windows Server 2022 (64-bit)");
		add_disk(m, 10240);
	}
}

static struct machine *machine_of(struct fleet *f, const char *name)
{
	for (size_t i = 0; i < f->s.list.n; i++)
		if (strcmp(f->s.list.v[i].name, name) == 0)
			return &f->s.list.v[i];
	fail_msg("no machine %s", name);
	return NULL;
}

static void plan(struct fleet *f, const struct scratch_dir *dir, const char *groups)
{
	struct error err = ERROR_INIT;
	char path[128];

	assess_subject(&f->s);
	if (groups) {
		scratch_write(dir, "groups.csv", groups, strlen(groups));
		snprintf(path, sizeof(path), "%s/groups.csv", dir->path);
		wave_groups_fini(&f->groups);
		if (wave_groups_read(path, &f->groups, &err) < 0)
			fail_msg("%s", err.msg);
		f->o.groups = &f->groups;
	}
	move_fini(&f->m);
	if (move_plan(&f->s.a, shipped, &f->o, &f->m, &err) < 0)
		fail_msg("%s", err.msg);
}

static void fleet_fini(struct fleet *f)
{
	move_fini(&f->m);
	wave_groups_fini(&f->groups);
	subject_fini(&f->s);
}

/* "a b|c": machines by name, waves in order. */
static void waves_text(const struct move *m, char *out, size_t len)
{
	size_t at = 0;

	*out = '\0';
	for (size_t w = 0; w < m->n_waves; w++)
		for (size_t i = 0; i < m->waves[w].n_vms && at < len; i++)
			at += (size_t)snprintf(out + at, len - at, "%s%s",
					       i > 0   ? " "
					       : w > 0 ? "|"
						       : "",
					       m->vms[m->waves[w].vms[i]].vm->machine->name);
}

static void assert_waves(const struct fleet *f, const char *want)
{
	char got[4096];

	waves_text(&f->m, got, sizeof(got));
	assert_string_equal(got, want);
}

static void assert_reason(const struct move_wave *w, const char *want)
{
	for (size_t i = 0; i < w->reasons.n; i++)
		if (strcmp(w->reasons.v[i], want) == 0)
			return;
	fail_msg("not among the reasons: %s", want);
}

#define HEADER "VM,Application,Environment,Criticality,Depends on\n"

static void machines_alone_fill_balanced_waves(void **state)
{
	struct fleet f;

	fleet_init(&f, "g c a f b e d");
	plan(&f, *state, NULL);
	assert_waves(&f, "a b c d e f g");
	f.o.wave_max.v = 5;
	plan(&f, *state, NULL);
	assert_waves(&f, "a b c d|e f g");
	assert_true(f.m.waves[1].start_s > 0);
	assert_true(f.m.waves[1].start_s == f.m.waves[0].end_s);
	assert_int_equal(f.m.waves[0].confidence, WAVE_LOW); /* no groups, whole disks */
	fleet_fini(&f);
}

static void what_is_quick_and_simple_goes_first(void **state)
{
	struct fleet f;

	fleet_init(&f, "a b c d");
	f.o.wave_max.v = 1;
	machine_of(&f, "a")->disks[0].capacity_mib = num(1e6);
	machine_of(&f, "b")->firmware = MACHINE_FIRMWARE_UNKNOWN;
	plan(&f, *state, HEADER "c,,,low,\n");
	assert_waves(&f, "c|d|a|b");
	assert_int_equal(f.m.vms[1].complexity, WAVE_MEDIUM);
	assert_true(f.m.vms[3].priority > f.m.vms[0].priority);
	fleet_fini(&f);
}

static void an_application_and_a_ring_go_together(void **state)
{
	struct fleet f;

	fleet_init(&f, "a b c d e f");
	f.o.wave_max.v = 2;
	plan(&f, *state, HEADER "a,X,,,\nf,x,,,\nb,,,,c\nc,,,,d\nd,,,,b\n");
	assert_waves(&f, "a f|b c d|e");
	assert_int_equal(f.m.notices.n, 1);
	assert_string_equal(f.m.notices.v[0], "b, c, d depend on each other and go together");
	assert_int_equal(f.m.waves[0].broken, 0);
	assert_int_equal(f.m.waves[1].broken, 1U << 8);
	assert_reason(&f.m.waves[1], "condition 8: machines that go together are more than a wave is to have");
	fleet_fini(&f);
}

static void what_is_needed_goes_before(void **state)
{
	struct fleet f;

	fleet_init(&f, "a b c d");
	f.o.wave_max.v = 1;
	plan(&f, *state, HEADER "a,,,,b\nb,,,,Database\nc,Database,,,d\n");
	assert_waves(&f, "d|c|b|a");
	f.o.wave_max.v = 4;
	plan(&f, *state, NULL);
	assert_waves(&f, "a b c d");
	fleet_fini(&f);
}

static void development_and_test_go_before_production_and_apart(void **state)
{
	struct fleet f;

	fleet_init(&f, "a b c d");
	plan(&f, *state, HEADER "d,,dev,,\nb,,test,,\n");
	assert_waves(&f, "b d|a c");
	assert_false(f.m.waves[0].production);
	assert_true(f.m.waves[1].production);
	plan(&f, *state, HEADER "d,,dev,,c\n"); /* 3 wins over 4 */
	assert_waves(&f, "c|d|a b");
	assert_int_equal(f.m.waves[0].broken, 1U << 4);
	assert_int_equal(f.m.waves[0].risk, WAVE_HIGH);
	plan(&f, *state, HEADER "d,X,dev,,\nc,X,prod,,\n"); /* 2 wins over 5 */
	assert_waves(&f, "a b c d");
	assert_int_equal(f.m.waves[0].broken, 1U << 5);
	fleet_fini(&f);
}

static void what_is_critical_or_complex_does_not_go_first(void **state)
{
	struct fleet f;

	fleet_init(&f, "a b c d");
	machine_of(&f, "c")->disks[0].shared = true;
	plan(&f, *state, HEADER "a,,,high,\n");
	assert_waves(&f, "b d|a c");
	assert_int_equal(f.m.waves[0].broken | f.m.waves[1].broken, 0);
	assert_int_equal(f.m.waves[1].risk, WAVE_MEDIUM);
	assert_reason(&f.m.waves[1], "1 of 2 machines are of high complexity");
	plan(&f, *state, HEADER "a,,,high,\nb,,,,c\nd,,,,c\n"); /* nothing else can begin */
	assert_waves(&f, "b c d|a");
	assert_int_equal(f.m.waves[0].broken, 1U << 7);
	fleet_fini(&f);
}

static void who_goes_with_or_needs_what_is_not_ready_waits_for_it(void **state)
{
	struct fleet f;

	fleet_init(&f, "a !b c d e !f");
	machine_of(&f, "f")->vcpus.known = false;
	plan(&f, *state, HEADER "a,X,,,\nb,X,,,\nc,,,,a\nd,,,,c\n");
	assert_waves(&f, "e");
	assert_int_equal(f.m.n_not_ready, 2);
	assert_int_equal(f.m.n_held, 3);
	for (size_t i = 0; i < f.m.n_vms; i++) {
		const char *name = f.m.vms[i].vm->machine->name;

		if (strchr("acd", *name))
			assert_string_equal(f.m.vms[i].held_by->machine->name, "b");
		else
			assert_null(f.m.vms[i].held_by);
	}
	assert_int_equal(f.m.n_fixes, 2);
	assert_string_equal(f.m.fixes[0].code, "OneOrMoreAdaptersNotSuitable");
	assert_int_equal(f.m.fixes[0].vms, 2);
	assert_string_equal(f.m.fixes[1].code, "LiftfsSizeUnknown");
	assert_int_equal(f.m.fixes[1].vms, 1);
	fleet_fini(&f);
}

static void a_code_counts_machines_not_disks(void **state)
{
	struct fleet f;

	fleet_init(&f, "a b");
	for (int i = 0; i < 2; i++)
		add_disk(machine_of(&f, "a"), 4e7);
	add_disk(machine_of(&f, "b"), 4e7);
	plan(&f, *state, NULL);
	assert_int_equal(f.m.n_waves, 0);
	assert_int_equal(f.m.n_fixes, 2); /* LiftfsDiskExceedsPageBlob is none of them */
	assert_string_equal(f.m.fixes[0].code, "DiskSizeGreaterThanSupported");
	assert_int_equal(f.m.fixes[0].vms, 2);
	assert_string_equal(f.m.fixes[1].code, "OneOrMoreDisksNotSuitable");
	assert_int_equal(f.m.fixes[1].vms, 2);
	fleet_fini(&f);
}

static void names_that_nothing_has_are_told(void **state)
{
	struct fleet f;

	fleet_init(&f, "a b");
	plan(&f, *state, HEADER "a,,,,ghost\nzombie,,,,\n");
	assert_waves(&f, "a b");
	assert_int_equal(f.m.notices.n, 2);
	assert_string_equal(f.m.notices.v[0],
			    "groups.csv:2: it depends on 'ghost', which is no machine or application");
	assert_string_equal(f.m.notices.v[1], "groups.csv:3: there is no machine 'zombie' to assess");
	fleet_fini(&f);
}

static void no_machine_no_wave(void **state)
{
	struct fleet f = { .s = { .c = shipped } };

	assess_options_init(&f.s.o);
	move_options_init(&f.o);
	plan(&f, *state, NULL);
	assert_int_equal(f.m.n_waves + f.m.n_fixes + f.m.n_vms, 0);
	fleet_fini(&f);
}

/* ---- at random ---- */

#define MACHINES 24

static unsigned seed;

static unsigned pick(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

struct tossed {          /* what the groups' file says of machine i, for the checks */
	int application; /* -1: none */
	bool devtest;
	int needs; /* a machine; -1: none */
};

static void toss(struct tossed *t, char *text, size_t len)
{
	size_t at = (size_t)snprintf(text, len, HEADER);

	for (int i = 0; i < MACHINES; i++) {
		char application[16] = "", needs[16] = "";

		t[i].application = pick(3) ? -1 : (int)pick(5);
		t[i].devtest = pick(4) == 0;
		t[i].needs = pick(3) ? -1 : (int)pick(MACHINES);
		if (t[i].application >= 0)
			snprintf(application, sizeof(application), "app%d", t[i].application);
		if (t[i].needs >= 0)
			snprintf(needs, sizeof(needs), "m%02d", t[i].needs);
		at += (size_t)snprintf(text + at, len - at, "m%02d,%s,%s,%s,%s\n", i, application,
				       t[i].devtest ? "dev" : "prod", pick(4) ? "medium" : "high", needs);
	}
}

static const struct move_vm *vm_of(const struct fleet *f, int i)
{
	char name[16];

	snprintf(name, sizeof(name), "m%02d", i);
	for (size_t k = 0; k < f->m.n_vms; k++)
		if (strcmp(f->m.vms[k].vm->machine->name, name) == 0)
			return &f->m.vms[k];
	fail_msg("no machine %s", name);
	return NULL;
}

static void check_places(const struct fleet *f)
{
	size_t in_waves = 0, outside = 0;

	for (size_t w = 0; w < f->m.n_waves; w++) {
		assert_true(f->m.waves[w].n_vms > 0);
		in_waves += f->m.waves[w].n_vms;
		for (size_t i = 0; i < f->m.waves[w].n_vms; i++)
			assert_int_equal(f->m.vms[f->m.waves[w].vms[i]].wave, w);
	}
	for (size_t i = 0; i < f->m.n_vms; i++) {
		const struct move_vm *v = &f->m.vms[i];
		bool not_ready = v->vm->azure.verdict == VERDICT_NOT_READY;

		outside += v->wave == MOVE_NO_WAVE;
		assert_int_equal(v->wave == MOVE_NO_WAVE, not_ready || v->held_by);
		assert_false(not_ready && v->held_by);
	}
	assert_int_equal(in_waves + outside, MACHINES);
	assert_int_equal(f->m.n_not_ready + f->m.n_held, outside);
}

static void check_conditions(const struct fleet *f, const struct tossed *t)
{
	for (int i = 0; i < MACHINES; i++) {
		const struct move_vm *v = vm_of(f, i);

		for (int k = 0; k < MACHINES; k++) {
			const struct move_vm *other = vm_of(f, k);

			if (t[i].application >= 0 && t[i].application == t[k].application)
				assert_true(v->wave == other->wave);
			if (t[i].needs == k && v->wave != MOVE_NO_WAVE)
				assert_true(other->wave <= v->wave); /* which MOVE_NO_WAVE is not */
			if (v->wave != MOVE_NO_WAVE && v->wave == other->wave && t[i].devtest != t[k].devtest)
				assert_true(f->m.waves[v->wave].broken & 1U << 5);
			if (v->wave != MOVE_NO_WAVE && other->wave != MOVE_NO_WAVE && t[i].devtest && !t[k].devtest &&
			    other->wave < v->wave)
				assert_true((f->m.waves[other->wave].broken | f->m.waves[v->wave].broken) &
					    (1U << 4 | 1U << 5));
		}
	}
	for (size_t w = 0; w < f->m.n_waves; w++)
		if (f->m.waves[w].n_vms > (size_t)f->o.wave_max.v)
			assert_true(f->m.waves[w].broken & 1U << 8);
}

static void toss_machines(struct fleet *f, const bool *ready, const int *order)
{
	char names[MACHINES * 5 + 1], *at = names;

	for (int i = 0; i < MACHINES; i++)
		at += snprintf(at, (size_t)(names + sizeof(names) - at), "%s%sm%02d", i ? " " : "",
			       ready[order[i]] ? "" : "!", order[i]);
	fleet_init(f, names);
	for (int i = 0; i < MACHINES; i++) {
		struct machine *m = &f->s.list.v[i];

		m->disks[0].capacity_mib = num(1000.1 * (order[i] + 1));
		m->disks[0].shared = order[i] % 7 == 3;
	}
	f->o.wave_max.v = 6;
}

static void conditions_hold_and_the_order_read_does_not_matter(void **state)
{
	for (unsigned round = 1; round <= 40; round++) {
		char text[4096], first[1024], again[1024];
		struct tossed t[MACHINES];
		bool ready[MACHINES];
		int order[MACHINES];
		struct fleet f, g;

		seed = round;
		toss(t, text, sizeof(text));
		for (int i = 0; i < MACHINES; i++) {
			ready[i] = pick(12) != 0;
			order[i] = i;
		}
		toss_machines(&f, ready, order);
		plan(&f, *state, text);
		check_places(&f);
		check_conditions(&f, t);

		for (int i = MACHINES - 1; i > 0; i--) {
			int k = (int)pick((unsigned)i + 1), kept = order[i];

			order[i] = order[k];
			order[k] = kept;
		}
		toss_machines(&g, ready, order);
		plan(&g, *state, text);
		waves_text(&f.m, first, sizeof(first));
		waves_text(&g.m, again, sizeof(again));
		assert_string_equal(again, first);
		assert_true(memcmp(&f.m.load, &g.m.load, sizeof(f.m.load)) == 0);
		assert_int_equal(f.m.notices.n, g.m.notices.n);
		for (size_t i = 0; i < f.m.notices.n; i++)
			assert_string_equal(f.m.notices.v[i], g.m.notices.v[i]);
		fleet_fini(&f);
		fleet_fini(&g);
	}
}

static int setup(void **state)
{
	(void)state;
	shipped = shipped_catalogue();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	catalogue_close(shipped);
	return 0;
}

int main(void)
{
#define SCRATCH_TEST(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(machines_alone_fill_balanced_waves),
		SCRATCH_TEST(what_is_quick_and_simple_goes_first),
		SCRATCH_TEST(an_application_and_a_ring_go_together),
		SCRATCH_TEST(what_is_needed_goes_before),
		SCRATCH_TEST(development_and_test_go_before_production_and_apart),
		SCRATCH_TEST(what_is_critical_or_complex_does_not_go_first),
		SCRATCH_TEST(who_goes_with_or_needs_what_is_not_ready_waits_for_it),
		SCRATCH_TEST(a_code_counts_machines_not_disks),
		SCRATCH_TEST(names_that_nothing_has_are_told),
		SCRATCH_TEST(no_machine_no_wave),
		SCRATCH_TEST(conditions_hold_and_the_order_read_does_not_matter),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
