/* SPDX-License-Identifier: Apache-2.0 */
/* Archives written byte by byte, opened as a user opens them. */
#include "unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"
#include "disk/ova.h"
#include "support/ova_fixture.h"

static uint64_t random_next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *state >> 33;
}

/* Header and content with the name and size told in one of the ways that there are. */
static void add_somehow(struct ova_writer *w, const char *name, const void *buf, size_t len, unsigned way)
{
	char pax[4096] = "", record[2048];
	size_t h;

	bool elsewhere = way & 3 || strlen(name) > 100;

	if (way & 1) {
		snprintf(record, sizeof(record), "path=%s", name);
		ova_writer_pax_record(pax, sizeof(pax), record);
	} else if (strlen(name) > 100 || way & 2) {
		ova_writer_extra(w, 'L', name);
	}
	if (way & 4) {
		snprintf(record, sizeof(record), "size=%zu", len);
		ova_writer_pax_record(pax, sizeof(pax), record);
	}
	if (*pax)
		ova_writer_extra(w, 'x', pax);
	h = ova_writer_header(w, elsewhere ? "another-name" : name, way & 4 ? 0 : len, way & 16 ? '\0' : '0');
	if (way & 8 && !(way & 4))
		ova_writer_base256(w, h, 0x80, len);
	ova_writer_content(w, buf, len);
}

static void a_disk_is_read_wherever_it_lies_in_the_archive(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	CLEANUP_FREE uint8_t *junk = malloc(70000);
	char ovf[OVA_W_OVF_MAX], name[400], chain[420];
	uint64_t random = 20;

	for (unsigned round = 0; round < 120; round++) {
		struct ova_writer w = { 0 };
		struct vmdk_writer v;
		unsigned first = random_next(&random) % 4, order = random_next(&random) % 3;

		pattern_fill(junk, 70000, 0, round);
		ova_make_vmdk(&v, random_next(&random) % 16, round, want);
		memset(name, 'a' + (int)(round % 26), sizeof(name));
		snprintf(name + random_next(&random) % (round % 3 ? 40 : 300), 16, "d.vmdk");
		ova_writer_ovf_one(ovf, name, SIZE);
		if (order == 0)
			add_somehow(&w, "x.ovf", ovf, strlen(ovf), random_next(&random) % 32);
		for (unsigned i = 0; i < first; i++) {
			char other[32];

			snprintf(other, sizeof(other), "other%u.bin", i);
			add_somehow(&w, other, junk, random_next(&random) % 70000, random_next(&random) % 32);
		}
		if (order == 1)
			add_somehow(&w, "X.OVF", ovf, strlen(ovf), random_next(&random) % 32);
		add_somehow(&w, name, v.bytes, v.len, random_next(&random) % 32);
		if (order == 2)
			add_somehow(&w, "./x.ovf", ovf, strlen(ovf), 0);
		if (round % 2)
			ova_writer_end(&w);
		ova_writer_save(&w, s, "a.ova");
		snprintf(chain, sizeof(chain), "a.ova/%s", name);
		assert_ova_reads(s, "a.ova", chain, want);
		assert_ova_reads(s, chain, chain, want);
		ova_writer_fini(&w);
		vmdk_writer_fini(&v);
	}
}

