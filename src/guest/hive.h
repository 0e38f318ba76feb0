/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a key in a registry hive, by libhivex.  The hive's own logs are not replayed. */
#ifndef LIFTFS_GUEST_HIVE_H
#define LIFTFS_GUEST_HIVE_H

#include "guest/tree.h"

#define HIVE_MAX (UINT64_C(256) << 20) /* bytes: it is held in memory while it is read */
#define HIVE_TEXT_LEN 128

struct hive_value {
	const char *name;
	char text[HIVE_TEXT_LEN]; /* "" if it is not there; a number in decimal */
};

/*
 * Fills the values of the key that `keys` (NULL at its end) lead to from the root.  1, 0: there is no such key, -1.
 * ERR_UNSUPPORTED: larger than HIVE_MAX, or built without libhivex.
 */
int hive_read(struct tree *t, const struct tree_node *n, const char *const *keys, struct hive_value *values, size_t n_values,
	      struct error *err) MUST_CHECK;

#endif
