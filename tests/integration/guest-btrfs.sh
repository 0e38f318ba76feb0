#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guests on Btrfs: what mkfs.btrfs puts into an image comes out again; compressed files and subvolumes; damage is told.
. "${srcdir:-.}/tests/integration/lib.sh"
requires mkfs.btrfs zstd python3
trees="python3 $srcdir/tests/integration/guest_trees.py"
cd "$scratch"

look() { # IMAGE: into $scratch/found
	"$builddir/tests/support/lookdisk" "$1" >found || fail "$1 cannot be looked at"
}
has() { # LINE, whole but for the byte
	grep -qxE -e "$1( \| [0-9]+)?" found || fail "not found: $1; but: $(cat found)"
}
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
	[ ! -e out/broken ] && [ ! -e out/circle-a ] || fail "$*: links that lead nowhere are files"
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

# Compressed; GRUB is a second reader.
cp --sparse=always plain.raw packed.raw
$trees btrfs-packed packed.raw zlib 1 100000
$trees btrfs-packed packed.raw zlib-inline 1 1500
$trees btrfs-packed packed.raw zstd 3 100000
$trees btrfs-packed packed.raw zstd-inline 3 1500
if grep -q 'HAVE_ZSTD 1' "$builddir/config.h"; then
	copy_out packed.raw
	cmp want-packed out/zstd && cmp want-inline out/zstd-inline || fail "zstd"
else
	"$builddir/tests/support/copytree" packed.raw btrfs out 2>errors && fail "zstd is read without its library"
	grep -q 'compressed by zstd, which this build does not unpack' errors || fail "zstd: $(cat errors)"
	$trees btrfs-packed packed.raw zstd 1 100000
fi
cmp want-packed out/zlib && cmp want-inline out/zlib-inline || fail "zlib"
if command -v grub-fstest >/dev/null; then
	grub-fstest plain.raw cmp /big "$scratch/files/big" || fail "GRUB reads something else"
	grub-fstest packed.raw cmp /zlib "$scratch/want-packed" || fail "zlib: GRUB reads something else"
	grub-fstest packed.raw cmp /zstd "$scratch/want-packed" || fail "zstd: GRUB reads something else"
fi
$trees btrfs-packed packed.raw zlib 2 100000
if "$builddir/tests/support/copytree" packed.raw btrfs lzo 2>errors; then
	fail "LZO is read"
fi
grep -q 'compressed by LZO, which is not unpacked' errors || fail "LZO: $(cat errors)"

# A root that is not the topmost: named as distributions name it, or the default.
for name in @ root; do
	cp --sparse=always plain.raw volume.raw
	$trees btrfs-subvolume volume.raw $name
	look volume.raw
	check_root "the whole disk, subvolume $name"
done
copy_out volume.raw
cmp files/big out/big || fail "a subvolume's file"
cp --sparse=always plain.raw volume.raw
$trees btrfs-subvolume volume.raw snapshot-17
look volume.raw
has 'fact os= by=nothing'
copy_out volume.raw
cmp files/big out/snapshot-17/big || fail "a subvolume's file from above"
$trees btrfs-default volume.raw
look volume.raw
check_root 'the whole disk'

# Said, and not read.
refused() { # OFFSET LENGTH NUMBER LINE
	cp --sparse=always plain.raw bad.raw
	$trees btrfs-field bad.raw "$1" "$2" "$3"
	look bad.raw
	has "$4 \\| the whole disk"
	has 'fact os= by=nothing'
}
refused 136 8 2 'skipped \| Btrfs of 2 devices, of which this is one'
refused 196 2 3 'skipped \| Btrfs with checksums of kind 3 \(BLAKE2b\)'
refused 188 8 8192 'skipped \| Btrfs with features 0x2000'
refused 80 8 4096 'unreadable \| address 4096: in no chunk'
cp --sparse=always plain.raw bad.raw
$trees flip bad.raw $((65536 + 700))
look bad.raw
has 'unreadable \| superblock at byte 65536: wrong checksum \(CRC-32C, [0-9a-f]{8}\) \| the whole disk'

# One bit of a tree block: the second copy is taken; of both: told.
cp --sparse=always plain.raw bad.raw
read -r first second <<-copies
	$($trees btrfs-leaf bad.raw)
copies
$trees flip bad.raw $((first + 5000))
copy_out bad.raw
cmp files/big out/big || fail "the second copy"
$trees flip bad.raw $((second + 5000))
if "$builddir/tests/support/copytree" bad.raw btrfs bad 2>errors; then
	fail "damage was not seen"
fi
grep -q "tree block at byte $first: wrong checksum (CRC-32C, " errors || fail "damage: $(cat errors)"
