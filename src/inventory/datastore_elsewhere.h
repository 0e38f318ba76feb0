/* SPDX-License-Identifier: Apache-2.0 */
/* Images of a datastore's VMs that lie in other datastores, where nothing is walked. */
#ifndef LIFTFS_INVENTORY_DATASTORE_ELSEWHERE_H
#define LIFTFS_INVENTORY_DATASTORE_ELSEWHERE_H

#include "inventory/datastore.h"

/*
 * Adds to ds->images, which stay in order, the files with an image's suffix that its configurations name by absolute paths
 * that ds->root can translate, and that are not there yet.  What a configuration names and is not there is left to
 * datastore_named() to say, and a configuration that cannot be read to who reads it for its VMs.
 */
int datastore_add_elsewhere(struct datastore *ds, struct error *err) MUST_CHECK;

#endif
