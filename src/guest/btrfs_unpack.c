/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <string.h>

#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "guest/btrfs.h"

enum { KIND_ZLIB = 1, KIND_LZO, KIND_ZSTD };

/* What follows the stream, up to a sector's end, is not looked at. */
static int unpack_zlib(struct btrfs *b, const uint8_t *in, size_t in_len, uint8_t *out, size_t cap, size_t *len_out,
		       struct error *err)
{
	struct inflater *inf;
	int rc;

	if (!b->pool)
		b->pool = inflate_pool_new(1, err); /* our own buffers are used */
	inf = b->pool ? inflate_get(b->pool, err) : NULL;
	if (!inf)
		return -1;
	rc = inflate_zlib(inf, in, in_len, out, cap, len_out, err);
	inflate_put(b->pool, inf);
	return rc;
}

static int unpack_zstd(const uint8_t *in, size_t in_len, uint8_t *out, size_t cap, size_t *len_out, struct error *err)
{
#ifdef HAVE_ZSTD
	size_t n = ZSTD_findFrameCompressedSize(in, in_len);

	if (!ZSTD_isError(n))
		n = ZSTD_decompress(out, cap, in, n);
	if (ZSTD_isError(n))
		return error_set(err, ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(n));
	*len_out = n;
	return 0;
#else
	(void)in;
	(void)in_len;
	(void)out;
	(void)cap;
	(void)len_out;
	return error_set(err, ERR_UNSUPPORTED, "compressed by zstd, which this build does not unpack");
#endif
}

int btrfs_unpack(struct btrfs *b, unsigned kind, const uint8_t *in, size_t in_len, uint8_t *out, size_t cap,
		 size_t *len_out, struct error *err)
{
	switch (kind) {
	case KIND_ZLIB:
		return unpack_zlib(b, in, in_len, out, cap, len_out, err);
	case KIND_LZO:
		return error_set(err, ERR_UNSUPPORTED, "compressed by LZO, which is not unpacked");
	case KIND_ZSTD:
		return unpack_zstd(in, in_len, out, cap, len_out, err);
	}
	return error_set(err, ERR_UNSUPPORTED, "compression %u", kind);
}
