/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of a managed identity: from the metadata service of an Azure VM (IMDS), or from the agent of an Azure Arc
 * server, which lets in who can read a file that it names.  Neither is ever asked through a proxy.
 */
#ifndef LIFTFS_NET_MANAGED_H
#define LIFTFS_NET_MANAGED_H

#include "net/token.h"

#define MANAGED_RESOURCE "https://storage.azure.com/"
#define MANAGED_IMDS "http://169.254.169.254"
#define MANAGED_ARC "http://localhost:40342/metadata/identity/oauth2/token"
#define MANAGED_ARC_AGENT "/opt/azcmagent/bin/himds" /* is there where an agent is */
#define MANAGED_ARC_TOKENS "/var/opt/azcmagent/tokens"

struct managed_config {
	bool arc;
	const char *client;   /* a user-assigned identity's client ID; NULL: the system-assigned one.  Not with arc */
	const char *endpoint; /* IMDS: scheme and host; Arc: the whole URL.  NULL: as above.  This host's only */
	const char *resource; /* what the token is for; NULL: MANAGED_RESOURCE */
	const char *tokens;   /* Arc: the folder of its files; NULL: MANAGED_ARC_TOKENS */
};

/* Copies what it needs.  ERR_REFUSED: a setting is wrong. */
int managed_source(const struct managed_config *config, struct token_source *out, struct error *err) MUST_CHECK;

#endif
