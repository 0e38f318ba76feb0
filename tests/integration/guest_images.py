#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What no program makes without devices of the kernel: a physical volume of LVM2, a registry hive, an executable's header.

    guest_images.py lvm FILE NAME=IMAGE...   a physical volume whose logical volumes hold the images; "NAME=" one on another disk
    guest_images.py hive FILE KEY=VALUE...   a SOFTWARE hive; numbers become REG_DWORD
    guest_images.py pe FILE MACHINE          the beginning of a Windows executable
    guest_images.py bitlocker FILE           what a volume of BitLocker shows without its key, into a file that exists
    guest_images.py names FOLDER N           N empty files
    guest_images.py bomb FILE                the beginning of an archive (cpio) with a file of 4 GiB
"""
import struct
import sys

SECTOR = 512
EXTENT = 1 << 20
AREA = 4096
AREA_LEN = EXTENT - AREA


def lvm_crc(data):
    crc = 0xF597A6CF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc


def hyphens(uuid):
    cuts = [0, 6, 10, 14, 18, 22, 26, 32]
    return "-".join(uuid[a:b] for a, b in zip(cuts, cuts[1:]))


def lvm(path, volumes):
    uuid = "Ab3dEf" + "0123456789" * 2 + "ghijkl"
    content = []
    text = 'contents = "Text Format Volume Group"\nversion = 1 # of the format\n\nvg0 {\n\tid = "x"\n\tseqno = 2\n\tstatus = ["RESIZEABLE", "READ", "WRITE"]\n'
    text += f"\textent_size = {EXTENT // SECTOR}\n\tphysical_volumes {{\n"
    lvs, at = "", 0
    for name, image in volumes:
        data = open(image, "rb").read() if image else bytes(EXTENT)
        count = -(-len(data) // EXTENT)
        lvs += f'\t\t{name} {{\n\t\t\tid = "y"\n\t\t\tstatus = ["READ", "WRITE", "VISIBLE"]\n\t\t\tsegment_count = 2\n'
        # The last extent first on the disk, and its segment first in the text.
        cut = count - 1 if image and count > 1 else count
        pieces = [(cut, count - cut, at), (0, cut, at + count - cut)]
        for i, (first, n, where) in enumerate(pieces):
            if n:
                pv = "pv0" if image else "pv1"
                lvs += f"\t\t\tsegment{2 - i} {{\n\t\t\t\tstart_extent = {first}\n\t\t\t\textent_count = {n}\n"
                lvs += f'\t\t\t\ttype = "striped"\n\t\t\t\tstripe_count = 1\n\t\t\t\tstripes = [\n\t\t\t\t\t"{pv}", {where}\n\t\t\t\t]\n\t\t\t}}\n'
        lvs += "\t\t}\n"
        if image:
            data += bytes(count * EXTENT - len(data))
            content += [data[cut * EXTENT:], data[:cut * EXTENT]]
            at += count
    for i, name in enumerate([uuid, uuid[::-1]]):
        text += f'\t\tpv{i} {{\n\t\t\tid = "{hyphens(name)}"\n\t\t\tdevice = "/dev/sd{"ab"[i]}"\n\t\t\tpe_start = {EXTENT // SECTOR}\n\t\t\tpe_count = {max(at, 1)}\n\t\t}}\n'
    text += "\t}\n\tlogical_volumes {\n" + lvs + "\t}\n}\n"
    raw = text.encode() + b"\0"
    label = bytearray(SECTOR)
    struct.pack_into("<8sQII8s", label, 0, b"LABELONE", 1, 0, 32, b"LVM2 001")
    struct.pack_into("<32sQQQQQQQQQ", label, 32, uuid.encode(), EXTENT * (at + 1), EXTENT, 0, 0, 0, AREA, AREA_LEN, 0, 0)
    struct.pack_into("<I", label, 16, lvm_crc(label[20:]))
    ring = AREA_LEN - SECTOR
    start = AREA_LEN - 100  # so that it goes round
    header = bytearray(SECTOR)
    struct.pack_into("<I16sIQQQQII", header, 0, 0, b" LVM2 x[5A%r0N*>", 1, AREA, AREA_LEN, start, len(raw), lvm_crc(raw), 0)
    struct.pack_into("<I", header, 0, lvm_crc(header[4:]))
    area = bytearray(bytes(header) + bytes(ring))
    for i, byte in enumerate(raw):
        area[SECTOR + (start - SECTOR + i) % ring] = byte
    with open(path, "wb") as f:
        f.write(bytes(SECTOR) + bytes(label) + bytes(AREA - 2 * SECTOR) + area)
        for part in content:
            f.write(part)


class Hive:
    def __init__(self):
        self.bin = bytearray(32)

    def cell(self, data):
        at = len(self.bin)
        size = (len(data) + 4 + 7) // 8 * 8
        self.bin += struct.pack("<i", -size) + data + bytes(size - 4 - len(data))
        return at

    def value(self, name, text):
        if text.isdigit() and name.startswith("Current") and name.endswith("Number") and "Version" in name:
            head = struct.pack("<IIIHH", 0x80000004, int(text), 4, 1, 0)
        else:
            data = (text + "\0").encode("utf-16-le")
            head = struct.pack("<IIIHH", len(data), self.cell(data), 1, 1, 0)
        return self.cell(b"vk" + struct.pack("<H", len(name)) + head + name.encode())

    def key(self, name, child=None, child_name="", values=(), root=False):
        values = [self.value(*v) for v in values]
        value_list = self.cell(b"".join(struct.pack("<I", v) for v in values)) if values else 0xFFFFFFFF
        children = 0xFFFFFFFF
        if child is not None:
            children = self.cell(b"lh" + struct.pack("<HII", 1, child, lh_hash(child_name)))
        head = struct.pack("<HQIIIIIIIIIIIIIIIHH", 0x2C if root else 0x20, 0, 0, 0, 0 if child is None else 1, 0, children, 0xFFFFFFFF,
                           len(values), value_list, self.security, 0xFFFFFFFF, 0, 0, 0, 0, 0, len(name), 0)
        return self.cell(b"nk" + head + name.encode())


def lh_hash(name):
    h = 0
    for c in name.upper():
        h = (h * 37 + ord(c)) & 0xFFFFFFFF
    return h


def hive(path, values):
    h = Hive()
    h.security = 0xFFFFFFFF
    at, below = h.key("CurrentVersion", values=values), "CurrentVersion"
    for name in ["Windows NT", "Microsoft", "ROOT"]:
        at, below = h.key(name, at, below, root=name == "ROOT"), name
    size = -(-len(h.bin) // 4096) * 4096
    rest = size - len(h.bin)
    if rest:
        h.bin += struct.pack("<i", rest) + bytes(rest - 4)
    struct.pack_into("<4sIIQQI", h.bin, 0, b"hbin", 0, size, 0, 0, 0)
    header = bytearray(4096)
    struct.pack_into("<4sIIQIIIIIII", header, 0, b"regf", 1, 1, 0, 1, 5, 0, 1, at, size, 1)
    check = 0
    for i in range(0, 508, 4):
        check ^= struct.unpack_from("<I", header, i)[0]
    struct.pack_into("<I", header, 508, check)
    with open(path, "wb") as f:
        f.write(header + h.bin)


def pe(path, machine):
    b = bytearray(8192)
    b[0:2] = b"MZ"
    struct.pack_into("<I", b, 0x3C, 0x80)
    struct.pack_into("<4sH", b, 0x80, b"PE\0\0", machine)
    with open(path, "wb") as f:
        f.write(b)


def bomb(path):
    name = b"big\0"
    head = b"070701" + b"%08X" * 13 % (1, 0o100644, 0, 0, 1, 0, 0xFFFFFFFF, 0, 0, 0, 0, len(name), 0)
    with open(path, "wb") as f:
        f.write(head + name + bytes(1 << 16))


def bitlocker(path):
    b = bytearray(open(path, "rb").read())
    b[0:11] = b"\xeb\x58\x90-FVE-FS-"
    struct.pack_into("<HBH", b, 11, 512, 8, 0)
    b[160:176] = bytes.fromhex("3bd67649292ed84a8399f6a339e3d001")  # what a volume of Windows 7 and later has there
    offsets = (0x40000, 0x80000, 0xC0000)
    struct.pack_into("<QQQ", b, 176, *offsets)
    b[510:512] = b"\x55\xaa"
    for at in offsets:
        struct.pack_into("<8sHH", b, at, b"-FVE-FS-", 64, 2)
    with open(path, "wb") as f:
        f.write(b)


def main():
    what, path, *rest = sys.argv[1:]
    pairs = [a.split("=", 1) for a in rest]
    if what == "lvm":
        lvm(path, pairs)
    elif what == "hive":
        hive(path, pairs)
    elif what == "pe":
        pe(path, int(rest[0], 0))
    elif what == "bomb":
        bomb(path)
    elif what == "bitlocker":
        bitlocker(path)
    elif what == "names":
        for i in range(int(rest[0])):
            open(f"{path}/a file with quite a long name {i}.dll", "w").close()


main()
