# SPDX-License-Identifier: Apache-2.0
"""The mount: first and second sequential read of a disk, and random reads, against the least FUSE program and other people's."""
import json, os, re, time

import data
import system
from harness import Contestant, Figure, Goal, Row
from system import GIB, MIB, Daemon, find, missing

FIRST = Figure('first', 'first sequential read', 'GB/s', 1e9)
SECOND = Figure('second', 'second sequential read', 'GB/s', 1e9)
PSYNC = Figure('psync', '4 KiB random reads, 16 threads', 'MB/s', 1e6)
DIRECT = Figure('direct', '4 KiB random reads, O_DIRECT, 16 deep', 'MB/s', 1e6)
AIO = Figure('aio', '4 KiB random reads, aio buffered, 16 deep', 'MB/s', 1e6)
COLD = Figure('cold', 'sequential read, the image not cached', 'GB/s', 1e9)
CPU = Figure('cpu', 'CPU of the daemon, first read', 's/GiB', more=False)
FORMATS = ['raw', 'vmfs-flat', 'sparse', 'vhdx', 'vhd', 'stream']
COLD_FORMATS = ['raw', 'sparse', 'vhdx']
READ_AHEAD_S = 0.3  # for so long a mount goes on raising its read-ahead


class Mounted:
    """One of the programs, showing one image; start() gives the path of the raw disk."""

    def __init__(self, bench, name, argv, disk, on_file=False):
        self.bench, self.name, self.argv, self.disk, self.on_file = bench, name, argv, disk, on_file

    def start(self, size):
        b = self.bench
        self.point = os.path.join(b.folder('mnt-' + self.name, fresh=True), 'disk')
        if self.on_file:
            open(self.point, 'wb').close()
        else:
            os.mkdir(self.point)
        path = os.path.join(self.point, self.disk) if self.disk else self.point

        def ready():
            try:
                return os.stat(path).st_size == size
            except OSError:
                return False
        self.daemon = Daemon(self.argv(self.point), ready, os.path.join(b.scratch, self.name + '.log'))
        return path

    def stop(self):
        if not self.on_file:
            system.run(['fusermount3', '-u', self.point], ok=None)
        self.daemon.stop()


