#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a datastore to a directory: everything, then the change, then nothing; others read the replicas; and the way back.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img qemu-io jq openssl cmp

store=$scratch/store target=$scratch/target
mkdir -p "$store/web01" "$store/db01" "$scratch/flat"
make_raw "$scratch/flat/web01.raw" 24 web01
make_raw "$scratch/flat/db01.raw" 17 db01
truncate -s +13K "$scratch/flat/db01.raw" # no whole MiB
qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat "$scratch/flat/web01.raw" "$store/web01/web01.vmdk"
qemu-img convert -f raw -O vhdx "$scratch/flat/db01.raw" "$store/db01/db01.vhdx"
cat >"$store/web01/web01.vmx" <<EOT
displayName = "Web 01"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "web01.vmdk"
EOT

# A run that only looks leaves nothing.
liftfs sync -n "$store" "$target" >"$scratch/out" 2>&1 || fail "dry run: $(cat "$scratch/out")"
[ ! -e "$target" ] || fail "a dry run made the target"
[ ! -e "$LIFTFS_STATE" ] || fail "a dry run made state"
grep -q web01/web01.vhd "$scratch/out" || fail "a dry run does not name what it would do: $(cat "$scratch/out")"

liftfs sync --json "$store" "$target" >"$scratch/first.json" 2>"$scratch/err" || fail "first: $(cat "$scratch/err")"
want result "$(json .result "$scratch/first.json")" ok
want disks "$(json '[.disks[].name] | join(" ")' "$scratch/first.json")" "db01/db01.vhd web01/web01.vhd"
want kinds "$(json '[.disks[].kind] | unique | join(" ")' "$scratch/first.json")" initial
want "VM of the .vmx" "$(json .disks[1].vm "$scratch/first.json")" "Web 01"
same_as_vhd "$scratch/flat/web01.raw" "$target/web01/web01.vhd"
same_as_vhd "$scratch/flat/db01.raw" "$target/db01/db01.vhd"
# Sparse: no more blocks than the data and a little.
[ "$(stat -c %b "$target/web01/web01.vhd")" -le $((8 * 2048)) ] || fail "the replica is not sparse"

# The guest changes 3 places, and one block becomes zero.
for i in 1 2 3; do
	random_bytes "$scratch/flat/web01.raw" $((i * 1000000)) 300 "change$i"
done
dd if=/dev/zero of="$scratch/flat/web01.raw" bs=64K seek=70 count=1 conv=notrunc status=none
dd if="$scratch/flat/web01.raw" of="$store/web01/web01-flat.vmdk" bs=1M conv=notrunc status=none
liftfs sync --json "$store" "$target" >"$scratch/delta.json" 2>"$scratch/err" || fail "delta: $(cat "$scratch/err")"
want "bytes sent" "$(json '.disks[1].bytes_sent' "$scratch/delta.json")" $((3 * 65536))
want "bytes cleared" "$(json '.disks[1].bytes_cleared' "$scratch/delta.json")" 65536
want "bytes sent of the other" "$(json '.disks[0].bytes_sent' "$scratch/delta.json")" 0
same_as_vhd "$scratch/flat/web01.raw" "$target/web01/web01.vhd"

# Stamps that were seen before the bytes were read prove the next time that nothing changed.
sleep 2.1
liftfs sync "$store" "$target" 2>"$scratch/err" || fail "third: $(cat "$scratch/err")"
liftfs sync --json "$store" "$target" >"$scratch/fourth.json" 2>"$scratch/err" || fail "fourth: $(cat "$scratch/err")"
want "bytes read when nothing changed" "$(json '[.disks[].bytes_read] | add' "$scratch/fourth.json")" 0
want "results when nothing changed" "$(json '[.disks[].result] | unique | join(" ")' "$scratch/fourth.json")" skipped
liftfs sync --full --json "$store" "$target" >"$scratch/full.json" 2>"$scratch/err" || fail "full: $(cat "$scratch/err")"
[ "$(json '[.disks[].bytes_read] | add' "$scratch/full.json")" -gt 0 ] || fail "--full read nothing"
want "bytes sent by --full" "$(json '[.disks[].bytes_sent] | add' "$scratch/full.json")" 0

# verify: equal, then not, with the place.
liftfs verify "$store/db01/db01.vhdx" "$target/db01/db01.vhd" >"$scratch/out" || fail "verify: $(cat "$scratch/out")"
liftfs verify "$store" "$target" >"$scratch/out" || fail "verify of folders: $(cat "$scratch/out")"
cp -a "$target" "$scratch/tampered"
printf X | dd of="$scratch/tampered/web01/web01.vhd" bs=1 seek=5000001 conv=notrunc status=none
status=0
liftfs verify --json "$store/web01/web01.vmdk" "$scratch/tampered/web01/web01.vhd" >"$scratch/verify.json" || status=$?
want "status of a mismatch" $status 1
want mismatches "$(json '.mismatches | tostring' "$scratch/verify.json")" '[{"offset":5000001,"length":1}]'

# Somebody else writes to the replica: noticed; nothing is written until a person says so.
printf X | dd of="$target/web01/web01.vhd" bs=1 seek=6000000 conv=notrunc status=none
sha256sum "$target/web01/web01.vhd" >"$scratch/before"
must_fail 78 "changed by something other than liftfs" liftfs sync --full "$store" "$target"
sha256sum -c --quiet "$scratch/before" || fail "a foreign change was overwritten"
liftfs sync --full --adopt "$store" "$target" 2>"$scratch/err" || fail "adopt: $(cat "$scratch/err")"
same_as_vhd "$scratch/flat/web01.raw" "$target/web01/web01.vhd"

# A lost state folder: a directory is read again at once, and nothing need be sent.
rm -rf "$LIFTFS_STATE"
liftfs sync --json "$store" "$target" >"$scratch/lost.json" 2>"$scratch/err" || fail "without state: $(cat "$scratch/err")"
want "bytes sent without state" "$(json '[.disks[].bytes_sent] | add' "$scratch/lost.json")" 0

# Getting a disk back without liftfs.
cp --sparse=always "$target/db01/db01.vhd" "$scratch/back.vhd"
qemu-img convert -f vpc -O vmdk "$scratch/back.vhd" "$scratch/back.vmdk"
qemu-img compare -q -f raw -F vmdk "$scratch/flat/db01.raw" "$scratch/back.vmdk" || fail "the way back by qemu-img differs"
