#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Weeks in minutes: guest writes, snapshots, kills and faults at random, to page blobs and to a directory at once.  SOAK_SECONDS and
# SOAK_SEED set how long, and which.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img qemu-io
[ "${LIFTFS_SANITIZED:-no}" = no ] || skip "takes its time; the plain run has it"
start_server
mkdir "$scratch/replicas"
/usr/bin/python3 "$srcdir/tests/integration/soak.py" --liftfs tools --server "$endpoint" --target "$endpoint/disks/soak" \
	--target "$scratch/replicas" --scratch "$scratch" --seconds "${SOAK_SECONDS:-60}" ${SOAK_SEED:+--seed "$SOAK_SEED"} || fail "soak"
