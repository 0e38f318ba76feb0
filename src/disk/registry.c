/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "disk/format.h"

const struct disk_format_ops *const disk_formats[] = {
	&disk_raw_ops,
	&disk_vmdk_ops,
	&disk_vhdx_ops,
	&disk_vhd_ops,
	NULL,
};
