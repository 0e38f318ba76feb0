# SPDX-License-Identifier: Apache-2.0
"""Hostile disk images, one folder each, for hostile.sh.

	hostile_images.py FOLDER

writes FOLDER/NAME/ with the files and `flat`, what the undamaged disk reads as, and prints NAME BASE LEAF.  BASE is the
image of disk_images.py that it was made from: a build that does not read that one is not asked.
"""
import os
import struct
import sys
import zlib

import disk_images as di
from disk_images import MIB, SECTOR

CASES = {}
BASES = {}


class Case:
    """The files of an image, to be damaged; `f` is the file that the case is about."""

    def __init__(self, base, file=None):
        self.base = base
        if base not in BASES:
            BASES[base] = di.IMAGES[base]()
        files, self.flat = BASES[base]
        self.files = {name: bytearray(data) for name, data in files.items()}
        self.leaf = next(iter(files))
        self.name = file or self.leaf

    @property
    def f(self):
        return self.files[self.name]

    def put(self, off, fmt, *values):
        data = struct.pack(fmt, *values) if isinstance(fmt, str) else fmt
        self.f[off : off + len(data)] = data
        return self

    def get(self, off, fmt):
        return struct.unpack_from(fmt, self.f, off)[0]

    def cut(self, size):
        del self.f[size if size >= 0 else len(self.f) + size :]
        return self

    # Checksums, renewed.
    def vhd(self, *places):
        for off, field, length in places:
            off = off if off >= 0 else len(self.f) + off
            struct.pack_into(">I", self.f, off + field, di.vhd_sum(self.f[off : off + length], field))
        return self

    def vhd_all(self):
        return self.vhd((0, 64, 512), (512, 36, 1024), (-512, 64, 512))

    def crc(self, off, length):
        self.f[off : off + length] = di.sealed(self.f[off : off + length])
        return self

    def headers(self, at, fmt, *values):
        for h in (65536, 131072):
            self.put(h + at, fmt, *values).crc(h, 4096)
        return self

    def regions(self, at, fmt, *values):
        for r in (196608, 262144):
            self.put(r + at, fmt, *values).crc(r, 65536)
        return self


def case(name, base, file=None):
    def take(fn):
        c = Case(base, file)
        CASES[name] = fn(c) or c
        return fn

    return take


# ---- streamOptimized ----


def grain(c, g=0):
    footer = len(c.f) - 1024
    table = c.get(c.get(footer + 56, "<Q") * SECTOR, "<I") * SECTOR
    return c.get(table + 4 * g, "<I") * SECTOR


def stream_cut(c):
    return c.cut(-1536)


