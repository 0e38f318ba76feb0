#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# streamOptimized VMDKs, of qemu-img and as ovftool writes them: content, extents, chains, second readers, damage, a mount.
. "${srcdir:-.}/tests/integration/lib.sh"
requires qemu-img qemu-io cmp python3
readdisk=$builddir/tests/support/readdisk
liftfs=$builddir/tools/liftfs
reader=$srcdir/tests/integration/mount_read.py
samples=${LIFTFS_SAMPLES:-$srcdir/../shared/samples}
cd "$scratch"
mkdir mnt

unmount_all() {
	! mountpoint -q "$scratch/mnt" 2>/dev/null || fusermount3 -u -z "$scratch/mnt"
}
cleanup_fn unmount_all

# Text, noise that does not get smaller, zeros, and a last sector.
make_raw() { # FILE BYTES
	python3 - "$1" "$2" <<'PY'
import random, sys
size, rng = int(sys.argv[2]), random.Random(int(sys.argv[2]))
with open(sys.argv[1], "wb") as f:
    for off in range(0, size, 32768):
        kind = rng.randrange(6) if off % 65536 == 0 else kind
        if kind == 0:
            piece = rng.randbytes(32768)
        elif kind < 4:
            piece = b"".join(b"%08d guest data\n" % rng.randrange(off + 1) for _ in range(1500))[:32768]
        else:
            piece = bytes(32768)
        f.write(piece.ljust(32768, b".") if kind < 4 else piece)
    f.truncate(size)
    f.seek(size - 512)
    f.write(b"the last sector".ljust(512, b"!"))
PY
}

