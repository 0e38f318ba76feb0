#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liftfs assess --update-catalogue, against a double of Azure's price list and list of sizes: what is written, what is refused,
# and that what is refused changes nothing.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-assess.sh"
requires /usr/bin/python3 openssl jq
unset XDG_DATA_HOME AZURE_STORAGE_ACCOUNT AZURE_STORAGE_KEY AZURE_STORAGE_CONNECTION_STRING AZURE_STORAGE_SAS_TOKEN
unset CURL_CA_BUNDLE SSL_CERT_FILE http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
shipped=$srcdir/src/assess/catalogue
LIFTFS_CATALOGUE=$shipped
export LIFTFS_CATALOGUE
subscription=01234567-89ab-cdef-0123-456789abcdef

pid=
stop_double() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || :
	[ -z "$pid" ] || wait "$pid" 2>/dev/null || :
	pid=
}
cleanup_fn stop_double

# double [PEM]: a new one, at $url.
double() {
	stop_double
	: >"$scratch/port"
	/usr/bin/python3 "$srcdir/tests/support/retail_prices.py" "$shipped" "$scratch/record" "$scratch/mode" "$@" >"$scratch/port" &
	pid=$!
	wait_for 20 test -s "$scratch/port"
	url=http${1:+s}://127.0.0.1:$(cat "$scratch/port")
}

# mode WORDS: what goes wrong from here on.
mode() {
	printf %s "$1" >"$scratch/mode"
	: >"$scratch/record"
}

update() {
	"$builddir/tools/liftfs" assess --update-catalogue --prices-url "$url" --management-url "$url" "$@"
}

# What the column of the price file says of a size or tier: price_of FOLDER REGION ITEM [windows]
price_of() {
	awk -F, -v region="$2" -v item="$3" -v os="${4:-linux}" \
		'$1 == region && $3 == item && ($4 == os || ($4 == "" && $5 == "LRS")) { print $7 }' "$1/azure-prices.csv"
}

# ---- a new folder, from the catalogue that there is ----
mode busy
double
made=$scratch/data/made
update --catalogue "$made" >"$scratch/out" 2>"$scratch/err" || fail "cannot renew: $(cat "$scratch/err")"
grep -q '^azure-prices.csv: 1615 rows, 1615 before; 1608 changed, 0 new, 0 gone; as of 20' "$scratch/out" || fail "prices: $(cat "$scratch/out")"
grep -q '^azure-vm-sizes.csv: as it was, 390 rows; as of 2026-08-01 (sizes need --subscription)$' "$scratch/out" || fail "sizes: $(cat "$scratch/out")"
grep -q '^westeurope: 776 prices of sizes, 67 of disks; left out: 1552 spot or low priority, 522 other products, 776 reservations and the like, 776 not valid today, 1 without a price, 1 not understood, 1 of what the catalogue does not have$' "$scratch/out" ||
	fail "westeurope: $(cat "$scratch/out")"
grep -q "^use it with: liftfs assess --catalogue $made$" "$scratch/out" || fail "does not say how to use it"
grep -q 'warning: westeurope: 1 prices were not understood and left out; the first: Virtual Machines X Series / Odd Thing / ' "$scratch/err" ||
	fail "what was not understood is not told: $(cat "$scratch/err")"
grep -q 'warning: eastus: no price of any managed disk$' "$scratch/err" || fail "eastus: $(cat "$scratch/err")"
same 'Linux' "$(price_of "$made" westeurope Standard_D2s_v5)" 0.23
same 'Windows' "$(price_of "$made" westeurope Standard_D2s_v5 windows)" 0.414
same 'disk' "$(price_of "$made" westeurope P10)" 43.36
same 'what is not renewed' "$(grep -c ',Ultra,\|,PremiumV2,\|gib-hour\|iops-hour' "$made/azure-prices.csv")" "$(grep -c ',Ultra,\|,PremiumV2,\|gib-hour\|iops-hour' "$shipped/azure-prices.csv")"
same 'rows of today' "$(grep -c ",$(date -u +%Y-%m-%d),Azure Retail Prices API$" "$made/azure-prices.csv")" 1608
for file in azure-vm-sizes azure-managed-disks os-keys guest-os guest-os-names avs-hosts avs-ftt; do
	cmp "$shipped/$file.csv" "$made/$file.csv" || fail "$file.csv is no copy"
done
same 'files' "$(find "$scratch/data" | wc -l)" 11
# Troubles in between were passed: 429, 500, a cut reply.
same 'requests' "$(awk '{ print $5 }' "$scratch/record" | sort | uniq -c | tr -s ' \n' ' ')" ' 19 200 1 429 1 500 '
"$builddir/tools/liftfs" assess --catalogue "$made" --json "$samples/rvtools-sample" >"$scratch/assessed" || fail "it is no catalogue"
same 'a price of it' "$(jq '.vms[] | select(.name == "vm-web-01") | .azure.disks[0].monthly_usd' "$scratch/assessed")" 43.36
# Without --catalogue: what LIFTFS_CATALOGUE names.
LIFTFS_CATALOGUE=$made "$builddir/tools/liftfs" assess --json "$samples/rvtools-sample" | jq -r .catalogue.folder >"$scratch/out"
same 'LIFTFS_CATALOGUE' "$(cat "$scratch/out")" "$made"

