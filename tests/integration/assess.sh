#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liftfs assess: the samples to what is expected of them, every output, hostile names, what is no inventory.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-assess.sh"
requires jq python3
cd "$scratch"
export=$samples/rvtools-sample

# ---- the samples ----
assess --json "$export" >rvtools.json 2>err
[ ! -s err ] || fail "the sample: $(cat err)"
python3 -B "$samples/contains.py" "$export/expected.json" rvtools.json || fail "the sample"
assess --json "$samples/azure-migrate-import-sample.csv" >import.json
python3 -B "$samples/contains.py" "$samples/azure-migrate-import-sample.expected.json" import.json || fail "the sample of an import"

# ---- the document ----
same "the options" "$(jq -c '.options | [.region, .sizing, .comfort, .disk_type, .uptime_hours, .avs_host]' rvtools.json)" \
	'["westeurope","auto",1,"auto",730,"AV36P"]'
same "numbers of the catalogue" "$(grep -c '"hourly_usd":0.378,' rvtools.json)" 1
same "reals" "$(grep -c '"need_vcpus":4.0,' rvtools.json)" 3
same "sums" "$(jq '.summary.monthly_usd.total - ([.vms[].azure.monthly_usd.total // 0] | add) | fabs < 0.1' rvtools.json)" true
same "verdicts" "$(jq -c '.summary | [.vms, .skipped, (.azure | add), (.avs | add)]' rvtools.json)" '[12,2,12,12]'
same "a raw disk" "$(jq -c '[.vms[].azure.disks[] | select(.raw)][0] | [.type, .tier, .monthly_usd, .need_iops, .replicate]' rvtools.json)" \
	'[null,null,null,null,false]'
same "dates of the catalogue" "$(jq -r '.catalogue.files[] | select(.name == "azure-prices.csv").as_of' rvtools.json)" 2026-08-20
same "options change it" "$(assess --json --region eastus --comfort 1.5 --sizing as-is --series Dsv5,Esv5 --ahb --uptime-hours 100 \
	--disk-type standard-ssd --avs-host av52 --avs-spare-nodes 1 --avs-slack 0.3 "$export" |
	jq -c '[(.options | [.region, .comfort, .sizing, .series, .ahb, .uptime_hours, .disk_type, .avs_slack]), .vms[0].azure.size,
		.vms[0].azure.monthly_usd.total, .summary.monthly_usd.vms, .avs.host]')" \
	'[["eastus",1.5,"as-is",["Dsv5","Esv5"],true,100,"standard-ssd",0.3],"Standard_D8s_v5",null,0,"AV52"]'

# ---- several inventories ----
mkdir other
sed '1!s/,4,0,8192,/,6,0,8192,/' "$export/RVTools_tabvInfo.csv" >other/vinfo.csv
assess --json "$export" other >both.json
same "merged" "$(jq -c '[(.vms | length), .vms[0].vcpus, .vms[0].conflicts[0].field]' both.json)" '[12,4,"vcpus"]'
assess --explain vm-web-01 "$export" other | grep -q '^  conflict .*vcpus is "4" in .*, which counts, and "6" in' || fail "no conflict"

# ---- for people ----
assess "$export" >table
same "the first line" "$(head -n 1 table)" "12 VMs, 21 disks to replicate, 20 TiB; 2 left out (1 template, 1 vcls)"
grep -q '^Azure: 4 ready, 6 conditionally, 1 not ready, 1 unknown$' table || fail "verdicts: $(cat table)"
grep -q '^Cost:  USD [0-9,.]* a month for 11 VMs: compute ' table || fail "cost: $(cat table)"
grep -q '^vm-web-01  *Windows Server 2019  *4  *8 GiB  *1  *100 GiB  *ready  *ready  *D4ls_v5  *297.62  *1$' table || fail "a row: $(cat table)"
same "rows" "$(sed -n '/^VM /,$p' table | wc -l)" 13
assess --region eastus "$export" >east
grep -q '^Cost:  not known$' east && grep -q 'no price for 11 more VMs (of .* the disks., their compute is USD' east || fail "no price: $(cat east)"
same "quiet" "$(assess -q "$export")" ""
assess --comfort 1.5 --explain VM-DB-01 "$samples/azure-migrate-import-sample.csv" >why
grep -q 'needs vCPUs  *16 x 55 % x comfort 1.5 = 13.2$' why && grep -q 'with room for its disks' why && grep -q 'P60: premium-ssd of 8192 GiB' why &&
	grep -q 'USD 1.37 x 730 hours = 1,000.10$' why || fail "explained: $(cat why)"
