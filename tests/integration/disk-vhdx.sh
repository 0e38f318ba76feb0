#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# VHDX and fixed VHD that qemu makes: block sizes, odd sizes, states of blocks, the largest disk, a log that is pending.
. "${srcdir:-.}/tests/integration/lib.sh"
requires qemu-img qemu-io cmp
readdisk=$builddir/tests/support/readdisk
cd "$scratch"
mib=1048576

# check IMAGE FORMAT: content, random reads from several threads, what the extents call zero.
check() {
	echo "check $1"
	qemu-img convert -f "$2" -O raw "$1" flat.raw
	"$readdisk" "$1" | cmp - flat.raw || fail "$1: content differs from qemu-img's"
	"$readdisk" --threads 3 --reads 100 "$1" flat.raw || fail "$1: random reads differ"
	rm -f flat.raw
}

scatter() { # IMAGE BYTES: some data, some zeros, across the borders of blocks, the first and the last sector
	qemu-io -f vhdx -c 'write -P 0x11 0 64k' -c "write -P 0x22 $((mib - 512)) 1024" -c 'write -P 0x33 3M 1M' \
		-c 'write -z 4M 2M' -c 'write -P 0x44 4500k 4k' -c "write -P 0x55 $(($2 - 512)) 512" "$1" >/dev/null
}

for block_mib in 1 2 8 32 256; do
	size=$((9 * mib + 13 * 512))
	for options in subformat=dynamic subformat=dynamic,block_state_zero=off subformat=fixed; do
		case $block_mib-$options in *fixed) [ $block_mib -le 8 ] || continue ;; esac
		image=$block_mib-$options.vhdx
		qemu-img create -q -f vhdx -o "$options,block_size=${block_mib}M,log_size=1M" "$image" $size
		check "$image" vhdx
		scatter "$image" $size
		check "$image" vhdx
		rm "$image"
	done
done

# Several chunks, between whose blocks an entry for a bitmap lies: 16 blocks of 256 MiB each.
image=chunks.vhdx
qemu-img create -q -f vhdx -o block_size=256M,log_size=1M $image 9G
qemu-io -f vhdx -c 'write -P 0x66 4294966784 1024' -c "write -P 0x77 $((8192 * mib - 4096)) 8k" $image >/dev/null
"$readdisk" --extents $image >extents.ours
# The writes lie across the end of blocks 15 and 31, each the last one of its chunk.
awk -v b=$((256 * mib)) 'BEGIN { printf "%.0f %.0f zero\n%.0f %.0f data\n%.0f %.0f zero\n%.0f %.0f data\n%.0f %.0f zero\n",
	0, 15 * b, 15 * b, 2 * b, 17 * b, 14 * b, 31 * b, 2 * b, 33 * b, 3 * b }' >extents.want
cmp extents.ours extents.want || {
	diff extents.ours extents.want || :
	fail "$image: extents"
}
qemu-img convert -f vhdx -O raw $image flat.raw
"$readdisk" --threads 3 --reads 100 $image flat.raw || fail "$image: random reads differ"
rm -f $image flat.raw

# 64 TiB: opens at once, and the extents of the whole disk are a table's worth of reading, in bounded memory.
image=huge.vhdx
qemu-img create -q -f vhdx -o block_size=256M,log_size=1M $image 64T
qemu-io -f vhdx -c "write -P 0xaa 70368743129088 1M" -c "write -P 0xbb 35184372088832 64k" $image >/dev/null
memory=400000
[ "${LIFTFS_SANITIZED:-no}" = no ] || memory=unlimited # a sanitizer's shadow alone is terabytes
(ulimit -v $memory && "$readdisk" --extents $image) >extents.ours || fail "$image: extents"
awk -v b=$((256 * mib)) 'BEGIN { h = 131072; printf "%.0f %.0f zero\n%.0f %.0f data\n%.0f %.0f zero\n%.0f %.0f data\n",
	0, h * b, h * b, b, (h + 1) * b, (2 * h - h - 2) * b, (2 * h - 1) * b, b }' >extents.want
cmp extents.ours extents.want || {
	diff extents.ours extents.want || :
	fail "$image: extents"
}
rm -f $image

# The same with a table of 512 MiB, which is a hole but for its last entry.
makevhdx=$builddir/tests/support/makevhdx
if [ -x "$makevhdx" ]; then
	"$makevhdx" huge
	(ulimit -v $memory && "$readdisk" --extents huge.vhdx) >extents.ours || fail "huge.vhdx: extents"
	printf '0 70368743129088 zero\n70368743129088 1048576 data\n' | cmp - extents.ours || fail "huge.vhdx: extents"
	rm -f huge.vhdx
fi

# A fixed VHD, of qemu's own size and of one it does not round.
qemu-img create -q -f raw in.raw $((5 * mib))
qemu-io -f raw -c 'write -P 0x12 0 64k' -c 'write -P 0x34 3000k 1M' -c "write -P 0x56 $((5 * mib - 512)) 512" in.raw >/dev/null
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on in.raw exact.vhd
"$readdisk" exact.vhd | cmp - in.raw || fail "exact.vhd: content differs"
"$readdisk" --threads 3 --reads 50 exact.vhd in.raw || fail "exact.vhd: random reads differ"
head -c $((5 * mib)) exact.vhd >cut.vhd
must_fail 65 "cut.vhd: not a VHD: no footer" "$readdisk" cut.vhd

# Cut off, and another format under this name.
qemu-img create -q -f vhdx -o block_size=1M,log_size=1M cut.vhdx 8M
qemu-io -f vhdx -c 'write -P 0x11 7M 1M' -c 'write -P 0x22 0 1M' cut.vhdx >/dev/null
qemu-img convert -f vhdx -O raw cut.vhdx flat.raw
truncate -s -$mib cut.vhdx
must_fail 65 'beyond end of file' "$readdisk" cut.vhdx
cp in.raw raw.vhdx
must_fail 65 "raw.vhdx: not a VHDX" "$readdisk" raw.vhdx