def stream_bomb(c):
    packed = zlib.compress(bytes(32 * MIB), 9)
    at = len(c.f) - 2560  # before the directory's marker
    table = c.get(c.get(len(c.f) - 1024 + 56, "<Q") * SECTOR, "<I") * SECTOR
    bomb = (struct.pack("<QI", 0, len(packed)) + packed).ljust((len(packed) + 12 + 511) // 512 * 512, b"\0")
    first = (len(c.f) + SECTOR - 1) // SECTOR
    tail = bytes(c.f[-1536:])
    c.put(table, "<I", first - 3)
    c.f[-1536:] = bomb + tail
    return c


case("vmdk-s-trunc", "vmdk-stream")(stream_cut)
case("vmdk-s-footcap", "vmdk-stream")(lambda c: c.put(len(c.f) - 1024 + 12, "<Q", 600))
case("vmdk-s-footer-again", "vmdk-stream")(lambda c: c.put(len(c.f) - 1024 + 56, "<Q", 2**64 - 1))
case("vmdk-s-markers-unset", "vmdk-stream")(lambda c: c.put(8, "<I", 0x10001))
case("vmdk-s-lenmax", "vmdk-stream")(lambda c: c.put(grain(c) + 8, "<I", 0xFFFFFFFF))
case("vmdk-s-len0", "vmdk-stream")(lambda c: c.put(grain(c) + 8, "<I", 0))
case("vmdk-s-garbage", "vmdk-stream")(lambda c: c.put(grain(c) + 12, b"\xff" * 64))
case("vmdk-s-adler", "vmdk-stream")(lambda c: c.put(grain(c) + 12 + c.get(grain(c) + 8, "<I") - 1, b"\x5a"))
case("vmdk-s-lba", "vmdk-stream")(lambda c: c.put(grain(c), "<Q", 128))
case("vmdk-s-bomb", "vmdk-stream")(stream_bomb)
case("vmdk-s-gteof", "vmdk-stream-no-footer")(
    lambda c: c.put(c.get(c.get(56, "<Q") * SECTOR, "<I") * SECTOR, "<I", 0x7FFFFFFF))

# ---- hosted sparse ----
case("vmdk-h-trunc", "vmdk-hosted")(lambda c: c.cut(-3 * SECTOR - 65536 + 13 * SECTOR))
case("vmdk-h-short", "vmdk-hosted")(lambda c: c.cut(100))
case("vmdk-h-file-2-tib", "vmdk-hosted")(lambda c: c.put(0x1E00, "<I", 0xFFFFFFFF))



# A parent of another size than its child: zeros beyond it, or nothing of it beyond the child's end.
for name, sectors in (("vmdk-parent-small", 300), ("vmdk-parent-large", 900)):
    @case(name, "vmdk-chain")
    def _(c, sectors=sectors):
        base, below = di.hosted("ddd" if sectors == 300 else "dddddddd", "base", sectors,
                                di.descriptor(['RW %d SPARSE "base.vmdk"' % sectors], 0x11, kind="monolithicSparse"))
        c.files["base.vmdk"] = bytearray(base)
        c.flat = di.grains_model("-zd--d", "child", 128, 653, below.ljust(653 * SECTOR, b"\0")[: 653 * SECTOR])


# ---- COWD ----
D = "disk-delta.vmdk"
case("vmdk-c-grain0", "vmdk-cowd", D)(lambda c: c.put(16, "<I", 0))
case("vmdk-c-grain-2-to-31", "vmdk-cowd", D)(lambda c: c.put(16, "<I", 1 << 31))
case("vmdk-c-gdsmall", "vmdk-cowd", D)(lambda c: c.put(24, "<I", 0))
case("vmdk-c-gdmax", "vmdk-cowd", D)(lambda c: c.put(24, "<I", 0xFFFFFFFF))
case("vmdk-c-gdoff", "vmdk-cowd", D)(lambda c: c.put(20, "<I", 0xFFFFFFFF))
case("vmdk-c-gteof", "vmdk-cowd", D)(lambda c: c.put(2048, "<I", 0x7FFFFFFF))
case("vmdk-c-grain-eof", "vmdk-cowd", D)(lambda c: c.put(5 * SECTOR + 8, "<I", 0xFFFFFFFF))
case("vmdk-c-grain-in-header", "vmdk-cowd", D)(lambda c: c.put(5 * SECTOR + 8, "<I", 1))
case("vmdk-c-cap", "vmdk-cowd", D)(lambda c: c.put(12, "<I", 25))
case("vmdk-c-version", "vmdk-cowd", D)(lambda c: c.put(4, "<I", 2))
case("vmdk-c-short", "vmdk-cowd", D)(lambda c: c.cut(2047))

# ---- seSparse ----
S = "disk-sesparse.vmdk"
case("vmdk-e-dirty", "vmdk-sesparse", S)(lambda c: c.put(SECTOR + 24, "<Q", 1))
case("vmdk-e-ver", "vmdk-sesparse", S)(lambda c: c.put(8, "<Q", 0x100000001))
case("vmdk-e-volatile-magic", "vmdk-sesparse", S)(lambda c: c.put(SECTOR, "<Q", 0xCAFEBABE))
case("vmdk-e-gdsize", "vmdk-sesparse", S)(lambda c: c.put(136, "<Q", 1 << 60))
case("vmdk-e-gdsize0", "vmdk-sesparse", S)(lambda c: c.put(136, "<Q", 0))
case("vmdk-e-gdoff", "vmdk-sesparse", S)(lambda c: c.put(128, "<Q", 1 << 62))
case("vmdk-e-gdetype", "vmdk-sesparse", S)(lambda c: c.put(8 * SECTOR, "<Q", 2 << 60))
case("vmdk-e-gdenumber", "vmdk-sesparse", S)(lambda c: c.put(8 * SECTOR, "<Q", 1 << 60 | 1))
case("vmdk-e-gteeof", "vmdk-sesparse", S)(lambda c: c.put(16 * SECTOR, "<Q", 3 << 60 | 1 << 47))
case("vmdk-e-gte-in-tables", "vmdk-sesparse", S)(lambda c: c.put(16 * SECTOR, "<Q", 3 << 60 | 9))
case("vmdk-e-gte0x", "vmdk-sesparse", S)(lambda c: c.put(16 * SECTOR, "<Q", 5))
case("vmdk-e-gte4", "vmdk-sesparse", S)(lambda c: c.put(16 * SECTOR, "<Q", 4 << 60))
case("vmdk-e-cap", "vmdk-sesparse", S)(lambda c: c.put(16, "<Q", 48))

# ---- VHD ----
V = "vhd-fixed"
case("vhd-f-sum", V)(lambda c: c.put(-512 + len(c.f) + 100, b"\x01"))
case("vhd-f-511", V)(lambda c: c.cut(-1))
case("vhd-f-nofooter", V)(lambda c: c.cut(-512))
case("vhd-f-size0", V)(lambda c: c.put(len(c.f) - 512 + 48, ">Q", 0).vhd((-512, 64, 512)))
case("vhd-f-sizeodd", V)(lambda c: c.put(len(c.f) - 512 + 48, ">Q", 1000).vhd((-512, 64, 512)))
case("vhd-f-sizebig", V)(lambda c: c.put(len(c.f) - 512 + 48, ">Q", 65 * SECTOR).vhd((-512, 64, 512)))
case("vhd-f-sizemax", V)(lambda c: c.put(len(c.f) - 512 + 48, ">Q", 2**64 - 512).vhd((-512, 64, 512)))
case("vhd-f-chs0", V)(lambda c: c.put(len(c.f) - 512 + 56, ">I", 0).vhd((-512, 64, 512)))
case("vhd-f-type5", V)(lambda c: c.put(len(c.f) - 512 + 60, ">I", 5).vhd((-512, 64, 512)))
case("vhd-f-version", V)(lambda c: c.put(len(c.f) - 512 + 12, ">I", 0x20000).vhd((-512, 64, 512)))
case("vhd-f-saved", V)(lambda c: c.put(len(c.f) - 512 + 84, b"\x01").vhd((-512, 64, 512)))
V = "vhd-dynamic"
case("vhd-d-headsum", V)(lambda c: c.put(64, b"\0\0\0\0"))
case("vhd-d-tailgone", V)(lambda c: c.cut(-512))
case("vhd-d-bothsum", V)(lambda c: c.put(64, b"\0\0\0\0").put(len(c.f) - 448, b"\0\0\0\0"))
case("vhd-d-differ", V)(lambda c: c.put(48, ">Q", 4096).vhd((0, 64, 512)))
case("vhd-d-hsum", V)(lambda c: c.put(512 + 36, b"\0\0\0\0"))
case("vhd-d-hcookie", V)(lambda c: c.put(512, b"cxsparsf").vhd_all())


def both(c, at, fmt, value):
    return c.put(at, fmt, value).put(len(c.f) - 512 + at, fmt, value).vhd((0, 64, 512), (-512, 64, 512))


case("vhd-d-dataoff", V)(lambda c: both(c, 16, ">Q", 1 << 40))
case("vhd-d-dataoff-max", V)(lambda c: both(c, 16, ">Q", 2**64 - 1024))
case("vhd-d-dataoff-footer", V)(lambda c: both(c, 16, ">Q", 0))
case("vhd-d-sizemax", V)(lambda c: both(c, 48, ">Q", 2**64 - 512))
case("vhd-d-tableeof", V)(lambda c: c.put(512 + 16, ">Q", 1 << 40).vhd_all())
case("vhd-d-table-max", V)(lambda c: c.put(512 + 16, ">Q", 2**64 - 4).vhd_all())
case("vhd-d-entriesmax", V)(lambda c: c.put(512 + 28, ">I", 2**32 - 1).vhd_all())
case("vhd-d-entriesfew", V)(lambda c: c.put(512 + 28, ">I", 4).vhd_all())
case("vhd-d-bs0", V)(lambda c: c.put(512 + 32, ">I", 0).vhd_all())
case("vhd-d-bs31", V)(lambda c: c.put(512 + 32, ">I", 1 << 31).vhd_all())
case("vhd-d-bs3", V)(lambda c: c.put(512 + 32, ">I", 3 << 12).vhd_all())
case("vhd-d-hversion", V)(lambda c: c.put(512 + 24, ">I", 0x20000).vhd_all())
case("vhd-d-bat0", V)(lambda c: c.put(1536, ">I", 0))
case("vhd-d-bat-in-table", V)(lambda c: c.put(1536, ">I", 3))
case("vhd-d-bateof", V)(lambda c: c.put(1536, ">I", 0x7FFFFFFF))
case("vhd-d-bat-last", V)(lambda c: c.put(1536, ">I", 0xFFFFFFFE))


@case("vhd-d-batdup", V)
def _(c):
    c.put(1540, bytes(c.f[1536:1540]))
    flat = bytearray(c.flat)
    flat[4096:8192] = flat[:4096]
    c.flat = bytes(flat)


@case("vhd-d-trunc", V)
def _(c):
    c.f[-512 - 1024 :] = c.f[-512:]


V = "vhd-differencing"


@case("vhd-p-missing", V)
def _(c):
    del c.files["base.vhd"]


case("vhd-p-uid", V)(lambda c: c.put(512 + 40, b"\xff" * 16).vhd_all())
case("vhd-p-ts", V)(lambda c: c.put(512 + 56, ">I", 1).vhd_all())


def parent_name(c, name):
    text = name.encode("utf-16-le")
    return c.put(512 + 576 + 8, ">I", len(text)).put(2048, text).vhd_all()


case("vhd-p-dotdot", V)(lambda c: parent_name(c, "..\\..\\good.vhd"))
case("vhd-p-self", V)(lambda c: parent_name(c, ".\\disk.vhd"))
case("vhd-p-loclen", V)(lambda c: c.put(512 + 576 + 8, ">I", 1 << 31).vhd_all())
case("vhd-p-locodd", V)(lambda c: c.put(512 + 576 + 8, ">I", 7).vhd_all())
case("vhd-p-locoff", V)(lambda c: c.put(512 + 576 + 16, ">Q", 2**64 - 2).vhd_all())
case("vhd-p-surrogate", V)(lambda c: c.put(512 + 576, b"\0" * 24).put(512 + 64, b"\xd8\x00\0x").vhd_all())
case("vhd-p-parent-not-vhd", V)(lambda c: c.files.update({"base.vhd": bytearray(8192)}) and None)

# ---- VHDX ----
X = "vhdx-dynamic"
H1, H2, R1, R2, META, BATS = 65536, 131072, 196608, 262144, 2 * MIB, 3 * MIB
case("vhdx-id", X)(lambda c: c.put(0, b"vhdyfile"))
case("vhdx-h-crc", X)(lambda c: c.put(H1 + 100, b"\1").put(H2 + 100, b"\1"))
case("vhdx-h-crc1", X)(lambda c: c.put(H2 + 100, b"\1"))
case("vhdx-h-eqseq", X)(lambda c: c.put(H1 + 8, "<Q", 8).put(H1 + 16, b"\7").crc(H1, 4096))
case("vhdx-h-version", X)(lambda c: c.headers(66, "<H", 2))
case("vhdx-h-logoff0", X)(lambda c: c.headers(72, "<Q", 0))
case("vhdx-h-loglen", X)(lambda c: c.headers(68, "<I", 0xFFF00000).headers(48, di.LOG_ID))
case("vhdx-h-logmax", X)(lambda c: c.headers(72, "<Q", 2**64 - MIB).headers(48, di.LOG_ID))
case("vhdx-h-logempty", X)(lambda c: c.headers(48, di.LOG_ID))
case("vhdx-h-logversion", X)(lambda c: c.headers(64, "<H", 1).headers(48, di.LOG_ID))
case("vhdx-r-crc1", X)(lambda c: c.put(R1 + 100, b"\1"))
case("vhdx-r-crc2", X)(lambda c: c.put(R1 + 100, b"\1").put(R2 + 100, b"\1"))
case("vhdx-r-countmax", X)(lambda c: c.regions(8, "<I", 2**32 - 1))
case("vhdx-r-count2048", X)(lambda c: c.regions(8, "<I", 2048))
UNKNOWN = bytes(range(16))
case("vhdx-r-unkreq", X)(lambda c: c.regions(80, "<16sQII", UNKNOWN, 8 * MIB, MIB, 1).regions(8, "<I", 3))
case("vhdx-r-unkopt", X)(lambda c: c.regions(80, "<16sQII", UNKNOWN, 8 * MIB, MIB, 0).regions(8, "<I", 3))
case("vhdx-r-dup", X)(lambda c: c.regions(80, "<16sQII", di.BAT, 3 * MIB, MIB, 1).regions(8, "<I", 3))
case("vhdx-r-odd", X)(lambda c: c.regions(32, "<Q", 3 * MIB + 4096))
case("vhdx-r-overlap", X)(lambda c: c.regions(64, "<Q", MIB))
case("vhdx-r-eof", X)(lambda c: c.regions(32, "<Q", 1 << 40))
case("vhdx-r-max", X)(lambda c: c.regions(32, "<Q", 2**64 - MIB))
case("vhdx-r-none", X)(lambda c: c.regions(8, "<I", 1))
case("vhdx-m-count", X)(lambda c: c.put(META + 10, "<H", 65535))
case("vhdx-m-offmax", X)(lambda c: c.put(META + 48, "<I", 0xFFFFFFF0))
case("vhdx-m-len", X)(lambda c: c.put(META + 52, "<I", 1))
case("vhdx-m-missing", X)(lambda c: c.put(META + 64, UNKNOWN).put(META + 64 + 24, "<I", 0))
case("vhdx-m-unkreq", X)(lambda c: c.put(META + 10, "<H", 6).put(META + 32 + 5 * 32, "<16sIII", UNKNOWN, 65536, 4, 4))
case("vhdx-m-dup", X)(lambda c: c.put(META + 64, di.ITEMS["parameters"][0]))
case("vhdx-m-bs0", X)(lambda c: c.put(META + 65536, "<I", 0))
case("vhdx-m-bs3m", X)(lambda c: c.put(META + 65536, "<I", 3 * MIB))
case("vhdx-m-bs512m", X)(lambda c: c.put(META + 65536, "<I", 512 * MIB))
case("vhdx-m-ls3", X)(lambda c: c.put(META + 65536 + 3 * 4096, "<I", 3))
case("vhdx-m-sizeodd", X)(lambda c: c.put(META + 65536 + 4096, "<Q", 3 * MIB + 1))
case("vhdx-m-size0", X)(lambda c: c.put(META + 65536 + 4096, "<Q", 0))
case("vhdx-m-sizebat", X)(lambda c: c.put(META + 65536 + 4096, "<Q", 4 << 40))
case("vhdx-m-sizemax", X)(lambda c: c.put(META + 65536 + 4096, "<Q", 2**64 - 512))
case("vhdx-m-parent", X)(lambda c: c.put(META + 65536 + 4, "<I", 2))
case("vhdx-b-eof", X)(lambda c: c.put(BATS, "<Q", 1 << 40 | 6))
case("vhdx-b-max", X)(lambda c: c.put(BATS, "<Q", (2**44 - 1) << 20 | 6))
case("vhdx-b-log", X)(lambda c: c.put(BATS, "<Q", MIB | 6))
case("vhdx-b-header", X)(lambda c: c.put(BATS, "<Q", 6))
case("vhdx-b-state4", X)(lambda c: c.put(BATS, "<Q", 4 * MIB | 4))
case("vhdx-b-state7", X)(lambda c: c.put(BATS, "<Q", 4 * MIB | 7))
case("vhdx-b-trunc", X)(lambda c: c.cut(5 * MIB + 4096))


@case("vhdx-b-dup", X)
def _(c):
    c.put(BATS + 8, bytes(c.f[BATS : BATS + 8]))
    flat = bytearray(c.flat)
    flat[MIB : 2 * MIB] = flat[:MIB]
    c.flat = bytes(flat)


L = "vhdx-log"


def entry(c, at=None, fmt=None, *values):
    if fmt:
        c.put(MIB + at, fmt, *values)
    return c.crc(MIB, 8192)


case("vhdx-l-crc", L)(lambda c: c.put(MIB + 4, b"\0\0\0\0"))
case("vhdx-l-count", L)(lambda c: entry(c, 24, "<I", 2**32 - 1))
case("vhdx-l-tail", L)(lambda c: entry(c, 12, "<I", 1 << 30))
case("vhdx-l-lenmax", L)(lambda c: c.put(MIB + 8, "<I", 0xFFFFF000))
case("vhdx-l-descseq", L)(lambda c: entry(c, 64 + 24, "<Q", 9))
case("vhdx-l-head", L)(lambda c: entry(c, 64 + 16, "<Q", 0))
case("vhdx-l-headers", L)(lambda c: entry(c, 64 + 16, "<Q", 65536))
case("vhdx-l-unaligned", L)(lambda c: entry(c, 64 + 16, "<Q", 3 * MIB + 1))
case("vhdx-l-farmax", L)(lambda c: entry(c, 64 + 16, "<Q", 2**64 - 4096))
case("vhdx-l-zerobig", L)(lambda c: entry(c, 64, "<4sIQQ", b"zero", 0, 1 << 62, 3 * MIB))
case("vhdx-l-flushed", L)(lambda c: entry(c, 48, "<Q", 1 << 40))
case("vhdx-l-last", L)(lambda c: entry(c, 56, "<Q", 1 << 60))


@case("vhdx-l-guid", L)
def _(c):
    entry(c, 32, UNKNOWN)
    c.flat = bytes(len(c.flat))  # nothing of this log was logged


@case("vhdx-l-gap", L)
def _(c):
    """5 says that the BAT is as it should be; 9, which alone counts, that its page is all zeros but for block 2."""
    page = bytearray(4096)
    page[16:24] = struct.pack("<Q", 5 * MIB | 6)
    for at, seq, data in ((0, 5, None), (8192, 9, page)):
        if data:
            c.f[MIB + at : MIB + at + 8192] = c.f[MIB : MIB + 8192]
            c.put(MIB + at + 64 + 4, bytes(data[4092:])).put(MIB + at + 64 + 8, bytes(data[:8]))
            c.put(MIB + at + 4096 + 8, bytes(data[8:4092]))
        c.put(MIB + at + 12, "<I", at).put(MIB + at + 16, "<Q", seq).put(MIB + at + 64 + 24, "<Q", seq)
        c.put(MIB + at + 4096 + 4092, "<I", seq).crc(MIB + at, 8192)
    c.flat = bytes(2 * MIB) + c.flat[2 * MIB :]


P = "vhdx-differencing"
LOC = META + 65536 + 5 * 4096


def locator(c, linkage, relative):
    text = di.locator(linkage, relative)
    return c.put(META + 32 + 5 * 32 + 20, "<I", len(text)).put(LOC, text)


LINK = "{aaaaaaaa-0000-0000-0000-000000000001}"
case("vhdx-p-link", P)(lambda c: locator(c, LINK.replace("1}", "3}"), ".\\base.vhdx"))
case("vhdx-p-linkbad", P)(lambda c: locator(c, "{no guid}", ".\\base.vhdx"))
case("vhdx-p-dotdot", P)(lambda c: locator(c, LINK, "..\\..\\good.vhdx"))
case("vhdx-p-self", P)(lambda c: locator(c, LINK, ".\\disk.vhdx"))
case("vhdx-p-type", P)(lambda c: c.put(LOC, UNKNOWN))
case("vhdx-p-keyoff", P)(lambda c: c.put(LOC + 20, "<I", 2**32 - 4))
case("vhdx-p-valuelen", P)(lambda c: c.put(LOC + 30, "<H", 65535))
case("vhdx-p-countmax", P)(lambda c: c.put(LOC + 18, "<H", 65535))
case("vhdx-p-hasparent", P)(lambda c: c.put(META + 65536 + 4, "<I", 0))
case("vhdx-p-nosb", P)(lambda c: c.put(BATS + 4096 * 8, "<Q", 0))
case("vhdx-p-sbeof", P)(lambda c: c.put(BATS + 4096 * 8, "<Q", 1 << 40 | 6))
case("vhdx-p-sector", P, "base.vhdx")(lambda c: c.put(META + 65536 + 3 * 4096, "<I", 4096))


@case("vhdx-p-missing", P)
def _(c):
    del c.files["base.vhdx"]


# ---- OVA ----
DISK = di.stream("ova", True)[0]


def ova(name, members=None, tail=bytes(1024), **ovf):
    c = Case("ova")
    if members is None:
        members = [("vm.ovf", di.ovf(size=len(DISK), **ovf)), ("disk.vmdk", DISK)]
    c.files["disk.ova"] = bytearray(b"".join(di.tar_member(*m) for m in members) + tail)
    CASES[name] = c


OVF = ("vm.ovf", di.ovf(size=len(DISK)))
ova("ova-noovf", [("disk.vmdk", DISK)])
ova("ova-ovflast", [("disk.vmdk", DISK), OVF])
ova("ova-two-ovf", [OVF, ("b.ovf", OVF[1]), ("disk.vmdk", DISK)])
ova("ova-missing", [OVF])
ova("ova-href-dotdot", href="../../good.vmdk")
ova("ova-href-abs", href="/etc/passwd")
ova("ova-href-url", href="http://127.0.0.1:1/disk.vmdk")
ova("ova-member-dotdot", [OVF, ("../../d.vmdk", DISK), ("disk.vmdk", DISK)])
ova("ova-dup", [OVF, ("disk.vmdk", DISK), ("disk.vmdk", DISK)])
ova("ova-cap", capacity=652 * SECTOR)
ova("ova-capmax", capacity=2**64 - 1)
LAUGHS = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]>' % "".join(
    '<!ENTITY %s "%s">' % (chr(98 + i), ("&%s;" % chr(97 + i)) * 10) for i in range(12))
