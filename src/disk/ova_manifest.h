/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OVA's manifest (.mf): digests of its members.  Checked on request only, since that reads all of them.
 *
 *	SHA256(disk1.vmdk)= 1f2e...         SHA1, SHA256 and SHA512, in any case and with or without blanks and hyphens
 *	SHA1 (a name (1).ovf) = 0627...     ("SHA2-256(x)= " is what openssl 3 writes)
 */
#ifndef LIFTFS_DISK_OVA_MANIFEST_H
#define LIFTFS_DISK_OVA_MANIFEST_H

#include "disk/ova.h"

#define OVA_MANIFEST_MAX ((size_t)4 << 20) /* bytes: a line for each of OVA_MEMBERS_MAX members */
#define OVA_DIGEST_MAX 64
#define OVA_DIGEST_TEXT (2 * OVA_DIGEST_MAX + 1)

struct ova_manifest_line {
	const struct tar_member *member;
	const char *algorithm; /* "SHA256" */
	size_t len;            /* bytes of digest */
	uint8_t digest[OVA_DIGEST_MAX];
};

/* All zeros is empty. */
struct ova_manifest {
	const struct tar_member *file; /* NULL: the archive has none */
	struct ova_manifest_line *lines;
	size_t n;
};

/* Lives as long as o.  Every line names a file of the archive and an algorithm that is known, or it fails. */
int ova_manifest_read(const struct ova *o, struct ova_manifest *out, struct error *err) MUST_CHECK;
void ova_manifest_fini(struct ova_manifest *m);

/* Reads the line's member.  *equal_out: its digest is the line's; found: what it is, in hexadecimal, if not NULL. */
int ova_manifest_check(const struct ova *o, const struct ova_manifest_line *line, bool *equal_out,
		       char found[OVA_DIGEST_TEXT], struct error *err) MUST_CHECK;
/* The line's digest in hexadecimal. */
void ova_manifest_digest(const struct ova_manifest_line *line, char out[OVA_DIGEST_TEXT]);

/* Does a line cover the member?  The manifest itself and the certificate that signs it need none. */
bool ova_manifest_covers(const struct ova_manifest *m, const struct tar_member *member);

static inline void cleanup_ova_manifest(struct ova_manifest *m)
{
	ova_manifest_fini(m);
}

#endif
