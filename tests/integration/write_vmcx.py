# SPDX-License-Identifier: Apache-2.0
"""write_vmcx.py FILE PATH=TEXT...: a .vmcx of strings, from the layout that src/inventory/vmcx.h describes."""
import struct
import sys
import zlib

PAGE = 4096


def sealed(data, at):
    crc = zlib.crc32(data[:at] + bytes(4) + data[at + 4:])
    return data[:at] + struct.pack('<I', crc) + data[at + 4:]


def key(kind, parent, name, value):
    name = name.encode() + b'\0'
    size = 21 + len(name) + len(value)
    return sealed(struct.pack('<BBIHIIIB', kind, 0, size, *parent, 0, 1, len(name)) + name + value, 12)


def obj(kind, off, size, flags):
    return sealed(struct.pack('<BIQIB', kind, 0, off, size, flags), 1)


def tables_of(values):
    tables, nodes = [b''], {(): (0, 0)}

    def put(kind, parent, name, value):
        entry = key(kind, parent, name, value)
        if len(tables[-1]) + len(entry) > PAGE - 10 - 22:  # room for a free key behind
            tables.append(b'')
        place = (len(tables), 10 + len(tables[-1]))
        tables[-1] += entry
        return place

    for path, text in values:
        parts = tuple(path.split('/'))
        for depth in range(1, len(parts)):
            if parts[:depth] not in nodes:
                nodes[parts[:depth]] = put(9, nodes[parts[:depth - 1]], parts[depth - 1], bytes(12))
        text = text.encode('utf-16-le')
        put(6, nodes[parts[:-1]], parts[-1], struct.pack('<I', len(text)) + text)
    for i, entries in enumerate(tables):
        free = PAGE - 10 - len(entries)
        entries += struct.pack('<BBIHIIIB', 1, 0, free, 0, 0, 0, 0, 0) + bytes(free - 21)
        tables[i] = sealed(struct.pack('<HHHI', 2, i + 1, 1, 0), 6) + entries
    return tables


def main():
    tables = tables_of([arg.split('=', 1) for arg in sys.argv[2:]])
    log_off = 3 * PAGE + PAGE * len(tables)
    objects = [obj(2, 3 * PAGE + PAGE * i, PAGE, 1) for i in range(len(tables))]
    slots = (PAGE - 8) // 18
    objects += [obj(0, 0, 0, 0)] * (slots - len(objects))
    log = sealed(struct.pack('<IIIBI', 0x01110003, 0, 0, 0, 145) + bytes(17), 4)
    with open(sys.argv[1], 'wb') as out:
        for sequence in (3, 4):
            head = struct.pack('<IIHIIIIQQI', 0x01282014, 0, sequence, 0x400, 0, 0, PAGE, log_off, PAGE, PAGE)
            out.write(sealed(head, 4).ljust(PAGE, b'\0'))
        out.write((struct.pack('<II', 0x01110001, slots) + b''.join(objects)).ljust(PAGE, b'\0'))
        for table in tables:
            out.write(table)
        out.write(log.ljust(PAGE, b'\0'))


main()
