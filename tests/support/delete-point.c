/* SPDX-License-Identifier: Apache-2.0 */
/* delete-point TARGET NAME POINT: deletes one recovery point of one replica. */
#include <config.h>

#include <stdio.h>

#include "target/target.h"

int main(int argc, char **argv)
{
	const struct target_config config = { .host = "test" };
	CLEANUP(cleanup_target) struct target *t = NULL;
	CLEANUP(cleanup_replica) struct replica *r = NULL;
	struct error e = ERROR_INIT;

	if (argc != 4)
		return 2;
	t = target_open(argv[1], &config, &e);
	r = t ? target_replica(t, argv[2], &e) : NULL;
	if (r && replica_delete_point(r, argv[3], &e) == 0)
		return 0;
	fprintf(stderr, "%s\n", e.msg);
	return 1;
}
