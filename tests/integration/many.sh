#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Many files at once: disks of thousands of extents, a mount of a thousand disks that are all held open, and what is said
# where descriptors run out.
. "${srcdir:-.}/tests/integration/lib.sh"
requires timeout seq
liftfs=$builddir/tools/liftfs
cd "$scratch"
head='version=1\nCID=00000001\nparentCID=ffffffff\ncreateType="custom"\n'
hard=$(ulimit -Hn)
[ "$hard" = unlimited ] || [ "$hard" -ge 4096 ] || skip "a hard limit of $hard open files"

# 3,000 extents, each a file of its own.
mkdir disk
seq -f 'disk/%g.bin' 3000 | xargs touch
truncate -s 512 disk/*.bin
printf 'last' | dd of=disk/3000.bin conv=notrunc status=none
{
	# shellcheck disable=SC2059 # the format has the newlines
	printf "$head"
	seq -f 'RW 1 FLAT "%g.bin" 0' 3000
} >disk/disk.vmdk
cat $(seq -f 'disk/%g.bin' 3000) >flat.raw
(ulimit -Sn 1024 && timeout 60 "$liftfs" verify disk/disk.vmdk flat.raw >out) || fail "3,000 extents: $(cat out)"
few() {
	(ulimit -n 1024 && exec timeout 60 "$liftfs" "$@")
}
must_fail 74 'Too many open files: raise the limit (ulimit -n)' few info disk/disk.vmdk
[ "$(wc -l <"$scratch/stderr")" -eq 1 ] || fail "not one line: $(cat "$scratch/stderr")"

# As many extents as a disk may have, of two files, need no more descriptors than two files do; one more is refused.
mkdir two
cp disk/1.bin two/a
cp disk/1.bin two/b
{
	# shellcheck disable=SC2059
	printf "$head"
	yes 'RW 1 FLAT "a"
RW 1 FLAT "b"' | head -n 65535
} >two/two.vmdk
[ "$(wc -c <two/two.vmdk)" -le 1048576 ] || fail "$(wc -c <two/two.vmdk) bytes of descriptor"
cp two/two.vmdk two/more.vmdk
echo 'RW 1 ZERO' | tee -a two/more.vmdk >>two/two.vmdk
echo 'RW 1 ZERO' >>two/more.vmdk
truncate -s 33554432 zeros.raw
few verify two/two.vmdk zeros.raw >out || fail "65,536 extents: $(cat out)"
must_fail 65 'more than 65536 extents' few info two/more.vmdk

# A mount of 1,000 disks, each held open, under a soft limit of 1024.
command -v fusermount3 >/dev/null && [ -r /dev/fuse ] && [ -w /dev/fuse ] && command -v python3 >/dev/null || exit 0
mkdir src mnt
unmount() {
	! mountpoint -q mnt || fusermount3 -u -z mnt
}
cleanup_fn unmount
for i in $(seq 1000); do
	# shellcheck disable=SC2059
	printf "$head"'RW 1 FLAT "%d.bin" 0\n' "$i" >"src/$i.vmdk"
	echo "content of disk $i" >"src/$i.bin"
done
truncate -s 512 src/*.bin
(ulimit -Sn 1024 && "$liftfs" mount src mnt) || fail "mount"
[ "$(ls -lR mnt | grep -c 'disk.raw$')" = 1000 ] || fail "ls -lR: $(ls -lR mnt | grep -c 'disk.raw$') disks"
(ulimit -Sn "$(ulimit -Hn)" && python3 - <<'PY') || fail "1,000 disks at once"
import os
fds = [os.open(f"mnt/{i}.vmdk/disk.raw", os.O_RDONLY) for i in range(1, 1001)]
for _ in range(2):
    for i, fd in enumerate(fds, 1):
        text = os.pread(fd, 512, 0).rstrip(b"\0")
        assert text == f"content of disk {i}\n".encode(), (i, text)
PY
