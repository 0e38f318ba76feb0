# SPDX-License-Identifier: Apache-2.0
"""How time and memory grow with the size of a disk, the number of disks, and the number of pieces that an image is in.

The contestants of these rows are sizes of the work, all done by liftfs; plot.py draws them.
"""
import os, random, struct

import unchanged
from harness import Contestant, Figure, Row
from memory import TIB, make_vhdx
from system import GIB, MIB, missing

WALL = Figure('seconds', 'wall time', 's', more=False)
CPU = Figure('cpu', 'processor time', 's', more=False)
RSS = Figure('rss', 'peak resident set', 'MiB', MIB, more=False)
GRAIN = 4096


def series(bench, name, what, x, points, once, setup, teardown, gone=None):
    """once(point) does the work; `points` are (how it is called, its number)."""
    row = Row(name, what, [WALL, CPU, RSS], [Contestant(text, (lambda n: lambda: once(n))(n), gone) for text, n in points], setup=setup,
              teardown=teardown, rounds=3)
    row.series = {'x': x, 'points': dict(points)}
    return row


def figures(done):
    return {'seconds': done.seconds, 'cpu': done.cpu, 'rss': done.rss}


# ---- size ----

class Sizes:
    def __init__(self, bench):
        self.bench = bench
        self.points = [('1 GiB', GIB), ('16 GiB', 16 * GIB), ('256 GiB', 256 * GIB), ('4 TiB', 4 * TIB), ('64 TiB', 64 * TIB)]
        if bench.quick:
            self.points = self.points[:2]
        self.data = 4 if bench.quick else 256

    def setup(self):
        self.folder = self.bench.folder('sizes', fresh=True)
        for _, size in self.points:
            make_vhdx(self.path(size), size, self.data, '1M' if size < TIB else '32M')

    def path(self, size):
        return os.path.join(self.folder, '%d.vhdx' % (size // GIB))

    def once(self, size):
        b = self.bench
        done, doc = b.liftfs.sync(b.liftfs.state('sizes', fresh=True), self.path(size), 'null:')
        b.proofs.want('size', doc['disks'][0]['virtual_size'], size)
        b.proofs.true('all of the data was read', doc['disks'][0]['bytes_sent'] >= self.data * MIB)
        return figures(done)

    def row(self):
        return series(self.bench, 'growth-size', 'first copy of a VHDX with %d MiB of data, to null:' % self.data, 'size of the disk',
                      self.points, self.once, self.setup, lambda: self.bench.folder('sizes', fresh=True), missing('qemu-io'))


# ---- disks ----

class Counts:
    def __init__(self, bench):
        self.bench = bench
        self.points = [(str(n), n) for n in ((1, 4) if bench.quick else (1, 10, 100, 1000))]

    def setup(self):
        for _, n in self.points:
            unchanged.make_disks(self.bench.folder('counts/%d' % n, fresh=True), n)

    def teardown(self):
        self.bench.folder('counts', fresh=True)
        self.bench.folder('replica', fresh=True)

    def once(self, n):
        b = self.bench
        done, doc = b.liftfs.sync(b.liftfs.state('counts', fresh=True), b.folder('counts/%d' % n), b.folder('replica', fresh=True))
        b.proofs.want('bytes sent of %d' % n, sum(d['bytes_sent'] for d in doc['disks']), n * 65536)
        return figures(done)

    def row(self):
        return series(self.bench, 'growth-disks', 'first copy of many disks of 64 KiB of data each, to a folder', 'number of disks',
                      self.points, self.once, self.setup, self.teardown)


# ---- pieces ----

def write_scattered_vmdk(path, grains, content):
    """A monolithicSparse VMDK with grains of 4 KiB: every second one is there, and they lie in the file in random order."""
    gtes = 512
    capacity = grains * 2 * GRAIN // 512
    tables = (grains * 2 + gtes - 1) // gtes
    gd = 21                                      # sectors: header, descriptor of 20, directory, tables, grains
    gt = gd + (tables * 4 + 511) // 512
    overhead = (gt + tables * gtes * 4 // 512 + 7) // 8 * 8
    descriptor = ('# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicSparse"\n'
                  '# Extent description\nRW %d SPARSE "%s"\n' % (capacity, os.path.basename(path))).encode()
    places = list(range(grains))
    random.Random(3).shuffle(places)
    entries = bytearray(tables * gtes * 4)
    for i, place in enumerate(places):
        struct.pack_into('<I', entries, i * 8, overhead + place * GRAIN // 512)
    with open(path, 'wb') as f:
        f.write(struct.pack('<4sIIQQQQIQQQBccccH', b'KDMV', 1, 1, capacity, GRAIN // 512, 1, 20, gtes, 0, gd, overhead, 0, b'\n', b' ', b'\r',
                            b'\n', 0))
        f.seek(512)
        f.write(descriptor)
        f.seek(gd * 512)
        f.write(struct.pack('<%dI' % tables, *(gt + t * gtes * 4 // 512 for t in range(tables))))
        f.seek(gt * 512)
        f.write(entries)
        for n in range((grains * GRAIN + MIB - 1) // MIB):
            f.seek(overhead * 512 + n * MIB)
            f.write(content.mib(n)[:min(MIB, grains * GRAIN - n * MIB)])


class Pieces:
    def __init__(self, bench):
        self.bench = bench
        most = bench.size // 2 // GRAIN
        self.points = [('%d' % n, n) for n in ((256, 1024) if bench.quick else (1000, 10000, 100000, 1000000)) if n <= most]

    def setup(self):
        folder = self.bench.folder('pieces', fresh=True)
        self.paths = {n: os.path.join(folder, '%d.vmdk' % n) for _, n in self.points}
        for n, path in self.paths.items():
            self.bench.tell('making an image in %d pieces' % n)
            write_scattered_vmdk(path, n, self.bench.images.content)

    def once(self, n):
        b = self.bench
        done, doc = b.liftfs.sync(b.liftfs.state('pieces', fresh=True), self.paths[n], 'null:')
        b.proofs.true('all %d pieces were read' % n, doc['disks'][0]['bytes_sent'] >= n * GRAIN)
        return figures(done)

    def row(self):
        return series(self.bench, 'growth-pieces', 'first copy of a VMDK whose grains of 4 KiB lie scattered, every second one missing, to null:',
                      'number of pieces', self.points, self.once, self.setup, lambda: self.bench.folder('pieces', fresh=True))


def rows(bench):
    return [Sizes(bench).row(), Counts(bench).row(), Pieces(bench).row()]