# as_ovftool IN OUT [SECTOR]: tables and directory behind the grains, and only a footer knows where (or says SECTOR).
as_ovftool() {
	python3 - "$@" <<'PY'
import struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
data += bytes(-len(data) % 512)
def marker(sectors, kind):
    data.extend(struct.pack("<QII", sectors, 0, kind).ljust(512, b"\0"))
capacity, directory = struct.unpack_from("<Q", data, 12)[0], struct.unpack_from("<Q", data, 56)[0]
tables = struct.unpack_from("<%dI" % -(-capacity // 65536), data, directory * 512)
moved = []
for old in tables:
    marker(4, 1)
    moved.append(len(data) // 512)
    data += data[old * 512:old * 512 + 2048]
marker(1, 2)
directory = len(data) // 512
data += struct.pack("<%dI" % len(moved), *moved).ljust(512, b"\0")
struct.pack_into("<I", data, 8, 0x30001)
struct.pack_into("<QQ", data, 48, 0, 2**64 - 1)
footer = bytearray(data[:512])
struct.pack_into("<Q", footer, 56, int(sys.argv[3]) if len(sys.argv) > 3 else directory)
marker(1, 3)
data += footer + bytes(512)
open(sys.argv[2], "wb").write(data)
PY
}

# check IMAGE FLAT: content, random reads of several threads, and the extents are the grains that are there.
check() {
	echo "check $1"
	"$readdisk" "$1" | cmp - "$2" || fail "$1: content"
	"$readdisk" --threads 3 --reads 60 "$1" "$2" || fail "$1: random reads differ"
	"$readdisk" --extents "$1" >extents.ours
	qemu-img map --output=json -f vmdk "$1" |
		sed -n 's/.*"start": \([0-9]*\), "length": \([0-9]*\),.*"data": \([a-z]*\).*/\1 \2 \3/p' |
		awk '{
			kind = $3 == "true" ? "data" : "zero"
			if (NR > 1 && kind == was) { len += $2; next }
			if (NR > 1) printf "%s %.0f %s\n", start, len, was
			start = $1; len = $2; was = kind
		} END { printf "%s %.0f %s\n", start, len, was }' >extents.qemu
	cmp extents.ours extents.qemu || fail "$1: extents differ from qemu-img's"
}

sizes="512 65536 66048 $((4 * 1048576)) $((9 * 1048576 + 13 * 512)) $((33 * 1048576 + 512))"
for size in $sizes; do
	make_raw "$size.raw" "$size"
	qemu-img convert -f raw -O vmdk -o subformat=streamOptimized "$size.raw" "$size.vmdk"
	check "$size.vmdk" "$size.raw"
	as_ovftool "$size.vmdk" "footer-$size.vmdk"
	qemu-img compare -q -f vmdk -F raw "footer-$size.vmdk" "$size.raw" || fail "footer-$size.vmdk: not as qemu-img takes it"
	check "footer-$size.vmdk" "$size.raw"
done
big=$((33 * 1048576 + 512))
odd=$((9 * 1048576 + 13 * 512))
qemu-img create -q -f vmdk -o subformat=streamOptimized empty.vmdk 3M
truncate -s 3M empty.raw
check empty.vmdk empty.raw

if command -v 7zz >/dev/null; then
	even=$((4 * 1048576)) # it does not take a last grain that is cut where the disk ends
	7zz x -so footer-$even.vmdk >7z.raw 2>7z.err || fail "7zz: $(cat 7z.err)"
	cmp 7z.raw $even.raw || fail "7zz reads another content"
else
	echo "7zz is not installed: one reader less"
fi
if command -v vmdkmount >/dev/null && [ "$(id -u)" = 0 ] && [ -w /dev/fuse ]; then
	for image in $odd.vmdk "footer-$odd.vmdk"; do
		vmdkmount "$image" mnt >vmdkmount.err 2>&1 || fail "vmdkmount: $(cat vmdkmount.err)"
		cmp mnt/vmdk1 $odd.raw || fail "vmdkmount reads another content of $image"
		fusermount3 -u mnt
	done
else
	echo "no vmdkmount: one reader less"
fi

# A snapshot over one.
cp $odd.vmdk base.vmdk
qemu-img create -q -f vmdk -b base.vmdk -F vmdk child.vmdk
qemu-io -f vmdk -c 'write -P 0x99 5M 100k' -c 'write -P 0x9a 65024 1024' child.vmdk >/dev/null
qemu-img convert -f vmdk -O raw child.vmdk child.raw
"$readdisk" child.vmdk | cmp - child.raw || fail "child.vmdk: content"
"$readdisk" --threads 3 --reads 60 child.vmdk child.raw || fail "child.vmdk: random reads differ"

# The engine reads it through the same calls.
LIFTFS_STATE=$scratch/state "$liftfs" sync child.vmdk target >sync.out 2>&1 || fail "sync: $(cat sync.out)"
cmp -n "$(stat -c %s child.raw)" target/*.vhd child.raw || fail "the replica differs"

# Damage: what is cut, longer, or says another thing is refused; a bad grain is an error for its own range.
head -c -512 "footer-$odd.vmdk" >cut.vmdk
must_fail 65 'the file was cut, or something was appended to it' "$readdisk" cut.vmdk
head -c 700000 "footer-$odd.vmdk" >cut.vmdk
must_fail 65 'the file was cut, or something was appended to it' "$readdisk" cut.vmdk
{ cat "footer-$odd.vmdk" && head -c 512 /dev/zero; } >longer.vmdk
must_fail 65 'the file was cut, or something was appended to it' "$readdisk" longer.vmdk
as_ovftool $odd.vmdk elsewhere.vmdk 99999999
must_fail 65 'grain directory of 4 bytes at sector 99999999: beyond end of file' "$readdisk" elsewhere.vmdk
damage() { # IMAGE: the second grain that is there; prints its number
	python3 - "$1" <<'PY'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    f.seek(56)
    f.seek(struct.unpack("<Q", f.read(8))[0] * 512)
    f.seek(struct.unpack("<I", f.read(4))[0] * 512)
    entries = struct.unpack("<128I", f.read(512))
    g = [i for i, e in enumerate(entries) if e][1]
    f.seek(entries[g] * 512 + 60)
    f.write(b"damage!")
    print(g)
PY
}
cp $odd.vmdk bad.vmdk
grain=$(damage bad.vmdk)
must_fail 65 "bad.vmdk: grain $grain at sector" "$readdisk" bad.vmdk

# How much is new is what the tables say: the file is small.
mkdir new
head -c 8388608 /dev/zero | tr '\0' x >x.raw
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized x.raw new/x.vmdk
"$liftfs" sync --state "$scratch/state" new "dir:$scratch/replicas" >/dev/null 2>sync.err || fail "sync: $(cat sync.err)"
grep -q '1 new disk of 8 MiB: about 8 MiB to be sent and stored' sync.err || fail "the estimate: $(cat sync.err)"

# What others wrote.
if [ -f "$samples/manifest.tsv" ]; then
	must_fail 65 'the file was cut, or something was appended to it' \
		"$readdisk" "$samples/govmomi/ttylinux-pc_i486-16.1-disk1.vmdk"
	xz -dc "$samples/vmdk-rs/streamOptimized.vmdk.xz" >vdiskmanager.vmdk
	cp "$samples/vmdk-forensic/stream_opt.vmdk" .
	for image in vdiskmanager.vmdk stream_opt.vmdk; do
		qemu-img convert -f vmdk -O raw $image flat.raw
		check $image flat.raw
	done
else
	echo "no sample images (LIFTFS_SAMPLES): three fewer"
fi

# Mounted: from the first byte to the last, and four readers of random places; a bad grain is EIO for what it covers.
command -v fusermount3 >/dev/null || skip "the rest: fusermount3 is not installed"
[ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "the rest: /dev/fuse is not there for us"
"$liftfs" mount "footer-$big.vmdk" mnt || fail "mount"
cmp mnt/disk.raw $big.raw || fail "mounted: content"
python3 "$reader" random $big.raw mnt/disk.raw || fail "mounted: random reads"
python3 "$reader" mmap $big.raw mnt/disk.raw || fail "mounted: mapped reads"
fusermount3 -u mnt
"$liftfs" mount bad.vmdk mnt || fail "mount bad.vmdk"
cmp -n $((grain * 65536)) mnt/disk.raw $odd.raw || fail "bad.vmdk: before the bad grain"
cmp -i $(((grain + 1) * 65536)) mnt/disk.raw $odd.raw || fail "bad.vmdk: behind the bad grain"
dd if=mnt/disk.raw of=/dev/null bs=64K skip="$grain" count=1 iflag=direct status=none 2>dd.err && fail "bad.vmdk: read"
grep -q 'Input/output error' dd.err || fail "bad.vmdk: $(cat dd.err)"
fusermount3 -u mnt
