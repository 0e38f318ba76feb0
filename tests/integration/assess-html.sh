#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The page of liftfs assess --html: sound as it is written; then in a browser: sorted, searched, filtered, with details, without a
# request and without an error.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-assess.sh"
requires jq python3 openssl
cd "$scratch"

hostile evil
long=$(head -c 32000 /dev/zero | tr '\0' x)
cat >groups.csv <<-'EOF'
	VM,Application,Environment,Criticality,Depends on
	vm-web-01,Shop,production,high,vm-hana-01;vm-db-01
	vm-app-01,Shop,production,medium,vm-db-01
	vm-db-01,Shop DB,production,high,
	vm-sql-01,Sales,dev,low,vm-uefi-01
	vm-file-01,Files,dev,low,
	nobody,Nothing,production,low,
EOF
{
	printf 'VM,Application,Environment,Criticality,Depends on\n'
	printf 'vm-web-01,<script>alert(5)</script>,production,high,</script><b>\n'
	printf 'vm-app-01,%s,<i>prod</i>,<u>high</u>,%s\n' "$long" "$long"
	printf 'vm-db-01,"\342\200\256gpj.exe\342\201\251",production,high,"\342\200\256exe.jpg"\n'
	printf '<img src=x onerror=alert(6)>,A\033[31mB,dev,low,\n'
	printf 'vm-sql-01,nul\\u0000\\0byte &#0;,dev,low,\n'
	printf '<script>alert(1)</script>,App,dev,low,vm-uefi-01\n'
} >evil.csv
assess -q --groups groups.csv --html page.html "$samples/rvtools-sample" 2>/dev/null
assess -q --groups evil.csv --html evil.html "$samples/rvtools-sample" evil 2>/dev/null
for page in page.html evil.html; do
	python3 -B "$samples/page.py" check $page "$srcdir/tools/assess.css" || fail "$page"
	python3 -B "$samples/page.py" move $page || fail "the move in $page"
done

# the policy names what the page has, and nothing else
policy=$(sed -n 's/.*http-equiv="Content-Security-Policy" content="\([^"]*\)".*/\1/p' page.html)
digest() { # TAG: of its content
	python3 -c 'import re, sys; sys.stdout.write(re.search("<%s>(.*?)</%s>" % (sys.argv[1], sys.argv[1]), open("page.html").read(), re.S)[1])' "$1" |
		openssl dgst -sha256 -binary | openssl base64
}
same "the policy" "$policy" \
	"default-src 'none'; style-src 'sha256-$(digest style)'; script-src 'sha256-$(digest script)'; base-uri 'none'; form-action 'none'"
# the document in it is that of --json
python3 -c 'import re, sys; print(re.search("id=\"data\">(.*?)</script>", open("evil.html").read(), re.S)[1])' | jq -cS 'del(.time)' >data.json
assess --json --groups evil.csv "$samples/rvtools-sample" evil 2>/dev/null | jq -cS 'del(.time)' | cmp -s - data.json || fail "the page's data are not the document"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip "chromium is not installed"
[ "${LIFTFS_SANITIZED:-no}" = no ] || skip "the browser runs the same script; the plain run has it"
HOME=$scratch/home
mkdir "$HOME"

# browse PAGE[#STATE]: dom.json is what its table shows, console what the browser had to say.
browse() {
	timeout 60 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-extensions --no-first-run \
		--disable-background-networking --disable-component-update --enable-logging=stderr --user-data-dir="$scratch/profile" \
		--virtual-time-budget=4000 --dump-dom "file://$scratch/$1" >dom.html 2>console || skip "chromium does not run here: $(tail -n 1 console)"
	grep -o 'CONSOLE.*' console >said || :
	python3 -B "$samples/page.py" show dom.html >dom.json || fail "what the browser made of $1: $(head -c 2000 dom.html)"
}
dom() { jq -c "$1" dom.json; }

browse 'page.html#sort=monthly'
[ ! -s said ] || fail "the console: $(cat said)"
same "rows" "$(dom '[(.rows | length), .hidden, .more, .found]')" \
	'[12,false,false,"12 of 12 machines; USD 13,103.38 a month for the 11 with a price"]'
same "sorted by cost, without one last" "$(dom '[.rows[0][0, 8], .rows[1][8], .rows[10][0, 8], .rows[11][0, 8]]')" \
	'["vm-appliance-01","73.93","76.62","vm-hana-01","7,237.04","vm-uefi-01","-"]'
same "said so" "$(dom '.heads | [.monthly, .name]')" '["ascending",null]'

