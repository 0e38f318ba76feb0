# SPDX-License-Identifier: Apache-2.0
"""First copy of a disk, and one per cent of it changed: to blob services against azcopy, to a folder against rsync."""
import os, random, re

import data
import servers
import system
from harness import BenchError, Contestant, Figure, Goal, Row
from system import GIB, MIB, find, missing

WALL = Figure('seconds', 'wall time', 's', more=False)
CPU = Figure('cpu', 'processor time of the client', 's/GiB of data', more=False)
SENT = Figure('sent', 'bytes sent to bytes of changed blocks', '', more=False)
BLOCK = 65536
SAMPLES = 32


class Disk:
    """The disk as liftfs and as azcopy take it: raw, and a fixed VHD of the same content; both change alike."""

    def __init__(self, bench, vhd):
        self.bench, self.with_vhd = bench, vhd
        self.version = 0
        self.seen = {}

    def make(self):
        b = self.bench
        flat = b.images.raw(b.size, 'half')
        self.folder = b.folder('transfer', fresh=True)
        self.source = os.path.join(self.folder, 'disk.raw')
        system.run(['cp', '--sparse=always', '--reflink=never', flat, self.source])
        self.data = data.data_bytes(self.source)
        b.proofs.want('bytes of data in the disk', self.data, b.size // 2)
        self.vhd = os.path.join(self.folder, 'vhd', 'disk.vhd')
        if self.with_vhd:
            os.makedirs(os.path.dirname(self.vhd))
            system.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'vpc', '-o', 'subformat=fixed,force_size=on', self.source, self.vhd])
        self.blocks = [n * MIB + i * BLOCK for n in sorted(data.half(b.size // MIB)) for i in range(MIB // BLOCK)]
        self.changed = max(self.bench.size // BLOCK // 100, 1)

    def new_version_for(self, name):
        """Whoever has had the present version makes the next one: 4 KiB in one of every hundred blocks of the disk."""
        if self.seen.get(name) == self.version:
            self.version += 1
            dice = random.Random(self.version)
            for path in [self.source] + ([self.vhd] if self.with_vhd else []):
                dice.seed(self.version)
                with open(path, 'r+b') as f:
                    for at in dice.sample(self.blocks, self.changed):
                        f.seek(at + dice.randrange(16) * 4096)
                        f.write(dice.randbytes(4096))
                    os.fsync(f.fileno())
        self.seen[name] = self.version

    def remove(self):
        self.bench.folder('transfer', fresh=True)


def same_blob(bench, service, name, disk):
    """Places at random, and both ends, as an ordinary client reads them."""
    dice = random.Random(1)
    places = [0, bench.size - BLOCK] + [dice.choice(disk.blocks) for _ in range(SAMPLES)]
    with open(disk.source, 'rb') as f:
        for at in places:
            f.seek(at)
            if service.read(name, at, BLOCK) != f.read(BLOCK):
                raise BenchError('%s differs from the disk at %d' % (name, at))
    bench.proofs.say('%s holds the disk: %d places read back by an ordinary client' % (name, len(places)))


def azcopy(bench, service, disk):
    logs = bench.folder('azcopy', fresh=True)
    env = dict(bench.liftfs.env, AZCOPY_LOG_LOCATION=logs, AZCOPY_JOB_PLAN_LOCATION=logs, HOME=logs, **{
        k: v for k, v in service.env.items() if k == 'SSL_CERT_FILE'})
    done = system.run([find('azcopy'), 'copy', disk.vhd, service.blob('azcopy.vhd'), '--from-to', 'LocalBlob', '--blob-type', 'PageBlob',
                       '--output-level', 'essential', '--skip-version-check'], env=env)
    if not re.search(r'Final Job Status: Completed\s', done.out):
        raise BenchError('azcopy: %s' % done.out[-300:])
    bench.proofs.want('transfers that azcopy completed', re.search(r'Transfers Completed: (\d+)', done.out).group(1), '1')
    return done


class Initial:
    def __init__(self, bench, kind):
        self.bench, self.kind = bench, kind
        self.disk = Disk(bench, vhd=True)
        self.checked = set()

    def setup(self):
        self.disk.make()
        system.read_ahead_of_time(self.disk.source, self.disk.vhd)

    def on_new_service(self, name, copy):
        def run():
            service = servers.SERVICES[self.kind][0](self.bench)
            try:
                done = copy(service)
                if name not in self.checked:
                    same_blob(self.bench, service, name, self.disk)
                    self.checked.add(name)
            finally:
                service.stop()
            return {'seconds': done.seconds, 'cpu': done.cpu / (self.disk.data / GIB)}
        return run

    def liftfs(self, service):
        b = self.bench
        done, doc = b.liftfs.sync(b.liftfs.state('initial', fresh=True), *service.cacert, self.disk.source, service.url, env=service.env)
        b.proofs.want('bytes that liftfs sent', doc['disks'][0]['bytes_sent'], self.disk.data)
        return done

    def azcopy(self, service):
        return azcopy(self.bench, service, self.disk)

    def row(self):
        gone = servers.missing(self.kind, self.bench)
        return Row('initial-' + self.kind, 'first copy of a disk, half of it data, to %s' % servers.SERVICES[self.kind][1], [WALL, CPU],
                   [Contestant('liftfs', self.on_new_service('disk.vhd', self.liftfs), gone),
                    Contestant('azcopy', self.on_new_service('azcopy.vhd', self.azcopy), gone or missing('azcopy'))],
                   [Goal('seconds', 1.0, False, ['azcopy']), Goal('cpu', 0.5, False, ['azcopy'])], self.setup, self.disk.remove)


class Delta:
    """liftfs has the disk's last version on the service, or in a folder; rsync has it in a file."""

    def __init__(self, bench, kind):
        self.bench, self.kind = bench, kind
        self.disk = Disk(bench, vhd=kind != 'folder')
        self.service = None

    def setup(self):
        b = self.bench
        self.disk.make()
        self.env, self.options = {}, []
        if self.kind == 'folder':
            self.target = b.folder('replica', fresh=True)
            self.copy = os.path.join(self.disk.folder, 'copy')
            system.run(['cp', '--sparse=always', '--reflink=never', self.disk.source, self.copy])
        else:
            self.service = servers.SERVICES[self.kind][0](b)
            self.target, self.env, self.options = self.service.url, self.service.env, self.service.cacert
        self.state = b.liftfs.state('delta', fresh=True)
        b.tell('replicating it once')
        b.liftfs.sync(self.state, *self.options, self.disk.source, self.target, env=self.env)
        for c in ('liftfs', 'rsync', 'azcopy'):
            self.disk.seen[c] = 0
        self.checked = False

    def liftfs(self):
        b = self.bench
        self.disk.new_version_for('liftfs')
        done, doc = b.liftfs.sync(self.state, *self.options, self.disk.source, self.target, env=self.env)
        disk = doc['disks'][0]
        b.proofs.want('blocks changed', disk['blocks_changed'], self.disk.changed)
        if self.service and not self.checked:
            same_blob(b, self.service, 'disk.vhd', self.disk)
        elif not self.checked:
            system.run(['qemu-img', 'compare', '-f', 'raw', '-F', 'vpc', self.disk.source, os.path.join(self.target, 'disk.vhd')])
            b.proofs.say('qemu-img finds the replica equal to the disk')
        self.checked = True
        return {'seconds': done.seconds, 'cpu': done.cpu / (self.disk.data / GIB), 'sent': disk['bytes_sent'] / (self.disk.changed * BLOCK)}

    def rsync(self):
        self.disk.new_version_for('rsync')
        done = system.run([find('rsync'), '-I', '--inplace', '--no-whole-file', self.disk.source, self.copy])
        if self.bench.rounds == 1 or self.disk.version < 2:
            system.run(['cmp', self.disk.source, self.copy])
            self.bench.proofs.say("rsync's copy is equal to the disk")
        return {'seconds': done.seconds, 'cpu': done.cpu / (self.disk.data / GIB)}

    def azcopy(self):
        self.disk.new_version_for('azcopy')
        service = servers.SERVICES[self.kind][0](self.bench)
        try:
            done = azcopy(self.bench, service, self.disk)
        finally:
            service.stop()
        return {'seconds': done.seconds, 'cpu': done.cpu / (self.disk.data / GIB)}

    def teardown(self):
        if self.service:
            self.service.stop()
        self.bench.folder('replica', fresh=True)
        self.disk.remove()

    def row(self):
        b = self.bench
        if self.kind == 'folder':
            peer, where = Contestant('rsync', self.rsync, missing('rsync')), 'to a folder'
            gone = None
        else:
            gone = servers.missing(self.kind, b)
            peer, where = Contestant('azcopy', self.azcopy, gone or missing('azcopy')), 'to ' + servers.SERVICES[self.kind][1]
        return Row('delta-' + self.kind, 'one per cent of the blocks changed, scattered, ' + where, [WALL, CPU, SENT],
                   [Contestant('liftfs', self.liftfs, gone), peer],
                   [Goal('sent', 1.1, False), Goal('seconds', 1.0, False, [peer.name])], self.setup, self.teardown)


def rows(bench):
    services = ['azurite', 'tls'] if not bench.quick else ['tls']  # Azurite takes seconds to start
    return [Initial(bench, s).row() for s in services] + [Delta(bench, 'folder').row(), Delta(bench, 'tls').row()]
