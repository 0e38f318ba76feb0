#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Replicas and their recovery points as files: of page blobs on the strict server, of a directory with and without clones.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img jq openssl cmp fusermount3 mountpoint
[ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "/dev/fuse is not there for us"
mnt=$scratch/mnt store=$scratch/store clones=
mkdir -p "$mnt" "$store/web01"

unmount_all() {
	! mountpoint -q "$mnt" || fusermount3 -u -z "$mnt"
	[ -z "$clones" ] || umount "$clones"
}
cleanup_fn unmount_all

new_disk() { # SEED: another content, of a size that is no whole number of MiB
	rm -rf "$scratch/flat.raw" "$store/web01"
	mkdir "$store/web01"
	make_raw "$scratch/flat.raw" 12 "$1"
	truncate -s $((12 * 1048576 + 512)) "$scratch/flat.raw"
	qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat "$scratch/flat.raw" "$store/web01/web01.vmdk"
	cp --sparse=always "$scratch/flat.raw" "$scratch/$1.raw"
}
change() { # SEED
	random_bytes "$store/web01/web01-flat.vmdk" 5000000 200000 "$1"
	cp --sparse=always "$store/web01/web01-flat.vmdk" "$scratch/$1.raw"
}
sync_to() { # TARGET: sets $point
	liftfs sync --json "$store" "$1" >"$scratch/sync.json" 2>"$scratch/err" || fail "sync: $(cat "$scratch/err")"
	point=$(json '.disks[0].recovery_point' "$scratch/sync.json")
}
unmount() {
	fusermount3 -u "$mnt" || fail "fusermount3 -u"
}
shows() { # FOLDER RAW
	cmp "$mnt/web01/web01.vhd/$1disk.raw" "$scratch/$2.raw" || fail "${1}disk.raw is not $2"
	same_as_vhd "$scratch/$2.raw" "$mnt/web01/web01.vhd/$1disk.vhd"
}
points() {
	ls "$mnt/web01/web01.vhd/recovery-points"
}

# check_points TARGET: two cycles make two points; a third, while it is mounted, shows up.
check_points() {
	new_disk one
	sync_to "$1"
	first=$point
	change two
	sync_to "$1"
	second=$point
	case $second in null | "$first") fail "no second recovery point: $second" ;; esac
	liftfs mount "$1" "$mnt" || fail "mount $1"
	shows '' two
	want points "$(points | tr '\n' ' ')" "$first $second "
	shows "recovery-points/$first/" one
	shows "recovery-points/$second/" two
	[ ! -e "$mnt/web01/web01.vhd/recovery-points/20000101T000000.000Z" ] || fail "a point that is none"
	exec 8<"$mnt/web01/web01.vhd/disk.raw"
	head -c 100 <&8 >/dev/null
	change three
	sync_to "$1"
	third=$point
	sees_third() {
		cmp -s "$mnt/web01/web01.vhd/disk.raw" "$scratch/three.raw"
	}
	wait_for 20 sees_third
	shows '' three
	exec 8<&-
	sees_point() {
		points | grep -qx "$third"
	}
	wait_for 20 sees_point
	shows "recovery-points/$third/" three
	shows "recovery-points/$first/" one
	unmount
}

# Without clones, points are read through undo files.  What the mount gives as disk.vhd is the replica's file, to the last byte.
mkdir "$scratch/plain"
echo "check a directory"
check_points "$scratch/plain"
liftfs mount "$scratch/plain" "$mnt" || fail "mount of a directory"
shows '' three
cmp "$mnt/web01/web01.vhd/disk.vhd" "$scratch/plain/web01/web01.vhd" || fail "disk.vhd is not the file"
want files "$(cd "$mnt/web01/web01.vhd" && echo ./*)" "./blocks ./disk.raw ./disk.vhd ./info.json ./recovery-points"
json .format "$mnt/web01/web01.vhd/info.json" | grep -qx replica || fail "info.json: $(cat "$mnt/web01/web01.vhd/info.json")"
unmount
rm -rf "$LIFTFS_STATE"

# A directory with clones.
if [ "$(id -u)" = 0 ] && command -v mkfs.xfs >/dev/null; then
	truncate -s 320M "$scratch/xfs.img"
	mkdir "$scratch/xfs"
	mkfs.xfs -q -f "$scratch/xfs.img" >"$scratch/log" 2>&1 || fail "mkfs.xfs: $(cat "$scratch/log")"
	if mount -o loop "$scratch/xfs.img" "$scratch/xfs" 2>"$scratch/log"; then
		clones=$scratch/xfs
		echo "check a directory with clones"
		check_points "$clones"
		rm -rf "$LIFTFS_STATE"
	fi
fi

# Page blobs.  The credentials come from a file; a mount only reads.
start_server
echo "check page blobs"
url=$endpoint/disks/export
check_points "$url"
printf 'AZURE_STORAGE_ACCOUNT=%s\nAZURE_STORAGE_KEY=%s\n' "$emulator_account" "$emulator_key" >"$scratch/credentials"
unset AZURE_STORAGE_ACCOUNT AZURE_STORAGE_KEY
must_fail 78 "(chmod 600)" liftfs mount -o credentials="$scratch/credentials" "$url" "$mnt"
chmod 600 "$scratch/credentials"
forget_requests
liftfs mount -o credentials="$scratch/credentials" "$url" "$mnt" 2>"$scratch/err" || fail "mount: $(cat "$scratch/err")"
shows '' three
writes=$(jq -s '[.[] | select(.method != "GET" and .method != "HEAD")] | length' "$server_log")
want "requests that write" "$writes" 0
! grep -qF "$emulator_key" "$scratch/err" /proc/mounts || fail "the key was printed"
unmount
echo "all is well"
