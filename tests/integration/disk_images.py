# SPDX-License-Identifier: Apache-2.0
"""Small disk images of every format, and what their guests read.

	disk_images.py FOLDER [NAME...]

writes for each (all, without names) FOLDER/NAME/ with the image's files and `flat`, and prints a line

	NAME LEAF FILE...

LEAF is what is opened, the FILEs (LEAF among them) are what it is made of.  Written from the formats' descriptions, apart
from liftfs's own code; every sector says which disk and place it is of.
"""
import os
import struct
import sys
import uuid
import zlib

SECTOR = 512
MIB = 1 << 20


def sectors(who, first, n):
    return b"".join((b"%s sector %d|" % (who.encode(), s)).ljust(32, b".") * 16 for s in range(first, first + n))


class Bytes(bytearray):
    """A file that grows where it is written."""

    def put(self, off, data):
        if len(self) < off + len(data):
            self.extend(bytes(off + len(data) - len(self)))
        self[off : off + len(data)] = data

    def append(self, data, align=SECTOR):
        off = (len(self) + align - 1) // align * align
        self.put(off, data)
        return off


# ---- VMDK ----


def descriptor(extents, cid, parent=None, kind="custom"):
    lines = ["# Disk DescriptorFile", "version=1", "CID=%08x" % cid]
    lines += ["parentCID=%08x" % (parent[0] if parent else 0xFFFFFFFF), 'createType="%s"' % kind]
    if parent:
        lines.append('parentFileNameHint="%s"' % parent[1])
    return ("\n".join(lines + extents + ['ddb.adapterType = "lsilogic"']) + "\n").encode()


# A model of few grains: one per letter, the last one cut.  d: here, z: zeros, -: absent.
def grains_model(model, who, grain, capacity, below=None):
    flat = bytearray(below or bytes(capacity * SECTOR))
    for g, state in enumerate(model):
        a, b = g * grain, min((g + 1) * grain, capacity)
        if state != "-":
            flat[a * SECTOR : b * SECTOR] = sectors(who, a, b - a) if state == "d" else bytes((b - a) * SECTOR)
    return bytes(flat)


