#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liftfs info --check: sound, damaged and shared, for people and as JSON.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img qemu-io jq
cd "$scratch"

qemu-img create -q -f vmdk sound.vmdk 4M
qemu-io -f vmdk -c 'write -q -P 1 0 64k' -c 'write -q -P 2 1M 64k' -c 'write -q -P 3 2M 64k' sound.vmdk
said=$(liftfs info --check sound.vmdk)
[ "$said" = 'data 192 KiB, zeros 3.81 MiB, damaged 0 B' ] || fail "sound: $said"

# entry NUMBER: where the file has a grain's entry.  The grain directory is at the sector that the header names.
directory=$(od -An -tu8 -j56 -N8 sound.vmdk)
table=$(od -An -tu4 -j$((directory * 512)) -N4 sound.vmdk)
entry() { echo $((table * 512 + $1 * 4)); }

cp sound.vmdk damaged.vmdk
printf '\377\377\377\177' | dd of=damaged.vmdk bs=1 seek="$(entry 16)" conv=notrunc status=none
rc=0
said=$(liftfs info --check damaged.vmdk 2>err) || rc=$?
[ "$rc" = 65 ] || fail "damaged: exit status $rc"
grep -q 'damaged.vmdk: 65536 bytes in 1 ranges cannot be read' err || fail "damaged: $(cat err)"
case $said in
'damaged  1048576+65536: damaged.vmdk: grain 16 at sector 2147483647: beyond end of file '*) ;;
*) fail "damaged: $said" ;;
esac
json=$(liftfs info --check --json damaged.vmdk 2>/dev/null) || true
said=$(echo "$json" | jq -c '[.result, .damaged, .findings[0].kind, .findings[0].offset, .findings[0].length, .truncated]')
[ "$said" = '["damaged",65536,"damaged",1048576,65536,false]' ] || fail "JSON: $json"

cp sound.vmdk shared.vmdk
dd if=sound.vmdk of=shared.vmdk bs=1 skip="$(entry 0)" seek="$(entry 32)" count=4 conv=notrunc status=none
said=$(liftfs info --check shared.vmdk) || fail "shared: exit status $?"
case $said in
"shared   2097152+65536: shared.vmdk: bytes at 65536 stand for the disk's 0 and for 2097152"*) ;;
*) fail "shared: $said" ;;
esac

must_fail 2 'exclude each other' liftfs info --check --map sound.vmdk
