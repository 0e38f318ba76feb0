/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <libdeflate.h>

#include "base/cleanup.h"
#include "disk/inflate.h"

struct inflate_pool {
	pthread_mutex_t lock; /* guards idle */
	struct inflater *idle;
	size_t in_cap;
};

struct inflate_pool *inflate_pool_new(size_t in_cap, struct error *err)
{
	struct inflate_pool *p = calloc(1, sizeof(*p));

	if (!p) {
		error_errno(err, ENOMEM, "pool of decompressors");
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	p->in_cap = in_cap;
	return p;
}

static void inflater_free(struct inflater *inf)
{
	if (!inf)
		return;
	libdeflate_free_decompressor(inf->deflate);
	free(inf->in);
	free(inf);
}

void inflate_pool_free(struct inflate_pool *p)
{
	struct inflater *inf;

	if (!p)
		return;
	while (p->idle) {
		inf = p->idle;
		p->idle = inf->next;
		inflater_free(inf);
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct inflater *inflater_new(size_t in_cap, struct error *err)
{
	struct inflater *inf = calloc(1, sizeof(*inf));

	if (inf) {
		inf->deflate = libdeflate_alloc_decompressor();
		inf->in = malloc(in_cap);
		inf->in_cap = in_cap;
	}
	if (!inf || !inf->deflate || !inf->in) {
		inflater_free(inf);
		error_errno(err, ENOMEM, "decompressor");
		return NULL;
	}
	return inf;
}

struct inflater *inflate_get(struct inflate_pool *p, struct error *err)
{
	struct inflater *inf;

	pthread_mutex_lock(&p->lock);
	inf = p->idle;
	if (inf)
		p->idle = inf->next;
	pthread_mutex_unlock(&p->lock);
	return inf ? inf : inflater_new(p->in_cap, err);
}

void inflate_put(struct inflate_pool *p, struct inflater *inf)
{
	LOCK_SCOPE(&p->lock);
	inf->next = p->idle;
	p->idle = inf;
}

int inflate_zlib(struct inflater *inf, const void *in, size_t in_len, void *out, size_t cap, size_t *len_out,
		 struct error *err)
{
	size_t len = 0;

	switch (libdeflate_zlib_decompress(inf->deflate, in, in_len, out, cap, &len)) {
	case LIBDEFLATE_SUCCESS:
		*len_out = len;
		return 0;
	case LIBDEFLATE_INSUFFICIENT_SPACE:
		return error_set(err, ERR_CORRUPT, "inflates to more than %zu bytes", cap);
	case LIBDEFLATE_BAD_DATA:
	case LIBDEFLATE_SHORT_OUTPUT:
		break;
	}
	return error_set(err, ERR_CORRUPT, "no valid zlib stream in %zu bytes", in_len);
}
