#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sources that change while they are read: a mount answers EIO, never zeros and never with a signal, and the next open shows
# what is there now; a sync ends with an error or leaves no recovery point.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl curl python3 qemu-img qemu-io
# shellcheck disable=SC2119 # it takes no options here
start_server
cd "$scratch"

# ---- sync ----
url=$endpoint/moving
rules() {
	curl -sS -o /dev/null -X PUT --data-binary "$1" "${endpoint%/*}/_admin/faults"
}
writes_seen() {
	[ "$(requests PutPage)" -ge 2 ]
}
make_raw master.raw 320 moving
# begin: a sync whose writes are slow, so that most of the source is still to be read; $pid is its process
begin() {
	rm -rf store
	mkdir store
	cp --sparse=always master.raw store/web01.raw
	rules 'PutPage delay ms=100'
	forget_requests
	liftfs sync --connections 1 --json store "$url-$1" >out.json 2>err &
	pid=$!
	wait_for 20 writes_seen
}
ended() { # STATUS...
	rules '' # the rest at full speed
	got=0
	wait "$pid" || got=$?
	case " $* " in
	*" $got "*) ;;
	*) fail "exit status $got, not $*: $(cat err)" ;;
	esac
}
points() {
	liftfs list --points --json "$url-$1" 2>/dev/null | jq "[.replicas[].points | length] | add // 0"
}
begin shrinks
truncate -s 16M store/web01.raw
ended 75
grep -q 'web01.raw: shrank from 335544320 to 16777216 bytes' err || fail "a file that shrinks: $(cat err)"
want "points after a file shrank" "$(points shrinks)" 0

# Replaced by another file, and that one written to.
begin replaced
random_bytes master.raw 314572800 5000 other
mv master.raw store/web01.raw
ended 75
grep -q 'the source changed while it was read: progress, but no recovery point' err || fail "a file replaced: $(cat err)"
want "points when the file was replaced" "$(points replaced)" 0
liftfs sync store "$url-replaced" >/dev/null 2>err || fail "the run after: $(cat err)"
want "points of a quiet cycle" "$(points replaced)" 1
liftfs verify store/web01.raw "$url-replaced/web01.vhd" >/dev/null 2>&1 || fail "the replica is not that of the new file"

# ---- mount ----
command -v fusermount3 >/dev/null && [ -r /dev/fuse ] && [ -w /dev/fuse ] || exit 0
mkdir src mnt
unmount() {
	! mountpoint -q mnt || fusermount3 -u -z mnt
}
cleanup_fn unmount
is_mounted() {
	mountpoint -q mnt
}
python3 -B - <<'PY'
for name in ("shrinks", "grows", "replaced", "gone", "link", "parent"):
    with open(f"src/{name}-flat.vmdk", "wb") as f:
        for n in range(8192):
            f.write(b"%-511s\n" % f"{name} {n}".encode())
    with open(f"src/{name}.vmdk", "w") as f:
        f.write('version=1\nCID=00000001\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
                f'RW 8192 FLAT "{name}-flat.vmdk" 0\n')
with open("src/child.vmdk", "w") as f:
    f.write('version=1\nCID=00000002\nparentCID=00000001\nparentFileNameHint="parent.vmdk"\ncreateType="custom"\n'
            'RW 8192 ZERO\n')
open("src/raw-link.raw", "wb").write(b"%-511s\n" % b"raw")
open("secret.raw", "wb").write(b"%-511s\n" % b"secret")
PY
# image FILE FORMAT PATTERN...: a disk of 8 MiB with two blocks of 64 KiB, allocated in this order
image() {
	rm -f "$1"
	case $2 in
	vhdx) qemu-img create -q -f vhdx -o block_size=1M "$1" 8M ;;
	*) qemu-img create -q -f "$2" "$1" 8M ;;
	esac
	qemu-io -f "$2" -c "write -q $3 64k" -c "write -q $4 64k" "$1"
}
for format in vmdk vhdx; do
	image src/live.$format $format '-P 0x11 0' '-P 0x22 4M'
	image other.$format $format '-P 0x22 4M' '-P 0x11 0' # the same disk, whose blocks lie the other way round
	! cmp -s src/live.$format other.$format || fail "$format: nothing moved"
