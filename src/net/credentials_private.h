/* SPDX-License-Identifier: Apache-2.0 */
/* What the rooms of credentials share: credentials.c (use), credentials_choose.c (which), credentials_sas.c (a SAS). */
#ifndef LIFTFS_NET_CREDENTIALS_PRIVATE_H
#define LIFTFS_NET_CREDENTIALS_PRIVATE_H

#include "net/credentials.h"

struct credentials *credentials_new_of(enum credentials_kind kind, const char *account, const char *source,
				       struct error *err) MUST_CHECK;

/* A SAS with or without '?'.  `file`: where it came from, to be read again; NULL: it stays as it is. */
struct credentials *credentials_new_sas(const char *account, const char *token, const char *source,
					const struct credentials_file *file, struct error *err) MUST_CHECK;

#endif