# By address and by hand, and what may not be: names are text, a request is refused (and seen by this test).
python3 - <<'PY'
page = open('evil.html').read()
hand = '''<script>
	const get = (selector) => document.querySelector(selector);
	const type = (e, text) => { e.value = text; e.dispatchEvent(new Event("input")); };
	const names = () => Array.from(document.querySelectorAll("#table tbody th"), (th) => th.textContent).join(" ");
	const probe = document.createElement("p");
	const steps = [
		() => location.hash = "#sort=name&search=Windows%20SERVER&azure=conditional&avs=ready",
		() => probe.textContent = names() + ": " + get("#found").textContent + ": " + get("#azure").value + "; ",
		() => get("#reset").click(),
		() => get('[data-key="vcpus"] button').click(),
		() => probe.textContent += names().slice(0, 20) + "; ",
		() => get('[data-key="name"] button').click(),
		() => get('[data-key="name"] button').click(),
		() => type(get("#search"), "LiftfsNameNeedsChange alert(1)"),
		() => get("#table tbody button").click(),
		() => probe.textContent += location.hash + " " + document.querySelectorAll("img, b, i, u").length
	];
	const step = () => { if (steps.length) { steps.shift()(); setTimeout(step, 200); } };
	probe.id = "probe";
	document.body.append(probe);
	step();
</script>'''
head, policy, rest = page.partition('<meta http-equiv')
policy, end, rest = (policy + rest).partition('>')
open('hand.html', 'w').write(head + rest.replace('</body>', hand + '</body>'))
open('request.html', 'w').write(page.replace('</body>', '<img src="http://127.0.0.1:9/x"></body>'))
PY
browse hand.html
[ ! -s said ] || fail "the console: $(cat said)"
same "by hand" "$(dom '[[.rows[][0]], .heads.name, .heads.vcpus, .expanded]')" '[["<script>alert(1)</script>"],"descending",null,["true"]]'
dom .details | grep -q 'LiftfsNameNeedsChange: The name is not allowed.*<b>disk</b></script>' || fail "details: $(dom .details)"
same "by address; the largest first; the address then; elements that names made" "$(dom .probe)" \
	'"vm-file-01 vm-legacy-01: 2 of 32 machines; USD 2,439.21 a month: conditional; vm-hana-01 vm-db-01 ; #sort=name&dir=desc&search=LiftfsNameNeedsChange+alert%281%29 0"'
browse request.html
grep -q 'violates the following Content Security Policy directive' said || fail "a request is not seen: $(cat console)"

# By keyboard alone: waves and what is to fix lead to their machines; all of many are shown while the page answers; without a script
# a plain table is there.
{
	printf 'VM,Powerstate,Template,CPUs,Memory,NICs,OS according to the configuration file\n'
	seq 1 600 | sed 's/.*/many-&,poweredOn,False,2,4096,1,Ubuntu Linux (64-bit)/'
} >many.csv
mkdir many
mv many.csv many/RVTools_tabvInfo.csv
assess -q --html long.html many
python3 -B "$samples/keys.py" "$browser" "$scratch/profile" page.html long.html >keys.json || fail "by keyboard: $(cat keys.json)"
keys() { jq -c "$1" keys.json; }
assess --json --groups groups.csv "$samples/rvtools-sample" 2>/dev/null >page.json
names() { jq -c "[.vms[] | select(.move | $1) | .name]" page.json; }
same "the link of a wave" "$(keys '.link[:2]')" "[$(names '.wave == 2'),\"2\"]"
keys '.link[2]' | grep -q "^\"$(names '.wave == 2' | jq length) of 12 machines" || fail "said: $(keys '.link[2]')"
same "the choice of a wave" "$(keys .select)" "$(names '.wave == 1')"
same "sorted by wave" "$(keys .sorted)" '["ascending",["1","2","2","2","2","2","2","2","2","held","not ready","not ready"]]'
keys .detail | grep -q '^"Wave 1, priority .* of 100Application Files, dev-test, .*First transfer: .*Then a cycle of' || fail "detail: $(keys .detail)"
same "held by others" "$(keys .held)" "$(names '.held_by != null')"
same "to fix" "$(keys .fixes)" "$(jq -c '[.move.fixes[] | [.code, .vms]]' page.json)"
same "all of many, and where the focus goes on" "$(keys .all)" '[600,600,"many-101"]'
same "sorted while they are added" "$(keys '."sorted meanwhile"')" '[100,"many-1"]'
same "without a script" "$(keys .plain)" '[600,1,1]'
