/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile bytes as a configuration of some kind: VMs within the limits, or an error; and the same again. */
#ifndef LIFTFS_TESTS_FUZZ_CONFIG_H
#define LIFTFS_TESTS_FUZZ_CONFIG_H

#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "fuzz.h"
#include "inventory/machine.h"
#include "inventory/vm_config.h"

/* What parse() took for VMs are machines in the same order, with no more disks than a VM may have and names in UTF-8. */
static inline void fuzz_describe(const struct vm_config_format *format, const char *data, size_t len,
				 const struct vm_config_list *v)
{
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct error e = ERROR_INIT;

	if (format->describe(data, len, &l, &e) < 0) {
		FUZZ_MUST(e.code == ERR_CORRUPT || e.code == ERR_UNSUPPORTED);
		return;
	}
	FUZZ_MUST(e.code == ERR_NONE && l.n == v->n);
	for (size_t i = 0; i < l.n; i++) {
		FUZZ_MUST(l.v[i].n_disks == v->v[i].n_disks && l.v[i].n_disks <= VM_CONFIG_DISKS_MAX);
		FUZZ_MUST(strlen(l.v[i].name) <= MACHINE_TEXT_MAX && utf8_valid(l.v[i].name, strlen(l.v[i].name)));
		FUZZ_MUST((*l.v[i].name != '\0') == (v->v[i].label != NULL && v->v[i].label[0] != '\0'));
	}
}

/* data ends with a NUL that len does not count. */
static inline void fuzz_config(const struct vm_config_format *format, const char *data, size_t len)
{
	CLEANUP(cleanup_vm_config_list) struct vm_config_list v = { 0 };
	struct error e = ERROR_INIT;

	if (format->parse(data, len, &v, &e) < 0) {
		FUZZ_MUST(e.code == ERR_CORRUPT || e.code == ERR_UNSUPPORTED);
		return;
	}
	FUZZ_MUST(e.code == ERR_NONE && v.n <= VM_CONFIG_VMS_MAX);
	for (size_t i = 0; i < v.n; i++) {
		FUZZ_MUST(v.v[i].n_disks <= VM_CONFIG_DISKS_MAX && (!v.v[i].label || v.v[i].label[0] != '\0'));
		for (size_t k = 0; k < v.v[i].n_disks; k++)
			FUZZ_MUST(v.v[i].disks[k][0] != '\0' && strlen(v.v[i].disks[k]) < 3 * len + 24);
	}
	fuzz_describe(format, data, len, &v);
}

static inline void fuzz_config_copy(const struct vm_config_format *format, const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	FUZZ_MUST(text);
	memcpy(text, data, len);
	text[len] = '\0';
	fuzz_config(format, text, len);
	free(text);
}

#endif
