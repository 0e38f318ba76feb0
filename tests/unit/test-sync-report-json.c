/* SPDX-License-Identifier: Apache-2.0 */
/* The document of a round: each kind of outcome to the byte, and no disk's members those of the disk before it. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "inventory/vm.h"
#include "sync_report.h"

#define SECOND UINT64_C(1000000000)
#define BASE (1700000000 * SECOND)

/* A round made by hand: one disk a VM. */
#define MOST 8

struct world {
	struct target *target;
	struct vm models[MOST];
	struct sync_vm vms[MOST];
	struct run_vm runs[MOST];
	struct cycle_disk disks[MOST];
	struct sync_broken broken;
	struct sync_set set;
	struct sync_outcome outcome;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->target = target_open("null:", &(struct target_config){ 0 }, NULL);
	assert_non_null(w->target);
	w->set = (struct sync_set){ .vms = w->vms, .runs = w->runs, .broken = &w->broken };
	w->outcome = (struct sync_outcome){
		.set = &w->set, .target = w->target, .started_ns = BASE, .finished_ns = BASE + 2 * SECOND
	};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	target_close(w->target);
	free(w);
	return 0;
}

static struct cycle_disk *add(struct world *w, const char *name, const char *vm, const char *source)
{
	size_t i = w->set.n++;

	w->models[i].label = (char *)vm;
	w->vms[i] = (struct sync_vm){ .vm = &w->models[i] };
	memset(&w->disks[i], 0, sizeof(w->disks[i]));
	memset(&w->runs[i], 0, sizeof(w->runs[i]));
	w->runs[i].cycle.disks = &w->disks[i];
	w->runs[i].cycle.n = 1;
	w->disks[i].name = name;
	w->disks[i].source_path = source;
	w->disks[i].result = CYCLE_SKIPPED;
	w->disks[i].kind = CYCLE_DELTA;
	w->disks[i].cycle = 7;
	w->disks[i].virtual_size = 1048576;
	w->disks[i].requests.others = 1;
	return &w->disks[i];
}

/* The text with a quotation mark for each '`'. */
static void assert_document(const struct sync_outcome *o, const char *want)
{
	CLEANUP_FREE char *text = sync_report_json(o, NULL), *quoted = strdup(want);

	assert_true(text && quoted);
	for (char *p = quoted; *p; p++)
		*p = *p == '`' ? '"' : *p;
	assert_string_equal(text, quoted);
}

#define TIMES "`started`:`2023-11-14T22:13:20Z`,`finished`:`2023-11-14T22:13:22Z`,"
#define NO_REQUESTS "`requests`:{`writes`:0,`clears`:0,`reads`:0,`others`:0},"
#define NOTHING_PRUNED "`pruned`:{`points`:0,`snapshots`:0,`failed_vms`:0}}\n"
#define NOTHING_DONE "`bytes_read`:0,`blocks_hashed`:0,`blocks_changed`:0,`bytes_sent`:0,`bytes_cleared`:0,"
#define ONE_REQUEST "`requests`:{`writes`:0,`clears`:0,`reads`:0,`others`:1},`retries`:0,"
#define NOTHING_MADE "`recovery_point`:null,`snapshot`:null,`seconds`:0.0,"

static void add_much(struct world *w)
{
	struct cycle_disk *d = add(w, "b/b.vhd", "b \xff\"\\", "b/b.vmdk");
	struct run_vm *run = &w->runs[w->set.n - 1];

	snprintf(run->cycle.point, sizeof(run->cycle.point), "2023-11-14T22:13:21Z");
	run->pruned.points = 2;
	run->pruned.snapshots = 3;
	snprintf(d->snapshot, sizeof(d->snapshot), "snapshot");
	d->result = CYCLE_OK;
	d->kind = CYCLE_INITIAL;
	d->consistency = CONSISTENCY_PROVEN;
	d->progress.bytes_read = 1;
	d->progress.blocks_hashed = 2;
	d->progress.blocks_changed = 3;
	d->progress.bytes_sent = UINT64_C(5000000000);
	d->progress.bytes_cleared = 5;
	d->requests.writes = 6;
	d->requests.clears = 7;
	d->requests.reads = 8;
	d->requests.others = 9;
	d->retries = 10;
	d->started_ns = BASE;
	d->finished_ns = BASE + SECOND * 5 / 4;
}

