/* SPDX-License-Identifier: Apache-2.0 */
/* liftfs info --manifest: an OVA against its own manifest. */
#ifndef LIFTFS_TOOLS_INFO_MANIFEST_H
#define LIFTFS_TOOLS_INFO_MANIFEST_H

#include "tool.h"

/*
 * Reads every file of the archive `path` that its manifest names, and prints what it found.  ERR_CORRUPT for a digest that
 * is wrong, ERR_MISMATCH if there is no manifest.
 */
int info_manifest(const struct tool *t, const char *path, struct error *err) MUST_CHECK;

#endif
