#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rules of an assessment against a second implementation of them, on machines and options at random.  ASSESS_SEED repeats a run.
. "${srcdir:-.}/tests/integration/lib.sh"
requires python3

catalogue=$srcdir/src/assess/catalogue
rules=$srcdir/tests/assess/rules.py
seed=${ASSESS_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $seed"

python3 "$rules" cases "$catalogue" "$seed" "${ASSESS_CASES:-60}" >"$scratch/cases"
"$builddir/tests/support/assess-dump" "$catalogue" <"$scratch/cases" >"$scratch/got"
python3 "$rules" compare "$catalogue" "$scratch/cases" "$scratch/got"
