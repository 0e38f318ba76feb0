#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The benchmark on little data: every row does its work and yields figures.  How fast anything is does not matter here.
. "${srcdir:-.}/tests/integration/lib.sh"
requires jq qemu-img /usr/bin/python3
[ "${LIFTFS_SANITIZED:-no}" = no ] || skip "measures other people's programs; the plain run has it"
out=$scratch/bench.json
BENCH_DIR=$scratch /usr/bin/python3 -B "$srcdir/tests/bench/bench.py" --build . --quick --quiet --out "$out" >"$scratch/table" 2>&1 ||
	fail "bench: $(cat "$scratch/table")"
jq -e '.schema == 1 and .settings.quick and (.machine.cores > 0) and (.rows | length > 0)' "$out" >/dev/null || fail "the document"
[ "$(jq '[.rows[].row | split("-")[0]] | unique | length' "$out")" -ge 8 ] || fail "families are missing: $(jq -c '[.rows[].row]' "$out")"
# Of each row: what was proven, figures above 0 of liftfs and of each peer that is there, and each goal judged if its peer is there.
bad=$(jq -c '.rows[] | select(.error != null or
	((.missing | map(.name) | index("liftfs")) == null and
	 ((.proofs | length) == 0 or (.figures | length) == 0 or (.series == null and (.figures.liftfs | length) == 0) or
	  ([.figures[][] | .median > 0 and .min <= .median and .median <= .max] | all | not) or
	  ([.goals[] | .met != null or .against == null] | all | not))))' "$out")
[ -z "$bad" ] || fail "rows without figures: $bad"
rows=$(jq '.rows | length' "$out")
[ "$(grep -c '^[a-z0-9-]*: ' "$scratch/table")" = "$rows" ] || fail "not each of $rows rows is in the table"
