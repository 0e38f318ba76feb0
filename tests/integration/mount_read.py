#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mount_read.py random|mmap|holes|blocks FLAT MOUNTED: does a file of the mount hold what the flat file does?

random  four processes read pieces of random places and sizes at once
mmap    the same through a mapping
holes   SEEK_DATA and SEEK_HOLE: what is said to be a hole is zero; prints the bytes in holes
blocks  MOUNTED is the file `blocks`: offsets, lengths, states, and the hashes that xxhsum -H128 prints
"""
import errno
import mmap
import os
import random
import subprocess
import sys
import tempfile

READS = 300


def check(flat, got, off, what):
    if got != flat[off:off + len(got)]:
        sys.exit(f"{what}: {len(got)} bytes at {off} differ")


def read_random(flat, path, seed):
    rng = random.Random(seed)
    fd = os.open(path, os.O_RDONLY)
    for _ in range(READS):
        off = rng.randrange(len(flat) + 1000)
        n = min(rng.choice([1, 511, 4096, 65537, 1 << 20, 3 << 20]), max(len(flat) - off, 0) + 5)
        got = os.pread(fd, n, off)
        if len(got) != min(n, max(len(flat) - off, 0)):
            sys.exit(f"{path}: {len(got)} of {n} bytes at {off}")
        check(flat, got, off, path)
    os.close(fd)


def do_random(flat, path):
    children = []
    for seed in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                read_random(flat, path, seed)
                os._exit(0)
            except BaseException as e:
                print(e, file=sys.stderr)
                os._exit(1)
        children.append(pid)
    if any([os.waitpid(pid, 0)[1] for pid in children]):
        sys.exit(1)


def do_mmap(flat, path):
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
        rng = random.Random(7)
        for _ in range(READS):
            off = rng.randrange(len(flat))
            check(flat, m[off:off + rng.randrange(100000)], off, path)


def do_holes(flat, path):
    fd = os.open(path, os.O_RDONLY)
    at, holes = 0, 0
    while at < len(flat):
        try:
            data = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as e:
            if e.errno != errno.ENXIO:
                raise
            data = len(flat)
        if data < at or any(flat[at:data]):
            sys.exit(f"{path}: [{at}, {data}) is no hole")
        holes += data - at
        if data == len(flat):
            break
        at = os.lseek(fd, data, os.SEEK_HOLE)
        if at <= data:
            sys.exit(f"{path}: data at {data} ends at {at}")
    for whence in (os.SEEK_DATA, os.SEEK_HOLE):
        try:
            os.lseek(fd, len(flat), whence)
            sys.exit(f"{path}: seek beyond the end")
        except OSError as e:
            if e.errno != errno.ENXIO:
                raise
    print(holes)


def xxhsum(data):
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        return subprocess.run(["xxhsum", "-H128", f.name], check=True, capture_output=True,
                              text=True).stdout.split()[0]


def do_blocks(flat, path):
    with open(path, encoding="ascii") as f:
        lines = f.read().splitlines(keepends=True)
    if len({len(line) for line in lines}) != 1:
        sys.exit(f"{path}: lines of different lengths")
    hashes, at = {}, 0
    for line in lines:
        off, length, state, digest = line.split()
        block = flat[at:at + int(length)]
        if int(off) != at or not block or len(block) != int(length):
            sys.exit(f"{path}: block at {at}: {line}")
        at += len(block)
        if state != ("data" if any(block) else "zero"):
            sys.exit(f"{path}: state: {line}")
        if block not in hashes:
            hashes[block] = xxhsum(block)
        if digest != hashes[block]:
            sys.exit(f"{path}: {line} but xxhsum says {hashes[block]}")
    if at != len(flat):
        sys.exit(f"{path}: blocks end at {at} of {len(flat)}")
    with open(path, "rb") as f:  # seekable: any line by its number
        f.seek((len(lines) - 1) * len(lines[0]))
        if f.read().decode() != lines[-1]:
            sys.exit(f"{path}: seek to the last line")


def main():
    how, flat_path, path = sys.argv[1:]
    with open(flat_path, "rb") as f:
        flat = f.read()
    {"random": do_random, "mmap": do_mmap, "holes": do_holes, "blocks": do_blocks}[how](flat, path)


main()