static void several_disks_are_named_and_an_empty_one_is_zeros(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want1 = malloc(SIZE), *want2 = malloc(SIZE), *zeros = calloc(1, SIZE);
	CLEANUP(cleanup_extent_list) struct extent_list list = { 0 };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	struct vmdk_writer v1, v2;
	struct ova_writer w = { 0 };
	char ovf[OVA_W_OVF_MAX], path[256];

	ova_make_vmdk(&v1, 5, 1, want1);
	ova_make_vmdk(&v2, 10, 2, want2);
	ova_writer_ovf(ovf, "<File ovf:id=\"1\" ovf:href=\"one.vmdk\"/><File ovf:id=\"2\" ovf:href=\"sub/two%20b.vmdk\"/>",
		       "<Disk ovf:diskId=\"a\" ovf:fileRef=\"2\" ovf:capacity=\"512\" ovf:capacityAllocationUnits=\"byte * 2^9\"/>"
		       "<Disk ovf:diskId=\"void\" ovf:capacity=\"256\" ovf:capacityAllocationUnits=\"byte * 2^10\"/>"
		       "<Disk ovf:diskId=\"b\" ovf:fileRef=\"1\" ovf:capacity=\"262144\"/>"
		       "<Disk ovf:diskId=\"again\" ovf:fileRef=\"1\" ovf:capacity=\"262144\"/>", "");
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_header(&w, "sub/", 0, '5');
	ova_writer_add(&w, "one.vmdk", v1.bytes, v1.len);
	ova_writer_add(&w, "sub/two b.vmdk", v2.bytes, v2.len);
	assert_int_equal(mkdirat(s->fd, "f.ova", 0700), 0); /* a folder of such a name is a folder */
	ova_writer_save(&w, s, "f.ova/A.OVA");
	assert_ova_reads(s, "f.ova/A.OVA/one.vmdk", "f.ova/A.OVA/one.vmdk", want1);
	assert_ova_reads(s, "f.ova/A.OVA/sub/two b.vmdk", "f.ova/A.OVA/sub/two b.vmdk", want2);
	assert_ova_reads(s, "f.ova/A.OVA/void", "f.ova/A.OVA/void", zeros);
	assert_disk_refused(s, "f.ova/A.OVA", ERR_USAGE,
			    "f.ova/A.OVA: has 3 disks (sub/two b.vmdk, void, one.vmdk): name one, as in "
			    "f.ova/A.OVA/sub/two b.vmdk");
	assert_disk_refused(s, "f.ova/A.OVA/x.ovf", ERR_USAGE,
			    "f.ova/A.OVA: has no disk 'x.ovf', but sub/two b.vmdk, void, one.vmdk");
	scratch_write(s, "f.ova/plain.raw", want1, SIZE);
	assert_ova_reads(s, "f.ova/plain.raw", "f.ova/plain.raw", want1);

	d = disk_open_in(s, "f.ova/A.OVA/void", NULL);
	assert_string_equal(disk_chain_info(d, 0)->format, "empty");
	assert_int_equal(disk_extents(d, SIZE, 0, true, &list, NULL), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.v[0].kind, EXTENT_ZERO);
	assert_int_equal(disk_allocated(d), 0);
	disk_close(steal_ptr(&d));
	snprintf(path, sizeof(path), "%s/f.ova/A.OVA/one.vmdk", s->path);
	assert_int_equal(disk_file_len(path), strlen(path) - strlen("/one.vmdk"));
	d = disk_open_path(path, NULL, NULL);
	assert_non_null(d);
	assert_string_equal(disk_chain_info(d, 0)->path, "A.OVA/one.vmdk");
	assert_true(disk_file_count(d) == 1 && disk_file(d, 0)->size == v1.len);
	ova_writer_fini(&w);
	vmdk_writer_fini(&v1);
	vmdk_writer_fini(&v2);
}

static void other_formats_are_read_by_the_members_suffix(void **state)
{
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	struct ova_writer w = { 0 };
	char ovf[OVA_W_OVF_MAX];

	pattern_fill(want, SIZE, 0, 3);
	ova_writer_ovf_one(ovf, "d.raw", SIZE);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_add(&w, "d.raw", want, SIZE);
	ova_writer_save(&w, s, "a.ova");
	assert_ova_reads(s, "a.ova", "a.ova/d.raw", want);
	ova_writer_fini(&w);
	ova_writer_ovf_one(ovf, "disk", SIZE);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_add(&w, "disk", want, SIZE);
	ova_writer_save(&w, s, "a.ova");
	assert_disk_refused(s, "a.ova", ERR_UNSUPPORTED, "a.ova/disk: no disk format has this suffix");
	ova_writer_fini(&w);
}

