#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A replica in a directory is a fixed VHD: qemu-img reads it, and finds what was replicated.
. "${srcdir:-.}/tests/integration/lib.sh"
requires qemu-img

# 8 MiB with data at both ends and a hole; the footer is the one that qemu-img itself writes for it.
truncate -s 8M "$scratch/disk.raw"
seq 200000 | head -c 1000000 | dd of="$scratch/disk.raw" conv=notrunc status=none
seq 7 7 4000000 | head -c 1000000 | dd of="$scratch/disk.raw" bs=1000 seek=7388 conv=notrunc status=none
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$scratch/disk.raw" "$scratch/peer.vhd"
tail -c 512 "$scratch/peer.vhd" >"$scratch/footer"
mkdir "$scratch/target"
replica=$scratch/target/web01/web01.vhd

tests/support/dir-replicate "$scratch/disk.raw" "$scratch/footer" "$scratch/target" web01/web01.vhd
cmp "$scratch/peer.vhd" "$replica"
qemu-img info -f vpc "$replica" | grep -q 'virtual size: 8 MiB' || fail "qemu-img info: $(qemu-img info -f vpc "$replica")"
qemu-img compare -f raw -F vpc "$scratch/disk.raw" "$replica"
# Holes stay holes: 2 MiB of data, written in steps of 1 MiB.
used=$(du -k "$replica" | cut -f1)
[ "$used" -le 4100 ] || fail "the replica takes $used KiB"
