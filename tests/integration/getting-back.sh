#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Getting a disk back with liftfs: mount the target, copy disk.raw; byte for byte the source's.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img openssl cmp fusermount3
[ -w /dev/fuse ] || skip "/dev/fuse is not there or not writable"

unmount() {
	fusermount3 -u "$scratch/mnt" 2>/dev/null || :
}

mkdir -p "$scratch/store" "$scratch/mnt"
make_raw "$scratch/flat.raw" 9 back
truncate -s +5K "$scratch/flat.raw"
qemu-img convert -f raw -O vhdx "$scratch/flat.raw" "$scratch/store/db01.vhdx"
liftfs sync "$scratch/store" "$scratch/target" 2>"$scratch/err" || fail "sync: $(cat "$scratch/err")"
cleanup_fn unmount
liftfs mount "$scratch/target" "$scratch/mnt"
cp --sparse=always "$scratch/mnt/db01.vhd/disk.raw" "$scratch/back.raw"
cmp "$scratch/flat.raw" "$scratch/back.raw" || fail "disk.raw of the replica is not the source"
cmp "$scratch/target/db01.vhd" "$scratch/mnt/db01.vhd/disk.vhd" || fail "disk.vhd is not the replica"
[ "$(stat -c %b "$scratch/back.raw")" -lt $((5 * 2048)) ] || fail "the copy is not sparse"
fusermount3 -u "$scratch/mnt"
