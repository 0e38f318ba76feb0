#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guests on Btrfs: what mkfs.btrfs puts into an image comes out again; compressed files and subvolumes; damage is told.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-guest.sh"
requires mkfs.btrfs zstd python3
trees="python3 $srcdir/tests/integration/guest_trees.py"
cd "$scratch"

make_btrfs() { # IMAGE OPTIONS...
	image=$1
	shift
	rm -f "$image"
	truncate -s 128M "$image"
	mkfs.btrfs -q --rootdir files "$@" "$image" >errors 2>&1 || fail "mkfs.btrfs $*: $(cat errors)"
}
copy_out() { # IMAGE: into $scratch/out
	rm -rf out
	"$builddir/tests/support/copytree" "$1" btrfs out || fail "$1 cannot be read"
}
check_root() { # WHERE
	has "os \\| Rocky Linux 9.3 \\(Blue Onyx\\) \\| $1: /etc/os-release"
	has "arch \\| x86_64 \\| $1: /bin/sh"
	has "kernel \\| 5.14.0-362.el9.x86_64 \\| $1: /boot"
	has 'fact id=rocky version=9.3'
	has 'fact dirty=no by=nothing'
	has 'fact used=[0-9]+ whole=yes complete=yes'
}

# What will be called compressed: in extents, 100000 bytes of text each, and among the items of a tree.
pack() { # FROM TO: by zlib
	python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))' <"$1" >"$2"
}
$trees files files
head -c 100000 files/text >want-packed
head -c 1500 files/text >want-inline
pack want-packed files/zlib
pack want-inline files/zlib-inline
zstd -q <want-packed >files/zstd
zstd -q <want-inline >files/zstd-inline
for name in zlib zstd; do # in extents of their own, not among the items
	head -c 3000 /dev/zero >>files/$name
done
same() { # IMAGE OPTIONS...
	make_btrfs "$@"
	copy_out "$1"
	diff -r -x abs -x above -x broken -x 'circle-*' files out >differences || fail "$*: $(head -5 differences)"
	cmp files/usr/lib/os-release out/abs || fail "$*: a link from the root on"
	{ [ ! -e out/broken ] && [ ! -e out/circle-a ]; } || fail "$*: links that lead nowhere are files"
}
same plain.raw
same small.raw -n 4096 --csum xxhash
same wide.raw -n 65536 --csum sha256 -m single
same mixed.raw -M
look plain.raw
check_root 'the whole disk'
at=$(sed -n 's/^os | .* | //p' found)
dd if=plain.raw bs=1 skip="$at" count=4 status=none | grep -q NAME || fail "no os-release at byte $at"
at=$(sed -n 's/^fstab-device | .* | //p' found) # among the items of a tree
dd if=plain.raw bs=1 skip="$at" count=9 status=none | grep -q /dev/sda3 || fail "no fstab at byte $at"

# Changed copies of it.
for name in packed lzo at root other default devices csum features nowhere superblock; do
	cp --sparse=always plain.raw $name.raw
done
$trees btrfs-packed packed.raw zlib 1 100000 -- btrfs-packed packed.raw zlib-inline 1 1500 -- \
	btrfs-packed packed.raw zstd 3 100000 -- btrfs-packed packed.raw zstd-inline 3 1500 -- \
	btrfs-packed lzo.raw zlib 2 100000 -- btrfs-subvolume at.raw @ -- btrfs-subvolume root.raw root -- \
	btrfs-subvolume other.raw snapshot-17 -- btrfs-subvolume default.raw snapshot-17 -- btrfs-default default.raw -- \
	btrfs-field devices.raw 136 8 2 -- btrfs-field csum.raw 196 2 3 -- btrfs-field features.raw 188 8 8192 -- \
	btrfs-field nowhere.raw 80 8 4096 -- flip superblock.raw $((65536 + 700))

# Compressed; GRUB is a second reader.
not_read() { # IMAGE TEXT
	if "$builddir/tests/support/copytree" "$1" btrfs bad 2>errors; then
		fail "$1 is read"
	fi
	grep -q "$2" errors || fail "$1: $(cat errors)"
	rm -rf bad
}
if grep -q 'HAVE_ZSTD 1' "$builddir/config.h"; then
	copy_out packed.raw
	for name in zlib zstd; do
		cmp want-packed out/$name || fail "$name"
		cmp want-inline out/$name-inline || fail "$name among the items"
	done
else
	not_read packed.raw 'compressed by zstd, which this build does not unpack'
fi
if command -v grub-fstest >/dev/null; then
	grub-fstest plain.raw cmp /big "$scratch/files/big" || fail "GRUB reads something else"
	grub-fstest packed.raw cmp /zlib "$scratch/want-packed" || fail "zlib: GRUB reads something else"
	grub-fstest packed.raw cmp /zstd "$scratch/want-packed" || fail "zstd: GRUB reads something else"
fi
not_read lzo.raw 'compressed by LZO, which is not unpacked'

# A root that is not the topmost: named as distributions name it, or the default.
for name in @ root; do
	image=root.raw
	[ $name = root ] || image=at.raw
	look $image
	check_root "the whole disk, subvolume $name"
done
copy_out root.raw
cmp files/big out/big || fail "a subvolume's file"
look other.raw
has 'fact os= by=nothing'
copy_out other.raw
cmp files/big out/snapshot-17/big || fail "a subvolume's file from above"
look default.raw
check_root 'the whole disk'

# Said, and not read.
refused() { # NAME LINE
	look "$1.raw"
	has "$2 \\| the whole disk"
	has 'fact os= by=nothing'
}
refused devices 'skipped \| Btrfs of 2 devices, of which this is one'
refused csum 'skipped \| Btrfs with checksums of kind 3 \(BLAKE2b\)'
refused features 'skipped \| Btrfs with features 0x2000'
refused nowhere 'unreadable \| address 4096: in no chunk'
refused superblock 'unreadable \| superblock at byte 65536: wrong checksum \(CRC-32C, [0-9a-f]{8}\)'

# One bit of a tree block: the second copy is taken; of both: told.
cp --sparse=always plain.raw first.raw
cp --sparse=always plain.raw both.raw
read -r first second <<-copies
	$($trees btrfs-leaf plain.raw)
copies
$trees flip first.raw $((first + 5000)) -- flip both.raw $((first + 5000)) -- flip both.raw $((second + 5000))
copy_out first.raw
cmp files/big out/big || fail "the second copy"
not_read both.raw "tree block at byte $first: wrong checksum (CRC-32C, "
