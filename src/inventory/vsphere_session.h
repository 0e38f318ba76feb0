/* SPDX-License-Identifier: Apache-2.0 */
/* A session with a vCenter: signed in, and signed out again whatever happens between. */
#ifndef LIFTFS_INVENTORY_VSPHERE_SESSION_H
#define LIFTFS_INVENTORY_VSPHERE_SESSION_H

#include "inventory/vsphere_soap.h"

/* All zeros but `soap`, of which http, url, host and cancel are set, is one that is not open. */
struct vsphere_session {
	struct vsphere_soap soap;
	char *uuid; /* of the vCenter's instance; its host where it says none */
	char *root_folder, *property_collector, *view_manager, *session_manager; /* ids of objects */
	bool signed_in;
};

/*
 * ERR_REFUSED names the user, never the password.  ERR_UNSUPPORTED: the server's API is older than 6.5.  The session is
 * to be closed, also after a failure.
 */
int vsphere_session_open(struct vsphere_session *s, const char *user, const struct secret *password,
			 struct error *err) MUST_CHECK;
/* Signs out, also if work was cancelled: a vCenter takes only so many sessions.  That it failed is not told. */
void vsphere_session_close(struct vsphere_session *s);
static inline void cleanup_vsphere_session(struct vsphere_session *s)
{
	vsphere_session_close(s);
}

/* What RetrieveServiceContent says, into the session. */
int vsphere_session_take_content(struct vsphere_session *s, const struct vsphere_reply *reply,
				 struct error *err) MUST_CHECK;

#endif
