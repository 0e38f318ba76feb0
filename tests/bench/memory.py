# SPDX-License-Identifier: Apache-2.0
"""The peak of the resident set, against fixed limits."""
import os

import data
import servers
import system
from harness import Contestant, Figure, Goal, Row
from system import GIB, MIB, missing

ONE_DISK_MIB, EACH_FURTHER_MIB = 128, 16
RSS = Figure('rss', 'peak resident set', 'MiB', MIB, more=False)
WALL = Figure('seconds', 'wall time', 's', more=False)
TIB = 1024 * GIB


def make_vhdx(path, size, pieces, block='1M'):
    """A VHDX with so many MiB of data, spread evenly, the last MiB among them."""
    system.run(['qemu-img', 'create', '-q', '-f', 'vhdx', '-o', 'block_size=' + block, path, str(size)])
    orders, step = [], max(size // pieces // MIB, 1) * MIB
    for i in range(pieces):
        orders += ['-c', 'write -q -P %d %d 1M' % (i % 255 + 1, size - MIB - i * step)]
        if len(orders) == 512 or i == pieces - 1:
            system.run(['qemu-io', '-f', 'vhdx', *orders, path])
            orders = []


class Huge:
    def __init__(self, bench):
        self.bench = bench
        self.pieces = 4 if bench.quick else 2048

    def setup(self):
        self.path = os.path.join(self.bench.folder('huge', fresh=True), 'huge.vhdx')
        make_vhdx(self.path, 64 * TIB, self.pieces, '32M' if self.bench.quick else '1M')

    def liftfs(self):
        b = self.bench
        done, doc = b.liftfs.sync(b.liftfs.state('huge', fresh=True), self.path, 'null:')
        b.proofs.want('size of the disk', doc['disks'][0]['virtual_size'], 64 * TIB)
        b.proofs.true('all of the data was read', doc['disks'][0]['bytes_read'] >= self.pieces * MIB)
        return {'seconds': done.seconds, 'rss': done.rss}

    def row(self):
        return Row('memory-64t', 'first copy of a VHDX of 64 TiB with %d MiB of data, to null:' % self.pieces, [RSS, WALL],
                   [Contestant('liftfs', self.liftfs, missing('qemu-img'))], [Goal('rss', ONE_DISK_MIB, False)], self.setup,
                   lambda: self.bench.folder('huge', fresh=True))


class AtOnce:
    """Disks that share the size of the large one, half data, to the strict server with TLS."""

    def __init__(self, bench):
        self.bench, self.n = bench, 2 if bench.quick else 32
        self.size = max(bench.size // self.n, 2 * MIB)

    def setup(self):
        flat = self.bench.images.raw(self.size, 'half')
        self.data = data.data_bytes(flat)
        self.source = self.bench.folder('at-once', fresh=True)
        for i in range(self.n):
            folder = os.path.join(self.source, 'vm%02d' % i)
            os.mkdir(folder)
            os.link(flat, os.path.join(folder, 'vm%02d.raw' % i))

    def liftfs(self):
        b = self.bench
        service = servers.Strict(b)
        try:
            done, doc = b.liftfs.sync(b.liftfs.state('at-once', fresh=True), '--jobs', str(self.n), *service.cacert, self.source, service.url,
                                      env=service.env)
        finally:
            service.stop()
        b.proofs.want('disks', len(doc['disks']), self.n)
        b.proofs.want('bytes sent', sum(d['bytes_sent'] for d in doc['disks']), self.n * self.data)
        return {'seconds': done.seconds, 'rss': done.rss}

    def row(self):
        limit = ONE_DISK_MIB + (self.n - 1) * EACH_FURTHER_MIB
        return Row('memory-%d-disks' % self.n, 'first copy of %d disks at once, to %s' % (self.n, servers.SERVICES['tls'][1]), [RSS, WALL],
                   [Contestant('liftfs', self.liftfs, servers.missing('tls', self.bench))], [Goal('rss', limit, False)], self.setup,
                   lambda: self.bench.folder('at-once', fresh=True))


def rows(bench):
    return [Huge(bench).row(), AtOnce(bench).row()]
