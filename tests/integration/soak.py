#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A random mix of guest writes, snapshots, reverts, consolidations, kills and faults of the service, for so many seconds.

Whenever things have calmed down, each replica must equal its source, read by qemu-img; at the end each recovery point must
equal the source as it was when the point was made.  Prints what it did; the seed makes the same decisions again (not the
same timing).
"""
import argparse, collections, itertools, json, os, random, shutil, subprocess, sys, threading, time, urllib.request

parser = argparse.ArgumentParser()
parser.add_argument('--liftfs', required=True, help='folder of the programs')
parser.add_argument('--server', required=True, help='endpoint of the page-blob server')
parser.add_argument('--target', required=True, action='append', help='URL or folder; may be repeated')
parser.add_argument('--scratch', required=True)
parser.add_argument('--seconds', type=float, default=60)
parser.add_argument('--seed', type=int, default=int(time.time()))
parser.add_argument('--mib', type=int, default=24)
parser.add_argument('--keep', type=int, default=12, help='recovery points')
a = parser.parse_args()
dice = random.Random(a.seed)
done = collections.Counter()
store, state = os.path.join(a.scratch, 'store'), os.path.join(a.scratch, 'state')


def say(*text):
    print(time.strftime('%H:%M:%S'), *text, flush=True)


def give_up(text, run=None):
    say('FAIL, seed %d:' % a.seed, text)
    if run:
        say(run.returncode, run.stdout.decode()[-3000:], run.stderr.decode()[-3000:])
    sys.exit(1)


def tool(*args):
    run = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode:
        give_up('%s: %s' % (' '.join(args), run.stderr.decode()))
    return run.stdout


class Disk:
    """An image that a guest writes to: a VMDK with snapshots, or a VHDX."""

    def __init__(self, folder, name, fmt):
        self.folder, self.fmt, self.n = os.path.join(store, folder), fmt, 0
        os.makedirs(self.folder, exist_ok=True)
        self.chain = [name + '.' + fmt]
        self.replica = '%s/%s.vhd' % (folder, name)
        tool('qemu-img', 'create', '-q', '-f', fmt, self.path(), '%dM' % a.mib)
        self.write(6)

    def path(self, i=-1):
        return os.path.join(self.folder, self.chain[i])

    def write(self, n):
        orders = []
        for _ in range(n):
            off, length = dice.randrange(a.mib * 2048) * 512, dice.choice([512, 4096, 65536, 300 * 1024])
            length = min(length, a.mib * 1048576 - off)
            orders += ['-c', dice.choice(['write -q -P %d %d %d' % (dice.randrange(1, 256), off, length)] * 4 +
                                         ['write -q -z %d %d' % (off, length)])]
        tool('qemu-io', '-f', self.fmt, *orders, self.path())
        done['guest writes'] += n

    def snapshot(self):
        if self.fmt != 'vmdk' or len(self.chain) > 5:
            return
        self.n += 1
        self.chain.append('%s-%06d.vmdk' % (self.chain[0][:-5], self.n))
        tool('qemu-img', 'create', '-q', '-f', 'vmdk', '-b', self.chain[-2], '-F', 'vmdk', self.path())
        done['snapshots'] += 1

    def revert(self):
        if len(self.chain) < 2:
            return
        old = self.path()
        self.chain.pop()
        self.n += 1
        self.chain.append('%s-%06d.vmdk' % (self.chain[0][:-5], self.n))
        tool('qemu-img', 'create', '-q', '-f', 'vmdk', '-b', self.chain[-2], '-F', 'vmdk', self.path())
        os.unlink(old)
        done['reverts'] += 1

    def consolidate(self):
        if len(self.chain) < 2:
            return
        tool('qemu-img', 'commit', '-q', '-f', 'vmdk', self.path())
        os.unlink(self.path())
        self.chain.pop()
        done['consolidations'] += 1

    def flat(self, out):
        tool('qemu-img', 'convert', '-f', self.fmt, '-O', 'raw', self.path(), out)


class VM:
    def __init__(self, name, disks):
        self.name, self.disks = name, disks
        self.configure()

    def configure(self):
        if self.disks[0].fmt != 'vmdk':
            return
        with open(os.path.join(store, self.name, self.name + '.vmx'), 'w') as f:
            f.write('displayName = "%s"\nscsi0.present = "TRUE"\n' % self.name)
            for i, d in enumerate(self.disks):
                f.write('scsi0:%d.present = "TRUE"\nscsi0:%d.fileName = "%s"\n' % (i, i, d.chain[-1]))

    def act(self):
        d = dice.choice(self.disks)
        dice.choice([lambda: d.write(4)] * 5 + [d.snapshot, d.revert, d.consolidate])()
        self.configure()


def faults(text):
    urllib.request.urlopen(urllib.request.Request(a.server.rsplit('/', 1)[0] + '/_admin/faults', text.encode(), method='PUT'))


RULES = ['write lost p=0.05 status=500 code=OperationTimedOut', 'PutPage late p=0.05 after=4 status=500 code=InternalError',
         'write lost p=0.03 close=1', '* drop p=0.02', 'write fail p=0.1 status=503 code=ServerBusy retry-after=0',
         'SnapshotBlob lost p=0.4 close=1', 'SnapshotBlob late p=0.3 after=6 close=1', 'SetBlobProperties late p=0.2 after=3 close=1',
         'LeaseRenew fail p=0.3 status=500 code=InternalError', 'GetBlob flip p=0.02 at=7', '* delay p=0.1 ms=30',
         'GetBlobProperties drop p=0.1', 'PutBlob lost p=0.5 close=1']


def start(target):
    return subprocess.Popen([os.path.join(a.liftfs, 'liftfs-sync'), '--state', state, '--json', '--connections', '4', '--keep-last',
                             str(a.keep), store, target], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(p):
    out, err = p.communicate(timeout=600)
    return subprocess.CompletedProcess(p.args, p.returncode, out, err)


def stormy():
    """Runs under faults and kills, and a guest that does not stop."""
    faults('\n'.join(['seed %d' % dice.randrange(1 << 30)] + dice.sample(RULES, dice.randrange(0, 5))))
    running = [(t, start(t)) for t in a.target]
    guest = None
    if dice.random() < 0.4:
        vm = dice.choice(vms)
        guest = threading.Thread(target=lambda: dice.choice(vm.disks).write(3))
        guest.start()
    for _, p in running:
        if dice.random() < 0.5:
            time.sleep(dice.random() * 0.4)
            p.send_signal(dice.choice([9, 9, 15]))
            done['kills'] += 1
    if guest:
        guest.join()
    for t, p in running:
        run = finish(p)
        done['runs'] += 1
        done['status %d' % run.returncode] += 1
        if run.returncode not in (0, 75, -9, -15):
            give_up('a sync to %s ended with %d' % (t, run.returncode), run)


def listed(target):
    run = subprocess.run([os.path.join(a.liftfs, 'liftfs-list'), '--points', '--json', target], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode:
        give_up('list', run)
    return json.loads(run.stdout)


def same(thing, image, what):
    run = subprocess.run([os.path.join(a.liftfs, 'liftfs-verify'), image, thing], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    done['comparisons'] += 1
    if run.returncode:
        give_up('%s: %s is not %s' % (what, thing, image), run)


def forget_pruned(target):
    """Of what was made, drops what retention took: a point that is gone has as many later ones as are kept."""
    left = {r['name']: r['points'] for r in listed(target)['replicas']}
    for key in [k for k in made if k[0] == target]:
        points = left.get(key[1], [])
        if key[2] in (p['name'] for p in points):
            continue
        later = sum(p['complete'] and p['name'] > key[2] for p in points)
        if later < a.keep:
            give_up('%s@%s of %s is gone, with %d complete points after it: %s' % (key[1], key[2], target, later, points))
        os.unlink(made.pop(key))
        done['points pruned'] += 1


def calm():
    """No faults: every cycle commits within a few runs, and what is there is what the source is."""
    faults('')
    for target in a.target:
        for _ in range(6):
            run = finish(start(target))
            done['runs'] += 1
            done['status %d' % run.returncode] += 1
            if run.returncode == 0:
                break
            if run.returncode != 75:
                give_up('a quiet sync to %s ended with %d' % (target, run.returncode), run)
        else:
            give_up('a quiet sync to %s did not commit' % target, run)
        report = json.loads(run.stdout)
        for disk in report['disks']:
            done['bytes sent'] += disk['bytes_sent']
            if disk['recovery_point']:
                made[target, disk['name'], disk['recovery_point']] = None
    for vm in vms:
        for d in vm.disks:
            raw = os.path.join(a.scratch, 'now.raw')
            d.flat(raw)
            for target in a.target:
                same('%s/%s' % (target.rstrip('/'), d.replica), raw, 'live')
            for key in [k for k, v in made.items() if v is None and k[1] == d.replica]:
                made[key] = os.path.join(a.scratch, 'point-%d.raw' % next(numbers))
                shutil.copyfile(raw, made[key])
    for target in a.target:
        forget_pruned(target)
    done['calms'] += 1


numbers = itertools.count()
made = {}                                              # (target, replica, point): the flat content of that moment
vms = [VM('web', [Disk('web', 'web', 'vmdk'), Disk('web', 'web_1', 'vmdk')]), VM('db', [Disk('db', 'db', 'vhdx')])]
end = time.time() + a.seconds
say('seed', a.seed)
calm()
while time.time() < end:
    for _ in range(dice.randrange(1, 4)):
        dice.choice(vms).act()
    stormy()
    if dice.random() < 0.4:
        calm()
calm()
for (target, replica, point), raw in sorted(made.items()):
    same('%s/%s@%s' % (target.rstrip('/'), replica, point), raw, 'point')
say(', '.join('%s: %d' % (k, v) for k, v in sorted(done.items())))
