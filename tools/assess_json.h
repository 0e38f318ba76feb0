/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the document of liftfs assess that are made in rooms of their own.  NULL: without memory, or err says.
 */
#ifndef LIFTFS_TOOLS_ASSESS_JSON_H
#define LIFTFS_TOOLS_ASSESS_JSON_H

#include <jansson.h>

#include "assess.h"

/* Other text than names: as it is, if it is UTF-8; else made visible. */
json_t *assess_json_text(const char *s);

/* A machine's "move", and that of all. */
json_t *assess_json_vm_move(const struct move_vm *v, struct error *err);
json_t *assess_json_move(const struct assess_report *r, struct error *err);

#endif
