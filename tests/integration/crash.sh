#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sync that is killed, or loses power, at any system call that changes something: the next one goes on, and every recovery
# point still reads as it was made.  CRASH_POINTS=0 tries every call in every mode.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires openssl
[ "${LIFTFS_SANITIZED:-no}" = no ] || skip "the preloaded library and a sanitizer's do not go together"
[ -e tests/support/crash_shim.so ] || skip "the library was not built"
python3=/usr/bin/python3
[ -x $python3 ] || skip "$python3 is not there"
start_server

# crash TARGET NAME OPTION...
crash() {
	target=$1 name=$2
	shift 2
	mkdir "$scratch/$name"
	$python3 "$srcdir/tests/integration/crash_points.py" --liftfs tools --shim "$builddir/tests/support/crash_shim.so" \
		--target "$target" --scratch "$scratch/$name" --points "${CRASH_POINTS:-24}" "$@" || fail "$name"
}

crash "$endpoint/disks/crash" azure
mkdir "$scratch/dir-target"
crash "$scratch/dir-target" directory --seed 2
