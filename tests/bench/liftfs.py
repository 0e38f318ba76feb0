# SPDX-License-Identifier: Apache-2.0
"""liftfs as a user runs it: its own processes, an environment without credentials but those of the row, states in the scratch."""
import json, os, shutil

import system
from harness import BenchError

LEAVE_OUT = ('AZURE_', 'LIFTFS_', 'IDENTITY_', 'IMDS_')


class Liftfs:
    def __init__(self, program, measure, scratch):
        self.program, self.measure, self.scratch = program, measure, scratch
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(LEAVE_OUT)}

    def state(self, name, fresh=False):
        path = os.path.join(self.scratch, 'state-' + name)
        if fresh:
            shutil.rmtree(path, ignore_errors=True)
        return path

    def run(self, *args, env=None):
        """What it cost is measured by a small program: see there."""
        costs = os.path.join(self.scratch, 'costs')
        done = system.run([self.measure, costs, self.program, *args], env=dict(self.env, **(env or {})))
        with open(costs) as f:
            seconds, cpu, rss = f.read().split()
        done.seconds, done.cpu, done.rss = float(seconds), float(cpu), int(rss) * 1024
        return done

    def sync(self, state, *args, env=None):
        """(what ended, its JSON document); a disk that is not well is an error, one that was proven unchanged is well."""
        done = self.run('sync', '--json', '-q', '--progress', 'none', '--state', state, *args, env=env)
        doc = json.loads(done.out)
        bad = [d for d in doc['disks'] if d['result'] not in ('ok', 'skipped')]
        if bad or doc['result'] != 'ok' or not doc['disks']:
            raise BenchError('sync %s: %s' % (' '.join(args), bad[:1] or doc['result']))
        return done, doc
