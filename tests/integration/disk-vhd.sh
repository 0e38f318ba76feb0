#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Dynamic VHDs that qemu makes, chains of differencing ones that 7-Zip reads as we do, the largest disk, and what lost its
# footer; then one as the source of a replica.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img qemu-io cmp 7zz openssl jq
readdisk=$builddir/tests/support/readdisk
makevhd=$builddir/tests/support/make-vhd
cd "$scratch"
mib=1048576

# check IMAGE: content, random reads from several threads, what the extents call zero.
check() {
	qemu-img convert -f vpc -O raw "$1" flat.raw
	"$readdisk" "$1" | cmp - flat.raw || fail "$1: content differs from qemu-img's"
	"$readdisk" --threads 3 --reads 100 "$1" flat.raw || fail "$1: random reads differ"
}

# Sizes of no whole block; exact, and rounded up to a geometry by qemu for itself.
for size in $((8 * mib)) $((5 * mib + 13 * 512)) 512 $((2 * mib)) $((2 * mib + 512)); do
	for options in force_size=on force_size=off; do
		image=$size-$options.vhd
		qemu-img create -q -f vpc -o "subformat=dynamic,$options" "$image" $size
		check "$image"
		qemu-io -f vpc -c "write -P 0x55 $((size - 512)) 512" "$image" >/dev/null
		[ $size -lt $((5 * mib)) ] ||
			qemu-io -f vpc -c 'write -P 0x11 0 64k' -c "write -P 0x22 $((2 * mib - 512)) 1024" \
				-c 'write -z 4M 512k' -c 'write -P 0x44 4500k 4k' "$image" >/dev/null
		check "$image"
	done
done

# The footer lost, its copy lost, both.
good=$((8 * mib))-force_size=on.vhd
qemu-img convert -f vpc -O raw "$good" flat.raw
cp "$good" tail.vhd
truncate -s -512 tail.vhd
"$readdisk" tail.vhd | cmp - flat.raw || fail "without a footer: content differs"
cp "$good" head.vhd
dd if=/dev/zero of=head.vhd bs=512 count=1 conv=notrunc status=none
"$readdisk" head.vhd | cmp - flat.raw || fail "without the footer's copy: content differs"
truncate -s -512 head.vhd
must_fail 65 "head.vhd: not a VHD: no footer" "$readdisk" head.vhd
# The file ends inside its last block, with nothing behind it or with a footer there.
cp "$good" cut.vhd
truncate -s -$((mib + 512)) cut.vhd
must_fail 65 'beyond end of content' "$readdisk" cut.vhd
tail -c 512 "$good" >>cut.vhd
must_fail 65 'beyond end of content' "$readdisk" cut.vhd

# Chains: what the writer's model says, what 7-Zip says, and what we say.
while read -r layers size block; do
	mkdir chain
	"$makevhd" chain "$layers" "$size" "$block" "$layers" || fail "make-vhd $layers $size $block"
	leaf=chain/$((layers - 1)).vhd
	7zz e -so "$leaf" >other.raw 2>other.err || fail "7zz: $leaf of $layers $size $block: $(cat other.err)"
	cmp other.raw chain/flat.raw || fail "$leaf of $layers $size $block: 7-Zip reads another content"
	"$readdisk" "$leaf" | cmp - other.raw || fail "$leaf of $layers $size $block: content differs from 7-Zip's"
	"$readdisk" --threads 3 --reads 60 "$leaf" other.raw || fail "$leaf of $layers $size $block: random reads differ"
	rm -r chain
done <<EOT
1 320K 64K
2 10M 2M
3 1034752 512K
4 7M 2M
2 300K 4K
3 9M 4M
EOT

# A chain whose middle is another disk of that name, whose parent is not there, or is itself.
mkdir chain other
"$makevhd" chain 3 1M 64K 1
"$makevhd" other 2 1M 64K 2
cp chain/0.vhd chain/1.vhd # the base under the name of its child
must_fail 65 'parent 1.vhd has the unique id 01010101' "$readdisk" chain/2.vhd
rm chain/1.vhd
must_fail 65 'parent: 1.vhd: no such file' "$readdisk" chain/2.vhd
cp chain/2.vhd chain/1.vhd
must_fail 65 'has the unique id 03030303' "$readdisk" chain/2.vhd
ln -f chain/2.vhd chain/1.vhd
must_fail 65 'is in its own chain of parents' "$readdisk" chain/2.vhd
rm -r chain other

# 2040 GiB: opens at once, and the extents of the whole disk are a table's worth of reading, in bounded memory.
qemu-img create -q -f vpc -o force_size=on huge.vhd 2040G
qemu-io -f vpc -c 'write -P 0xaa 2190433255424 64k' -c 'write -P 0xbb 1T 64k' huge.vhd >/dev/null
memory=400000
[ "${LIFTFS_SANITIZED:-no}" = no ] || memory=unlimited # a sanitizer's shadow alone is terabytes
(ulimit -v $memory && "$readdisk" --extents huge.vhd) >extents.ours || fail "huge.vhd: extents"
awk -v b=$((2 * mib)) 'BEGIN { h = 524288; n = 1044480
	printf "%.0f %.0f zero\n%.0f %.0f data\n%.0f %.0f zero\n%.0f %.0f data\n",
		0, h * b, h * b, b, (h + 1) * b, (n - h - 2) * b, (n - 1) * b, b }' >extents.want
cmp extents.ours extents.want || {
	diff extents.ours extents.want || :
	fail "huge.vhd: extents"
}

# A replica of a dynamic disk, of a change in it, and of a chain.
mkdir store
make_raw flat.raw 9 vhd
qemu-img convert -f raw -O vpc -o subformat=dynamic,force_size=on flat.raw store/web01.vhd
liftfs sync store/web01.vhd target >out 2>&1 || fail "sync: $(cat out)"
same_as_vhd flat.raw target/web01.vhd
liftfs verify store/web01.vhd target/web01.vhd >out 2>&1 || fail "verify: $(cat out)"
qemu-io -f vpc -c 'write -P 0x66 5M 64k' store/web01.vhd >/dev/null
qemu-io -f raw -c 'write -P 0x66 5M 64k' flat.raw >/dev/null
status=0
liftfs verify store/web01.vhd target/web01.vhd >out 2>&1 || status=$?
want "verify's status for a disk that has changed" $status 1
liftfs sync --json store/web01.vhd target >out.json 2>out || fail "second sync: $(cat out)"
want "bytes sent" "$(json '.disks[0].bytes_sent' out.json)" 65536
same_as_vhd flat.raw target/web01.vhd
"$makevhd" store 3 3M 512K 6
liftfs sync store/2.vhd target >out 2>&1 || fail "sync of a chain: $(cat out)"
liftfs verify store/2.vhd target/0.vhd >out 2>&1 || fail "verify of a chain: $(cat out)"
same_as_vhd store/flat.raw target/0.vhd
