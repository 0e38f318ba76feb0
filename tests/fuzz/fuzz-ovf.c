/* SPDX-License-Identifier: Apache-2.0 */
/* An OVF descriptor of hostile bytes, as it is. */
#include <config.h>

#include <string.h>

#include "disk/backing.h"
#include "disk/ovf.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct error e = ERROR_INIT;
	struct ovf o = { 0 };

	if (ovf_parse((const char *)data, len, &o, &e) < 0) {
		FUZZ_MUST(e.code == ERR_CORRUPT || e.code == ERR_UNSUPPORTED || e.code == ERR_REFUSED);
		FUZZ_MUST(strncmp(e.msg, "OVF: ", 5) == 0);
		return 0;
	}
	FUZZ_MUST(e.code == ERR_NONE && o.n_disks <= OVF_DISKS_MAX && o.n_systems <= OVF_SYSTEMS_MAX);
	for (size_t i = 0; i < o.n_disks; i++) {
		const struct ovf_disk *d = &o.disks[i];

		FUZZ_MUST(*d->id && !strchr(d->id, '/') && strcmp(d->id, "..") != 0);
		FUZZ_MUST(d->err.code != ERR_NONE || (d->capacity >= 512 && d->capacity % 512 == 0));
		FUZZ_MUST(d->err.code != ERR_NONE || !d->href || backing_name_stays(d->href));
		for (size_t k = 0; k < i; k++)
			FUZZ_MUST(strcmp(o.disks[k].id, d->id) != 0);
	}
	for (size_t i = 0; i < o.n_systems; i++)
		for (size_t k = 0; k < o.systems[i].n_disks; k++)
			FUZZ_MUST(o.systems[i].disks[k] < o.n_disks);
	ovf_fini(&o);
	return 0;
}
