/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of targets there are.  A directory comes last: a path has no scheme to be known by. */
#include <config.h>

#include "target/ops.h"

const struct target_ops *const target_registry[] = {
	&target_null_ops,
	&target_azure_ops,
	&target_dir_ops,
	NULL,
};
