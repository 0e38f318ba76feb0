#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Mounts of images and folders that qemu-img makes: content, holes, hashes, footers, errors, and how a mount ends.
. "${srcdir:-.}/tests/integration/lib.sh"
requires qemu-img qemu-io cmp python3 fusermount3 xxhsum jq mountpoint
[ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "/dev/fuse is not there for us"
liftfs=$builddir/tools/liftfs
reader=$srcdir/tests/integration/mount_read.py
cd "$scratch"
mnt=$scratch/mnt
mkdir "$mnt"

unmount_all() {
	! mountpoint -q "$mnt" 2>/dev/null || fusermount3 -u -z "$mnt"
}
cleanup_fn unmount_all

is_gone() {
	! kill -0 "$1" 2>/dev/null
}
is_mounted() {
	mountpoint -q "$mnt"
}
is_unmounted() { # one whose program was killed is still there, and is no mount point that can be looked at
	! grep -q " $mnt " /proc/mounts
}
unmount() {
	fusermount3 -u "$mnt" || fail "fusermount3 -u"
}

mkdir -p src/web01 "src/with blank, and comma" src/empty
fill() { # FORMAT IMAGE
	qemu-io -f "$1" -c 'write -P 0x11 0 64k' -c 'write -P 0x22 5M 1M' -c 'write -P 0x33 7340544 512' "$2" >/dev/null
}
qemu-img create -q -f vmdk src/web01/web01.vmdk $((9 * 1048576 + 512))
fill vmdk src/web01/web01.vmdk
qemu-img create -q -f vmdk -F vmdk -b web01.vmdk src/web01/web01-000001.vmdk
qemu-io -f vmdk -c 'write -P 0x44 4M 128k' src/web01/web01-000001.vmdk >/dev/null
qemu-img create -q -f vhdx "src/with blank, and comma/a.vhdx" 33M
fill vhdx "src/with blank, and comma/a.vhdx"
qemu-img create -q -f vpc -o subformat=fixed,force_size=on src/b.vhd 12M
fill vpc src/b.vhd
qemu-img create -q -f raw src/c.raw 8M
fill raw src/c.raw
printf 'not one' >src/broken.vhdx

"$liftfs" mount src "$mnt" || fail "mount"
is_mounted || fail "not mounted when liftfs returned"
case $(grep " $mnt " /proc/mounts) in
"$scratch/src $mnt fuse.liftfs ro,"*) ;;
*) fail "/proc/mounts: $(grep " $mnt " /proc/mounts)" ;;
esac
if [ "$(id -u)" = 0 ]; then
	ahead=/sys/class/bdi/$(mountpoint -d "$mnt")/read_ahead_kb
	reads_ahead() {
		[ "$(cat "$ahead")" = 1024 ]
	}
	[ ! -w "$ahead" ] || wait_for 5 reads_ahead
fi

# check PATH FORMAT: every file of a disk against qemu-img.
check() {
	echo "check $1"
	dir=$mnt/$1
	qemu-img convert -f "$2" -O raw "src/$1" flat.raw
	[ "$(cd "$dir" && echo ./*)" = "./blocks ./disk.raw ./disk.vhd ./info.json" ] || fail "$1: files: $(ls "$dir")"
	[ "$(stat -c %s "$dir/disk.raw")" = "$(stat -c %s flat.raw)" ] || fail "$1: size"
	cmp "$dir/disk.raw" flat.raw || fail "$1: content"
	python3 "$reader" random flat.raw "$dir/disk.raw" || fail "$1: random reads"
	python3 "$reader" mmap flat.raw "$dir/disk.raw" || fail "$1: mapped reads"
	holes=$(python3 "$reader" holes flat.raw "$dir/disk.raw") || fail "$1: holes"
	[ "$holes" -ge 5000000 ] || fail "$1: $holes bytes in holes"
	python3 "$reader" blocks flat.raw "$dir/blocks" || fail "$1: blocks"
	jq -e --argjson size "$(stat -c %s flat.raw)" '.schema == 1 and .virtual_size == $size and .failed == []' \
		"$dir/info.json" >/dev/null || fail "$1: $(cat "$dir/info.json")"
	content=$((($(stat -c %s flat.raw) + 1048575) / 1048576 * 1048576))
	[ "$(stat -c %s "$dir/disk.vhd")" = $((content + 512)) ] || fail "$1: size of disk.vhd"
	qemu-img info --output=json -f vpc "$dir/disk.vhd" | jq -e --argjson size "$content" '."virtual-size" == $size' \
		>/dev/null || fail "$1: qemu-img info disk.vhd"
	qemu-img compare -q -f vpc -F raw "$dir/disk.vhd" flat.raw || fail "$1: disk.vhd"
}
check web01/web01.vmdk vmdk
check web01/web01-000001.vmdk vmdk
check "with blank, and comma/a.vhdx" vhdx
check b.vhd vpc
check c.raw raw