# ---- again, one region, as a document; a price that contradicts itself; sizes; the folder is the one of the user ----
mode twice,new
AZURE_AUTHORITY_HOST=$url AZURE_TENANT_ID=tenant AZURE_CLIENT_ID=client AZURE_CLIENT_SECRET=S3cret
export AZURE_AUTHORITY_HOST AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET
env -u LIFTFS_CATALOGUE "$builddir/tools/liftfs" assess --update-catalogue --catalogue "$made" --prices-url "$url/" --management-url "$url/" \
	--subscription "$subscription" --region westeurope --json >"$scratch/doc" 2>"$scratch/err" || fail "sizes: $(cat "$scratch/err")"
grep -q '^credentials: Entra ID client client of tenant tenant by its client secret, from AZURE_CLIENT_SECRET' "$scratch/err" || fail "who asks: $(cat "$scratch/err")"
same 'document' "$(jq -c '[.schema, .result, .folder == .renewed_from, .sizes_renewed, (.regions | map(.name)), .regions[0].sizes,
	.regions[0].left_out.special_sizes, .regions[0].left_out.incomplete_sizes]' "$scratch/doc")" '[1,"ok",true,true,["westeurope"],777,3,1]'
same 'files of the document' "$(jq -c '.files[] | select(.renewed) | [.name, .rows_before, .rows, .new, .gone]' "$scratch/doc" | tr '\n' ' ')" \
	'["azure-vm-sizes.csv",390,392,2,0] ["azure-prices.csv",1615,1616,1,0] '
jq -r '.warnings[]' "$scratch/doc" >"$scratch/warnings"
grep -q '^westeurope: several prices of Standard_D2s_v5: it stays as it was$' "$scratch/warnings" || fail "no word of a contradiction: $(cat "$scratch/warnings")"
grep -q '^westeurope: 2 sizes are new; default_candidate of them is no' "$scratch/warnings" || fail "no word of new sizes: $(cat "$scratch/warnings")"
grep -q '^westeurope: of 1 sizes Microsoft.s pages and the service' "$scratch/warnings" || fail "no word of a dispute: $(cat "$scratch/warnings")"
grep -q '^Standard_D2s_v5,Dsv5,2,8,5,2,3750,85,yes,yes,yes,no,yes,12500,.*,yes,,intel,.*,Azure Resource SKUs API (20..-..-..) + MicrosoftDocs/' "$made/azure-vm-sizes.csv" ||
	fail "D2s_v5: $(grep '^Standard_D2s_v5,' "$made/azure-vm-sizes.csv")"
grep -q '^Standard_D6s_v5,Dsv5,6,16,8,2,6400,145,yes,yes,yes,no,yes,,no,,,no,,,,westeurope,Azure Resource SKUs API (' "$made/azure-vm-sizes.csv" ||
	fail "D6s_v5: $(grep '^Standard_D6s_v5,' "$made/azure-vm-sizes.csv")"
grep -q '^Standard_Z6s_v9,Zsv9,4,16,8,2,6400,145,yes,yes,yes,yes,' "$made/azure-vm-sizes.csv" || fail "Z6s_v9: $(grep '^Standard_Z6s_v9,' "$made/azure-vm-sizes.csv")"
! grep -q 'Standard_D4-2s_v5\|Standard_D4ps_v5\|Standard_NC4_v5\|Standard_Z7s_v9\|Standard_Elsewhere' "$made/azure-vm-sizes.csv" || fail "a special size"
same 'a new size' "$(price_of "$made" westeurope Standard_D6s_v5)" 0.5
same 'a contradiction' "$(price_of "$made" westeurope Standard_D2s_v5)" 0.23
same 'the token goes to one service' "$(awk '{ print $2 ~ /skus$/ ? "skus" : $2 ~ /prices$/ ? "prices" : "token", $4 }' "$scratch/record" | sort | uniq | tr '\n' ' ')" \
	'prices - skus token token - '

