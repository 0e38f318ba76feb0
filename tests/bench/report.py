# SPDX-License-Identifier: Apache-2.0
"""What is printed and written of the rows' results."""
import json, time


def number(x):
    if x == 0 or 0.01 <= abs(x) < 10000:
        return '%.3g' % x if abs(x) < 1000 else '%.0f' % x
    return '%.3g' % x


def print_row(r):
    print('\n%s: %s' % (r['row'], r['what']))
    if r['error']:
        print('  FAILED: %s' % r['error'])
    keys = list(dict.fromkeys(k for f in r['figures'].values() for k in f))
    for key in keys:
        there = [(name, f[key]) for name, f in r['figures'].items() if key in f]
        print('  %s, %s' % (there[0][1]['text'], there[0][1]['unit']))
        for name, f in there:
            print('    %-26s %9s   (%s to %s, deviation %s)' %
                  (name, number(f['median']), number(f['min']), number(f['max']), number(f['mad'])))
    if r['figures'] and r['others']['median'] > 0.05:
        print('  other programs had %.0f %% of the machine' % (100 * r['others']['median']))
    for g in r['goals']:
        print('  ' + goal_line(g))
    for m in r['missing']:
        print('  %s is not installed: package %s' % (m['name'], m['package']))
    for n in r['notes']:
        print('  ' + n)


def goal_line(g):
    who = '' if g['who'] == 'liftfs' else g['who'] + ': '
    what = '%s%s %s %s' % (who, g['text'], 'at least' if g['at_least'] else 'at most', number(g['limit']))
    if g['met'] is None:
        return 'goal: %s of a peer that is not installed' % what
    what += ' of %s' % g['against'] if g['against'] else ' ' + g['unit']
    return '%s: %s: %s (%s to %s)' % ('met   ' if g['met'] else 'MISSED', what, number(g['ratio']['median']),
                                      number(g['ratio']['min']), number(g['ratio']['max']))


def print_end(results, facts, out):
    goals = [(r['row'], g) for r in results for g in r['goals']]
    print('\n%s, %d cores, %.0f GiB, kernel %s, %s; built with %s' % (
        facts['cpu'], facts['cores'], facts['memory'] / 2**30, facts['kernel'], facts['file_system'], facts['cflags']))
    for row, g in goals:
        print('%-28s %s' % (row, goal_line(g)))
    for r in results:
        if r['error']:
            print('%-28s FAILED: %s' % (r['row'], r['error']))
    met = sum(1 for _, g in goals if g['met'])
    print('%d of %d goals met, %d rows failed; %s has all samples' % (met, len(goals), sum(1 for r in results if r['error']), out))


def write_json(path, facts, a, results):
    doc = {'schema': 1, 'finished': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()), 'machine': facts,
           'settings': {'rounds': a.rounds, 'size': a.size, 'quick': a.quick}, 'rows': results}
    with open(path, 'w') as f:
        json.dump(doc, f, indent=1)
        f.write('\n')
