#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The plan of the move against a second implementation of it, on the sample and on machines and groups at random; and
# what of it people see.  ASSESS_SEED repeats a run.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-assess.sh"
requires jq python3
cd "$scratch"
rules=$samples/plan_rules.py
seed=${ASSESS_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $seed"

python3 -B "$rules" make "$scratch/cases" "$seed" "${ASSESS_CASES:-16}"
for case in cases/*; do
	# shellcheck disable=SC2046 # options are words
	set -- $(cat "$case/options")
	assess --json --groups "$case/groups.csv" "$@" "$case" >"$case/GOT.json" 2>/dev/null
	assess --json --groups "$case/again/groups.csv" "$@" "$case/again" >"$case/AGAIN.json" 2>/dev/null
done
cp -r "$samples/rvtools-sample" sample
assess --json sample >GOT.json
mv GOT.json sample
python3 -B "$rules" compare "$srcdir/src/assess/catalogue" sample cases/*

# ---- what people see ----
cat >groups.csv <<'END'
VM,Application,Environment,Criticality,Depends on
vm-db-01,Shop,production,high,
vm-web-01,Shop,production,medium,vm-app-01
vm-sql-01,,dev,,
vm-app-01,,,low,vm-uefi-01
END
assess --groups groups.csv --wave-max 3 "$samples/rvtools-sample" >table
grep -q '^Move:  11.3 TiB to send, at least 1 d 03 h (limit: line)$' table || fail "the summary: $(cat table)"
grep -q '^       3 waves over a line of 119 MiB/s (assumed)$' table || fail "waves: $(cat table)"
grep -q '^       5 VMs in none: 2 not ready, 3 held by those$' table || fail "who waits: $(cat table)"
grep -q '^       1 disk of 8 TiB or more by direct upload: no page blob holds it$' table || fail "a direct upload: $(cat table)"
grep -q '^   1    1  *[0-9.]* [TG]iB   0.1   0.0  ' table || fail "a wave: $(cat table)"
grep -q '^  BootTypeNotSupported, 1 VM: The machine boots by UEFI' table || fail "what to fix: $(cat table)"
same "columns of the table" "$(grep -c '^vm-sql-01 .* 1$' table)" 1
same "lines too long before the table" "$(sed '/^VM /,$d; /^WAVE/,/^$/d' table | awk 'length > 80' | wc -l)" 0
assess --wave-max 1 --groups groups.csv --csv wide.csv "$samples/rvtools-sample" >narrow
same "waves beside a file" "$(grep -c ^WAVE narrow)" 0
python3 - wide.csv <<'PY' || fail "the CSV file"
import csv, sys
rows = {r['Name']: r for r in csv.DictReader(open(sys.argv[1], newline=''))}
assert all(None not in r and None not in r.values() for r in rows.values())
r = rows['vm-file-01']
assert (r['Bytes from'], r['Disks uploaded directly'], r['Slowest limit'], r['Complexity'], r['Held by']) == ('in-use', '1', 'line', 'high', ''), r
assert abs(float(r['Hours to send']) * 3600 * 125e6 / float(r['Bytes to send']) - 1) < 1e-3, r
assert abs(float(r['Lag hours']) - float(r['Cycle hours']) - float(r['Hours from cycle to cycle'])) < 0.02, r
assert (rows['vm-db-01']['Wave'], rows['vm-db-01']['Held by'], rows['vm-db-01']['Criticality']) == ('', 'vm-uefi-01', 'high')
assert (rows['vm-uefi-01']['Wave'], rows['vm-uefi-01']['Held by'], rows['vm-sql-01']['Wave']) == ('', '', '1')
PY

explain() {
	assess --groups groups.csv --explain "$1" "$samples/rvtools-sample" >why
	shift
	for line; do
		grep -q "^  $line\$" why || fail "no line '$line': $(cat why)"
	done
}
explain vm-file-01 'Hard disk 2    5.5 TiB, its part, by capacity, of what the machine has in use' \
	"               3 h 22 min at 477 MiB/s, a direct upload's rate for its size: no page blob holds it" \
	'time at best   13 h 33 min over a line of 119 MiB/s (assumed)' '               13 h 33 min, the longest: the limit is line' \
	'churn          516 GiB a day: 5 % of its disks (assumed)' 'complexity     high: LiftfsDiskExceedsPageBlob' \
	'application    its own, production: the groups do not name it' 'samples        no confidence given: it is sized as-is' \
	'priority       41.0 of 100 = 30 x 0.5 readiness + 25 x 0 complexity' '                 + 25 x 0.639 effort + 20 x 0.5 criticality'
explain vm-web-01 'application    Shop' 'environment    production, as groups.csv:3 says' 'depends on     vm-app-01' \
	'wave           none: it goes with, or needs, a machine that is not ready:' '               vm-uefi-01'
explain vm-uefi-01 'wave           none: it is not ready itself, or that is not known'
explain vm-sql-01 'wave           1 of 2, with 0 others; its transfer begins at once' 'environment    development or test, as groups.csv:4 says'

# ---- options ----
assess --json --line-rate 10M --account-rate 1G --churn 5% --upload direct --disks-at-once 7 --wave-max 9 "$samples/rvtools-sample" >options.json
same "options" "$(jq -c '(.move.options | [.upload, .groups, .line_rate.value, .account_rate.value, .churn_share.value, .disks_at_once.value,
	.wave_max.value, .scan_rate.given]), (.move | [.load.disks_direct, (.assumptions | length)])' options.json)" \
	'["direct",false,10485760,1073741824,0.05,7,9,false]
[21,3]'
same "a notice of the groups" "$(assess --json --groups groups.csv "$samples/rvtools-sample" | jq -c .move.notices)" '[]'
printf 'VM,Environment,Depends on\nvm-db-01,staging,vm-nobody\n' >odd.csv
same "notices" "$(assess --json --groups odd.csv "$samples/rvtools-sample" 2>/dev/null | jq -c '[.move.notices[] | .[:20]]')" \
	'["odd.csv:2: it depend","odd.csv:2: Environme"]'
must_fail 2 "--churn: 'much': not a share such as 0.05 or 5%" assess --churn much "$samples/rvtools-sample"
must_fail 2 "--churn: '%': not a share" assess --churn % "$samples/rvtools-sample"
must_fail 2 "churn: 200 is not between 0 and 100" assess --churn 20000% "$samples/rvtools-sample"
must_fail 2 "--upload: 'ftp' is not one of: page-blob direct" assess --upload ftp "$samples/rvtools-sample"
must_fail 2 "account rate: 1000 is not between" assess --account-rate 1000 "$samples/rvtools-sample"
