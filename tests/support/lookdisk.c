/* SPDX-License-Identifier: Apache-2.0 */
/* lookdisk IMAGE [READ_MAX]: what look_at_disk() finds, a line each, then the facts.  For scripts. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "guest/look.h"

static void print_by(const struct look *l, const char *name, const char *value, size_t by)
{
	printf("fact %s=%s by=%s\n", name, value, by == LOOK_NOTHING ? "nothing" : finding_kind_name(l->v[by].kind));
}

int main(int argc, char **argv)
{
	static const char *const firmware[] = { "unknown", "bios", "efi", "both" },
				 *const arch[] = { "unknown", "x64", "x86", "arm64" },
				 *const drivers[] = { "unknown", "none", "some", "all" },
				 *const yes[] = { "no", "yes" };
	CLEANUP(cleanup_disk) struct disk *d = NULL;
	CLEANUP(cleanup_look) struct look l = { 0 };
	struct look_options opt = { 0 };
	struct error e = ERROR_INIT;

	if (argc > 2 && parse_size(argv[2], &opt.read_max, &e) < 0)
		return 2;
	d = argc > 1 ? disk_open_path(argv[1], NULL, &e) : NULL;
	if (!d || look_at_disk(d, &opt, &l, &e) < 0) {
		fprintf(stderr, "lookdisk: %s\n", e.msg);
		return 1;
	}
	for (size_t i = 0; i < l.n; i++)
		printf("%s | %s | %s | %" PRIu64 "\n", finding_kind_name(l.v[i].kind), l.v[i].value, l.v[i].where,
		       l.v[i].off);
	print_by(&l, "firmware", firmware[l.facts.firmware], l.facts.firmware_by);
	print_by(&l, "arch", arch[l.facts.arch], l.facts.arch_by);
	print_by(&l, "os", l.facts.os_text ? l.facts.os_text : "", l.facts.os_by);
	printf("fact id=%s version=%s\n", l.facts.os_id, l.facts.os_version);
	print_by(&l, "drivers", drivers[l.facts.drivers], l.facts.drivers_by);
	print_by(&l, "encrypted", yes[l.facts.encrypted], l.facts.encrypted_by);
	print_by(&l, "dirty", yes[l.facts.dirty], l.facts.dirty_by);
	print_by(&l, "hibernated", yes[l.facts.hibernated], l.facts.hibernated_by);
	print_by(&l, "pending", yes[l.facts.pending], l.facts.pending_by);
	print_by(&l, "fstab", yes[l.facts.fstab_devices], l.facts.fstab_by);
	print_by(&l, "dynamic", yes[l.facts.dynamic_disk], l.facts.dynamic_by);
	printf("fact used=%" PRIu64 " whole=%s complete=%s\n", l.facts.used, yes[l.facts.used_whole], yes[l.complete]);
	return 0;
}
