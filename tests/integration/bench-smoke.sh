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
# Of each row: no error, what was proven, of liftfs and all peers that are there figures above 0, each goal judged or its peer missing.
bad=$(jq -c '.rows[] | select(.error != null or (.proofs | length) == 0 or (.figures.liftfs | length) == 0 or
	([.figures[][] | .median > 0 and .min <= .median and .median <= .max] | all | not) or
	([.goals[] | .met != null or .against == null] | all | not)) | {row, error, figures, goals}' "$out")
[ -z "$bad" ] || fail "rows without figures: $bad"
