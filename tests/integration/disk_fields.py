# SPDX-License-Identifier: Apache-2.0
"""Where the structures of disk images lie: every field, table entry and boundary, for tests/support/mutate.

	disk_fields.py FOLDER <LINES

takes lines as disk_images.py prints them (NAME LEAF FILE...) and prints

	I NAME LEAF FLAT			an image, paths below FOLDER
	M FILE					a file of it
	S KIND OFF LEN FIELD			a checksum over [OFF, OFF + LEN), stored at FIELD; numbered from 0 for each M
	F NAME OFF LEN COVER_OFF COVER_LEN S	a field; the range of the disk that it speaks of (LEN 0: all); its S, or -1
	T NAME OFF NEAR				a boundary, or (NEAR 1) a byte beside one; NAME: cut, or text.cut in a descriptor
"""
import os
import struct
import sys

SECTOR = 512


class Fields:
    def __init__(self, data, size):
        self.data, self.size, self.ends, self.seals = data, size, set(), 0

    def seal(self, kind, off, length, field):
        print("S", kind, off, length, field)
        self.seals += 1
        self.edge(off, length)
        return self.seals - 1

    def edge(self, off, length):
        self.ends |= {off, off + length}

    def field(self, name, off, length, cover=(0, 0), seal=-1):
        if length > 0 and off + length <= len(self.data):
            print("F", name, off, length, max(0, cover[0]), cover[1], seal)
            if length > 1:
                self.edge(off, length)

    def row(self, prefix, base, rows, seal=-1):
        """rows: (name, length) one behind the other."""
        for name, length in rows:
            self.field(prefix + name, base, length, (0, 0), seal)
            base += length

    def table(self, name, off, width, n, covered, order="<", base=0):
        """The first two entries, those that are in use (eight at most) and the last, each speaking of `covered` bytes."""
        fmt = order + ("I" if width == 4 else "Q")
        unused = (0, 0xFFFFFFFF) if order == ">" else (0,)
        used = []
        for i in range(n):
            at = off + i * width
            if at + width > len(self.data) or len(used) == 8:
                break
            if struct.unpack_from(fmt, self.data, at)[0] not in unused:
                used.append(i)
        for i in sorted({0, 1, n - 1} & set(range(n)) | set(used)):
            self.field(name, off + i * width, width, (base + i * covered, covered))
        self.edge(off, n * width)
        return [(i, struct.unpack_from(fmt, self.data, off + i * width)[0]) for i in used]

    def done(self, name="cut"):
        for at in sorted({e + d for e in self.ends for d in (-1, 0, 1)} | {1, self.size - 1}):
            if 0 <= at < self.size:
                print("T", name, at, int(at not in self.ends))


def u(f, off, width, order="<"):
    return int.from_bytes(f.data[off : off + width], "little" if order == "<" else "big")


# ---- VMDK ----


def text_fields(f, off, length):
    at = off
    for line in f.data[off : off + length].split(b"\0")[0].splitlines(keepends=True):
        key = line.split(b"=")[0].strip().decode("latin-1")
        kind = "comment" if key.startswith("#") else "extent" if b"=" not in line else "ddb" if key.startswith("ddb.") else key
        for i in range(len(line)):
            f.field("text." + kind, at + i, 1)
        f.edge(at, len(line))
        at += len(line)
    if at < off + length:
        f.field("text.pad", at, off + length - at)


HOSTED = [("magic", 4), ("version", 4), ("flags", 4), ("capacity", 8), ("grain", 8), ("descriptor-offset", 8),
          ("descriptor-size", 8), ("entries", 4), ("redundant", 8), ("directory", 8), ("overhead", 8), ("unclean", 1),
          ("newlines", 4), ("compression", 2), ("pad", 433)]


