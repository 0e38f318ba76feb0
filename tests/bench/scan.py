# SPDX-License-Identifier: Apache-2.0
"""sync --full of a disk that has not changed, against reading its files and doing nothing with them."""
import os, re

import data
import system
from harness import Contestant, Figure, Goal, Row
from system import CORES, GIB, MIB

RATE = Figure('rate', 'content scanned', 'GB/s', 1e9)
CPU = Figure('cpu', 'processor time', 's/GiB', more=False)
CACHED = ['raw', 'vmfs-flat', 'sparse', 'vhdx']


class Scan:
    """A disk, and a replica in a folder that has it."""

    def __init__(self, bench, fmt, size):
        self.bench, self.fmt, self.size = bench, fmt, size
        self.path = self.files = None

    def setup(self):
        b = self.bench
        self.path = b.images.image(self.fmt, self.size)
        self.files = data.files_of(self.path)
        self.state = b.liftfs.state('scan', fresh=True)
        self.target = b.folder('replica', fresh=True)
        b.tell('replicating it once')
        _, doc = b.liftfs.sync(self.state, self.path, self.target)
        b.proofs.want('bytes of the first cycle', doc['disks'][0]['bytes_sent'], self.size)
        system.evict(os.path.join(self.target, doc['disks'][0]['name']))  # its memory is for the source
        system.read_ahead_of_time(*self.files)

    def teardown(self):
        self.bench.folder('replica', fresh=True)

    def liftfs(self):
        done, doc = self.bench.liftfs.sync(self.state, '--full', self.path, self.target)
        disk = doc['disks'][0]
        self.bench.proofs.want('bytes that liftfs read', disk['bytes_read'], self.size)
        self.bench.proofs.want('blocks that differed', disk['blocks_changed'], 0)
        return self.figures(done.seconds, done.cpu)

    def figures(self, seconds, cpu):
        return {'seconds': seconds, 'rate': self.size / seconds, 'cpu': cpu / (self.size / GIB)}

    def pread(self):
        done = system.run([self.bench.peer('pread-loop'), str(CORES), '1M', *self.files])
        bytes_, _ = counted(done)
        self.bench.proofs.want('bytes that pread-loop read', bytes_, sum(data.data_bytes(f) for f in self.files))
        return self.figures(done.seconds, done.cpu)

    def inflate(self):
        done = system.run([self.bench.peer('inflate-loop'), str(CORES), self.path])
        bytes_, seconds = counted(done)
        self.bench.proofs.want('bytes that libdeflate inflated', bytes_, self.size)
        return {'seconds': seconds, 'rate': self.size / seconds}

    def cold(self, what):
        def run():
            system.evict(*self.files)
            left = sum(system.cached_bytes(f) for f in self.files)
            self.bench.proofs.true('less than a MiB of the files was cached before', left < MIB)
            return what()
        return run

    def dd(self):
        done = system.run(['dd', 'if=' + self.files[0], 'of=/dev/null', 'bs=4M'])
        bytes_ = int(re.search(r'^(\d+) bytes', done.err, re.M).group(1))
        self.bench.proofs.want('bytes that dd read', bytes_, os.stat(self.files[0]).st_size)
        return self.figures(done.seconds, done.cpu)

    def setup_cold(self):
        self.setup()
        system.evict(*self.files)
        system.warm_memory(self.size * 5 // 4)


def counted(done):
    m = re.match(r'(\d+) bytes ([\d.]+) s', done.out)
    return int(m.group(1)), float(m.group(2))


def rows(bench):
    out = []
    for fmt in CACHED if not bench.quick else ['vhdx']:
        s = Scan(bench, fmt, bench.size)
        out.append(Row('scan-cached-' + fmt, 'sync --full of an unchanged disk in the page cache, %s' % data.NAMES[fmt], [RATE, CPU],
                       [Contestant('liftfs', s.liftfs), Contestant('pread-loop', s.pread)],
                       [Goal('rate', 0.8, against=['pread-loop'])], s.setup, s.teardown))
        s = Scan(bench, fmt, bench.size)
        out.append(Row('scan-cold-' + fmt, 'sync --full of an unchanged disk that is not in the page cache, %s' % data.NAMES[fmt], [RATE, CPU],
                       [Contestant('liftfs', s.cold(s.liftfs)), Contestant('dd bs=4M', s.cold(s.dd))],
                       [Goal('rate', 0.95, against=['dd bs=4M'])], s.setup_cold, s.teardown))
    s = Scan(bench, 'stream', max(bench.size // 4, 4 * MIB))
    out.append(Row('scan-cached-stream', 'sync --full of an unchanged disk in the page cache, %s' % data.NAMES['stream'], [RATE, CPU],
                   [Contestant('liftfs', s.liftfs), Contestant('inflate-loop', s.inflate)],
                   [Goal('rate', 0.8, against=['inflate-loop'])], s.setup, s.teardown))
    return out