done
"$builddir/tools/liftfs" mount -f src mnt 2>log &
pid=$!
wait_for 10 is_mounted
python3 -B - <<'PY' || fail "mount: see above; its log: $(cat log)"
import errno, mmap, os, subprocess, time

MIB = 1 << 20
LARGE = 256 << 10

def open_disk(name):
    return os.open(f"mnt/{name}.vmdk/disk.raw", os.O_RDONLY | os.O_DIRECT)

def read(fd, off, n=4096):
    buf = mmap.mmap(-1, n)  # O_DIRECT wants it aligned; the kernel's cache has no say
    return bytes(buf[: os.preadv(fd, [buf], off)])

def line(name, off):
    return b"%-511s\n" % f"{name} {off // 512}".encode()

def fails(fd, off, why, n=4096):
    try:
        got = read(fd, off, n)
    except OSError as e:
        assert e.errno == errno.EIO, (why, e)
        return
    raise AssertionError(f"{why}: {len(got)} bytes, {got[:20]}")

# Cut: what is left reads, what is gone is EIO, never zeros; the next open is refused.
fd = open_disk("shrinks")
assert read(fd, 3 * MIB).startswith(line("shrinks", 3 * MIB))
os.truncate("src/shrinks-flat.vmdk", 2 * MIB)
assert read(fd, MIB).startswith(line("shrinks", MIB))
fails(fd, 3 * MIB, "cut")
fails(fd, 2 * MIB - 2048, "cut in the middle of a read")
# Large reads are answered with the pages of the host's cache; what ends in the middle of one is none of them.
assert read(fd, 2 * MIB - LARGE, LARGE) == b"".join(line("shrinks", 2 * MIB - LARGE + n) for n in range(0, LARGE, 512))
fails(fd, 2 * MIB - LARGE + 4096, "cut in the middle of a large read", LARGE)
fails(fd, 3 * MIB, "cut before a large read", LARGE)
os.truncate("src/shrinks-flat.vmdk", 2 * MIB - 1536)
assert read(fd, 2 * MIB - LARGE - 4096, LARGE)[-512:] == line("shrinks", 2 * MIB - 4096 - 512)
fails(fd, 2 * MIB - LARGE, "cut within the last page of a large read", LARGE)
assert read(fd, MIB, LARGE).startswith(line("shrinks", MIB))
os.truncate("src/shrinks-flat.vmdk", 2 * MIB)
os.close(fd)
time.sleep(1.1)  # the attributes' time
assert os.listdir("mnt/shrinks.vmdk") == ["error"], os.listdir("mnt/shrinks.vmdk")
assert "shrinks-flat.vmdk" in open("mnt/shrinks.vmdk/error").read()

# Grown: a flat file may be longer than its extent.
fd = open_disk("grows")
with open("src/grows-flat.vmdk", "ab") as f:
    f.write(b"x" * MIB)
assert read(fd, 4 * MIB - 4096).startswith(line("grows", 4 * MIB - 4096))
assert os.fstat(fd).st_size == 4 * MIB
os.close(fd)

# Replaced by rename: who has it open reads on in the old one, the next open has the new one.
fd = open_disk("replaced")
with open("new", "wb") as f:
    f.write(b"".join(b"%-511s\n" % f"new {n}".encode() for n in range(8192)))
os.rename("new", "src/replaced-flat.vmdk")
assert read(fd, MIB).startswith(line("replaced", MIB))
os.close(fd)
fd = open_disk("replaced")
assert read(fd, MIB).startswith(line("new", MIB)), read(fd, MIB)[:20]
os.close(fd)

# Both through the kernel's cache, which they share.
with open("mnt/replaced.vmdk/disk.raw", "rb", 0) as old:
    with open("newer", "wb") as f:
        f.write(b"".join(b"%-511s\n" % f"newer {n}".encode() for n in range(8192)))
    os.rename("newer", "src/replaced-flat.vmdk")
    with open("mnt/replaced.vmdk/disk.raw", "rb", 0) as now:
        for off in range(0, 4 * MIB, MIB):
            assert os.pread(old.fileno(), 4096, off).startswith(line("new", off)), off
            assert os.pread(now.fileno(), 4096, off).startswith(line("newer", off)), off