# ---- what is refused changes nothing ----
cp -r "$made" "$scratch/before"
refused() { # STATUS MESSAGE [MODE [ARGUMENT...]]
	want=$1 text=$2 words=$3
	shift 3
	mode "$words"
	must_fail "$want" "$text" update --catalogue "$made" --region westeurope "$@"
	diff -r "$scratch/before" "$made" || fail "$text: the catalogue has changed"
	[ "$(grep -c . "$scratch/stderr")" -le 1 ] || fail "$text: more than a line: $(cat "$scratch/stderr")"
}
refused 65 "/api/retail/prices: not JSON: line 1: " html
refused 65 "the link to the next page leads elsewhere: 'http://prices.example.org:" foreign
refused 65 " leads back to page 2" loop
refused 69 "HTTP status 302: redirections are not followed" moved
refused 75 "reply of more than 33554432 bytes" large
refused 65 "row 1 of a page: currencyCode: 'EUR', not USD" euro
refused 65 "row 8 of a page: retailPrice: -0.5 is not from 0 to 1e+06" negative
refused 65 "prices of sizes with Linux, where there were 38" few
refused 65 "westeurope: 0 prices of sizes with Linux, where there were 38" empty
refused 65 "mars: no price of any size of the catalogue: is it a region's name?" plain --region mars
refused 65 "sizes that were there: less than half is no renewal" nosizes --quiet --subscription "$subscription"
refused 69 "HTTP status 404 SubscriptionNotFound: The subscription could not be found." plain --quiet --subscription 11111111-89ab-cdef-0123-456789abcdef
AZURE_CLIENT_SECRET=Wr0ng
refused 78 "--subscription: sign-in at $url/tenant as client client: HTTP status 401 AADSTS7000215" plain --quiet --subscription "$subscription"
unset AZURE_CLIENT_SECRET AZURE_TENANT_ID AZURE_CLIENT_ID
refused 78 "--subscription: no credentials; set AZURE_TENANT_ID and AZURE_CLIENT_ID with" plain --subscription "$subscription"
same 'no secret is told' "$(cat "$scratch/stderr" | grep -c 'S3cret\|Wr0ng')" 0
(flock -x 9 && refused 75 "$made: another update of it is running" plain) 9<"$made" || exit 1
mv "$made/avs-ftt.csv" "$scratch/aside"
must_fail 65 "$made: a part of a catalogue, without avs-ftt.csv: complete it, or name another folder" update --catalogue "$made"
mv "$scratch/aside" "$made/avs-ftt.csv"
[ ! -s "$scratch/record" ] || fail "something was asked: $(cat "$scratch/record")"

# ---- by TLS, from whom it is trusted ----
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$scratch/key" -out "$scratch/crt" -days 2 \
	-subj /CN=prices -addext subjectAltName=IP:127.0.0.1 2>/dev/null || fail "openssl"
cat "$scratch/crt" "$scratch/key" >"$scratch/pem"
double "$scratch/pem"
refused 78 certificate plain
[ ! -s "$scratch/record" ] || fail "something was asked of somebody who is not trusted"
XDG_DATA_HOME=$scratch/xdg
export XDG_DATA_HOME
mkdir -p "$XDG_DATA_HOME/liftfs"
cp -r "$made" "$XDG_DATA_HOME/liftfs/catalogue"
env -u LIFTFS_CATALOGUE "$builddir/tools/liftfs" assess --update-catalogue --prices-url "$url" --cacert "$scratch/crt" \
	--region eastus --quiet 2>"$scratch/err" >"$scratch/out" || fail "by TLS: $(cat "$scratch/err")"
[ ! -s "$scratch/out" ] || fail "not quiet: $(cat "$scratch/out")"
grep -q '^eastus,.*,Azure Retail Prices API$' "$XDG_DATA_HOME/liftfs/catalogue/azure-prices.csv" || fail "the user's own folder is not the default"

# An empty folder is filled.
double
mkdir "$scratch/empty"
update --catalogue "$scratch/empty" --region eastus >"$scratch/out" 2>&1 || fail "an empty folder: $(cat "$scratch/out")"
same 'files' "$(find "$scratch/empty" -type f | wc -l) $(find "$scratch/empty" | wc -l)" '9 10'

# ---- the command line ----
must_fail 2 "--update-catalogue takes no inventory" update "$samples/rvtools-sample"
must_fail 2 "--update-catalogue assesses nothing: not with --html" update --html x
must_fail 2 "--subscription is for --update-catalogue" assess --subscription "$subscription" "$samples/rvtools-sample"
must_fail 2 "a second --region is for --update-catalogue" assess --region eastus --region westeurope "$samples/rvtools-sample"
must_fail 2 "missing argument: liftfs assess [options] INVENTORY..." assess
must_fail 2 "--region: 'West Europe': not a region's name such as westeurope" update --region 'West Europe'
must_fail 2 "--region: 'x' or 1 eq 1" update --region "x' or 1 eq 1"
must_fail 2 "--subscription: 'me' is no ID" update --subscription me
must_fail 2 "--prices-url: https only" update --prices-url http://prices.example.org
must_fail 2 "--prices-url: not a service's URL such as https://HOST" update --prices-url https://prices.example.org/api
must_fail 2 "--management-url: not a service's URL" update --management-url https://user@prices.example.org
