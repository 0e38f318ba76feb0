/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCenter as an inventory: all of its virtual machines that the user may see, by the vSphere API.  Nothing is changed
 * there.
 *
 * Tested with the vCenter simulator (vcsim) and with a server of our own that splits its replies, never with a real
 * vCenter.
 */
#ifndef LIFTFS_INVENTORY_VSPHERE_H
#define LIFTFS_INVENTORY_VSPHERE_H

#include "base/cancel.h"
#include "base/secret.h"
#include "inventory/machine.h"
#include "net/http.h"

struct vsphere_options {
	const char *url; /* https://HOST[:PORT][/sdk]; http only to loopback */
	const char *user;
	const struct secret *password;
	const char *thumbprint;  /* SHA-256 of the server's certificate: then this alone is trusted, no CA; NULL */
	struct http_config http; /* CAs, proxies, user agent */
	struct cancel *cancel;   /* NULL: none */
};

/* Does that name a vCenter, rather than a file? */
bool vsphere_recognise(const char *inventory);

/*
 * Appends the machines, their disks in order, in the server's order.  ERR_REFUSED: the user, or the certificate, whose
 * message then has both thumbprints.  What could not be read of a machine is absent, with a notice.
 */
int vsphere_read(const struct vsphere_options *opt, struct machine_list *out, struct error *err) MUST_CHECK;

#endif
