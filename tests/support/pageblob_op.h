/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations: a table of what each is called and needs, and their functions.
 *
 * A function checks everything first, in the service's order: headers, existence, conditions, lease, sequence number.
 * With req->check_only it stops there with r->status 0; else it changes the store, and sets the status and r->changed.
 * The server's lock is held.  0, or -1 with a refusal in r.
 */
#ifndef LIFTFS_TESTS_PAGEBLOB_OP_H
#define LIFTFS_TESTS_PAGEBLOB_OP_H

#include "support/pageblob_auth.h"
#include "support/pageblob_request.h"
#include "support/pageblob_store.h"

struct pageblob_world { /* what an operation sees of the server */
	struct pageblob_store *store;
	const struct pageblob_account *account;
	uint64_t lease_now_ns;
	bool hns;
};

typedef int pageblob_op_fn(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r);

bool pageblob_op_writes(enum pageblob_op op); /* changes a blob: what a late request can be */

/* Signature and permissions, then the operation. */
int pageblob_op_run(const struct pageblob_world *w, struct pageblob_request *req, struct pageblob_reply *r);

pageblob_op_fn pageblob_account_info, pageblob_create_container, pageblob_delete_container,
	pageblob_container_properties, pageblob_list_blobs; /* op_container.c */
pageblob_op_fn pageblob_put_blob, pageblob_delete_blob, pageblob_set_properties, pageblob_set_metadata,
	pageblob_snapshot;                                                                /* op_blob.c */
pageblob_op_fn pageblob_get_blob, pageblob_get_blob_properties, pageblob_get_page_ranges; /* op_read.c */
pageblob_op_fn pageblob_put_page, pageblob_clear_pages, pageblob_put_page_from_url;       /* op_page.c */
pageblob_op_fn pageblob_lease_blob;                                                       /* op_lease.c */

/* Shared by them.  404, or 400 for ?snapshot= unless snapshots are allowed. */
int pageblob_find_container(const struct pageblob_world *w, const struct pageblob_request *req,
			    struct pageblob_reply *r, struct pageblob_container **out);
int pageblob_find_blob(const struct pageblob_world *w, const struct pageblob_request *req, struct pageblob_reply *r,
		       bool snapshots, struct pageblob_container **c_out, struct pageblob_blob **b_out);
/* x-ms-meta-*: names, total size.  out is empty before; on failure too. */
int pageblob_metadata_headers(const struct pageblob_request *req, struct pageblob_reply *r,
			      struct pageblob_fields *out);
void pageblob_reply_metadata(struct pageblob_reply *r, const struct pageblob_fields *metadata);
void pageblob_reply_version(struct pageblob_reply *r, const char *etag, uint64_t modified_ns); /* ETag, Last-Modified */
extern const char *const pageblob_property_headers[PROP_COUNT]; /* as set: x-ms-blob-content-type ... */
extern const char *const pageblob_property_names[PROP_COUNT];   /* as returned: Content-Type ... */
extern const char *const pageblob_lease_state_names[];          /* available, leased ... */

#endif
