#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tests of a directory target on file systems with reflinks, which recovery points need; loop-mounted, so only root can.
. "${srcdir:-.}/tests/integration/lib.sh"
[ "$(id -u)" = 0 ] || skip "only root can mount"

mounted=
unmount() {
	[ -z "$mounted" ] || umount "$mounted"
}
cleanup_fn unmount
ran=0

# Syncs cost nothing there.
images=$scratch
if [ -w /dev/shm ]; then
	images=$(mktemp -d /dev/shm/liftfs-reflink.XXXXXX)
	remove_images() {
		rm -rf "$images"
	}
	cleanup_fn remove_images
fi

run() { # NAME TEST [ARGUMENT]
	LIFTFS_TEST_DIR=$mounted "tests/unit/$2" ${3+"$3"} >"$scratch/log" 2>&1 || fail "$1: $2: $(cat "$scratch/log")"
}

on() { # NAME SIZE MKFS...
	name=$1
	truncate -s "$2" "$images/$name.img"
	shift 2
	if ! command -v "$1" >/dev/null; then
		echo "$name: $1 is not installed"
		return
	fi
	"$@" "$images/$name.img" >"$scratch/log" 2>&1 || fail "$*: $(cat "$scratch/log")"
	mkdir "$scratch/$name"
	if ! mount -o loop "$images/$name.img" "$scratch/$name" 2>"$scratch/log"; then
		echo "$name: cannot be mounted here: $(cat "$scratch/log")"
		return
	fi
	mounted=$scratch/$name
	for test in test-dir-point test-dir-clone test-dir-undo test-dir-replica test-dir-write test-dir-stamp test-dir-lease; do
		run "$name" "$test"
	done
	run "$name" test-dir-crash 'with_clones*'
	run "$name" test-cycle-dir
	umount "$mounted"
	mounted=
	ran=$((ran + 1))
	echo "$name: passed"
}

on xfs 320M mkfs.xfs -q -f
on btrfs 1G mkfs.btrfs -q -f
[ "$ran" -gt 0 ] || skip "no file system with reflinks could be mounted"
