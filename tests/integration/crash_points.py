#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""liftfs sync, ended at every system call that changes something; then it must go on as if nothing had been.

One world, aged by many crashes: each step changes the source, ends a sync at some call, lets the next one run to its end
and compares: the replica with the source, each recovery point with the source as it was when the point was made.  The
comparison reads the bytes by another way than sync: `liftfs verify` hashes image and replica, and in a directory the file
itself is compared with the raw source.  In half of the crashes, and after each loss of power, the source is meanwhile again what
it was before the step: whoever does not know which blocks the ended run may have written to takes them for what they were.

With --keep-last among the options of sync, old recovery points go meanwhile: those, and no others.  With --image, which is a
file system that is mounted at --mount and has target and scratch on it, that is shut down in a fourth of the crashes: what it
has not written by then is gone, as a loss of power does it; and mounted again.
"""
import argparse, json, os, random, re, shutil, subprocess, sys, tempfile, uuid

parser = argparse.ArgumentParser()
parser.add_argument('--liftfs', required=True, help='folder of the programs')
parser.add_argument('--shim', required=True)
parser.add_argument('--target', required=True, help='URL, or a folder')
parser.add_argument('--scratch', required=True)
parser.add_argument('--points', type=int, default=40, help='how many crashes; 0: at every call of a cycle, in every mode')
parser.add_argument('--seed', type=int, default=1)
parser.add_argument('--sync', default='', help='more options of sync')
parser.add_argument('--grow', action='store_true', help='a disk grows now and then')
parser.add_argument('--image', help='file with the file system of target and scratch')
parser.add_argument('--mount', help='where it is mounted')
a = parser.parse_args()
dice = random.Random(a.seed)
local = '://' not in a.target
BLOCK, BLOCKS, GROWN, DISKS = 65536, 40, 60, 2
keep_last = int((re.search('--keep-last[ =]([0-9]+)', a.sync) or [0, 0])[1])
sizes = [BLOCK * BLOCKS] * DISKS
store, state = os.path.join(a.scratch, 'store'), os.path.join(a.scratch, 'state')
notes = tempfile.TemporaryDirectory() # not on what loses its power
log, boot_id = os.path.join(notes.name, 'crash.log'), os.path.join(notes.name, 'boot_id')
names = ['web/web.vhd', 'web/web_1.vhd']


def raw(disk):
    return os.path.join(store, 'web', 'web%s-flat.vmdk' % ('_1' if disk else ''))


def describe(disk):
    flat = raw(disk)
    with open(flat.replace('-flat', ''), 'w') as f:
        f.write('# Disk DescriptorFile\nversion=1\nCID=fffffff%d\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
                'RW %d FLAT "%s" 0\nddb.uuid = "60 00 C2 9%d 00 00 00 00-00 00 00 00 00 00 00 01"\n'
                % (disk, sizes[disk] // 512, os.path.basename(flat), disk))


def make_store():
    os.makedirs(os.path.join(store, 'web'))
    for disk in range(DISKS):
        flat = raw(disk)
        with open(flat, 'wb') as f:
            f.truncate(sizes[disk])
        describe(disk)
    with open(os.path.join(store, 'web', 'web.vmx'), 'w') as f:
        f.write('displayName = "web"\nscsi0.present = "TRUE"\nscsi0:0.present = "TRUE"\nscsi0:0.fileName = "web.vmdk"\n'
                'scsi0:1.present = "TRUE"\nscsi0:1.fileName = "web_1.vmdk"\n')


def change():
    """A few blocks of either disk: data, zeros, and what was there before; or nothing: then no map is committed."""
    if dice.randrange(4) == 0:
        return
    for disk in range(DISKS):
        if a.grow and dice.randrange(6) == 0 and sizes[disk] < BLOCK * GROWN:
            sizes[disk] += dice.choice([512, BLOCK // 2, BLOCK, 2 * BLOCK + 512])
            describe(disk)
        with open(raw(disk), 'r+b') as f:
            f.truncate(sizes[disk])
            for _ in range(dice.randrange(1, 8)):
                f.seek(dice.randrange(sizes[disk] // BLOCK) * BLOCK + dice.choice([0, 0, 512, 65024]))
                f.write(dice.choice([dice.randbytes(512), dice.randbytes(4096), bytes(BLOCK), b'\1' * 512])[:BLOCK])
            f.truncate(sizes[disk])


def go_back(content):
    """The source is again what was kept; unless a disk grew, which cannot be undone."""
    kept = [os.path.join(a.scratch, 'was-%d-%d' % (content, disk)) for disk in range(DISKS)]
    if any(not os.path.exists(k) or os.path.getsize(k) != sizes[disk] for disk, k in enumerate(kept)):
        return False
    for disk, k in enumerate(kept):
        with open(k, 'rb') as f, open(raw(disk), 'r+b') as g:
            g.write(f.read())
    return True


def liftfs(verb, *args, env=None):
    return subprocess.run([os.path.join(a.liftfs, 'liftfs-' + verb), '--state', state, *args], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)


def boot():
    """The host has lost its power: another boot."""
    with open(boot_id, 'w') as f:
        f.write(str(uuid.UUID(int=dice.getrandbits(128))) + '\n')


def start_again():
    """What was shut down."""
    subprocess.run(['umount', a.mount], check=True)
    subprocess.run(['mount', '-o', 'loop', a.image, a.mount], check=True)


def sync(crash_at=None, mode='after'):
    env = dict(os.environ, LD_PRELOAD=a.shim, CRASH_BOOT=boot_id)
    if crash_at is not None:
        env.update(CRASH_AT=str(crash_at), CRASH_MODE=mode, CRASH_SEED=str(dice.randrange(1 << 30)),
                   CRASH_LOG=log, CRASH_ROOT=a.scratch)
        open(log, 'w').close()
        if a.image:
            subprocess.run(['sync', '-f', a.mount], check=True)
    return liftfs('sync', '--json', '--full', *a.sync.split(), store, a.target, env=env)


def give_up(text, run=None):
    print('FAIL:', text)
    if run:
        print(run.returncode, run.stdout.decode(), run.stderr.decode())
    sys.exit(1)


def keep(step):
    for disk in range(DISKS):
        shutil.copyfile(raw(disk), os.path.join(a.scratch, 'was-%d-%d' % (step, disk)))


def points():
    run = liftfs('list', '--points', '--json', a.target)
    if run.returncode:
        give_up('list', run)
    found = {}
    for disk in json.loads(run.stdout)['replicas']:
        for p in disk['points']:
            found.setdefault(p['name'], set()).add(disk['name'])
    return {name for name, disks in found.items() if len(disks) == DISKS}


def same(thing, image, what):
    run = liftfs('verify', '--json', image, thing)
    if run.returncode:
        give_up('%s: %s is not %s' % (what, thing, image), run)


def compare_live(what):
    for disk in range(DISKS):
        same(a.target.rstrip('/') + '/' + names[disk], raw(disk).replace('-flat', ''), what)
        if local:
            with open(os.path.join(a.target, names[disk]), 'rb') as f, open(raw(disk), 'rb') as g:
                if f.read(sizes[disk]) != g.read():
                    give_up('%s: %s differs from the source' % (what, names[disk]))


def forget(point):
    step = known.pop(point)
    pruned.append(point)
    for disk in range(DISKS if step not in known.values() else 0):
        for suffix in '', '.raw':
            image = os.path.join(a.scratch, 'was-%d-%d%s' % (step, disk, suffix))
            if os.path.exists(image):
                os.unlink(image)


def compare_point(point, step, what):
    for disk in range(DISKS):
        image = os.path.join(a.scratch, 'was-%d-%d' % (step, disk))
        link = image + '.raw'
        if not os.path.exists(link):
            os.link(image, link)
        same('%s/%s@%s' % (a.target.rstrip('/'), names[disk], point), link, what)


make_store()
boot()
change()
run = sync()
if run.returncode:
    give_up('first cycle', run)
keep(0)
known, pruned = {p: 0 for p in points()}, []
if not known:
    give_up('the first cycle made no recovery point', run)

# how many calls a cycle makes
change()
run = sync(0)
if run.returncode:
    give_up('counting', run)
total = int(open(log).read().split()[0])
keep(1)
known.update({p: 1 for p in points() - set(known)})
modes = ['before', 'after', 'half', 'power'] + (['shutdown'] if a.image else [])
plan = [(n, m) for n in range(1, total + 1) for m in modes] if a.points == 0 else \
    [(1 + (i * total) // a.points + dice.randrange(max(1, total // a.points)), modes[i % len(modes)]) for i in range(a.points)]
crashed, went_back, content = 0, 0, 1
for step, (at, mode) in enumerate(plan, 2):
    before, content = content, step
    change()
    keep(step)
    what = 'step %d of seed %d, call %d, %s' % (step, a.seed, at, mode)
    run = sync(at, mode)
    where = open(log).read().strip()
    if run.returncode == -9:
        crashed += 1
        if mode == 'shutdown':
            start_again()
        if mode in ('power', 'shutdown'):
            boot()
        if (mode == 'power' or dice.randrange(2) == 0) and go_back(before):
            content = -step
            keep(content)
            went_back += 1
            what += ', gone back'
    elif run.returncode != 0:
        give_up('%s (%s): the sync failed by itself' % (what, where), run)
    run = sync()
    if run.returncode:
        give_up('%s (%s): the next run did not go on' % (what, where), run)
    compare_live(what + ' (' + where + ')')
    now = points()
    for p in sorted(set(known) - now):
        if not keep_last or len([n for n in now if n > p]) < keep_last:
            give_up('%s (%s): recovery point %s is gone' % (what, where, p))
        forget(p)
    if keep_last and len(now) > keep_last:
        give_up('%s (%s): %d recovery points are kept' % (what, where, len(now)))
    fresh = sorted(now - set(known))
    if not fresh:
        give_up('%s (%s): no recovery point of this content' % (what, where), run)
    for p in fresh: # the ended run's own, if there is one, and that of the next
        known[p] = content if p == fresh[-1] else step
        compare_point(p, known[p], what + ' (' + where + ')')
    old = dice.choice(sorted(known))
    compare_point(old, known[old], what + ', an older one (' + where + ')')
for p, s in sorted(known.items()):
    compare_point(p, s, 'at the end')
print('%d calls a cycle; %d crashes of %d, %d gone back; %d recovery points, %d removed; all converged' %
      (total, crashed, len(plan), went_back, len(known), len(pruned)))
if crashed < len(plan) // 2:
    give_up('hardly any run was ended')