static uint64_t bytes_read_so_far(void)
{
	CLEANUP_FREE char *text = NULL;
	size_t len = 0;
	int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t n = 0;
	char *at;

	text = io_read_file(fd, "io", 4096, &len, NULL);
	close(fd);
	at = text ? strstr(text, "rchar: ") : NULL;
	if (!at)
		return 0; /* a kernel that does not count */
	at[7 + strcspn(at + 7, "\n")] = '\0';
	assert_int_equal(parse_u64(at + 7, UINT64_MAX, &n, NULL), 0);
	return n;
}

/* 200 GiB of members: their headers and the descriptor are read, not what lies between. */
static void opening_reads_headers_and_not_the_archive(void **state)
{
	const struct scratch_dir *s = *state;
	const uint64_t size = UINT64_C(100) << 30;
	struct ova_writer w = { 0 };
	struct error e = ERROR_INIT;
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	char ovf[OVA_W_OVF_MAX], pax[128] = "", record[64];
	uint64_t before, after, disk_at;
	uint8_t buf[512], want[512];
	size_t h;

	ova_writer_ovf_one(ovf, "big.raw", size);
	h = ova_writer_header(&w, "other.bin", 0, '0');
	ova_writer_base256(&w, h, 0x80, size);
	ova_writer_save(&w, s, "a.ova");
	ova_writer_fini(&w);
	snprintf(record, sizeof(record), "size=%" PRIu64, size);
	ova_writer_pax_record(pax, sizeof(pax), record);
	ova_writer_extra(&w, 'x', pax);
	ova_writer_header(&w, "big.raw", 0, '0');
	scratch_patch(s, "a.ova", size + 512, w.bytes, w.len);
	disk_at = size + 512 + w.len;
	ova_writer_fini(&w);
	ova_writer_add(&w, "x.ovf", ovf, strlen(ovf));
	ova_writer_end(&w);
	scratch_patch(s, "a.ova", disk_at + size, w.bytes, w.len);
	ova_writer_fini(&w);
	pattern_fill(want, sizeof(want), 5, 5);
	scratch_patch(s, "a.ova", disk_at + size - 512, want, sizeof(want));

	before = bytes_read_so_far();
	d = disk_open_in(s, "a.ova", &e);
	after = bytes_read_so_far();
	if (!d)
		fail_msg("%s", e.msg);
	assert_true(after - before < 256 * 1024);
	assert_true(before == 0 || after > before);
	assert_int_equal(disk_read(d, buf, sizeof(buf), size - 512, NULL), 0);
	assert_memory_equal(buf, want, sizeof(buf));
	scratch_truncate(s, "a.ova", 0);
}

/* What libarchive says decides together with ours; a name in pax that the locale cannot show is no obstacle. */
static void names_are_bytes_whatever_the_locale(void **state)
{
	static const char *const names[] = { "e\xcc\x81.vmdk", "\xc3\xa9.vmdk", "\xff\xfe.vmdk" };
	const struct scratch_dir *s = *state;
	CLEANUP_FREE uint8_t *want = malloc(SIZE);
	char ovf[OVA_W_OVF_MAX], chain[64];
	struct vmdk_writer v;

	ova_make_vmdk(&v, 15, 1, want);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct ova_writer w = { 0 };

		ova_writer_ovf_one(ovf, i < 2 ? names[i] : "%ff%FE.vmdk", SIZE);
		add_somehow(&w, "x.ovf", ovf, strlen(ovf), 1);
		add_somehow(&w, names[i], v.bytes, v.len, 1);
		ova_writer_save(&w, s, "a.ova");
		snprintf(chain, sizeof(chain), "a.ova/%s", names[i]);
		assert_ova_reads(s, "a.ova", chain, want);
		ova_writer_fini(&w);
	}
	vmdk_writer_fini(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_is_read_wherever_it_lies_in_the_archive),
		cmocka_unit_test(several_disks_are_named_and_an_empty_one_is_zeros),
		cmocka_unit_test(other_formats_are_read_by_the_members_suffix),
		cmocka_unit_test(opening_reads_headers_and_not_the_archive),
		cmocka_unit_test(names_are_bytes_whatever_the_locale),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
