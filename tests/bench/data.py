# SPDX-License-Identifier: Apache-2.0
"""The images: what a row reads is made here, the same bytes each time.

Of each MiB of data every second block of 64 KiB is random, the others are text that deflates to about a third; each block begins
with its place, so that none equals another.  Other formats are made of the raw disk by qemu-img.
"""
import os, random, shutil, struct

from system import MIB, run

BLOCK = 65536
WORDS = 4096
FORMATS = {  # suffix, how qemu-img makes it
    'raw': ('raw', None),
    'vmfs-flat': ('vmdk', None),
    'sparse': ('vmdk', ['-O', 'vmdk', '-o', 'subformat=monolithicSparse']),
    'vhdx': ('vhdx', ['-O', 'vhdx', '-o', 'subformat=dynamic']),
    'vhd': ('vhd', ['-O', 'vpc', '-o', 'subformat=dynamic,force_size=on']),
    'stream': ('vmdk', ['-O', 'vmdk', '-o', 'subformat=streamOptimized']),
    'fixed-vhd': ('vhd', ['-O', 'vpc', '-o', 'subformat=fixed,force_size=on']),
}
NAMES = {'raw': 'raw', 'vmfs-flat': 'flat VMDK of VMFS', 'sparse': 'monolithicSparse VMDK', 'vhdx': 'dynamic VHDX', 'vhd': 'dynamic VHD',
         'stream': 'streamOptimized VMDK'}


class Content:
    """Makes a MiB of data quickly, by its number."""

    def __init__(self, pool):
        dice = random.Random(20261122)
        words = [bytes(dice.choices(b'abcdefghijklmnopqrstuvwxyz', k=dice.randrange(2, 11))) for _ in range(WORDS)]
        self.noise = dice.randbytes(pool)
        text = b' '.join(dice.choices(words, k=pool // 6))
        self.text = (text + text)[:pool]

    def mib(self, n):
        dice = random.Random(n)
        noise, text = (dice.randrange(len(self.noise) - MIB // 2) for _ in range(2))
        out = bytearray(MIB)
        for i in range(0, MIB, 2 * BLOCK):
            out[i:i + BLOCK] = self.noise[noise + i // 2:noise + i // 2 + BLOCK]
            out[i + BLOCK:i + 2 * BLOCK] = self.text[text + i // 2:text + i // 2 + BLOCK]
            struct.pack_into('<Q', out, i, n * MIB + i)
            struct.pack_into('<Q', out, i + BLOCK, n * MIB + i + BLOCK)
        return out


def half(mibs, seed=7):
    """Which MiB of a disk hold data, if half of it does: runs of 1 to 64 MiB, as file systems leave them."""
    dice, out, data = random.Random(seed), set(), True
    at = 0
    while at < mibs:
        n = min(dice.randrange(1, min(64, max(2, mibs // 8)) + 1), mibs - at)
        if data:
            out.update(range(at, at + n))
        at, data = at + n, not data
    order = sorted(out) if len(out) > mibs // 2 else sorted(set(range(mibs)) - out)
    while len(out) > mibs // 2:
        out.discard(order.pop())
    while len(out) < mibs // 2:
        out.add(order.pop())
    return out


class Images:
    """Makes images when they are asked for.  They stay for later rows until room is needed; what the row at work uses, always."""

    def __init__(self, folder, room, pool, tell):
        self.folder, self.room, self.tell = folder, room, tell
        self.made, self.used = {}, set()
        self.content = Content(pool)
        os.makedirs(folder, exist_ok=True)

    def next_row(self):
        self.used.clear()

    def raw(self, size, part='all'):
        """Path of a raw disk; all of it data, or half of it."""
        path, new = self.place('raw-%d-%s' % (size // MIB, part), 'disk-flat.vmdk', size if part == 'all' else size // 2)
        if new:
            self.tell('making a disk of %d MiB, %s of it data' % (size // MIB, part))
            with open(path, 'wb') as f:
                for n in range(size // MIB) if part == 'all' else sorted(half(size // MIB)):
                    f.seek(n * MIB)
                    f.write(self.content.mib(n))
                f.truncate(size)
        return path

    def image(self, fmt, size, part='all'):
        """Path of an image whose folder holds no other."""
        flat = self.raw(size, part)
        suffix, how = FORMATS[fmt]
        path, new = self.place('%s-image-%d-%s' % (fmt, size // MIB, part), 'disk.' + suffix, data_bytes(flat) if how else 0)
        if new and not how:  # the same file by another name, so that it is in the page cache once
            os.link(flat, path if fmt == 'raw' else path[:-5] + '-flat.vmdk')
            if fmt == 'vmfs-flat':
                write_flat_descriptor(path, size)
        elif new:
            self.tell('making the same as %s' % NAMES.get(fmt, fmt))
            run(['qemu-img', 'convert', '-f', 'raw', *how, flat, path])
        return path

    def place(self, key, name, bytes_):
        path, new = os.path.join(self.folder, key, name), key not in self.made
        self.used.add(key)
        if new:
            self.make_room(bytes_)
            os.makedirs(os.path.dirname(path))
            self.made[key] = path
        return path, new

    def make_room(self, bytes_):
        """Removes what the row at work does not use, the oldest first."""
        for key in list(self.made):
            inodes = {(st.st_ino, st.st_blocks * 512) for d, _, names in os.walk(self.folder) for st in
                      (os.stat(os.path.join(d, n)) for n in names)}
            if sum(size for _, size in inodes) + bytes_ <= self.room:
                return
            if key not in self.used:
                del self.made[key]
                shutil.rmtree(os.path.join(self.folder, key))


def files_of(path):
    """Whose bytes a reader of this image reads."""
    flat = path[:-5] + '-flat.vmdk'
    return [flat] if path.endswith('.vmdk') and os.path.exists(flat) else [path]


def write_flat_descriptor(path, size):
    with open(path, 'w') as f:
        f.write('# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\n'
                '# Extent description\nRW %d VMFS "%s"\n\n# The Disk Data Base\n#DDB\n\nddb.adapterType = "lsilogic"\n' %
                (size // 512, os.path.basename(path)[:-5] + '-flat.vmdk'))


def data_bytes(path):
    """What of a file is not a hole."""
    fd, at, total = os.open(path, os.O_RDONLY), 0, 0
    try:
        while True:
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                return total
            end = os.lseek(fd, at, os.SEEK_HOLE)
            total, at = total + end - at, end
    finally:
        os.close(fd)