# A damaged image says why in its own folder; nothing else is hurt, and nothing is written.
[ "$(ls "$mnt/broken.vhdx")" = error ] || fail "broken.vhdx: $(ls "$mnt/broken.vhdx")"
grep -q 'broken.vhdx: ' "$mnt/broken.vhdx/error" || fail "error: $(cat "$mnt/broken.vhdx/error")"
[ ! -e "$mnt/broken.vhdx/disk.raw" ] || fail "broken.vhdx/disk.raw is there"
[ ! -e "$mnt/c.raw/error" ] || fail "c.raw/error is there"
[ ! -e "$mnt/empty" ] || fail "a folder without images is shown"
(: >"$mnt/new") 2>/dev/null && fail "a file was created"
(: >>"$mnt/c.raw/disk.raw") 2>/dev/null && fail "a disk was opened for writing"
[ "$(stat -c %Y "$mnt/web01/web01-000001.vmdk/disk.raw")" = "$(stat -c %Y src/web01/web01-000001.vmdk)" ] || fail "mtime"
if command -v getfattr >/dev/null; then
	[ "$(getfattr --only-values -n user.liftfs.format "$mnt/web01/web01.vmdk")" = vmdk ] || fail "xattr of a folder"
	[ "$(getfattr --only-values -n user.liftfs.virtual_size "$mnt/c.raw/disk.raw")" = 8388608 ] || fail "xattr of a file"
	getfattr -n user.liftfs.nothing "$mnt/c.raw" >/dev/null 2>&1 && fail "xattr that is none"
fi

# An image that changes while it is mounted: the next open shows what is there now, not what was cached.
qemu-io -f raw -c 'write -P 0x77 1M 1M' src/c.raw >/dev/null
cmp src/c.raw "$mnt/c.raw/disk.raw" || fail "c.raw: stale content after a change"
truncate -s 9M src/c.raw
seen() {
	[ "$(stat -c %s "$mnt/c.raw/disk.raw")" = 9437184 ]
}
wait_for 5 seen
cmp src/c.raw "$mnt/c.raw/disk.raw" || fail "c.raw: stale content after it grew"

# A grain that lies beyond the file: EIO for what it covers, nothing short, the reason in the log and in info.json.
cp src/web01/web01.vmdk bad.vmdk
python3 - bad.vmdk <<'PY'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    head = f.read(512)
    for at in (48, 56):  # the second directory and the first
        gd = struct.unpack_from("<Q", head, at)[0] * 512
        f.seek(gd)
        gt = struct.unpack("<I", f.read(4))[0] * 512
        f.seek(gt + 4 * 80)  # the grain at 5 MiB
        f.write(struct.pack("<I", 0x7fffff00))
PY
unmount
is_unmounted || fail "still mounted"

"$liftfs" mount -f bad.vmdk "$mnt" 2>log &
pid=$!
wait_for 10 is_mounted
qemu-img convert -f vmdk -O raw src/web01/web01.vmdk flat.raw
cmp -n 5242880 flat.raw "$mnt/disk.raw" || fail "bad.vmdk: before the bad grain"
cmp -i 5308416 flat.raw "$mnt/disk.raw" || fail "bad.vmdk: behind the bad grain"
python3 - "$mnt/disk.raw" <<'PY' || fail "bad.vmdk: not EIO"
import errno, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
import mmap
buf = mmap.mmap(-1, 1 << 20)
try:
    n = os.preadv(fd, [buf], 5242880 - 65536)
except OSError as e:
    sys.exit(e.errno != errno.EIO)
sys.exit(f"{n} bytes")
PY
grep -q 'beyond' log || fail "log: $(cat log)"
jq -e '.failed[0].message | contains("bad.vmdk")' "$mnt/info.json" >/dev/null || fail "info.json: $(cat "$mnt/info.json")"
[ "$(sed -n 81p "$mnt/blocks")" = "             5242880    65536 error --------------------------------" ] ||
	fail "blocks: $(sed -n 81p "$mnt/blocks")"

