#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The benchmark on little data: every row does its work and yields figures.  How fast anything is does not matter here.
. "${srcdir:-.}/tests/integration/lib.sh"
requires jq qemu-img /usr/bin/python3
[ "${LIFTFS_SANITIZED:-no}" = no ] || skip "measures other people's programs; the plain run has it"
out=$scratch/bench.json

# The arithmetic, with contestants whose figures are known: medians, ratios within a round, goals both ways, who is not there.
/usr/bin/python3 -B - "$srcdir/tests/bench" <<'PY' || fail "harness"
import sys
sys.path.insert(0, sys.argv[1])
import harness
from harness import BenchError, Contestant, Figure, Goal, Proofs, Row, run_row

def giving(*values):
    it = iter(values)
    return lambda: (lambda v: {'seconds': v, 'rate': 1 / v})(next(it))

def row(**more):
    return Row('r', 'w', [Figure('seconds', 't', 's', more=False), Figure('rate', 'r', 'B/s')],
               [Contestant('liftfs', giving(99, 1, 4, 2)), Contestant('slow', giving(99, 10, 10, 10)), Contestant('quick', giving(99, 2, 2, 2)),
                Contestant('gone', None, 'package')], **more)

goals = [Goal('seconds', 1.0, False, ['slow', 'quick']), Goal('rate', 1.5, True, ['slow', 'quick']), Goal('rate', 9, True, ['slow']),
         Goal('seconds', 3, False), Goal('seconds', 1, False, ['gone']), Goal('seconds', 1, False, ['quick'], 'slow')]
r = run_row(row(goals=goals), 3, Proofs(), lambda text: None)
assert r['error'] is None and r['missing'] == [{'name': 'gone', 'package': 'package'}], r
s = r['figures']['liftfs']['seconds']
assert (s['median'], s['min'], s['max'], s['mad'], s['samples']) == (2, 1, 4, 1, [1, 4, 2]), s
assert [(g['against'], g['ratio'] and g['ratio']['median'], g['met']) for g in r['goals']] == [
    ('quick', 1, True), ('quick', 1, False), ('slow', 5, False), (None, 2, True), (None, None, None), ('quick', 5, False)], r['goals']

# Who takes much longer than liftfs is asked once.
harness.SLOW_SECONDS = 5
r = run_row(Row('r', 'w', [Figure('seconds', 't', 's')], [Contestant('liftfs', giving(1, 1, 1)), Contestant('snail', giving(50))]), 2, Proofs(),
            lambda text: None)
assert r['figures']['snail']['seconds']['samples'] == [50] and r['notes'], r

# Work that was not done is an error of the row, and what was set up is taken down.
def lies():
    Proofs().want('bytes', 1, 2)
torn = []
r = run_row(Row('r', 'w', [], [Contestant('liftfs', lies)], teardown=lambda: torn.append(1)), 1, Proofs(), lambda text: None)
assert r['error'] == 'bytes: 1, not 2' and torn == [1], r
PY

BENCH_DIR=$scratch /usr/bin/python3 -B "$srcdir/tests/bench/bench.py" --build . --quick --quiet --out "$out" >"$scratch/table" 2>&1 ||
	fail "bench: $(cat "$scratch/table")"
jq -e '.schema == 1 and .settings.quick and (.machine.cores > 0) and (.rows | length > 0)' "$out" >/dev/null || fail "the document"
[ "$(jq '[.rows[].row | split("-")[0]] | unique | length' "$out")" -ge 8 ] || fail "families are missing: $(jq -c '[.rows[].row]' "$out")"
# Of each row: what was proven, figures above 0 (processor time is counted in ticks: 0 of a small row is one) of liftfs and of each
# peer that is there, and each goal judged if its peer is there.
bad=$(jq -c '.rows[] | select(.error != null or
	((.missing | map(.name) | index("liftfs")) == null and
	 ((.proofs | length) == 0 or (.figures | length) == 0 or (.series == null and (.figures.liftfs | length) == 0) or
	  ([.figures[] | to_entries[] | .key as $k | .value | (.median > 0 or ($k == "cpu" and .median == 0)) and .min <= .median and
	    .median <= .max] | all | not) or
	  ([.goals[] | .met != null or .against == null] | all | not))))' "$out")
[ -z "$bad" ] || fail "rows without figures: $bad"
rows=$(jq '.rows | length' "$out")
[ "$(grep -c '^[a-z0-9-]*: ' "$scratch/table")" = "$rows" ] || fail "not each of $rows rows is in the table"
