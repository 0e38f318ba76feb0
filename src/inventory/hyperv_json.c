/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "inventory/hyperv_json.h"
#include "inventory/hyperv_json_read.h"

#define LEN_MAX ((size_t)64 << 20) /* a VM at -Depth 4 is some 100 KiB, in UTF-16 twice that */

static int add_vm(void *ctx, const struct hyperv_json_vm *from, struct error *err)
{
	struct vm_config *vm = vm_config_add(ctx, from->name, err);

	if (!vm)
		return -1;
	for (size_t i = 0; i < from->n_drives; i++)
		if (vm_config_add_disk(vm, from->drives[i].path, err) < 0)
			return -1;
	return 0;
}

static int hyperv_json_parse(const char *raw, size_t len, struct vm_config_list *out, struct error *err)
{
	return hyperv_json_each(raw, len, add_vm, out, err);
}

const struct vm_config_format hyperv_json_format = {
	.suffix = ".json",
	.len_max = LEN_MAX,
	.hyperv = true,
	.many = true,
	.exported = true,
	.parse = hyperv_json_parse,
	.describe = hyperv_json_describe,
};