def hosted_fields(f):
    streamed = u(f, 8, 4) & 0x10000
    prefix = "stream." if streamed else "hosted."
    f.row(prefix, 0, HOSTED)
    footer = f.size - 1024
    if u(f, 56, 8) == 0xFFFFFFFFFFFFFFFF:
        f.row("stream.footer-marker.", footer - SECTOR, [("value", 8), ("size", 4), ("type", 4), ("pad", 496)])
        f.row("stream.footer.", footer, HOSTED)
    if streamed:
        f.row("stream.end-marker.", f.size - SECTOR, [("value", 8), ("size", 4), ("type", 4), ("pad", 496)])
    text_fields(f, u(f, 28, 8) * SECTOR, u(f, 36, 8) * SECTOR)
    capacity, grain, entries = u(f, 12, 8), u(f, 20, 8), u(f, 44, 4)
    directory = u(f, (footer if u(f, 56, 8) == 0xFFFFFFFFFFFFFFFF else 0) + 56, 8)
    n = -(-capacity // (grain * entries))
    for name, at in (("", directory), ("redundant-", u(f, 48, 8) if u(f, 8, 4) & 2 else 0)):
        if at == 0:
            continue
        for t, sector in f.table(prefix + name + "directory-entry", at * SECTOR, 4, n, entries * grain * SECTOR):
            left = min(entries, -(-capacity // grain) - t * entries)
            covered = grain * SECTOR
            for g, where in f.table(prefix + name + "table-entry", sector * SECTOR, 4, left, covered, "<", t * entries * covered):
                if streamed:
                    stream_grain(f, where * SECTOR, ((t * entries + g) * covered, covered))
                elif where > 1:
                    f.edge(where * SECTOR, covered)


def stream_grain(f, at, cover):
    length = u(f, at + 8, 4)
    f.field("stream.grain.lba", at, 8, cover)
    f.field("stream.grain.size", at + 8, 4, cover)
    f.field("stream.grain.zlib-header", at + 12, 2, cover)
    f.field("stream.grain.deflate", at + 14, length - 6, cover)
    f.field("stream.grain.adler", at + 12 + length - 4, 4, cover)


def cowd_fields(f):
    f.row("cowd.", 0, [("magic", 4), ("version", 4), ("flags", 4), ("capacity", 4), ("grain", 4), ("directory", 4),
                       ("directory-entries", 4), ("free", 4), ("parent", 1024), ("parent-generation", 4), ("generation", 4),
                       ("name", 60), ("description", 512), ("saved-generation", 4), ("reserved", 8), ("unclean", 4), ("pad", 396)])
    grain = u(f, 16, 4) * SECTOR
    for t, sector in f.table("cowd.directory-entry", u(f, 20, 4) * SECTOR, 4, u(f, 24, 4), 4096 * grain):
        left = min(4096, -(-u(f, 12, 4) * SECTOR // grain) - t * 4096)
        for _, where in f.table("cowd.table-entry", sector * SECTOR, 4, left, grain, "<", t * 4096 * grain):
            f.edge(where * SECTOR, grain)


SESPARSE = ["magic", "version", "capacity", "grain", "table-size", "flags", "reserved1", "reserved2", "reserved3", "reserved4"] + [
    place + part for place in ("volatile", "journal-header", "journal", "directory", "tables", "free-bitmap", "backmap", "grains")
    for part in ("-offset", "-size")]


def sesparse_fields(f):
    f.row("sesparse.", 0, [(name, 8) for name in SESPARSE] + [("pad", 304)])
    place = {name: u(f, i * 8, 8) * SECTOR for i, name in enumerate(SESPARSE)}
    f.row("sesparse.volatile.", place["volatile-offset"], [("magic", 8), ("free", 8), ("sequence", 8), ("replay", 8), ("pad", 480)])
    n = -(-u(f, 16, 8) // 32768)
    for t, entry in f.table("sesparse.directory-entry", place["directory-offset"], 8, n, 4096 * 4096):
        left = min(4096, -(-u(f, 16, 8) // 8) - t * 4096)
        at = place["tables-offset"] + (entry & 0xFFFFFFFF) * 64 * SECTOR
        for _, value in f.table("sesparse.table-entry", at, 8, left, 4096, "<", t << 24):
            if value >> 60 == 3:
                n_grain = (value >> 48 & 0xFFF) | (value & (1 << 48) - 1) << 12
                f.edge(place["grains-offset"] + n_grain * 4096, 4096)


# ---- VHD ----

FOOTER = [("cookie", 8), ("features", 4), ("version", 4), ("data-offset", 8), ("time", 4), ("creator", 4), ("creator-version", 4),
          ("creator-host", 4), ("original-size", 8), ("current-size", 8), ("geometry", 4), ("type", 4), ("checksum", 4), ("id", 16),
          ("saved", 1), ("reserved", 427)]


def vhd_fields(f):
    footer = f.size - SECTOR
    f.row("vhd.footer.", footer, FOOTER, f.seal("vhd", footer, SECTOR, footer + 64))
    if f.data[:8] != b"conectix":
        return
    f.row("vhd.copy.", 0, FOOTER, f.seal("vhd", 0, SECTOR, 64))
    at = u(f, footer + 16, 8, ">")
    seal = f.seal("vhd", at, 1024, at + 36)
    f.row("vhd.header.", at, [("cookie", 8), ("next", 8), ("table", 8), ("version", 4), ("entries", 4), ("block", 4),
                              ("checksum", 4), ("parent-id", 16), ("parent-time", 4), ("reserved", 4), ("parent-name", 512)], seal)
    for i in range(8):
        f.row("vhd.locator%s." % ("" if u(f, at + 576 + i * 24, 4) else "-none"), at + 576 + i * 24,
              [("code", 4), ("space", 4), ("length", 4), ("reserved", 4), ("offset", 8)], seal)
        if u(f, at + 576 + i * 24, 4):
            f.field("vhd.locator.text", u(f, at + 592 + i * 24, 8, ">"), u(f, at + 584 + i * 24, 4, ">"))
    f.field("vhd.header.reserved2", at + 768, 256, (0, 0), seal)
    block = u(f, at + 32, 4, ">")
    bits = -(-block // SECTOR // 8)
    for n, sector in f.table("vhd.table-entry", u(f, at + 16, 8, ">"), 4, u(f, at + 28, 4, ">"), block, ">"):
        f.field("vhd.bitmap", sector * SECTOR, bits, (n * block, block))
        f.field("vhd.bitmap-pad", sector * SECTOR + bits, -bits % SECTOR, (n * block, block))
        f.edge(sector * SECTOR + SECTOR, block)


# ---- VHDX ----

MIB = 1 << 20


def vhdx_fields(f):
    f.row("vhdx.id.", 0, [("signature", 8), ("creator", 512)])
    for name, at in (("header1.", 65536), ("header2.", 131072)):
        f.row("vhdx." + name, at, [("signature", 4), ("checksum", 4), ("sequence", 8), ("file-write", 16), ("data-write", 16),
                                   ("log-id", 16), ("log-version", 2), ("version", 2), ("log-length", 4), ("log-offset", 8),
                                   ("reserved", 4016)], f.seal("crc32c", at, 4096, at + 4))
    places = {}
    for name, at in (("region1.", 196608), ("region2.", 262144)):
        seal = f.seal("crc32c", at, 65536, at + 4)
        f.row("vhdx." + name, at, [("signature", 4), ("checksum", 4), ("count", 4), ("reserved", 4)], seal)
        for i in range(u(f, at + 8, 4)):
            e = at + 16 + i * 32
            kind = "bat" if f.data[e] == 0x66 else "metadata"
            f.row("vhdx.%s%s." % (name, kind), e, [("guid", 16), ("offset", 8), ("length", 4), ("required", 4)], seal)
            places[kind] = u(f, e + 16, 8)
            f.edge(u(f, e + 16, 8), u(f, e + 24, 4))
    meta, values = places["metadata"], {}
    f.row("vhdx.metadata.", meta, [("signature", 8), ("reserved", 2), ("count", 2), ("reserved2", 20)])
    kinds = {0x37: "parameters", 0x24: "size", 0xAB: "id", 0x1D: "logical", 0xC7: "physical", 0x2D: "locator"}
    for i in range(u(f, meta + 10, 2)):
        e = meta + 32 + i * 32
        kind = kinds.get(f.data[e], "other")
        f.row("vhdx.item.%s." % kind, e, [("guid", 16), ("offset", 4), ("length", 4), ("flags", 4), ("reserved", 4)])
        at, length = meta + u(f, e + 16, 4), u(f, e + 20, 4)
        values[kind] = at
        if kind == "parameters":
            f.row("vhdx.", at, [("block-size", 4), ("parameter-bits", 4)])
        elif kind == "locator":
            f.row("vhdx.locator.", at, [("type", 16), ("reserved", 2), ("count", 2)])
            for j in range(u(f, at + 18, 2)):
                f.row("vhdx.locator.", at + 20 + j * 12, [("key-offset", 4), ("value-offset", 4), ("key-length", 2), ("value-length", 2)])
            for b in range(20 + 12 * u(f, at + 18, 2), length):
                f.field("vhdx.locator.text", at + b, 1)
        else:
            f.field("vhdx." + kind, at, length)
    block, sector, size = u(f, values["parameters"], 4), u(f, values["logical"], 4), u(f, values["size"], 8)
    chunk, bat = (sector << 23) // block, places["bat"]
    for n in range(min(-(-size // block), 12)):
        e = bat + (n + n // chunk) * 8
        f.field("vhdx.table-entry", e, 8, (n * block, block))
        if u(f, e, 8) & 7 in (6, 7):
            f.edge(u(f, e, 8) & ~0xFFFFF, block)
    at = u(f, bat + chunk * 8, 8)
    if at & 7 == 6:
        f.field("vhdx.bitmap-entry", bat + chunk * 8, 8)
        for n in range(-(-size // block)):
            if u(f, bat + n * 8, 8) & 7 == 7:
                bits = block // sector // 8
                f.field("vhdx.bitmap", (at & ~0xFFFFF) + n * bits, bits, (n * block, block))
    log = u(f, 131072 + 72, 8)
    if any(f.data[131072 + 48 : 131072 + 64]) and f.data[log : log + 4] == b"loge":
        length = u(f, log + 8, 4)
        seal = f.seal("crc32c", log, length, log + 4)
        f.row("vhdx.log.", log, [("signature", 4), ("checksum", 4), ("length", 4), ("tail", 4), ("sequence", 8), ("count", 4),
                                 ("reserved", 4), ("id", 16), ("flushed", 8), ("last", 8)], seal)
        f.row("vhdx.log.descriptor.", log + 64, [("signature", 4), ("trailing", 4), ("leading", 8), ("offset", 8), ("sequence", 8)],
              seal)
        f.row("vhdx.log.data.", log + 4096, [("signature", 4), ("high", 4), ("bytes", 4084), ("low", 4)], seal)


# ---- OVA ----

TAR = [("name", 100), ("mode", 8), ("uid", 8), ("gid", 8), ("size", 12), ("mtime", 12), ("checksum", 8), ("type", 1),
       ("link", 100), ("magic", 6), ("version", 2), ("owner", 80), ("prefix", 155), ("pad", 12)]


def ova_fields(f):
    at = 0
    while f.data[at : at + 1] not in (b"", b"\0"):
        f.row("tar.", at, TAR, f.seal("tar", at, SECTOR, at + 148))
        name, size = f.data[at : at + 100].rstrip(b"\0"), int(f.data[at + 124 : at + 135], 8)
        at += SECTOR
        if name.endswith(b".ovf"):
            for i in range(size):
                f.field("ovf.text", at + i, 1)
        f.edge(at, size)
        at += -(-size // SECTOR) * SECTOR


def fields_of(path):
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        f = Fields(file.read(64 << 20), size)
    ext = path.rsplit(".", 1)[-1]
    if f.data[:4] == b"KDMV":
        hosted_fields(f)
    elif f.data[:4] == b"COWD":
        cowd_fields(f)
    elif f.data[:4] == b"\xbe\xba\xfe\xca":
        sesparse_fields(f)
    elif f.data[:8] == b"vhdxfile":
        vhdx_fields(f)
    elif ext in ("vhd", "avhd"):
        vhd_fields(f)
    elif ext == "ova":
        ova_fields(f)
    elif size <= 65536 and f.data[:1].isascii() and b"version=" in f.data[:512]:
        text_fields(f, 0, size)
        return f.done("text.cut")
    else:
        f.edge(0, size)
    f.done()


for line in sys.stdin:
    name, leaf, *files = line.split()
    print("I", name, "%s/%s" % (name, leaf), name + "/flat")
    for file in files:
        print("M", "%s/%s" % (name, file))
        fields_of("%s/%s/%s" % (sys.argv[1], name, file))
