/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir-replicate RAW FOOTER TARGET NAME: what a cycle does through the seam, without its engine: the whole MiB of RAW
 * and the 512 bytes of FOOTER become the replica NAME in the folder TARGET.  For the scripts that ask other programs
 * what it is.
 */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "op_wait.h"

#define STEP (1 << 20)

static int copy(struct replica *r, const uint8_t *data, size_t len, struct error *err)
{
	for (size_t off = 0; off < len; off += STEP) {
		size_t n = len - off < STEP ? len - off : STEP;

		if (op_wait(r, io_is_zero(data + off, n) ? NULL : data + off, n, off, err) < 0)
			return -1;
	}
	return 0;
}

static int replicate(char **argv, struct error *err)
{
	CLEANUP_FREE char *raw = NULL, *footer = NULL;
	CLEANUP(cleanup_target) struct target *t = NULL;
	CLEANUP(cleanup_replica) struct replica *r = NULL;
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	const struct guid id = { .b = { 1 } };
	struct target_meta none = { 0 };
	size_t len, footer_len;
	uint64_t live;

	raw = io_read_file(AT_FDCWD, argv[1], 256 << 20, &len, err);
	footer = raw ? io_read_file(AT_FDCWD, argv[2], 512, &footer_len, err) : NULL;
	t = footer ? target_open(argv[3], NULL, err) : NULL;
	if (!t || target_prepare(t, false, NULL, err) < 0)
		return -1;
	r = target_replica(t, argv[4], err);
	if (!r || replica_create(r, len + footer_len, 1, &none, err) < 0 ||
	    replica_lease(r, TARGET_LEASE_ACQUIRE, &id, err) < 0 || replica_look(r, &look, err) < 0 ||
	    replica_raise(r, 2, look.version, &live, look.version, err) < 0)
		return -1;
	if (copy(r, (const uint8_t *)raw, len, err) < 0 || op_wait(r, footer, footer_len, len, err) < 0)
		return -1;
	return replica_lease(r, TARGET_LEASE_RELEASE, &id, err);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;

	if (argc != 5) {
		fprintf(stderr, "dir-replicate RAW FOOTER TARGET NAME\n");
		return 2;
	}
	if (replicate(argv, &err) == 0)
		return 0;
	fprintf(stderr, "dir-replicate: %s\n", err.msg);
	return error_exit_status(&err);
}
