#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures liftfs against what its users would otherwise take, and against the least that the machine needs for the same work.

Run by `make bench`.  Rows are families of their own in the modules beside this one; harness.py says what a row is and how ratios
are made.  Everything it makes lies in the folder $BENCH_DIR, or bench-scratch, and is removed at the end.
"""
import argparse, os, shutil, signal, subprocess, sys, time

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
import report
import system
from data import Images
from harness import BenchError, Proofs, run_row
from liftfs import Liftfs
from system import GIB, MIB

FAMILIES = ['scan', 'unchanged', 'mount', 'transfer', 'verify', 'memory', 'growth', 'assess']


def size(text):
    units = {'M': MIB, 'G': GIB}
    if not text[:-1].isdigit() or text[-1] not in units:
        raise argparse.ArgumentTypeError('a size as 512M or 8G')
    return int(text[:-1]) * units[text[-1]]


def options():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--build', default='.', help='the build folder (.)')
    p.add_argument('--rows', default='', help='only those whose names begin so, comma-separated')
    p.add_argument('--list', action='store_true', help='name the rows and end')
    p.add_argument('--rounds', type=int, default=5, help='after the warm-up (5)')
    p.add_argument('--size', type=size, default=8 * GIB, help='of the large disks (8G)')
    p.add_argument('--quick', action='store_true', help='little data, one round: to see that everything runs')
    p.add_argument('--out', metavar='FILE', help='JSON (bench.json in the build folder)')
    p.add_argument('--svg', metavar='FILE', help='a plot of the rows of growth')
    p.add_argument('--keep', action='store_true', help='leave the scratch folder')
    p.add_argument('-q', '--quiet', action='store_true', help='do not say what is going on')
    a = p.parse_args()
    if a.quick:
        a.rounds, a.size = 1, 16 * MIB
    if a.rounds < 1:
        p.error('--rounds: at least 1')
    return a


class Bench:
    """What rows need: sizes, folders, programs, images."""

    def __init__(self, a, scratch):
        self.quick, self.size, self.rounds = a.quick, a.size, a.rounds
        self.build, self.scratch = os.path.abspath(a.build), scratch
        self.quiet = a.quiet
        self.images = Images(self.folder('images'), self.room(), MIB if a.quick else 4 * MIB, self.tell)
        self.liftfs = Liftfs(os.path.join(self.build, 'tools', 'liftfs'), self.built('tests/bench/measure'), scratch)
        self.proofs = None

    def room(self):
        """What images may take: three disks of the large size.  A row's replicas take as much as one."""
        return 3 * self.size + 64 * MIB

    def folder(self, name, fresh=False):
        path = os.path.join(self.scratch, name)
        if fresh:
            shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path, exist_ok=True)
        return path

    def peer(self, name):
        return self.built('tests/bench/peers/' + name)

    def built(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            raise BenchError('%s is not built: make bench builds it' % path)
        return path

    def source(self, name):
        return os.path.join(os.path.dirname(os.path.dirname(here)), name)

    def support(self, name):
        return os.path.join(self.build, 'tests', 'support', name)

    def tell(self, text):
        if not self.quiet:
            print('%s %s' % (time.strftime('%H:%M:%S'), text), file=sys.stderr, flush=True)


def cflags(build):
    try:
        with open(os.path.join(build, 'Makefile')) as f:
            return next((line.split('=', 1)[1].strip() for line in f if line.startswith('CFLAGS =')), None)
    except OSError:
        return None


def enough_room(a, scratch):
    need = 4 * a.size + 128 * MIB
    st = os.statvfs(scratch)
    if st.f_bavail * st.f_frsize < need:
        sys.exit('bench: %s: %.1f GiB free, %.1f GiB needed; BENCH_DIR names another folder, --size makes it less' %
                 (scratch, st.f_bavail * st.f_frsize / GIB, need / GIB))


def chosen(rows, a):
    names = [n for n in a.rows.split(',') if n]
    out = [r for r in rows if not names or any(r.name.startswith(n) for n in names)]
    if not out:
        sys.exit('bench: no row of that name; --list names them')
    return out


def main():
    a = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started and made is ended and removed on the way out
    system.raise_descriptors()
    base = os.environ.get('BENCH_DIR') or os.path.join(os.path.abspath(a.build), 'bench-scratch')
    os.makedirs(base, exist_ok=True)
    scratch = os.path.join(base, 'run-%d' % os.getpid())
    os.mkdir(scratch)
    bench = Bench(a, scratch)
    results = []
    try:
        rows = chosen([r for m in FAMILIES for r in __import__(m).rows(bench)], a)
        if a.list:
            for r in rows:
                print('%-28s %s' % (r.name, r.what))
            return 0
        enough_room(a, scratch)
        facts = system.facts(bench.liftfs.program, cflags(bench.build), scratch, versions=not a.quick)
        for row in rows:
            bench.images.next_row()
            bench.proofs = Proofs()
            results.append(run_row(row, a.rounds, bench.proofs, bench.tell))
            report.print_row(results[-1])
    finally:
        if not a.keep:
            shutil.rmtree(scratch, ignore_errors=True)
            if not os.environ.get('BENCH_DIR') and not os.listdir(base):
                os.rmdir(base)
    out = a.out or os.path.join(bench.build, 'bench.json')
    report.write_json(out, facts, a, results)
    if a.svg:
        import plot
        plot.write(a.svg, results)
    report.print_end(results, facts, out)
    return 1 if any(r['error'] for r in results) else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except (BenchError, subprocess.SubprocessError) as e:
        sys.exit('bench: %s' % e)
    except KeyboardInterrupt:
        sys.exit(130)
