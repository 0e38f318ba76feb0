/* SPDX-License-Identifier: Apache-2.0 */
/* Where machines are: the names of folders, datacenters, clusters and hosts, by the ids that a vCenter gives them. */
#ifndef LIFTFS_INVENTORY_VSPHERE_PLACES_H
#define LIFTFS_INVENTORY_VSPHERE_PLACES_H

#include "inventory/text_index.h"
#include "inventory/vsphere_pages.h"

#define VSPHERE_PLACES_MAX 1000000

/* All zeros is empty. */
struct vsphere_places {
	struct vsphere_place {
		char *name, *parent, *type;
	} * v;
	size_t n, cap;
	struct text_index ids;
};

/* What may not be seen is not there, and the machines in it lack its name. */
int vsphere_places_read(struct vsphere_session *s, struct vsphere_places *out, struct machine_notices *notices,
			struct error *err) MUST_CHECK;
/* One more, as RetrievePropertiesEx has it.  vsphere_places_sort() after the last. */
int vsphere_places_add(struct vsphere_places *p, const struct xml_element *object, struct error *err) MUST_CHECK;
void vsphere_places_sort(struct vsphere_places *p);

/*
 * Fills in datacenter, cluster, host and folder of a machine that is in the folder of that id and runs on that host;
 * either may be NULL.  A folder is told by its path below the datacenter's own: "prod/web"; NULL directly in it.
 */
int vsphere_places_tell(const struct vsphere_places *p, const char *folder, const char *host, struct machine *m,
			struct error *err) MUST_CHECK;
void vsphere_places_fini(struct vsphere_places *p);
static inline void cleanup_vsphere_places(struct vsphere_places *p)
{
	vsphere_places_fini(p);
}

/* In names the API writes '%', '/' and '\' as %25, %2f and %5c.  In place. */
void vsphere_decode_name(char *name);

#endif
