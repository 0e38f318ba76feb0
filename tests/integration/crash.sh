#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sync that is killed, or loses power, at any system call that changes something: the next one goes on, and every recovery
# point still reads as it was made: on a service, in a directory by undo files, and by clones where XFS can be mounted.
# CRASH_POINTS=0 tries every call in every mode.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires openssl
[ "${LIFTFS_SANITIZED:-no}" = no ] || skip "the preloaded library and a sanitizer's do not go together"
[ -e tests/support/crash_shim.so ] || skip "the library was not built"
python3=/usr/bin/python3
[ -x $python3 ] || skip "$python3 is not there"
start_server

images=$scratch
if [ -w /dev/shm ]; then # syncs cost nothing there
	images=$(mktemp -d /dev/shm/liftfs-crash.XXXXXX)
	remove_images() {
		rm -rf "$images"
	}
	cleanup_fn remove_images
fi
clones=
unmount() {
	[ -z "$clones" ] || umount "$clones"
}
cleanup_fn unmount

# crash SCRATCH TARGET POINTS OPTION...
crash() {
	where=$1 target=$2 points=$3
	shift 3
	$python3 "$srcdir/tests/integration/crash_points.py" --liftfs tools --shim "$builddir/tests/support/crash_shim.so" \
		--target "$target" --scratch "$where" --points "${CRASH_POINTS:-$points}" "$@" || fail "$target"
}

mkdir "$scratch/azure" "$images/undo" "$images/undo/target"
crash "$scratch/azure" "$endpoint/disks/crash" 24
crash "$images/undo" "$images/undo/target" 20 --seed 2 --grow --sync '--keep-last 4'

if ! { [ "$(id -u)" = 0 ] && command -v mkfs.xfs >/dev/null; }; then
	echo "clones: only root can mount, and needs mkfs.xfs"
	exit 0
fi
truncate -s 4G "$images/xfs.img" # a sweep of every call keeps what each disk was
mkdir "$scratch/xfs"
mkfs.xfs -q -f "$images/xfs.img" >"$scratch/log" 2>&1 || fail "mkfs.xfs: $(cat "$scratch/log")"
if ! mount -o loop "$images/xfs.img" "$scratch/xfs" 2>"$scratch/log"; then
	echo "clones: XFS cannot be mounted here: $(cat "$scratch/log")"
	exit 0
fi
clones=$scratch/xfs
mkdir "$clones/target"
crash "$clones" "$clones/target" 12 --seed 3 --grow --sync '--keep-last 4'