# Mount points in use, dead, missing; sources that are none.
must_fail 2 "$mnt: mount point in use: fuse.liftfs is mounted there" "$liftfs" mount src "$mnt"
must_fail 74 "mount point $scratch/nowhere: No such file" "$liftfs" mount src "$scratch/nowhere"
must_fail 2 "mount point $scratch/log: not a folder" "$liftfs" mount src "$scratch/log"
must_fail 74 "nothing: No such file" "$liftfs" mount nothing "$scratch/src/empty"
must_fail 2 "log: not a folder, and not a disk image" "$liftfs" mount log "$scratch/src/empty"
must_fail 2 "colour: no such option" "$liftfs" mount -o ro,colour src "$scratch/src/empty"
must_fail 2 "the mount would hide the source's 'web01/web01" "$liftfs" mount src src/web01

# SIGTERM and SIGINT take the mount away, also while a file is open; fusermount3 -u ends the program.
exec 9<"$mnt/disk.raw"
kill -TERM $pid
status=0
wait $pid || status=$?
exec 9<&-
[ $status = 0 ] || fail "SIGTERM: exit status $status"
is_unmounted || fail "SIGTERM: still mounted"
"$liftfs" mount -f -o umask=027,uid=12,gid=34 src/b.vhd "$mnt" &
pid=$!
wait_for 10 is_mounted
[ "$(id -u)" != 0 ] || [ "$(stat -c %a:%u:%g "$mnt/disk.raw")" = 440:12:34 ] || fail "owner: $(stat "$mnt/disk.raw")"
unmount
wait $pid || fail "fusermount3 -u: exit status $?"

# Killed: with auto_unmount nothing stays; without, the next mount says what to do.
"$liftfs" mount -f -o auto_unmount src "$mnt" &
pid=$!
wait_for 10 is_mounted
kill -KILL $pid
wait $pid || :
wait_for 60 is_unmounted # a program that is killed holds the mount until its memory is gone
ls "$mnt" >/dev/null || fail "auto_unmount left something"
"$liftfs" mount -f src "$mnt" &
pid=$!
wait_for 10 is_mounted
kill -KILL $pid
wait $pid || :
must_fail 2 "the program of the mount there has ended; 'fusermount3 -u $mnt' takes it away" "$liftfs" mount src "$mnt"
unmount

# As mount(8) calls it, directly and through mount.fuse.
ln -s "$liftfs" mount.fuse.liftfs
./mount.fuse.liftfs "$scratch/src" "$mnt" -f -o rw,noauto || fail "mount.fuse.liftfs -f"
is_unmounted || fail "mount.fuse.liftfs -f mounted"
./mount.fuse.liftfs "$scratch/src" "$mnt" -n -o rw,noauto,_netdev,x-systemd.automount -t fuse.liftfs || fail "mount.fuse.liftfs"
cmp src/c.raw "$mnt/c.raw/disk.raw" || fail "mount.fuse.liftfs: content"
unmount
# mount(8) has a PATH of its own; in a mount namespace of our own liftfs is there.
if [ "$(id -u)" = 0 ] && [ -x /sbin/mount.fuse ] && [ ! -e /sbin/mount.fuse.liftfs ] && unshare -m true 2>/dev/null; then
	export liftfs mnt
	unshare -m sh -eu -c '
		mount -t tmpfs none /usr/local/sbin
		ln -s "$liftfs" /usr/local/sbin/liftfs
		mount -t fuse.liftfs "$PWD/src" "$mnt" -o noauto,umask=077
		cmp src/c.raw "$mnt/c.raw/disk.raw"
		[ "$(stat -c %a "$mnt")" = 500 ]
		umount "$mnt"' || fail "mount -t fuse.liftfs"
fi

# A folder of many: mounting opens none, looking at all of them works with few descriptors.
mkdir many
for i in $(seq 1 400); do
	: >"many/$i.raw"
done
truncate -s 1M many/*.raw
(ulimit -n 128 && "$liftfs" mount many "$mnt") || fail "mount of many"
[ "$(find "$mnt" -name disk.raw -size 1048576c | wc -l)" = 400 ] || fail "many: $(find "$mnt" -name disk.raw | wc -l) disks"
unmount
echo "all is well"
