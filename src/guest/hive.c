/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "guest/hive.h"

#ifdef HAVE_HIVEX

#include <errno.h>
#include <hivex.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"

#define PIECE ((size_t)1 << 20)

DEFINE_CLEANUP(cleanup_hive, hive_h *, hivex_close);

static int copy(struct tree *t, const struct tree_node *n, int fd, struct error *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(PIECE);

	if (!buf)
		return error_errno(err, ENOMEM, "registry");
	for (uint64_t off = 0; off < n->size;) {
		size_t len = n->size - off < PIECE ? (size_t)(n->size - off) : PIECE;

		if (tree_read(t, n, buf, len, off, err) < 0 || io_pwrite(fd, buf, len, off, err) < 0)
			return -1;
		off += len;
	}
	return 0;
}

static void take_value(hive_h *h, hive_node_h node, struct hive_value *out)
{
	hive_value_h value = hivex_node_get_value(h, node, out->name);
	hive_type type;
	size_t len;

	out->text[0] = '\0';
	if (value == 0 || hivex_value_type(h, value, &type, &len) != 0)
		return;
	if (type == hive_t_REG_DWORD && len == 4) {
		snprintf(out->text, sizeof(out->text), "%" PRIu32, (uint32_t)hivex_value_dword(h, value));
	} else if (type == hive_t_REG_SZ) {
		CLEANUP_FREE char *text = hivex_value_string(h, value);

		if (text)
			snprintf(out->text, sizeof(out->text), "%s", text);
	}
}

int hive_read(struct tree *t, const struct tree_node *n, const char *const *keys, struct hive_value *values,
	      size_t n_values, struct error *err)
{
	CLEANUP_FD int fd = memfd_create("hive", MFD_CLOEXEC);
	CLEANUP(cleanup_hive) hive_h *h = NULL;
	hive_node_h node;
	char path[40];

	if (fd < 0)
		return error_errno(err, errno, "memory file for the registry");
	if (n->size > HIVE_MAX)
		return error_set(err, ERR_UNSUPPORTED, "a registry hive of %" PRIu64 " bytes", n->size);
	if (copy(t, n, fd, err) < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	h = hivex_open(path, 0);
	if (!h)
		return error_set(err, ERR_CORRUPT, "no registry hive that libhivex reads");
	node = hivex_root(h);
	for (; *keys && node != 0; keys++)
		node = hivex_node_get_child(h, node, *keys);
	if (node == 0)
		return 0;
	for (size_t i = 0; i < n_values; i++)
		take_value(h, node, &values[i]);
	return 1;
}

#else

int hive_read(struct tree *t, const struct tree_node *n, const char *const *keys, struct hive_value *values,
	      size_t n_values, struct error *err)
{
	(void)t;
	(void)n;
	(void)keys;
	(void)values;
	(void)n_values;
	return error_set(err, ERR_UNSUPPORTED, "the registry: this liftfs was built without libhivex");
}

#endif