class Reads:
    def __init__(self, bench, fmt, size):
        self.bench, self.fmt, self.size = bench, fmt, size
        self.path = self.flat = None
        self.compared = set()

    def setup(self):
        self.path = self.bench.images.image(self.fmt, self.size)
        self.flat = self.bench.images.raw(self.size)
        system.read_ahead_of_time(*data.files_of(self.path), self.flat)

    def programs(self):
        b = self.bench
        out = [(Mounted(b, 'liftfs', lambda p: [b.liftfs.program, 'mount', '-f', self.path, p], 'disk.raw'), None),
               (Mounted(b, 'passthrough', lambda p: [b.peer('passthrough'), self.flat, p], 'disk.raw'), None),
               (Mounted(b, 'qemu-storage-daemon', self.qemu, None, on_file=True), missing('qemu-storage-daemon'))]
        if self.fmt in ('vmfs-flat', 'sparse', 'stream'):
            out.append((Mounted(b, 'vmdkmount', lambda p: [find('vmdkmount'), self.path, p], 'vmdk1'), missing('vmdkmount')))
        if self.fmt in ('vhd', 'vhdx'):
            out.append((Mounted(b, 'vhdimount', lambda p: [find('vhdimount'), self.path, p], 'vhdi1'), missing('vhdimount')))
        return out

    def qemu(self, point):
        driver = {'vmfs-flat': 'vmdk', 'sparse': 'vmdk', 'stream': 'vmdk', 'vhd': 'vpc', 'vhdx': 'vhdx', 'raw': 'raw'}[self.fmt]
        return [find('qemu-storage-daemon'), '--blockdev', 'driver=file,filename=%s,node-name=f,read-only=on' % self.path, '--blockdev',
                'driver=%s,file=f,node-name=d,read-only=on' % driver, '--export', 'type=fuse,id=e,node-name=d,mountpoint=' + point]

    def dd(self, path):
        done = system.run(['dd', 'if=' + path, 'of=/dev/null', 'bs=1M'])
        self.bench.proofs.want('bytes of a sequential read', int(re.search(r'^(\d+) bytes', done.err, re.M).group(1)), self.size)
        return done.seconds

    def settle(self):
        if not self.bench.quick:
            time.sleep(READ_AHEAD_S)

    def sequential(self, m):
        def run():
            path = m.start(self.size)
            try:
                self.settle()
                first = self.dd(path)
                out = self.cpu(m)
                second = self.dd(path)
                if m.name not in self.compared:
                    system.run(['cmp', path, self.flat])
                    self.bench.proofs.say('%s shows the same bytes as the raw disk' % m.name)
                    self.compared.add(m.name)
            finally:
                m.stop()
            return {'seconds': first, 'first': self.size / first, 'second': self.size / second, **out}
        return run

    def cpu(self, m):
        """Not of those that leave a child behind."""
        return {'cpu': m.daemon.cpu() / (self.size / GIB)} if m.daemon.process.poll() is None else {}

    def evict(self):
        files = [*data.files_of(self.path), self.flat]
        system.evict(*files)
        self.bench.proofs.true('less than a MiB of the files was cached before', sum(system.cached_bytes(f) for f in files) < MIB)

    def cold(self, m):
        def run():
            path = m.start(self.size)
            try:
                self.settle()
                self.evict()
                seconds = self.dd(path)
            finally:
                m.stop()
            return {'seconds': seconds, 'cold': self.size / seconds}
        return run

    def setup_cold(self):
        self.setup()
        self.evict()
        system.warm_memory(self.size * 5 // 2)  # the image's and the mount's pages

    def random(self, m):
        def run():
            seconds, out = 0, {'seconds': 0}
            for key, engine in (('psync', ['--ioengine=psync', '--thread', '--numjobs=16']),
                                ('direct', ['--ioengine=libaio', '--iodepth=16', '--direct=1']),
                                ('aio', ['--ioengine=libaio', '--iodepth=16'])):
                path = m.start(self.size)
                try:
                    self.settle()
                    out[key] = self.fio(path, engine)
                    out['seconds'] += 1
                finally:
                    m.stop()
            return out
        return run

    def fio(self, path, engine):
        long = ['--number_ios=16'] if self.bench.quick else ['--time_based', '--runtime=2s']
        done = system.run(['fio', '--name=r', '--filename=' + path, '--readonly', '--rw=randread', '--bs=4k', '--size=%d' % self.size,
                           '--norandommap', '--group_reporting', '--output-format=json', *long, *engine])
        job = json.loads(done.out[done.out.index('{'):])['jobs'][0]
        self.bench.proofs.want('errors of fio', job['error'], 0)
        return job['read']['io_bytes'] / (max(job['read']['runtime'], 1) / 1000)


def no_fuse():
    return missing('fusermount3') or (None if os.access('/dev/fuse', os.R_OK | os.W_OK) else 'none that helps: /dev/fuse cannot be opened')


def others(contestants):
    return [c.name for c in contestants if c.name not in ('liftfs', 'passthrough', 'the raw file')]


def raw_file(r):
    def run():
        r.dd(r.flat)
        seconds = r.dd(r.flat)
        return {'seconds': seconds, 'second': r.size / seconds}
    return run


def cold_file(r):
    def run():
        r.evict()
        seconds = r.dd(r.flat)
        return {'seconds': seconds, 'cold': r.size / seconds}
    return run


def rows(bench):
    out, size = [], max(bench.size // 4, 4 * MIB)
    for fmt in FORMATS if not bench.quick else ['vhdx']:
        r = Reads(bench, fmt, size)
        c = [Contestant(m.name, r.sequential(m), no_fuse() or gone) for m, gone in r.programs()]
        c.append(Contestant('the raw file', raw_file(r)))
        out.append(Row('mount-read-' + fmt, 'sequential reads of disk.raw through a mount, %s in the page cache' % data.NAMES[fmt],
                       [FIRST, SECOND, CPU], c,
                       [Goal('first', 0.9, against=['passthrough']), Goal('first', 1.2, against=others(c)),
                        Goal('second', 0.9, against=['passthrough']), Goal('second', 1.0, against=others(c))], r.setup))
    for fmt in COLD_FORMATS if not bench.quick else []:
        r = Reads(bench, fmt, size)
        c = [Contestant(m.name, r.cold(m), no_fuse() or gone) for m, gone in r.programs()]
        c.append(Contestant('the raw file', cold_file(r)))
        out.append(Row('mount-cold-' + fmt, 'sequential read of disk.raw through a mount, %s that is not in the page cache' % data.NAMES[fmt],
                       [COLD], c, [Goal('cold', 0.9, against=['passthrough']), Goal('cold', 1.0, against=others(c))], r.setup_cold))
    for fmt in FORMATS if not bench.quick else ['sparse']:
        r = Reads(bench, fmt, size)
        gone = no_fuse() or missing('fio')
        c = [Contestant(m.name, r.random(m), gone or g) for m, g in r.programs()[:3 if bench.quick else None]]
        out.append(Row('mount-random-' + fmt, 'random reads of disk.raw through a mount, %s in the page cache' % data.NAMES[fmt],
                       [PSYNC, DIRECT, AIO], c,
                       [Goal(k, 1.0, against=others(c)) for k in ('psync', 'direct', 'aio')], r.setup))
    return out
