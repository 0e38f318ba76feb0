#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Guests on XFS: what mkfs.xfs puts into an image of each version comes out again, whatever form it has there; damage is told.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-guest.sh"
requires mkfs.xfs xfs_db python3
trees="python3 $srcdir/tests/integration/guest_trees.py"
cd "$scratch"

# Small images spare a log of 64 MiB; an mkfs.xfs without that option makes them of any size.
small=--unsupported
truncate -s 32M probe.raw
mkfs.xfs -q $small probe.raw >/dev/null 2>&1 || small=
make_xfs() { # IMAGE OPTIONS...
	image=$1
	shift
	rm -f "$image"
	truncate -s 32M "$image"
	mkfs.xfs -q -f $small "$@" -p "$proto" "$image" >errors 2>&1 || fail "mkfs.xfs $*: $(cat errors)"
}
copy_out() { # IMAGE: into $scratch/out
	rm -rf out
	"$builddir/tests/support/copytree" "$1" xfs out || fail "$1 cannot be read"
}
inode_at() { # IMAGE PATH: byte of its inode
	xfs_db -r -c "path $2" -c addr "$1" | sed -n 's/.*byte offset \([0-9]*\),.*/\1/p'
}

$trees files files
# A link in blocks of its own lacks their header where mkfs writes it into version 5: there it is left out.
$trees proto files 150 >files.proto
$trees proto files >files4.proto
# diff follows links: those that lead nowhere here are asked for by name.
same() { # IMAGE OPTIONS...
	make_xfs "$@"
	copy_out "$1"
	diff -r -x abs -x above -x broken -x 'circle-*' -x long files out >differences || fail "$*: $(head -5 differences)"
	cmp files/usr/lib/os-release out/abs || fail "$*: a link from the root on"
	cmp files/usr/bin/bash out/above || fail "$*: a link above the root"
	{ [ ! -e out/broken ] && [ ! -e out/circle-a ]; } || fail "$*: links that lead nowhere are files"
}
proto=files.proto
same v5.raw
same small.raw -b size=1024
same wide.raw -n size=16384 -i size=2048
proto=files4.proto
for options in 'size=8192,ftype=1' 'ftype=0'; do
	same v4.raw -m crc=0 -n "$options"
	cmp files/text out/long || fail "$options: a link in blocks of its own"
done
if command -v grub-fstest >/dev/null; then # a second reader
	for image in v5 v4 small wide; do
		grub-fstest $image.raw cmp /big "$scratch/files/big" || fail "$image: GRUB reads something else"
	done
fi

look v5.raw
has "file-system \\| xfs \\| the whole disk"
has 'os \| Rocky Linux 9.3 \(Blue Onyx\) \| the whole disk: /etc/os-release'
has 'arch \| x86_64 \| the whole disk: /bin/sh'
has 'fstab-device \| /dev/sda3 on / \| the whole disk: /etc/fstab'
has 'kernel \| 5.14.0-362.el9.x86_64 \| the whole disk: /boot'
has 'agent \| open-vm-tools \| the whole disk: /usr/bin/vmtoolsd'
has 'fact id=rocky version=9.3'
has 'fact dirty=no by=nothing'
has 'fact used=[0-9]+ whole=yes complete=yes'
at=$(sed -n 's/^os | .* | //p' found)
dd if=v5.raw bs=1 skip="$at" count=4 status=none | grep -q NAME || fail "no os-release at byte $at"
blocks=$(xfs_db -r -c 'sb 0' -c 'print dblocks fdblocks' v5.raw | sed 's/.*= //' | tr '\n' ' ')
has "used \\| $((4096 * (${blocks% * } - $(echo "$blocks" | cut -d' ' -f2)))) \\| the whole disk"

# Many extents, a hole, blocks that were never written.
{
	head -c 8192 files/scattered
	head -c 8192 /dev/zero
	tail -c +16385 files/scattered
} >want
for image in v4 v5; do
	leaf=$($trees xfs-scatter $image.raw "$(inode_at $image.raw /scattered)" "$(inode_at $image.raw /spare)")
	copy_out $image.raw
	cmp want out/scattered || fail "$image: extents in a tree"
done

# The log says whether it was finished.
$trees xfs-dirty v4.raw
look v4.raw
has 'dirty \| log not replayed \| the whole disk'
has 'fact dirty=yes by=dirty'

# One bit, in a block of each kind that is on the way.
inode=$(inode_at v5.raw /big)
folder=$(xfs_db -r -c 'path /node' -c 'dblock 0' -c addr v5.raw | sed -n 's/.*byte offset \([0-9]*\),.*/\1/p')
for what in geometry label inode folder tree; do
	cp --sparse=always v5.raw bad-$what.raw
done
$trees flip bad-geometry.raw 120 -- flip bad-label.raw 109 -- flip bad-inode.raw $((inode + 60)) -- \
	flip bad-folder.raw $((folder + 200)) -- flip bad-tree.raw $((leaf + 80))
damaged() { # WHAT TEXT: is told, and not read through
	if "$builddir/tests/support/copytree" "bad-$1.raw" xfs bad 2>errors; then
		fail "$1: damage was not seen"
	fi
	grep -q -E "$2" errors || fail "$1: $(cat errors)"
	rm -rf bad
}
damaged geometry 'superblock: blocks of'
damaged label 'superblock: checksum [0-9a-f]{8}, and [0-9a-f]{8} is said'
damaged inode "inode [0-9]+ at byte $inode: checksum [0-9a-f]{8}, and [0-9a-f]{8} is said"
damaged folder "folder's block at byte $folder: checksum"
damaged tree "extent tree at byte $leaf: checksum"
look bad-tree.raw
has 'os \| Rocky Linux 9.3 \(Blue Onyx\) \| the whole disk: /etc/os-release' # the rest is read
