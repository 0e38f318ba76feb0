# SPDX-License-Identifier: Apache-2.0
"""Comparing an image with its replica in a folder, against qemu-img compare."""
import json, os

import data
import system
from harness import Contestant, Figure, Goal, Row
from system import find, missing

WALL = Figure('seconds', 'wall time', 's', more=False)
CPU = Figure('cpu', 'processor time', 's', more=False)


class Verify:
    def __init__(self, bench, fmt):
        self.bench, self.fmt = bench, fmt

    def setup(self):
        b = self.bench
        self.path = b.images.image(self.fmt, b.size, 'half')
        target = b.folder('replica', fresh=True)
        _, doc = b.liftfs.sync(b.liftfs.state('verify', fresh=True), self.path, target)
        b.proofs.want('bytes replicated', doc['disks'][0]['bytes_sent'], b.size // 2)
        self.replica = os.path.join(target, doc['disks'][0]['name'])
        system.read_ahead_of_time(*data.files_of(self.path), self.replica)

    def teardown(self):
        self.bench.folder('replica', fresh=True)

    def liftfs(self):
        """As qemu-img does it: nothing but comparing."""
        return self.verify('--no-digest')

    def with_digests(self):
        return self.verify()

    def verify(self, *options):
        done = self.bench.liftfs.run('verify', '--json', '-q', *options, self.path, self.replica)
        doc = json.loads(done.out)
        self.bench.proofs.want('SHA-256 is made', doc['sha256'] is not None, not options)
        self.bench.proofs.want('liftfs says', doc['result'], 'match')
        self.bench.proofs.true('liftfs compared at least the data', doc['bytes_compared'] >= self.bench.size // 2)
        return {'seconds': done.seconds, 'cpu': done.cpu}

    def qemu(self):
        done = system.run([find('qemu-img'), 'compare', '-f', data.FORMATS[self.fmt][0], '-F', 'vpc', self.path, self.replica])
        self.bench.proofs.want('qemu-img says', done.out.strip(), 'Images are identical.')
        return {'seconds': done.seconds, 'cpu': done.cpu}

    def sha256(self):
        """The one stream that verify with digests cannot be faster than."""
        done = system.run([find('openssl'), 'dgst', '-sha256', self.path])
        self.bench.proofs.true('openssl made a SHA-256', '= ' in done.out)
        return {'seconds': done.seconds, 'cpu': done.cpu}

    def row(self):
        digests = 'liftfs, with SHA-256 and Merkle root'
        alone = [Contestant('openssl dgst -sha256', self.sha256, missing('openssl'))] if self.fmt == 'raw' else []
        return Row('verify-' + self.fmt, 'verify of an image, %s, half of it data, against its replica in a folder' % data.NAMES[self.fmt],
                   [WALL, CPU], [Contestant('liftfs', self.liftfs), Contestant(digests, self.with_digests),
                    Contestant('qemu-img compare', self.qemu, missing('qemu-img'))] + alone,
                   [Goal('seconds', 1.0, False, ['qemu-img compare'])] + [Goal('seconds', 1.2, False, [c.name], digests) for c in alone],
                   self.setup, self.teardown)


def rows(bench):
    return [Verify(bench, fmt).row() for fmt in (['raw', 'vhdx'] if not bench.quick else ['vhdx'])]