static void the_document_has_the_members_of_each_outcome(void **state)
{
	struct world *w = *state;
	struct cycle_disk *d;

	add(w, "a/a.vhd", "a", "./a/a%.vmdk");
	add_much(w);
	d = add(w, "c/c.vhd", "c", "c/c.vmdk");
	snprintf(w->runs[2].cycle.point, sizeof(w->runs[2].cycle.point), "of another disk");
	d->result = CYCLE_PARKED;
	d->cycle = 0;
	error_set(&d->err, ERR_BUSY, "held by '\xff'\n");
	w->set.n_broken = 1;
	w->broken = (struct sync_broken){ .vm = &w->vms[0], .image = "a/gone.vmdk", .name = (char *)"a/gone.vhd" };
	error_set(&w->broken.err, ERR_USAGE, "two disks of one name");
	assert_document(&w->outcome,
			"{`schema`:1,`result`:`incomplete`," TIMES "`disks`:["
			/* one that was skipped */
			"{`name`:`a/a.vhd`,`vm`:`a`,`source`:`./a/a%25.vmdk`,`result`:`skipped`,`cycle`:7,`kind`:`delta`,"
			"`consistency`:`unproven`,`virtual_size`:1048576," NOTHING_DONE ONE_REQUEST NOTHING_MADE
			"`error`:null},"
			/* one of which there is much to tell */
			"{`name`:`b/b.vhd`,`vm`:`b %FF\\`%5C`,`source`:`b/b.vmdk`,`result`:`ok`,`cycle`:7,`kind`:`initial`,"
			"`consistency`:`proven`,`virtual_size`:1048576,"
			"`bytes_read`:1,`blocks_hashed`:2,`blocks_changed`:3,`bytes_sent`:5000000000,`bytes_cleared`:5,"
			"`requests`:{`writes`:6,`clears`:7,`reads`:8,`others`:9},`retries`:10,"
			"`recovery_point`:`2023-11-14T22:13:21Z`,`snapshot`:`snapshot`,`seconds`:1.25,`error`:null},"
			/* one that failed */
			"{`name`:`c/c.vhd`,`vm`:`c`,`source`:`c/c.vmdk`,`result`:`parked`,`cycle`:0,`kind`:`delta`,"
			"`consistency`:`unproven`,`virtual_size`:1048576," NOTHING_DONE ONE_REQUEST NOTHING_MADE
			"`error`:{`code`:`busy`,`status`:75,`message`:`held by '\\\\xFF'\\\\x0A`}},"
			/* one that was never begun */
			"{`name`:`a/gone.vhd`,`vm`:`a`,`source`:`a/gone.vmdk`,`result`:`failed`,`cycle`:0,`kind`:`initial`,"
			"`consistency`:`unproven`,`virtual_size`:0," NOTHING_DONE NO_REQUESTS "`retries`:0," NOTHING_MADE
			"`error`:{`code`:`usage`,`status`:65,`message`:`two disks of one name`}}"
			"]," NO_REQUESTS "`pruned`:{`points`:2,`snapshots`:3,`failed_vms`:0}}\n");
}

static void a_dry_runs_document_has_what_would_be_done(void **state)
{
	struct world *w = *state;
	struct cycle_disk *d = add(w, "a/a.vhd", "a", "a/a.vmdk");

	w->outcome.dry_run = true;
	d->data_bytes = 4096;
	d = add(w, "b/b.vhd", "b", "b/b.vmdk");
	d->kind = CYCLE_INITIAL;
	error_set(&d->err, ERR_CORRUPT, "no disk");
	assert_document(&w->outcome,
			"{`schema`:1,`result`:`incomplete`," TIMES "`disks`:["
			"{`name`:`a/a.vhd`,`vm`:`a`,`source`:`a/a.vmdk`,`result`:`planned`,`kind`:`delta`,"
			"`virtual_size`:1048576,`data_bytes`:4096,`error`:null},"
			"{`name`:`b/b.vhd`,`vm`:`b`,`source`:`b/b.vmdk`,`result`:`failed`,`kind`:`initial`,"
			"`virtual_size`:1048576,`data_bytes`:0,"
			"`error`:{`code`:`corrupt`,`status`:65,`message`:`no disk`}}"
			"]," NO_REQUESTS NOTHING_PRUNED);
}

