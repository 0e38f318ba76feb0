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
	bool signed_in, renewed;
	const char *user; /* and password: of who opened it, for as long as it is open */
	const struct secret *password;
};

/*
 * ERR_REFUSED names the user, never the password.  ERR_UNSUPPORTED: the server's API is older than 6.5.  The session is
 * to be closed, also after a failure.  user and password stay the caller's, and valid until then.
 */
int vsphere_session_open(struct vsphere_session *s, const char *user, const struct secret *password,
			 struct error *err) MUST_CHECK;
/* Signs in once more, after the server has ended the session: views and pages of the old one are gone. */
int vsphere_session_renew(struct vsphere_session *s, struct error *err) MUST_CHECK;
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
