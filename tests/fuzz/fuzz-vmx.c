/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration of hostile bytes, as it is. */
#include <config.h>

#include <string.h>

#include "base/cleanup.h"
#include "fuzz_config.h"
#include "inventory/vmx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	if (vmx_config_format.parse((const char *)data, len, &v, &e) < 0) {
		FUZZ_MUST(e.code == ERR_CORRUPT || e.code == ERR_UNSUPPORTED);
		return 0;
	}
	FUZZ_MUST(e.code == ERR_NONE && v.v[0].n_disks <= VM_CONFIG_DISKS_MAX);
	for (size_t i = 0; i < v.v[0].n_disks; i++)
		FUZZ_MUST(v.v[0].disks[i][0] != '\0' && strlen(v.v[0].disks[i]) < len);
	fuzz_describe(&vmx_config_format, (const char *)data, len, &v);
	return 0;
}