assess --explain 1e2feb89-414c-443c-9027-c4d1c386bbc4 "$export" | head -n 1 | grep -qx vm-web-01 || fail "not found by UUID"

# a terminal: cut to its width, no escape but colours; without colours where they are not wanted
if command -v script >/dev/null; then
	command="stty cols 90; '$builddir/tools/liftfs' assess --catalogue '$srcdir/src/assess/catalogue' '$export'"
	TERM=xterm script -qec "$command" /dev/null </dev/null | tr -d '\r' >terminal
	[ "$(sed 's/\x1b\[[0-9;]*m//g; /^VM/,$!d' terminal | awk '{ if (length($0) > n) n = length($0) } END { print n }')" -le 90 ] ||
		fail "wider than the terminal: $(cat terminal)"
	grep -q "$(printf '\033')" terminal || fail "no colour"
	TERM=xterm script -qec "$(echo "$command" | sed 's/cols 90/cols 80/')" /dev/null </dev/null | tr -d '\r' >terminal
	grep -q '^vm-appliance-01  *16 GiB  unknown  *ready  *D2ls_v5  *73.93  *-$' terminal || fail "80 columns: $(cat terminal)"
	NO_COLOR=1 TERM=xterm script -qec "$command" /dev/null </dev/null | grep -q "$(printf '\033')" && fail "colours in spite of NO_COLOR"
fi

# ---- files ----
ln -s real.csv link.csv
printf old >real.csv
assess --csv link.csv --html page.html --azure-migrate-csv import.csv "$export" >out
same "what is printed beside files" "$(grep -c . out)" 12
[ -L link.csv ] || fail "the link was replaced"
same "modes" "$(stat -c %a real.csv page.html)" "$(printf '644\n644')"
same "what lies there" "$(find . -name '*.csv.*' -o -name '*.html.*')" ""
python3 - real.csv import.csv <<'PY' || fail "the CSV files"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
assert len(rows) == 12, len(rows)
r = rows[0]
assert (r['Name'], r['vCPUs'], r['VM size'], r['Total USD a month'], r['Disk tiers']) == ('vm-web-01', '4', 'Standard_D4ls_v5', '297.62', 'P10'), r
assert all(None not in r and None not in r.values() for r in rows)
assert [r['VM size'] for r in rows if r['Azure readiness'].startswith('Not')] == ['']
rows = list(csv.DictReader(open(sys.argv[2], newline='')))
assert len(rows) == 12 and rows[1]['*Server name'] == 'vm-app-01' and rows[1]['Disk 2 size (In GB)'] == '200', rows[1]
PY
# what it wrote for Azure Migrate it reads again, to the same ends
assess --json import.csv | jq -c '[.vms[] | [.name, .os_key, .azure.size]]' >again.json
jq -c '[.vms[] | [.name, .os_key, .azure.size]]' rvtools.json >first.json
same "there and back" "$(cat again.json)" "$(cat first.json)"
assess --csv - "$export" | cmp -s - real.csv || fail "--csv - is not what --csv FILE is"
assess -q --csv /dev/stdout "$export" | cmp -s - real.csv || fail "a device was not written"
must_fail 74 "nowhere/x.csv" assess --csv nowhere/x.csv "$export"
mkdir full
must_fail 74 "full" assess --html full "$export"
same "what a failure leaves" "$(find . -name 'full.*')" ""