def hosted(model, who, capacity, text=None, grain=128, gtes=512, below=None):
    """Header, descriptor, redundant directory and table, directory and table, grains from sector 32."""
    flat = grains_model(model, who, grain, capacity, below)
    f = Bytes()
    f.put(0, struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", 2, 7, capacity, grain, 1 if text else 0, 8 if text else 0, gtes,
                         9, 14, 32, 0, b"\n \r\n", 0).ljust(SECTOR, b"\0"))
    f.put(SECTOR, (text or b"").ljust(8 * SECTOR, b"\0"))
    per_table = max(1, gtes * 4 // SECTOR)
    for directory in (9, 14):
        f.put(directory * SECTOR, struct.pack("<I", directory + 1).ljust(SECTOR, b"\0"))
        f.put((directory + 1) * SECTOR, bytes(per_table * SECTOR))
    f.put(32 * SECTOR - 1, b"\0")
    for g, state in enumerate(model):
        entry = 0 if state == "-" else 1
        if state == "d":
            a, b = g * grain, min((g + 1) * grain, capacity)
            entry = f.append(sectors(who, a, b - a).ljust(grain * SECTOR, b"\0")) // SECTOR
        for directory in (9, 14):
            f.put((directory + 1) * SECTOR + g * 4, struct.pack("<I", entry))
    return bytes(f), flat


def vmdk_hosted():
    f, flat = hosted("d-dz-d", "hosted", 653, descriptor(['RW 653 SPARSE "disk.vmdk"'], 0x11, kind="monolithicSparse"))
    return {"disk.vmdk": f}, flat


def vmdk_hosted_chain():
    base, below = hosted("dd-dz-", "base", 653, descriptor(['RW 653 SPARSE "base.vmdk"'], 0x11, kind="monolithicSparse"))
    f, flat = hosted("-zd--d", "child", 653,
                     descriptor(['RW 653 SPARSE "disk.vmdk"'], 0x12, (0x11, "base.vmdk"), "monolithicSparse"), below=below)
    return {"disk.vmdk": f, "base.vmdk": base}, flat


def vmdk_split():
    sparse, a = hosted("d-d", "split", 300)
    flat = sectors("flat", 0, 40)
    text = descriptor(['RW 300 SPARSE "disk-s001.vmdk"', "RW 8 ZERO", 'RW 32 FLAT "disk-f002.vmdk" 8'], 0x13)
    return {"disk.vmdk": text, "disk-s001.vmdk": sparse, "disk-f002.vmdk": flat}, a + bytes(8 * SECTOR) + flat[8 * SECTOR :]


def stream(who, footer, text_name="disk.vmdk"):
    capacity, grain, model = 653, 128, "d-d--d"
    text = descriptor(['RW 653 SPARSE "%s"' % text_name], 0x14, kind="streamOptimized")
    f = Bytes()

    def header(gd):
        return struct.pack("<4sIIQQQQIQQQB4sH", b"KDMV", 3, 0x30001, capacity, grain, 1, 8, 512, 0, gd, 16, 0, b"\n \r\n",
                           1).ljust(SECTOR, b"\0")

    f.put(0, header(0))
    f.put(SECTOR, text.ljust(15 * SECTOR, b"\0"))
    table = [0] * 512
    for g, state in enumerate(model):
        if state == "d":
            data = sectors(who, g * grain, min(grain, capacity - g * grain)).ljust(grain * SECTOR, b"\0")
            packed = zlib.compress(data)
            table[g] = f.append(struct.pack("<QI", g * grain, len(packed)) + packed) // SECTOR
    f.append(struct.pack("<QII", 4, 0, 1).ljust(SECTOR, b"\0"))
    gt = f.append(struct.pack("<512I", *table)) // SECTOR
    f.append(struct.pack("<QII", 1, 0, 2).ljust(SECTOR, b"\0"))
    gd = f.append(struct.pack("<I", gt).ljust(SECTOR, b"\0")) // SECTOR
    f.put(0, header(0xFFFFFFFFFFFFFFFF if footer else gd))
    if footer:
        f.append(struct.pack("<QII", 1, 0, 3).ljust(SECTOR, b"\0"))
        f.append(header(gd))
    f.append(bytes(SECTOR))
    return bytes(f), grains_model(model, who, grain, capacity)


def vmdk_stream():
    f, flat = stream("stream", True)
    return {"disk.vmdk": f}, flat


def vmdk_stream_no_footer():
    f, flat = stream("stream", False)
    return {"disk.vmdk": f}, flat


def cowd(model, who, capacity, grain, below=None):
    flat = grains_model(model, who, grain, capacity, below)
    f = Bytes()
    f.put(0, struct.pack("<4s7I", b"COWD", 1, 3, capacity, grain, 4, 1, 0).ljust(2048, b"\0"))
    f.put(4 * SECTOR, struct.pack("<I", 5).ljust(SECTOR, b"\0"))
    f.put(5 * SECTOR, bytes(4096 * 4))
    for g, state in enumerate(model):
        if state == "d":
            a, b = g * grain, min((g + 1) * grain, capacity)
            at = f.append(sectors(who, a, b - a).ljust(grain * SECTOR, b"\0")) // SECTOR
            f.put(5 * SECTOR + g * 4, struct.pack("<I", at))
    f.put(28, struct.pack("<I", len(f) // SECTOR))
    return bytes(f), flat


def vmdk_cowd():
    base = sectors("base", 0, 24)
    delta, flat = cowd("--ddd---d-d------------d", "cowd", 24, 1, base)
    return {
        "disk.vmdk": descriptor(['RW 24 VMFSSPARSE "disk-delta.vmdk"'], 0x16, (0x15, "base.vmdk"), "vmfsSparse"),
        "disk-delta.vmdk": delta,
        "base.vmdk": descriptor(['RW 24 VMFS "base-flat.vmdk"'], 0x15, kind="vmfs"),
        "base-flat.vmdk": base,
    }, flat


def vmdk_sesparse():
    capacity, model = 44, "d-uz-d"  # u: unmapped, zeros
    base = sectors("base", 0, capacity)
    flat = grains_model(model.replace("u", "z"), "sesparse", 8, capacity, base)
    f = Bytes()
    places = [(1, 1), (2, 2), (4, 4), (8, 1), (16, 64), (80, 1), (81, 1), (128, 8 * 8)]
    head = [0xCAFEBABE, 0x200000001, capacity, 8, 64, 0, 0, 0, 0, 0]
    f.put(0, struct.pack("<26Q", *head, *(x for place in places for x in place)).ljust(SECTOR, b"\0"))
    f.put(SECTOR, struct.pack("<4Q", 0xCAFECAFE, 1, 1, 0).ljust(SECTOR, b"\0"))
    f.put(2 * SECTOR, struct.pack("<QQ", 0xDEAFC0DE, 1).ljust(SECTOR, b"\0"))
    f.put(8 * SECTOR, struct.pack("<Q", 0x1000000000000000).ljust(SECTOR, b"\0"))
    f.put(128 * SECTOR, b"")
    for g, (state, n) in enumerate(zip(model, (2, 0, 0, 0, 0, 5))):
        entry = {"-": 0, "u": 1 << 60, "z": 2 << 60, "d": 3 << 60 | (n & 0xFFF) << 48 | n >> 12}[state]
        f.put(16 * SECTOR + g * 8, struct.pack("<Q", entry))
        if state == "d":
            f.put((128 + n * 8) * SECTOR, sectors("sesparse", g * 8, min(8, capacity - g * 8)).ljust(4096, b"\0"))
    f.put(192 * SECTOR - 1, b"\0")
    return {
        "disk.vmdk": descriptor(['RW 44 SESPARSE "disk-sesparse.vmdk"'], 0x18, (0x17, "base.vmdk"), "seSparse"),
        "disk-sesparse.vmdk": bytes(f),
        "base.vmdk": descriptor(['RW 44 VMFS "base-flat.vmdk"'], 0x17, kind="vmfs"),
        "base-flat.vmdk": base,
    }, flat


# ---- VHD ----


def vhd_sum(data, field):
    return 0xFFFFFFFF & ~(sum(data) - sum(data[field : field + 4]))


def vhd_footer(size, kind, ident, data_offset=0xFFFFFFFFFFFFFFFF):
    f = bytearray(struct.pack(">8sIIQI4sI4sQQHBBII16s", b"conectix", 2, 0x10000, data_offset, 0x2A000000, b"win ", 0xA0000,
                              b"Wi2k", size, size, 240, 4, 17, kind, 0, ident).ljust(SECTOR, b"\0"))
    struct.pack_into(">I", f, 64, vhd_sum(f, 64))
    return bytes(f)


BASE_ID, CHILD_ID = bytes(range(16)), bytes(range(16, 32))


def vhd_fixed():
    flat = sectors("fixed", 0, 64)
    return {"disk.vhd": flat + vhd_footer(len(flat), 2, BASE_ID)}, flat


def vhd_dynamic_file(model, who, size, ident, parent=None, below=None):
    """Blocks of 4 KiB.  d: all sectors here, h: every other one, -: absent."""
    block, flat, f = 4096, bytearray(below or bytes(size)), Bytes()
    foot = vhd_footer(size, 4 if parent else 3, ident, SECTOR)
    f.put(0, foot)
    head = bytearray(struct.pack(">8sQQIII", b"cxsparse", 0xFFFFFFFFFFFFFFFF, 1536, 0x10000, len(model), block)
                     .ljust(1024, b"\0"))
    if parent:
        name, text = "base.vhd", ".\\base.vhd".encode("utf-16-le")
        struct.pack_into(">16sI", head, 40, parent, 0x2A000000)
        head[64 : 64 + 2 * len(name)] = name.encode("utf-16-be")
        struct.pack_into(">4sIIIQ", head, 576, b"W2ru", 1, len(text), 0, 2048)
        f.put(2048, text.ljust(SECTOR, b"\0"))
    struct.pack_into(">I", head, 36, vhd_sum(head, 36))
    f.put(SECTOR, bytes(head))
    f.put(1536, (b"\xff" * 4 * len(model)).ljust(SECTOR, b"\xff"))
    for n, state in enumerate(model):
        if state == "-":
            continue
        bitmap, data = (0xFF if state == "d" else 0xAA), sectors(who, n * 8, 8)
        at = f.append(bytes([bitmap]).ljust(SECTOR, b"\0") + data)
        f.put(1536 + n * 4, struct.pack(">I", at // SECTOR))
        for s in range(8):
            off = n * block + s * SECTOR
            if bitmap & 0x80 >> s and off < size:
                flat[off : off + SECTOR] = data[s * SECTOR : (s + 1) * SECTOR]
    f.append(foot)
    return bytes(f), bytes(flat)


def vhd_dynamic():
    f, flat = vhd_dynamic_file("d-dhd", "dynamic", 5 * 4096 - SECTOR, BASE_ID)
    return {"disk.vhd": f}, flat


def vhd_differencing():
    base, below = vhd_dynamic_file("ddh-d", "base", 5 * 4096, BASE_ID)
    f, flat = vhd_dynamic_file("-hd--", "child", 5 * 4096, CHILD_ID, BASE_ID, below)
    return {"disk.vhd": f, "base.vhd": base}, flat


# ---- VHDX ----

CRC_TABLE = []
for _i in range(256):
    for _ in range(8):
        _i = _i >> 1 ^ (0x82F63B78 if _i & 1 else 0)
    CRC_TABLE.append(_i)


def crc32c(data):
    crc, body, table = 0xFFFFFFFF, data.rstrip(b"\0"), CRC_TABLE
    for b in body:
        crc = crc >> 8 ^ table[(crc ^ b) & 0xFF]
    # A zero byte is a linear step: of n zeros, those of n's bits.
    step, n = [(1 << i) >> 8 ^ table[(1 << i) & 0xFF] for i in range(32)], len(data) - len(body)
    while n:
        if n & 1:
            crc = apply(step, crc)
        step, n = [apply(step, s) for s in step], n >> 1
    return crc ^ 0xFFFFFFFF


def apply(step, crc):
    out = 0
    for i in range(32):
        if crc >> i & 1:
            out ^= step[i]
    return out


def sealed(data, field=4):
    data = bytearray(data)
    data[field : field + 4] = bytes(4)
    struct.pack_into("<I", data, field, crc32c(data))
    return bytes(data)


def guid(text):
    return uuid.UUID(text).bytes_le


BAT, META = guid("2DC27766-F623-4200-9D64-115E9BFD4A08"), guid("8B7CA206-4790-4B9A-B8FE-575F050F886E")
ITEMS = {
    "parameters": (guid("CAA16737-FA36-4D43-B3B6-33F0AA44E76B"), 4),
    "size": (guid("2FA54224-CD1B-4876-B211-5DBED83BF4B8"), 6),
    "id": (guid("BECA12AB-B2E6-4523-93EF-C309E000C746"), 6),
    "logical": (guid("8141BF1D-A96F-4709-BA47-F233A8FAAB5F"), 6),
    "physical": (guid("CDA348C7-445D-4471-9CC9-E9885251C556"), 6),
    "locator": (guid("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C"), 4),
}
LOG_ID = guid("11111111-2222-3333-4444-555555555555")


def locator(linkage, relative):
    pairs = [(k.encode("utf-16-le"), v.encode("utf-16-le")) for k, v in (("parent_linkage", linkage), ("relative_path", relative))]
    out, at = Bytes(struct.pack("<16sHH", guid("B04AEFB7-D19E-4A81-B789-25B8E9445913"), 0, len(pairs))), 64
    for i, (k, v) in enumerate(pairs):
        out.put(20 + i * 12, struct.pack("<IIHH", at, at + len(k), len(k), len(v)))
        out.put(at, k + v)
        at += len(k) + len(v)
    return bytes(out)


def vhdx_file(model, who, size, data_write, parent=None, below=None, log=False):
    """Blocks of 1 MiB; log, metadata and BAT at 1, 2 and 3 MiB.  d: here, z: zeros, -: absent, p: every third sector here
    (only below a child).  Only the first and last 8 sectors of a block are not zeros.  log: the BAT's page is only in the log."""
    flat, f = bytearray(below or bytes(size)), Bytes()
    f.put(0, b"vhdxfile")
    head = struct.pack("<4sIQ16s16s16sHHIQ", b"head", 0, 8, bytes(16), data_write, LOG_ID if log else bytes(16), 0, 1, MIB, MIB)
    f.put(2 * 65536, sealed(head.ljust(4096, b"\0")))
    f.put(65536, sealed(head.replace(struct.pack("<Q", 8), struct.pack("<Q", 7), 1).ljust(4096, b"\0")))
    region = struct.pack("<4sIII", b"regi", 0, 2, 0) + BAT + struct.pack("<QII", 3 * MIB, MIB, 1) + META
    region = sealed((region + struct.pack("<QII", 2 * MIB, MIB, 1)).ljust(65536, b"\0"))
    f.put(3 * 65536, region)
    f.put(4 * 65536, region)
    values = {"parameters": struct.pack("<II", MIB, 2 if parent else 0), "size": struct.pack("<Q", size), "id": bytes(range(16)),
              "logical": struct.pack("<I", 512), "physical": struct.pack("<I", 4096)}
    if parent:
        values["locator"] = locator("{%s}" % uuid.UUID(bytes_le=parent), ".\\base.vhdx")
    f.put(2 * MIB, struct.pack("<8sHH", b"metadata", 0, len(values)))
    for i, (name, value) in enumerate(values.items()):
        at = 65536 + i * 4096
        f.put(2 * MIB + 32 + i * 32, ITEMS[name][0] + struct.pack("<III", at, len(value), ITEMS[name][1]))
        f.put(2 * MIB + at, value)
    end = Bytes()
    bat, bitmap = {}, bytearray(MIB)
    for n, state in enumerate(model):
        if state in "dp":
            own = sectors(who, n * 2048, 8) + bytes(2032 * SECTOR) + sectors(who, n * 2048 + 2040, 8)
            bat[n] = 4 * MIB + len(end) | (6 if state == "d" else 7)
            end.append(own, MIB)
        a, b = n * MIB, min((n + 1) * MIB, size)
        if state in "dz":
            flat[a:b] = own[: b - a] if state == "d" else bytes(b - a)
        for off in range(a, b, SECTOR) if state == "p" else ():
            s = off // SECTOR
            if s % 3 == 0:
                bitmap[s // 8] |= 1 << s % 8
                flat[off : off + SECTOR] = own[off - a : off - a + SECTOR]
        if state == "z":
            bat[n] = 2
    if parent:
        bat[4096] = 4 * MIB + len(end) | 6
        end.append(bytes(bitmap), MIB)
    table = Bytes(bytes(MIB))
    for n, entry in bat.items():
        table.put(n * 8, struct.pack("<Q", entry))
    if log:
        page = bytes(table[:4096])
        size_after = 4 * MIB + len(end)
        entry = struct.pack("<4sIIIQII16sQQ", b"loge", 0, 8192, 0, 3, 1, 0, LOG_ID, size_after, size_after)
        entry += struct.pack("<4s4s8sQQ", b"desc", page[4092:], page[:8], 3 * MIB, 3)
        entry = entry.ljust(4096, b"\0") + b"data" + struct.pack("<I", 0) + page[8:4092] + struct.pack("<I", 3)
        f.put(MIB, sealed(entry))
        table[:4096] = bytes(4096)
    f.put(3 * MIB, bytes(table))
    f.put(4 * MIB, bytes(end))
    return bytes(f), bytes(flat)


BASE_WRITE, CHILD_WRITE = guid("aaaaaaaa-0000-0000-0000-000000000001"), guid("aaaaaaaa-0000-0000-0000-000000000002")


def vhdx_dynamic():
    f, flat = vhdx_file("d-zd", "dynamic", 3 * MIB + 65536, BASE_WRITE)
    return {"disk.vhdx": f}, flat


def vhdx_log():
    f, flat = vhdx_file("d-d", "log", 3 * MIB, BASE_WRITE, log=True)
    return {"disk.vhdx": f}, flat


def vhdx_differencing():
    base, below = vhdx_file("dddd", "base", 4 * MIB, BASE_WRITE)
    f, flat = vhdx_file("-pzd", "child", 4 * MIB, CHILD_WRITE, BASE_WRITE, below)
    return {"disk.vhdx": f, "base.vhdx": base}, flat


# ---- OVA ----


def tar_member(name, data, kind=b"0", size=None):
    head = bytearray(struct.pack("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x", name.encode(), b"0000644\0", b"0000000\0",
                                 b"0000000\0", size or b"%011o\0" % len(data), b"00000000000\0", b" " * 8, kind, b"",
                                 b"ustar\00000", b"", b"", b"", b"", b""))
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data.ljust((len(data) + SECTOR - 1) // SECTOR * SECTOR, b"\0")


def ovf(href="disk.vmdk", capacity=653 * SECTOR, size=0):
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" '
            'xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">\n'
            '<References><File ovf:href="%s" ovf:id="file1" ovf:size="%d"/></References>\n'
            '<DiskSection><Info>Disks</Info><Disk ovf:capacity="%d" ovf:capacityAllocationUnits="byte" ovf:diskId="disk1" '
            'ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>'
            '</DiskSection>\n</Envelope>\n' % (href, size, capacity)).encode()


def ova():
    disk, flat = stream("ova", True)
    return {"disk.ova": tar_member("vm.ovf", ovf(size=len(disk))) + tar_member("disk.vmdk", disk) + bytes(1024)}, flat


IMAGES = {
    "vmdk-hosted": vmdk_hosted,
    "vmdk-chain": vmdk_hosted_chain,
    "vmdk-split": vmdk_split,
    "vmdk-stream": vmdk_stream,
    "vmdk-stream-no-footer": vmdk_stream_no_footer,
    "vmdk-cowd": vmdk_cowd,
    "vmdk-sesparse": vmdk_sesparse,
    "vhd-fixed": vhd_fixed,
    "vhd-dynamic": vhd_dynamic,
    "vhd-differencing": vhd_differencing,
    "vhdx-dynamic": vhdx_dynamic,
    "vhdx-log": vhdx_log,
    "vhdx-differencing": vhdx_differencing,
    "ova": ova,
}


def write_sparse(path, data):
    zeros = bytes(65536)
    with open(path, "wb") as f:
        for at in range(0, len(data), 65536):
            part = data[at : at + 65536]
            if part != zeros[: len(part)]:
                f.seek(at)
                f.write(part)
        f.truncate(len(data))


def main():
    folder, names = sys.argv[1], sys.argv[2:] or list(IMAGES)
    for name in names:
        files, flat = IMAGES[name]()
        os.makedirs(os.path.join(folder, name))
        for file, data in files.items():
            write_sparse(os.path.join(folder, name, file), data)
        write_sparse(os.path.join(folder, name, "flat"), flat)
        print(name, next(iter(files)), *files)


if __name__ == "__main__":
    main()