with open("mnt/replaced.vmdk/disk.raw", "rb", 0) as now:
    for off in range(0, 4 * MIB, MIB):
        assert os.pread(now.fileno(), 4096, off).startswith(line("newer", off)), off

# Tables that are written to while the disk is open: what is read is the disk as it is now, never other blocks' bytes.
for name in ("live.vmdk", "live.vhdx"):
    fd = os.open(f"mnt/{name}/disk.raw", os.O_RDONLY | os.O_DIRECT)
    def have(off):
        got = read(fd, off)
        assert len(got) == 4096 and got == got[:1] * 4096, (name, off, got[:20])
        large = read(fd, off, 65536)  # answered with the pages of the host's cache
        assert large == large[:1] * 65536, (name, off, large[:20])
        return got[0] if got[0] == large[0] else -1
    def wait_for(want):
        # Each file is looked at in steps of 10 ms; stamps of the same tick settle in two of them.
        end = time.monotonic() + 10
        while [have(off) for off in (0, 2 * MIB, 4 * MIB)] != want:
            assert time.monotonic() < end, (name, want, [have(off) for off in (0, 2 * MIB, 4 * MIB)])
            time.sleep(0.01)
    wait_for([0x11, 0, 0x22])
    assert os.lseek(fd, 2 * MIB, os.SEEK_DATA) == 4 * MIB
    with open("other" + name[4:], "rb") as f:
        other = f.read()
    with open("src/" + name, "r+b") as f:
        f.truncate(len(other))
        f.write(other)
    time.sleep(0.05)
    wait_for([0x11, 0, 0x22])
    subprocess.run(["qemu-io", "-f", name[5:], "-c", "write -q -P 0x33 2M 64k", "src/" + name], check=True)
    wait_for([0x11, 0x33, 0x22])
    assert os.lseek(fd, MIB + 4096, os.SEEK_DATA) == 2 * MIB
    with open("src/" + name, "r+b") as f: # no image any more: an error, not what the old tables lead to
        f.write(b"\0" * len(other))
    time.sleep(0.05)
    fails(fd, 0, name)
    os.close(fd)

# Gone: the same, and then an error that names it.
fd = open_disk("gone")
os.unlink("src/gone-flat.vmdk")
assert read(fd, MIB).startswith(line("gone", MIB))
os.close(fd)
time.sleep(1.1)
assert os.listdir("mnt/gone.vmdk") == ["error"]
assert "gone-flat.vmdk: no such file" in open("mnt/gone.vmdk/error").read()

# A link put where a file was when the folder was looked through: out of the folder or not, it is not followed.
for name, target in (("link-flat.vmdk", "../secret.raw"), ("raw-link.raw", "../secret.raw"), ("raw-link.raw", "grows-flat.vmdk")):
    os.unlink("src/" + name)
    os.symlink(target, "src/" + name)
    time.sleep(2.1)  # a failure is remembered that long
    shown = name.replace("-flat", "")
    assert os.listdir("mnt/" + shown) == ["error"], (name, target, os.listdir("mnt/" + shown))
    text = open(f"mnt/{shown}/error").read()
    assert "symbolic link" in text, text

# The parent is written while the child is open: its new identity is seen at the next open.
fd = open_disk("child")
assert read(fd, MIB) == bytes(4096)
with open("src/parent.vmdk", "r+") as f:
    text = f.read().replace("CID=00000001", "CID=00000009")
    f.seek(0)
    f.write(text)
os.close(fd)
time.sleep(1.1)
assert os.listdir("mnt/child.vmdk") == ["error"]
assert "has CID 00000009, where 00000001 is expected" in open("mnt/child.vmdk/error").read()
PY
grep -q 'shrinks-flat.vmdk: shrank from 4194304 to 2097152 bytes' log || fail "the log: $(cat log)"
kill -TERM $pid
status=0
wait $pid || status=$?
want "exit status of the mount" $status 0
