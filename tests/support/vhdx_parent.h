/* SPDX-License-Identifier: Apache-2.0 */
/* A VHDX child's parent, named as Hyper-V does. */
#ifndef LIFTFS_TESTS_VHDX_PARENT_H
#define LIFTFS_TESTS_VHDX_PARENT_H

#include "support/vhdx_writer.h"

/* The paths are ASCII; NULL: the key is not there. */
void vhdx_image_name_parent(struct vhdx_image *img, const char *linkage, const char *relative, const char *volume,
			    const char *absolute);

#endif