# ---- hostile names ----
hostile evil
assess --json evil >evil.json 2>err
same "machines" "$(jq -c '[(.vms | length), .skipped[0].name]' evil.json)" '[20,"<u>template</u>"]'
same "names" "$(jq -r '.vms[9, 10, 11, 12].name' evil.json)" '${jndi}`id`
esc%1B[31mred%07
two%0Alines
%09Tab'
grep -q '<' evil.json && fail "< in the document"
same "a long name" "$(jq '.vms[18].name | length' evil.json)" 32768
jq -r '.warnings[]' evil.json | grep -q "CPUs: '<i>four</i>' is not a number" || fail "no warning: $(jq -c .warnings evil.json)"
grep -q "warning: .*is not a number" err || fail "nothing was said: $(cat err)"
assess evil >out 2>/dev/null
[ "$(awk '{ if (length($0) > n) n = length($0) } END { print n }' out)" -lt 250 ] || fail "a table as wide as a name"
grep -q "$(printf '[\033\007]')" out && fail "escapes reach the terminal"
assess --explain "$(printf 'esc\033[31mred\007')" evil 2>/dev/null >out
grep -q "$(printf '[\033\007]')" out && fail "escapes reach the terminal"
reversed=$(printf '\342\200\256')
assess evil 2>/dev/null | grep -q "$reversed" && fail "a name turns the table's text around"
assess evil 2>/dev/null | grep -qF '%E2%80%AEgpj.exe' || fail "a name is not shown"
assess --explain "${reversed}gpj.exe" evil 2>err >out || fail "explain: $(cat err)"
grep -qF '%E2%80%AEgpj.exe' out || fail "a name is not shown: $(cat out)"
grep -q "$reversed" out && fail "a name turns the explanation around"
cp -r evil "a${reversed}b"
assess --html - "a${reversed}b" 2>/dev/null | sed '/<script/,/<[/]script>/d' >page
grep -qF 'a%E2%80%AEb' page || fail "a name is not on the page"
grep "$reversed" page && fail "a name turns the page around"

# ---- a reader that has had enough ----
unread() {
	python3 -c 'import os, subprocess, sys
r, w = os.pipe()
os.close(r)
sys.exit(subprocess.run(sys.argv[1:], stdout=w, restore_signals=False).returncode)' "$builddir/tools/liftfs" "$@" 2>err && fail "$*: exit status 0"
	[ ! -s err ] || fail "$*: $(cat err)"
}
for arguments in '' --json '--csv -' '--html -' '--explain vm-web-01'; do
	# shellcheck disable=SC2086 # words
	unread assess --catalogue "$srcdir/src/assess/catalogue" $arguments "$export"
done
mkdir list
truncate -s 1M list/a.img
unread list list
assess "$export" 2>err >/dev/full && fail "to a full disk"
[ "$(cat err)" = "liftfs assess: standard output: could not be written" ] || fail "a full disk is told as: $(cat err)"

assess --csv - evil 2>/dev/null >evil.csv
python3 - evil.csv <<'PY' || fail "formulas in a CSV file"
import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline='')))
assert len(rows) == 21 and {len(r) for r in rows} == {len(rows[0])}, len(rows)
assert not [c for r in rows for c in r if c[:1] in ('=', '+', '-', '@', '\t', '\r')]
assert rows[3][0] == "'=HYPERLINK(\"http://x/\")" and rows[4][0] == "'+1", rows[3]
PY
assess --html evil.html evil >/dev/null 2>&1
grep -q '<script>alert\|<img\|<b>\|<i>\|<u>\|onmouseover="' evil.html && fail "HTML of an inventory is HTML of the page"
same "elements of the page's scripts" "$(grep -o '<script\|</script' evil.html | sort | uniq -c | tr -s ' \n' ' ')" " 4 </script 4 <script "

# ---- what is no inventory; what is wrong with the command line ----
printf 'VM,CPUs,Disks\na,1,2\n' >short.csv
must_fail 65 "short.csv" assess short.csv
mkdir empty
printf 'a,b\n1,2\n' >empty/x.csv
must_fail 65 "empty" assess empty
must_fail 74 "nowhere: No such file or directory" assess nowhere
must_fail 2 "--region" assess --region atlantis "$export"
must_fail 2 "--avs-host" assess --avs-host AV1 "$export"
must_fail 2 "--series" assess --series Nope "$export"
must_fail 2 "--series: 'Dsv5,,Esv5': an empty name" assess --series Dsv5,,Esv5 "$export"
must_fail 2 "--comfort: '1e3': not a number such as 1.5" assess --comfort 1e3 "$export"
must_fail 2 "--comfort" assess --comfort 0 "$export"
must_fail 2 "--sizing: 'best' is not one of: auto performance as-is" assess --sizing best "$export"
must_fail 2 "--json and --csv - exclude each other: both print" assess --json --csv - "$export"
must_fail 2 "--explain: 'nobody': no machine of that name" assess --explain nobody "$export"
must_fail 2 "--explain: 'tpl-win2022' was left out: template" assess --explain tpl-win2022 "$export"
must_fail 74 "azure-vm-sizes.csv" assess --catalog empty "$export"
cp -r "$srcdir/src/assess/catalogue" broken
chmod -R u+w broken
sed -i '2s/,2,8,/,two,8,/' broken/azure-vm-sizes.csv
must_fail 65 "azure-vm-sizes.csv:2: vcpus" assess --catalog broken "$export"