static void a_round_without_disks_has_none(void **state)
{
	struct world *w = *state;

	assert_document(&w->outcome, "{`schema`:1,`result`:`ok`," TIMES "`disks`:[]," NO_REQUESTS NOTHING_PRUNED);
}

/* Each differs from variant 0 in one thing that its document tells. */
#define VARIANTS 23

static void add_variant(struct world *w, int variant)
{
	struct cycle_disk *d = add(w, variant == 1 ? "other.vhd" : "a.vhd", variant == 2 ? "other" : "a",
				   variant == 3 ? "other" : "a");
	struct pass_progress *p = &d->progress;
	struct run_vm *run = &w->runs[w->set.n - 1];

	d->result = variant == 4 ? CYCLE_OK : CYCLE_SKIPPED;
	d->cycle = variant == 5 ? 8 : 7;
	d->kind = variant == 6 ? CYCLE_INITIAL : CYCLE_DELTA;
	d->consistency = variant == 7 ? CONSISTENCY_PROVEN : CONSISTENCY_UNPROVEN;
	d->virtual_size += variant == 8;
	p->bytes_read = variant == 9;
	p->blocks_hashed = variant == 10;
	p->blocks_changed = variant == 11;
	p->bytes_sent = variant == 12;
	p->bytes_cleared = variant == 13;
	d->requests.writes = variant == 14;
	d->requests.clears = variant == 15;
	d->requests.reads = variant == 16;
	d->requests.others = variant == 17;
	d->retries = variant == 18;
	d->finished_ns = variant == 19 ? 1000000 : 999999;
	if (variant == 20)
		snprintf(run->cycle.point, sizeof(run->cycle.point), "point");
	if (variant == 21)
		snprintf(d->snapshot, sizeof(d->snapshot), "snapshot");
	if (variant == 22)
		error_set(&d->err, ERR_CORRUPT, "no disk");
}

/* The text between "disks":[ and ] of a round over these. */
static char *disks_of(struct world *w, const int *variants, size_t n)
{
	CLEANUP_FREE char *text = NULL;
	const char *begin, *end;
	char *disks;

	w->set.n = 0;
	for (size_t i = 0; i < n; i++)
		add_variant(w, variants[i]);
	text = sync_report_json(&w->outcome, NULL);
	assert_non_null(text);
	begin = strstr(text, "\"disks\":[") + strlen("\"disks\":[");
	end = strstr(begin, "],\"requests\"");
	assert_non_null(end);
	disks = strndup(begin, (size_t)(end - begin));
	assert_non_null(disks);
	return disks;
}

static void a_disk_among_others_is_told_as_it_is_alone(void **state)
{
	struct world *w = *state;
	char *alone[VARIANTS];

	for (int a = 0; a < VARIANTS; a++) {
		alone[a] = disks_of(w, &a, 1);
		for (int b = 0; b < a; b++)
			assert_string_not_equal(alone[a], alone[b]);
	}
	for (int a = 0; a < VARIANTS; a++) {
		for (int b = 0; b < VARIANTS; b++) {
			CLEANUP_FREE char *together = disks_of(w, (int[]){ a, b, b, 0, a }, 5);
			char want[4096];

			snprintf(want, sizeof(want), "%s,%s,%s,%s,%s", alone[a], alone[b], alone[b], alone[0],
				 alone[a]);
			assert_string_equal(together, want);
		}
	}
	for (int a = 0; a < VARIANTS; a++)
		free(alone[a]);
}

static void what_is_not_utf_8_is_no_document(void **state)
{
	struct world *w = *state;
	struct error e = ERROR_INIT;

	add(w, "a\xff.vhd", "a", "a.vmdk");
	assert_null(sync_report_json(&w->outcome, &e));
	assert_error(&e, ERR_NOMEM, "no memory for a JSON document");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_document_has_the_members_of_each_outcome, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dry_runs_document_has_what_would_be_done, setup, teardown),
		cmocka_unit_test_setup_teardown(a_round_without_disks_has_none, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_among_others_is_told_as_it_is_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_utf_8_is_no_document, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
