# SPDX-License-Identifier: Apache-2.0
"""A cycle over many disks of which none has changed, against listing their files."""
import os, re, time

import servers
import system
from harness import Contestant, Figure, Goal, Row
from system import MIB, find, missing

WALL = Figure('seconds', 'wall time', 's', more=False)
CPU = Figure('cpu', 'processor time', 's', more=False)
SETTLE_S = 2.1  # a cycle believes times that it has seen so long ago
TIMES = 3       # what a cycle may take of what find does, besides the calls of the target


def make_disks(folder, n):
    """Flat VMDKs of 1 MiB with 64 KiB of data, each in a folder of its own."""
    for i in range(n):
        d = os.path.join(folder, 'vm%04d' % i)
        os.makedirs(d)
        with open(os.path.join(d, 'vm%04d-flat.vmdk' % i), 'wb') as f:
            f.write(os.urandom(65536))
            f.truncate(MIB)
        with open(os.path.join(d, 'vm%04d.vmdk' % i), 'w') as f:
            f.write('# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\n'
                    '# Extent description\nRW %d VMFS "vm%04d-flat.vmdk"\n' % (MIB // 512, i))


class Many:
    def __init__(self, bench, kind):
        self.bench, self.kind = bench, kind
        self.n = 5 if bench.quick else 1000
        self.service = None

    def setup(self):
        b = self.bench
        folder = b.folder('many', fresh=True)
        self.source, self.other = os.path.join(folder, 'snapshot-a'), os.path.join(folder, 'snapshot-b')
        make_disks(self.source, self.n)
        self.env, self.options = {}, []
        if self.kind == 'folder':
            self.target = b.folder('replica', fresh=True)
        else:
            self.service = servers.SERVICES[self.kind][0](b)
            self.target, self.env, self.options = self.service.url, self.service.env, self.service.cacert
        self.state = b.liftfs.state('many', fresh=True)
        b.tell('replicating them')
        self.sync()
        for _ in range(2):  # files' times settle, then those of the state; what the last one leaves the next can go by
            time.sleep(SETTLE_S)
            self.sync()
        self.prove()

    def sync(self):
        return self.bench.liftfs.sync(self.state, *self.options, self.source, self.target, env=self.env)

    def prove(self):
        """A cycle under strace: nothing is read of the files that hold content."""
        b = self.bench
        if not find('strace'):
            b.proofs.say('strace is not installed: only the bytes that liftfs says it read were looked at')
            return
        log = os.path.join(b.scratch, 'strace.log')
        system.run([find('strace'), '-f', '-y', '-qq', '-o', log, '-e', 'trace=read,pread64,readv,preadv,preadv2,mmap,copy_file_range',
                    b.liftfs.program, 'sync', '-q', '--state', self.state, *self.options, self.source, self.target],
                   env=dict(b.liftfs.env, **self.env))
        content, tables = 0, 0
        with open(log, errors='replace') as f:
            for line in f:
                if '/many/' in line:
                    got = re.search(r'= (\d+)$', line)
                    if '-flat.vmdk>' in line:
                        content += 1
                    elif got:
                        tables += int(got.group(1))
        os.unlink(log)
        b.proofs.want('reads of content that strace saw', content, 0)
        b.proofs.true('descriptors were read, nothing more: less than 4 KiB a disk', tables < 4096 * self.n)

    def from_another(self):
        """What was the folder snapshot-a is looked at as snapshot-b, and the reverse."""
        os.rename(self.source, self.other)
        self.source, self.other = self.other, self.source
        return self.liftfs()

    def liftfs(self):
        done, doc = self.sync()
        proofs = self.bench.proofs
        proofs.want('disks', len(doc['disks']), self.n)
        proofs.want('results', sorted({d['result'] for d in doc['disks']}), ['skipped'])
        proofs.want('bytes read', sum(d['bytes_read'] for d in doc['disks']), 0)
        proofs.say('requests to the target: %d' % sum(doc['requests'].values()))
        return {'seconds': done.seconds, 'cpu': done.cpu}

    def find(self):
        done = system.run(['find', self.source, '-printf', '%p %i %s %T@ %C@\\n'])
        self.bench.proofs.want('lines of find', done.out.count('\n'), 3 * self.n + 1)
        return {'seconds': done.seconds, 'cpu': done.cpu}

    def stat(self):
        done = system.run(['find', self.source, '-type', 'f', '-exec', 'stat', '-c', '%n %i %s %y %z', '{}', '+'])
        self.bench.proofs.want('lines of stat', done.out.count('\n'), 2 * self.n)
        return {'seconds': done.seconds, 'cpu': done.cpu}

    def allowed(self):
        """TIMES find, and a HEAD of each replica by curl, four at once over kept connections, as liftfs has them."""
        found = self.find()
        if not self.service:
            return {'seconds': TIMES * found['seconds']}
        urls = os.path.join(self.bench.scratch, 'urls')
        with open(urls, 'w') as f:
            for i in range(self.n):
                f.write('url = "%s"\noutput = /dev/null\n' % self.service.blob('vm%04d/vm%04d.vhd' % (i, i)))
        done = system.run(['curl', '-s', '-S', '-f', '-I', '-Z', '--parallel-max', '4', *self.service.cacert, '-H', 'x-ms-version: 2021-12-02',
                           '-K', urls, '-w', '%{http_code}\n'])
        self.bench.proofs.want('answers to curl', done.out.split().count('200'), self.n)
        return {'seconds': TIMES * found['seconds'] + done.seconds}

    def teardown(self):
        if self.service:
            self.service.stop()
        self.bench.folder('many', fresh=True)
        self.bench.folder('replica', fresh=True)

    def row(self):
        where = 'in a folder' if self.kind == 'folder' else 'on ' + servers.SERVICES[self.kind][1]
        gone = None if self.kind == 'folder' else servers.missing(self.kind, self.bench)
        allowed = '%d find' % TIMES if self.kind == 'folder' else '%d find and HEADs' % TIMES
        moved = 'liftfs, other snapshot'
        return Row('unchanged-' + self.kind, 'a cycle over %d unchanged disks, replicas %s' % (self.n, where), [WALL, CPU],
                   [Contestant('liftfs', self.liftfs, gone), Contestant(moved, self.from_another, gone),
                    Contestant('find -printf', self.find, gone), Contestant('stat', self.stat, gone),
                    Contestant(allowed, self.allowed, gone or (None if self.kind == 'folder' or find('curl') else 'curl'))],
                   [Goal('seconds', 1.0, False, [allowed]), Goal('seconds', 1.0, False, [allowed], moved)], self.setup, self.teardown)


def rows(bench):
    return [Many(bench, kind).row() for kind in ('folder', 'tls')]
