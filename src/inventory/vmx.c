/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "inventory/vmx.h"
#include "inventory/vmx_read.h"

#define LEN_MAX ((size_t)1 << 20) /* real ones have a few thousand */

struct parse {
	struct vm_config *vm;
	struct vmx_device devices[VMX_BUSES][VMX_CONTROLLERS][VMX_UNITS];
};

static int set(void *ctx, const char *key, const char *value, struct error *err)
{
	struct parse *p = ctx;
	struct vmx_place at;
	const char *field = vmx_place(key, &at);
	char *label;

	if (field)
		return vmx_device_set(&p->devices[at.bus][at.controller][at.unit], field, value, err);
	if (strcasecmp(key, "displayName") != 0)
		return 0;
	label = strdup(value);
	if (!label)
		return error_errno(err, ENOMEM, "configuration");
	free(p->vm->label);
	p->vm->label = label;
	return 0;
}

static int collect(struct parse *p, struct error *err)
{
	struct vmx_device *d = &p->devices[0][0][0];

	for (size_t i = 0; i < sizeof(p->devices) / sizeof(*d); i++)
		if (vmx_device_is_disk(&d[i]) && vm_config_add_disk(p->vm, d[i].file, err) < 0)
			return -1;
	return 0;
}

static int vmx_parse(const char *text, size_t len, struct vm_config_list *out, struct error *err)
{
	CLEANUP_FREE struct parse *p = calloc(1, sizeof(*p));
	struct vmx_device *d;
	int rc;

	if (!p)
		return error_errno(err, ENOMEM, "configuration");
	p->vm = vm_config_add(out, NULL, err);
	if (!p->vm)
		return -1;
	rc = vmx_each(text, len, set, p, err);
	if (rc == 0)
		rc = collect(p, err);
	d = &p->devices[0][0][0];
	for (size_t i = 0; i < sizeof(p->devices) / sizeof(*d); i++)
		free(d[i].file);
	return rc;
}

const struct vm_config_format vmx_config_format = {
	.suffix = ".vmx",
	.len_max = LEN_MAX,
	.parse = vmx_parse,
	.describe = vmx_describe,
};
