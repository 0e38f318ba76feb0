#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trees of files, and changes to images of XFS and Btrfs that mkfs alone does not make.  Shares no code with the readers.

    guest_trees.py files FOLDER                  a Linux root, and folders of many names
    guest_trees.py proto FOLDER [LONGEST]        the same as mkfs.xfs -p wants it, on stdout, without longer links
    guest_trees.py xfs-scatter IMAGE INODE SPARE file INODE (byte offsets of inodes) as a B+tree of extents, in SPARE's block
    guest_trees.py xfs-dirty IMAGE               the log's last record is not that of an unmount
    guest_trees.py btrfs-packed IMAGE NAME KIND LEN  content of NAME is compressed, LEN bytes unpacked (KIND 1 zlib, 3 zstd)
    guest_trees.py btrfs-subvolume IMAGE NAME    the tree of files becomes subvolume NAME of an empty one
    guest_trees.py btrfs-default IMAGE           that one is the default
    guest_trees.py btrfs-field IMAGE OFF LEN N   a little-endian field of the superblock
    guest_trees.py btrfs-leaf IMAGE              bytes of the copies of the block with the root's files, on stdout
    guest_trees.py flip IMAGE OFF                one bit of a byte

Several of them with "--" between.
"""
import os
import random
import stat
import struct
import sys


def table():
    out = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        out.append(i)
    return out


CRC = table()


def crc32c(data, crc=0xFFFFFFFF, last=0xFFFFFFFF):
    for byte in data:
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 0xFF]
    return crc ^ last


# ---- files ----


def files(folder):
    rng = random.Random(5)

    def put(path, data):
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)

    put("usr/lib/os-release", b'NAME="Rocky Linux"\nPRETTY_NAME="Rocky Linux 9.3 (Blue Onyx)"\nID="rocky"\nVERSION_ID="9.3"\n' + b"# padding\n" * 900)
    put("etc/fstab", b"/dev/sda3 / xfs defaults 0 0\nUUID=1 /boot xfs defaults 0 0\n")
    put("etc/empty", b"")
    put("usr/bin/bash", b"\x7fELF\2\1\1" + bytes(9) + b"\3\0\x3e\0" + bytes(100))
    put("usr/bin/vmtoolsd", b"agent")
    put("boot/vmlinuz-5.14.0-362.el9.x86_64", b"kernel")
    put("big", rng.randbytes(300001))
    put("text", b"The same line again, and once more.\n" * 20000)
    put("scattered", rng.randbytes(8 * 4096 - 100))
    put("spare", b"s" * 4096)
    # In the inode, one block with its index, a leaf (of 1 KiB blocks), nodes (a leaf of 4 KiB blocks).
    for name, n in [("few", 3), ("block", 20), ("leaf", 90), ("node", 300)]:
        for i in range(n):
            put(f"{name}/name-{i}-{'x' * (i % 9)}", b"%d" % i if i % 7 == 0 else b"")
    put("deep/" + "/".join("abcdefghij") + "/file", b"deep")
    for name, to in [("etc/os-release", "../usr/lib/os-release"), ("bin", "usr/bin"), ("usr/bin/sh", "bash"),
                     ("abs", "/usr/lib/os-release"), ("broken", "nowhere/at/all"), ("circle-a", "circle-b"),
                     ("circle-b", "circle-a"), ("above", "../../../usr/bin/sh"), ("long", "./" * 200 + "text")]:
        os.symlink(to, os.path.join(folder, name))


def proto(folder, longest=1 << 16):
    def walk(folder):
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode) and len(os.readlink(path)) > longest:
                continue
            if stat.S_ISLNK(mode):
                print(name, "l--777 0 0", os.readlink(path))
            elif stat.S_ISDIR(mode):
                print(name, "d--755 0 0")
                walk(path)
                print("$")
            else:
                print(name, "---644 0 0", os.path.abspath(path))

    print("/\n0 0\nd--755 0 0")
    walk(folder)
    print("$")


# ---- XFS ----


class Xfs:
    def __init__(self, path):
        self.f = open(path, "r+b")
        sb = self.read(0, 512)
        (self.block,) = struct.unpack_from(">I", sb, 4)
        (self.log, ) = struct.unpack_from(">Q", sb, 48)
        (self.group_blocks,) = struct.unpack_from(">I", sb, 84)
        self.log_blocks, version, _, self.inode = struct.unpack_from(">IHHH", sb, 96)
        self.v5 = version & 15 == 5
        self.group_log = sb[124]
        self.uuid = sb[32:48]

    def read(self, off, n):
        self.f.seek(off)
        return bytearray(self.f.read(n))

    def write(self, off, data):
        self.f.seek(off)
        self.f.write(data)

    def byte(self, fsblock):
        return ((fsblock >> self.group_log) * self.group_blocks + (fsblock & (1 << self.group_log) - 1)) * self.block

    def seal(self, data, at):
        if self.v5:
            struct.pack_into("<I", data, at, 0)
            struct.pack_into("<I", data, at, crc32c(data))

    def first_extent(self, inode):
        high, low = struct.unpack_from(">QQ", inode, 176 if self.v5 else 100)
        return (high & 0x1FF) << 43 | low >> 21, low & (1 << 21) - 1


def xfs_scatter(path, file_at, spare_at):
    """Blocks 0 and 1, a hole, block 3 that was not written, the rest in pairs, the last pair first on the disk."""
    x = Xfs(path)
    inode, spare = x.read(file_at, x.inode), x.read(spare_at, x.inode)
    start, n = x.first_extent(inode)
    leaf_block, _ = x.first_extent(spare)
    extents = [(0, start, 2, 0), (3, start + 3, 1, 1)] + [(at, start + at, min(2, n - at), 0) for at in range(4, n, 2)]
    records = b"".join(struct.pack(">QQ", bad << 63 | at << 9 | block >> 43, (block & (1 << 43) - 1) << 21 | count)
                       for at, block, count, bad in extents)
    core, header = (176, 72) if x.v5 else (100, 24)
    leaf = bytearray(x.block)
    struct.pack_into(">4sHHQQ", leaf, 0, b"BMA3" if x.v5 else b"BMAP", 0, len(extents), 2**64 - 1, 2**64 - 1)
    if x.v5:
        struct.pack_into(">QQ16sQ", leaf, 24, x.byte(leaf_block) // 512, 0, x.uuid, struct.unpack_from(">Q", inode, 152)[0])
    leaf[header:header + len(records)] = records
    x.seal(leaf, 64)
    x.write(x.byte(leaf_block), leaf)
    fork = inode[82] * 8 or x.inode - core
    most = (fork - 4) // 16
    inode[5] = 3
    struct.pack_into(">I", inode, 76, len(extents))
    inode[core:core + fork] = bytes(fork)
    struct.pack_into(">HHQ", inode, core, 1, 1, 0)
    struct.pack_into(">Q", inode, core + 4 + most * 8, leaf_block)
    x.seal(inode, 100)
    x.write(file_at, inode)
    print(x.byte(leaf_block))


def xfs_dirty(path):
    x = Xfs(path)
    off = x.byte(x.log)
    log = x.read(off, x.log_blocks * x.block)
    at = max(i for i in range(0, len(log), 512) if log[i:i + 4] == b"\xfe\xed\xba\xbe")
    assert log[at + 512 + 9] & 0x20, "no record of an unmount"
    log[at + 512 + 9] = 0
    x.write(off, log)


# ---- Btrfs ----

KEY = struct.Struct("<QBQ")


class Btrfs:
    def __init__(self, path):
        self.f = open(path, "r+b")
        self.sb = self.read(65536, 4096)
        (self.node,) = struct.unpack_from("<I", self.sb, 148)
        self.chunks = []
        at, end = 811, 811 + struct.unpack_from("<I", self.sb, 160)[0]
        while at < end:
            _, _, logical = KEY.unpack_from(self.sb, at)
            at += 17 + self.chunk(logical, self.sb, at + 17)
        for _, items in self.leaves(*struct.unpack_from("<Q", self.sb, 88)):
            for key, item in items:
                if key[1] == 228:
                    self.chunk(key[2], item, 0)

    def read(self, off, n):
        self.f.seek(off)
        return bytearray(self.f.read(n))

    def chunk(self, logical, data, at):
        length, n = struct.unpack_from("<Q", data, at)[0], struct.unpack_from("<H", data, at + 44)[0]
        self.chunks.append((logical, length, [struct.unpack_from("<Q", data, at + 48 + i * 32 + 8)[0] for i in range(n)]))
        return 48 + 32 * n

    def copies(self, logical):
        for start, length, at in self.chunks:
            if start <= logical < start + length:
                return [a + logical - start for a in at]
        raise SystemExit(f"no chunk for {logical}")

    def get(self, logical):
        return self.read(self.copies(logical)[0], self.node)

    def put(self, logical, node):
        struct.pack_into("<I", node, 0, crc32c(node[32:]))
        for at in self.copies(logical):
            self.f.seek(at)
            self.f.write(node)

    def put_superblock(self):
        struct.pack_into("<I", self.sb, 0, crc32c(self.sb[32:]))
        self.f.seek(65536)
        self.f.write(self.sb)

    def leaves(self, logical):
        node = self.get(logical)
        n, level = struct.unpack_from("<IB", node, 96)
        if level:
            for i in range(n):
                yield from self.leaves(struct.unpack_from("<Q", node, 101 + i * 33 + 17)[0])
            return
        items = []
        for i in range(n):
            at, size = struct.unpack_from("<II", node, 101 + i * 25 + 17)
            items.append((KEY.unpack_from(node, 101 + i * 25), node[101 + at:101 + at + size]))
        yield logical, items

    def write_leaf(self, logical, owner, items):
        """A leaf in place of what is there, or of its own."""
        node = self.get(logical)
        old = self.get(self.roots())
        generation = struct.unpack_from("<Q", self.sb, 72)[0]
        assert sum(25 + len(item) for _, item in items) <= self.node - 101, "more than a block holds"
        node[:101] = old[:101]
        struct.pack_into("<Q", node, 48, logical)
        struct.pack_into("<QQIB", node, 80, generation, owner, len(items), 0)
        node[101:] = bytes(self.node - 101)
        end = self.node - 101
        for i, (key, item) in enumerate(items):
            end -= len(item)
            KEY.pack_into(node, 101 + i * 25, *key)
            struct.pack_into("<II", node, 101 + i * 25 + 17, end, len(item))
            node[101 + end:101 + end + len(item)] = item
        self.put(logical, node)

    def roots(self):
        return struct.unpack_from("<Q", self.sb, 80)[0]

    def root_items(self):
        (logical, items), = self.leaves(self.roots())
        return logical, items

    def tree(self, number):
        for key, item in self.root_items()[1]:
            if key[:2] == (number, 132):
                return item
        raise SystemExit(f"no tree {number}")

    def free_block(self):
        """Of metadata: the last block of their chunk, which nothing uses in a small image."""
        start, length, _ = next(c for c in self.chunks if c[0] <= self.roots() < c[0] + c[1])
        return start + length - self.node


def dir_entry(kind, key, name):
    return KEY.pack(*key) + struct.pack("<QHHB", 1, 0, len(name), kind) + name


def name_hash(name):
    return crc32c(name, 0xFFFFFFFE, 0)


def btrfs_packed(path, name, kind, length):
    b = Btrfs(path)
    name, number = name.encode(), None
    (top,) = struct.unpack_from("<Q", b.tree(5), 176)
    for _, items in b.leaves(top):
        for key, item in items:
            if key == (256, 84, name_hash(name)) and item[30:] == name:
                number = KEY.unpack_from(item)[0]
    for logical, items in b.leaves(top):
        node, changed = b.get(logical), False
        for i, (key, item) in enumerate(items):
            at = 101 + struct.unpack_from("<I", node, 101 + i * 25 + 17)[0]
            if key == (number, 1, 0):
                struct.pack_into("<Q", node, at + 16, length)
                changed = True
            if key == (number, 108, 0):
                node[at + 16] = kind
                whole = length if item[20] == 0 else -(-length // 4096) * 4096
                struct.pack_into("<Q", node, at + 8, whole)
                if item[20] == 1:
                    struct.pack_into("<Q", node, at + 45, whole)
                changed = True
        if changed:
            b.put(logical, node)


def btrfs_subvolume(path, name):
    b = Btrfs(path)
    name = name.encode()
    roots, items = b.root_items()
    old = b.tree(5)
    new = bytearray(old)
    free = b.free_block()
    folder = next(item for _, leaf in b.leaves(struct.unpack_from("<Q", old, 176)[0]) for key, item in leaf if key == (256, 1, 0))
    entry = dir_entry(2, (257, 132, 2**64 - 1), name)
    b.write_leaf(free, 5, [((256, 1, 0), folder), ((256, 12, 256), struct.pack("<QH", 0, 2) + b".."),
                           ((256, 84, name_hash(name)), entry), ((256, 96, 2), entry)])
    struct.pack_into("<Q", new, 160, struct.unpack_from("<Q", b.sb, 72)[0])
    struct.pack_into("<Q", new, 176, free)
    new[238] = 0
    items = [(key, new if key[:2] == (5, 132) else item) for key, item in items] + [((257, 132, 0), old)]
    b.write_leaf(roots, 1, sorted(items))


def btrfs_default(path):
    b = Btrfs(path)
    roots, items = b.root_items()
    (folder,) = struct.unpack_from("<Q", b.sb, 128)
    entry = dir_entry(2, (257, 132, 2**64 - 1), b"default")
    key = (folder, 84, name_hash(b"default"))
    b.write_leaf(roots, 1, sorted([i for i in items if i[0] != key] + [(key, entry)]))


def btrfs_field(path, off, length, n):
    b = Btrfs(path)
    b.sb[off:off + length] = n.to_bytes(length, "little")
    b.put_superblock()


def btrfs_leaf(path):
    b = Btrfs(path)
    logical, _ = next(b.leaves(struct.unpack_from("<Q", b.tree(5), 176)[0]))
    print(*b.copies(logical))


def flip(path, off):
    with open(path, "r+b") as f:
        f.seek(off)
        byte = f.read(1)[0]
        f.seek(off)
        f.write(bytes([byte ^ 4]))


def main():
    calls = {"files": files, "proto": proto, "xfs-scatter": xfs_scatter, "xfs-dirty": xfs_dirty, "btrfs-packed": btrfs_packed,
             "btrfs-subvolume": btrfs_subvolume, "btrfs-default": btrfs_default, "btrfs-field": btrfs_field,
             "btrfs-leaf": btrfs_leaf, "flip": flip}
    step = []
    for word in sys.argv[1:] + ["--"]:
        if word != "--":
            step.append(int(word) if word.isdigit() else word)
            continue
        calls[step[0]](*step[1:])
        step = []


main()
