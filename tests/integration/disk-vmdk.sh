#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# VMDKs and chains that qemu makes: every subformat, at odd sizes, flat content and map as qemu-img sees them.
. "${srcdir:-.}/tests/integration/lib.sh"
requires qemu-img qemu-io cmp
readdisk=$builddir/tests/support/readdisk
cd "$scratch"
odd=$((8 * 1048576 + 13 * 512))

# Runs of one kind as one line, neighbours joined: start length data|zero.
qemu_extents() {
	qemu-img map --output=json -f vmdk "$1" |
		sed -n 's/.*"start": \([0-9]*\), "length": \([0-9]*\),.*"data": \([a-z]*\).*/\1 \2 \3/p' |
		awk '{
			kind = $3 == "true" ? "data" : "zero"
			if (NR > 1 && kind == was) { len += $2; next }
			if (NR > 1) printf "%s %.0f %s\n", start, len, was
			start = $1; len = $2; was = kind
		} END { printf "%s %.0f %s\n", start, len, was }'
}

# check IMAGE: content, random reads from several threads, extents.
check() {
	echo "check $1"
	qemu-img convert -f vmdk -O raw "$1" flat.raw
	"$readdisk" "$1" | cmp - flat.raw || fail "$1: content differs from qemu-img's"
	"$readdisk" --threads 3 --reads 150 "$1" flat.raw || fail "$1: random reads differ"
	rm -f flat.raw
}

# check_map IMAGE: the same, and the extents are those of qemu-img map.  Of sparse images without parents only: elsewhere
# qemu-img does not look for holes, or reports a parent's.
check_map() {
	check "$1"
	qemu_extents "$1" >extents.qemu
	"$readdisk" --extents "$1" >extents.ours
	cmp extents.ours extents.qemu || {
		diff extents.ours extents.qemu || :
		fail "$1: extents differ from qemu-img's"
	}
}

scatter() { # IMAGE BYTES: some data, some zeros, the first and the last sector
	qemu-io -f vmdk -c 'write -P 0x11 0 64k' -c 'write -P 0x22 1048064 1024' -c 'write -P 0x33 5M 1M' \
		-c 'write -P 0x44 2M 64k' -c 'write -z 3M 1M' -c "write -P 0x55 $(($2 - 512)) 512" "$1" >/dev/null
}

for subformat in monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat; do
	for size in $odd $((8 * 1048576)) $((65536 * 3 + 512)); do
		image=$subformat-$size.vmdk
		qemu-img create -q -f vmdk -o subformat=$subformat "$image" "$size"
		case $subformat in
		*Sparse) check=check_map ;;
		*) check=check ;;
		esac
		$check "$image"
		[ "$size" -gt 8000000 ] || continue
		scatter "$image" "$size"
		$check "$image"
	done
done

for options in zeroed_grain=on compat6=on adapter_type=lsilogic; do
	image=options-$options.vmdk
	qemu-img create -q -f vmdk -o subformat=monolithicSparse,$options "$image" $odd
	scatter "$image" $odd
	check_map "$image"
done

# Pieces of 2 GiB: what lies across their borders.
image=split-sparse.vmdk
qemu-img create -q -f vmdk -o subformat=twoGbMaxExtentSparse $image 4100M
qemu-io -f vmdk -c 'write -P 0x66 2147483136 1024' -c 'write -P 0x77 4294966784 1024' \
	-c "write -P 0x88 $((4100 * 1048576 - 512)) 512" $image >/dev/null
check_map $image
image=split-flat.vmdk
qemu-img create -q -f vmdk -o subformat=twoGbMaxExtentFlat $image 2100M
qemu-io -f vmdk -c 'write -P 0x66 2147483136 1024' $image >/dev/null
check $image
rm -f split-*

# Chains: data and zeros of the child over data of the parent, and children of another size.
qemu-img create -q -f vmdk base.vmdk $odd
scatter base.vmdk $odd
qemu-img create -q -f vmdk -b base.vmdk -F vmdk snap1.vmdk
qemu-io -f vmdk -c 'write -P 0x99 5308416 64k' -c 'write -P 0x9a 1M 512' snap1.vmdk >/dev/null
check snap1.vmdk
qemu-img create -q -f vmdk -o zeroed_grain=on -b snap1.vmdk -F vmdk snap2.vmdk
qemu-io -f vmdk -c 'write -z 5M 256k' -c 'write -P 0xaa 7M 4k' snap2.vmdk >/dev/null
check snap2.vmdk
qemu-img create -q -f vmdk -o subformat=monolithicFlat flatbase.vmdk $odd
scatter flatbase.vmdk $odd
qemu-img create -q -f vmdk -b flatbase.vmdk -F vmdk flatsnap.vmdk
qemu-io -f vmdk -c 'write -P 0xbb 6M 100k' flatsnap.vmdk >/dev/null
check flatsnap.vmdk
qemu-img create -q -f vmdk -b base.vmdk -F vmdk larger.vmdk 12M
qemu-io -f vmdk -c 'write -P 0xcc 11M 1000k' larger.vmdk >/dev/null
check larger.vmdk

# The parent was written to after the child was made: its CID is another one.
qemu-io -f vmdk -c 'write -P 0xdd 0 512' base.vmdk >/dev/null
must_fail 65 'is expected' "$readdisk" snap1.vmdk
rm base.vmdk
must_fail 65 'snap1.vmdk: parent: base.vmdk: no such file' "$readdisk" snap1.vmdk
