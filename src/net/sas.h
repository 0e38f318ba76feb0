/* SPDX-License-Identifier: Apache-2.0 */
/* Shared access signatures: a query string that carries rights and their end.  Read here, never made. */
#ifndef LIFTFS_NET_SAS_H
#define LIFTFS_NET_SAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"

/* What a SAS says of itself; nothing in it is secret.  A text is "" where the SAS is silent. */
struct sas {
	char permissions[32]; /* sp: "rcwl" */
	char resource[8];   /* sr: "b" blob, "bs" snapshot, "c" container, "d" directory; "" for a SAS of the account */
	char services[8];   /* ss, of an account's: "b" */
	char protocol[16];  /* spr: "https", "https,http" */
	char ip[80];        /* sip */
	char policy[72];    /* si: a stored policy of the container, which may hold rights and end */
	uint64_t start_ns;  /* st, realtime; 0: none */
	uint64_t expiry_ns; /* se, realtime; 0: none (then a policy has it) */
};

/* The query with or without '?'.  ERR_REFUSED if it is no SAS, is not legible, or is not for blobs. */
int sas_parse(const char *query, struct sas *out, struct error *err) MUST_CHECK;

/* ERR_REFUSED if the SAS has ended or has not begun, by more than 15 minutes: clocks may differ by that much. */
int sas_check_time(const struct sas *sas, uint64_t realtime_ns, struct error *err) MUST_CHECK;

/*
 * Splits a URL into what names the blob and the SAS.  base keeps snapshot=, versionid=, comp= and restype=; without
 * sig= it is the URL as it was and *sas_out is NULL.  The caller frees both, and wipes the URL.
 */
int sas_split_url(const char *url, char **base_out, struct secret **sas_out, struct error *err) MUST_CHECK;

/* The other way: a URL with the SAS, behind '?' or '&'.  The caller frees it; it is as secret as the SAS. */
char *sas_join_url(const char *url, const struct secret *sas, struct error *err) MUST_CHECK;

#endif
