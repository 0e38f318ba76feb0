#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Redo logs of ESX: random chains of flat, hosted sparse, COWD and seSparse layers, whose content our writers know, read by
# us and by qemu-img, and the COWD ones by libvmdk.
. "${srcdir:-.}/tests/integration/lib.sh"
requires qemu-img cmp
readdisk=$builddir/tests/support/readdisk
make_chain=$builddir/tests/support/redo-chain
[ -x "$make_chain" ] || skip "the writers need cmocka"

checked=0
for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	layers=$((1 + seed % 4))
	mkdir "$scratch/$seed"
	cd "$scratch/$seed"
	leaf=$("$make_chain" . $seed $layers)
	grep -h '^RW' l*.vmdk 2>/dev/null | sed "s/^/seed $seed: /"
	qemu-img convert -f vmdk -O raw "$leaf" qemu.raw
	cmp flat.raw qemu.raw || fail "seed $seed: qemu-img reads something else than was written"
	"$readdisk" "$leaf" | cmp - flat.raw || fail "seed $seed: content differs"
	"$readdisk" --threads 3 --reads 60 "$leaf" flat.raw || fail "seed $seed: random reads differ"
	checked=$((checked + 1))
	rm -rf "${scratch:?}/$seed"
done
echo "checked $checked chains"

# libvmdk knows COWD without parents.  It shows files through FUSE, which not every machine lets us.
can_mount=
if command -v vmdkmount >/dev/null 2>&1 && command -v fusermount3 >/dev/null 2>&1 && [ -c /dev/fuse ]; then
	can_mount=1
fi
mounted=
unmount() {
	[ -z "$mounted" ] || fusermount3 -u "$mounted" || umount "$mounted"
	mounted=
}
cleanup_fn unmount
for seed in 1 2 3 4 5 6; do
	mkdir "$scratch/$seed" "$scratch/$seed/mnt"
	cd "$scratch/$seed"
	leaf=$("$make_chain" . $seed 1 cowd)
	"$readdisk" "$leaf" | cmp - flat.raw || fail "COWD $seed: content differs"
	[ -n "$can_mount" ] || continue
	vmdkmount "$leaf" mnt >vmdkmount.log 2>&1 || {
		echo "no look through libvmdk: $(tail -n 1 vmdkmount.log)"
		can_mount=
		continue
	}
	mounted=$scratch/$seed/mnt
	wait_for 10 test -f mnt/vmdk1
	cmp mnt/vmdk1 flat.raw || fail "COWD $seed: libvmdk reads something else than was written"
	cd "$scratch"
	unmount
done
[ -z "$can_mount" ] || echo "libvmdk agrees"

# What was not closed cleanly is refused, if its journal would be needed.
cd "$scratch"
cat >dirty.vmdk <<EOF
version=1
CID=fffffffe
parentCID=ffffffff
createType="seSparse"
RW 1048576 SESPARSE "dirty-sesparse.vmdk"
EOF
number() { # BYTES-FROM VALUES...: 64 bits each, little-endian, of numbers below 2^32 or two halves as HIGH:LOW
	at=$1
	shift
	for value; do
		high=${value%:*}
		[ "$high" != "$value" ] || high=0
		low=${value#*:}
		for half in $low $high; do
			for shift in 0 8 16 24; do
				# shellcheck disable=SC2059 # an escape is the format
				printf "\\$(printf %o $(((half >> shift) & 255)))"
			done
		done
	done | dd of=dirty-sesparse.vmdk bs=1 seek="$at" conv=notrunc status=none
}
number 0 $((0xcafebabe)) 2:1 $((0x100000)) 8 64 0 0 0 0 0 1 1 2 2 2048 2048 4096 2048 6144 2048 8192 2048 10240 2048 \
	12288 $((0x100000))
number 512 $((0xcafecafe)) 0 0 0
truncate -s 8M dirty-sesparse.vmdk
[ "$("$readdisk" --extents dirty.vmdk)" = '0 536870912 zero' ] || fail "an empty seSparse is not empty"
number 536 1
must_fail 69 'replay journal 0x1' "$readdisk" dirty.vmdk