ova("ova-laughs", [("vm.ovf", OVF[1].replace(b"<Envelope", LAUGHS.encode() + b"<Envelope").replace(b"Disks", b"&m;")),
                   ("disk.vmdk", DISK)])
ova("ova-entity-file", [("vm.ovf", OVF[1].replace(
    b"<Envelope", b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><Envelope').replace(b"Disks", b"&f;")), ("disk.vmdk", DISK)])
ova("ova-deepxml", [("vm.ovf", b"<a>" * 100000 + b"</a>" * 100000), ("disk.vmdk", DISK)])
TEXT = di.descriptor(['RW 653 FLAT "secret.bin" 0'], 1)
ova("ova-flat", [("vm.ovf", di.ovf(size=len(TEXT))), ("disk.vmdk", TEXT)])
ova("ova-symlink", [OVF, ("disk.vmdk", b"", b"2")])
ova("ova-trunc", [OVF, ("disk.vmdk", DISK)], b"")
del CASES["ova-trunc"].f[-4096:]
ova("ova-sizeneg", [OVF, ("disk.vmdk", DISK, b"0", b"\xff" * 12)])
ova("ova-sizemax", [OVF, ("disk.vmdk", DISK, b"0", b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7)])
ova("ova-size-no-octal", [OVF, ("disk.vmdk", DISK, b"0", b"99999999999\0")])
ova("ova-checksum", None)
CASES["ova-checksum"].put(148, b"000000")
ova("ova-no-end", None, b"")


def main():
    for name, c in CASES.items():
        folder = os.path.join(sys.argv[1], name)
        os.makedirs(folder)
        for file, data in list(c.files.items()) + [("flat", c.flat)]:
            di.write_sparse(os.path.join(folder, file), bytes(data))
        print(name, c.base, c.leaf)


if __name__ == "__main__":
    main()
