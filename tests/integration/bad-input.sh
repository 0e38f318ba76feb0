#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What goes wrong at a user's hands: one clear line, the right exit status, nothing lost, and the next run goes on.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img jq openssl

store=$scratch/store target=$scratch/target
mkdir -p "$store/good"
make_raw "$store/good/good.raw" 6 good

# One bad disk does not stop the others.
printf 'no disk at all' >"$store/bad.vmdk"
must_fail 65 bad.vmdk liftfs sync "$store" "$target"
same_as_vhd "$store/good/good.raw" "$target/good/good.vhd"
status=0
liftfs sync --json "$store" "$target" >"$scratch/out.json" 2>/dev/null || status=$?
want status $status 65
want result "$(json .result "$scratch/out.json")" incomplete
want error "$(json '[.disks[] | select(.error) | .error.status] | tostring' "$scratch/out.json")" '[65]'
rm "$store/bad.vmdk"

must_fail 74 /nonexistent liftfs info /nonexistent.vmdk
printf 'rubbish' >"$scratch/x.vhdx"
must_fail 65 x.vhdx liftfs info "$scratch/x.vhdx"
printf x >"$scratch/x.txt"
must_fail 2 x.txt liftfs info "$scratch/x.txt"

# A missing extent, a missing parent, a truncated file.
qemu-img create -q -f vmdk -o subformat=monolithicFlat "$scratch/flat.vmdk" 2M
rm "$scratch/flat-flat.vmdk"
must_fail 65 flat-flat.vmdk liftfs info "$scratch/flat.vmdk"
qemu-img create -q -f vmdk "$scratch/base.vmdk" 2M
qemu-img create -q -f vmdk -b base.vmdk -F vmdk "$scratch/child.vmdk"
rm "$scratch/base.vmdk"
must_fail 65 base.vmdk liftfs info "$scratch/child.vmdk"
qemu-img convert -f raw -O vhdx "$store/good/good.raw" "$scratch/cut.vhdx"
truncate -s 3M "$scratch/cut.vhdx"
must_fail 65 cut.vhdx liftfs sync "$scratch/cut.vhdx" "$target"

# Usage.
must_fail 2 SOURCE liftfs sync
must_fail 2 nosuch liftfs nosuch
must_fail 2 bogus liftfs sync --bogus "$store" "$target"
must_fail 2 block liftfs sync --block-size 100K "$store" "$scratch/other"

# A target that is no directory; a full one.
printf x >"$scratch/file"
must_fail 2 "not a folder" liftfs sync "$store" "$scratch/file"
if [ "$(id -u)" = 0 ] && mkdir "$scratch/small" && mount -t tmpfs -o size=2M tmpfs "$scratch/small" 2>/dev/null; then
	umount_small() { umount "$scratch/small"; }
	cleanup_fn umount_small
	make_raw "$store/good/good.raw" 16 large
	status=0
	liftfs sync "$store" "$scratch/small" >/dev/null 2>"$scratch/err" || status=$?
	want "status of a full disk" $status 74
	grep -q 'free: make room' "$scratch/err" || fail "a full disk: $(cat "$scratch/err")"
	mount -o remount,size=64M "$scratch/small"
	liftfs sync "$store" "$scratch/small" 2>"$scratch/err" || fail "after room was made: $(cat "$scratch/err")"
	same_as_vhd "$store/good/good.raw" "$scratch/small/good/good.vhd"
fi
