#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Recovery points on the strict server and on Azurite: listed, pruned by hand and after each cycle.  What is there is
# counted by Microsoft's SDK.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl curl
/usr/bin/python3 -c 'import azure.storage.blob' 2>/dev/null || skip "python3-azure-storage is not installed"
TZ=CET-1CEST,M3.5.0,M10.5.0/3
export TZ

# By the SDK: what standard input says, and then how many snapshots there are.
snapshots() {
	/usr/bin/python3 "$srcdir/tests/integration/sdk_points.py" disks | tr '\n' ';'
}
# By liftfs.
complete() { # VM
	liftfs list --points --json "$url" 2>/dev/null | jq -c --arg vm "$1" '[.points[] | select(.vm == $vm) | .complete]'
}

# By what the state remembers of its own.
known() {
	liftfs status --json "$url" | jq -j '[.vms[].disks[]] | sort_by(.name)[] | "\(.name) \(.points);"'
}

# A VM of two disks, and one of one.
store=$scratch/store
mkdir -p "$store/web" "$store/db"
make_raw "$store/web/web.raw" 1 web
make_raw "$store/web/web_1.raw" 1 web_1
make_raw "$store/db/db.raw" 1 db
change() { # SEED
	for disk in web/web.raw web/web_1.raw db/db.raw; do
		random_bytes "$store/$disk" 4096 512 "$1"
	done
}

# start ENDPOINT: where the rest of it happens.
start() {
	url=$1/disks
	AZURE_STORAGE_CONNECTION_STRING="DefaultEndpointsProtocol=http;AccountName=$emulator_account;AccountKey=$emulator_key;BlobEndpoint=$1;"
	export AZURE_STORAGE_CONNECTION_STRING
}
sync_ok() {
	liftfs sync --json "$@" "$store" "$url" >"$scratch/sync.json" 2>"$scratch/err" || fail "sync $*: $(cat "$scratch/err")"
}

# Everything that both servers can do.
scenario() {
	for n in 1 2 3; do
		change "$1-$n"
		sync_ok
	done
	# Half an hour before midnight here, and the next day; one of a VM that is gone.
	seen=$(snapshots <<-EOF
		foreign web/web.vhd
		add web/web 1 20200101T120000.000Z web/web.vhd web/web_1.vhd
		add web/web 1 20200202T223000.000Z web/web.vhd web/web_1.vhd
		add web/web 1 20200202T230000.000Z web/web.vhd web/web_1.vhd
		add gone 1 20200303T120000.000Z db/db.vhd web/web_1.vhd
	EOF
	)
	want snapshots "$seen" "db/db.vhd 4;web/web.vhd 7;web/web_1.vhd 7;"

	liftfs list --points --json "$url" >"$scratch/list.json" 2>"$scratch/err" || fail "list: $(cat "$scratch/err")"
	want "points of VMs" "$(json '[.points[] | .vm] | group_by(.) | map("\(.[0]) \(length)") | join(",")' "$scratch/list.json")" \
		"db/db 3,gone 1,web/web 6"
	want foreign "$(json '.foreign_snapshots' "$scratch/list.json")" 1
	want "complete points" "$(json '[.points[] | select(.complete and .found == .disks)] | length' "$scratch/list.json")" 10
	want "points of a replica" "$(json '.replicas[] | select(.name == "web/web.vhd") | .points | length' "$scratch/list.json")" 6
	want "an old point's age" "$(json '[.points[] | select(.name == "20200101T120000.000Z") | .age_seconds > 200000000][0]' \
		"$scratch/list.json")" true
	liftfs list --points "$url" >"$scratch/list" 2>"$scratch/err" || fail "list: $(cat "$scratch/err")"
	grep -q '^web/web  20200202T223000\.000Z .* 2 of 2' "$scratch/list" || fail "list --points: $(cat "$scratch/list")"
	grep -q '^10 recovery points; 1 snapshot of somebody else$' "$scratch/list" || fail "list --points: $(cat "$scratch/list")"
	want "plain" "$(liftfs list --points --plain "$url" 2>/dev/null | grep -c '^web/web\.vhd@')" 6

	# By day here, not in UTC: two of January and February, and the newest of today.
	liftfs prune -n --keep-daily 4 --json "$url" >"$scratch/plan.json" 2>"$scratch/err" || fail "prune -n: $(cat "$scratch/err")"
	want "kept of web" "$(json '[.kept[] | select(.vm == "web/web") | "\(.name[0:8]) \(.reasons | join(","))"] | .[:3] | join(" ")' \
		"$scratch/plan.json")" "20200101 daily 20200202 daily 20200202 daily"
	want "would remove" "$(json '[.removed[] | .vm] | group_by(.) | map("\(.[0]) \(length)") | join(",")' "$scratch/plan.json")" \
		"db/db 2,web/web 2"
	liftfs prune --keep-daily 3 --vm 'web/*' "$url" >"$scratch/out" 2>"$scratch/err" || fail "prune: $(cat "$scratch/err")"
	grep -q '^removed 3 recovery points (6 snapshots), kept 3; 1 snapshot of somebody else is left alone$' "$scratch/out" ||
		fail "prune: $(cat "$scratch/out")"
	grep -q '^web/web  20200101T120000\.000Z .* 2 of 2  removed' "$scratch/out" || fail "prune: $(cat "$scratch/out")"
	want "points after it" "$(complete web/web)" "[true,true,true]"
	want "points that the state knows" "$(known)" "db/db.vhd 3;web/web.vhd 1;web/web_1.vhd 1;"

	# After each cycle, of the VMs that made a point.
	change "$1-4"
	sync_ok --keep-last 2
	want "snapshots after a cycle" "$(snapshots </dev/null)" "db/db.vhd 3;web/web.vhd 3;web/web_1.vhd 3;"
	want "points that the state knows" "$(known)" "db/db.vhd 2;web/web.vhd 2;web/web_1.vhd 2;"
	want pruned "$(json '.pruned | "\(.points) \(.snapshots) \(.failed_vms)"' "$scratch/sync.json")" "4 6 0"
	liftfs verify "$store/web/web_1.raw" "$url/web/web_1.vhd@latest" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"
}

must_fail 2 "at least one --keep- option must say what stays" liftfs prune "$scratch"
must_fail 2 "keeps nothing" liftfs prune --keep-within 0s "$scratch"
must_fail 2 "--no-points makes no recovery point" liftfs sync --no-points --keep-last 2 "$store" "$scratch/target"

start_server
start "$endpoint"
scenario strict
deletions=$(requests DeleteBlob)
want "deletions" "$(jq -s '[.[] | select(.op == "DeleteBlob" and .status == 202 and (.query | test("snapshot=")))] | length' \
	"$server_log")" "$deletions"

# Ended between two deletions: the next prune finishes, and what is half gone is told from what is being made.
change strict-5
sync_ok
curl -sf -X PUT --data 'DeleteBlob fail n=2 status=403 code=AuthorizationFailure' "${endpoint%/*}/_admin/faults" >/dev/null ||
	fail "faults"
must_fail 78 "recovery point" liftfs prune --keep-last 1 --vm 'web/*' "$url"
want "the rest" "$(complete web/web)" "[false,true,true]"
curl -sf -X PUT --data '' "${endpoint%/*}/_admin/faults" >/dev/null
liftfs prune --keep-last 1 --vm 'web/*' "$url" >"$scratch/out" 2>"$scratch/err" || fail "prune: $(cat "$scratch/err")"
want "after the next" "$(complete web/web)" "[true]"

# Without the right to delete: before anything is sent, where the SAS says so; else in the service's words.
change strict-6
sync_ok
forget_requests
key_hex=$(printf %s "$emulator_key" | base64 -d | od -An -v -tx1 | tr -d ' \n')
sig=$(printf 'rcwl\n\n2099-01-01T00:00:00Z\n/blob/%s/disks\n\n\n\n2021-12-02\nc\n\n\n\n\n\n\n' "$emulator_account" |
	openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key_hex" -binary | base64 | sed 's/+/%2B/g; s/=/%3D/g')
token="sv=2021-12-02&sr=c&sp=rcwl&se=2099-01-01T00%3A00%3A00Z&sig=$sig"
unset AZURE_STORAGE_CONNECTION_STRING
must_fail 78 "grants sp=" liftfs prune --keep-last 1 "$url?$token"
grep -q "needs d, too" "$scratch/stderr" || fail "no word of d: $(cat "$scratch/stderr")"
want "deletions without the right" "$(requests DeleteBlob)" 0
liftfs sync -n --keep-last 1 "$store" "$url?$token" >"$scratch/out" 2>"$scratch/err" || fail "sync -n: $(cat "$scratch/err")"
grep -q "warning: the SAS of .* needs d, too" "$scratch/err" || fail "sync -n: no word of d: $(cat "$scratch/err")"
change strict-7
liftfs sync --keep-last 1 "$store" "$url?$token" >"$scratch/out" 2>"$scratch/err" || fail "sync without d: $(cat "$scratch/err")"
grep -q "warning: web/web: old recovery points were not removed: .*prune needs d" "$scratch/err" ||
	fail "sync without d: $(cat "$scratch/err")"
start "$endpoint"
curl -sf -X PUT --data 'DeleteBlob fail status=403 code=AuthorizationFailure' "${endpoint%/*}/_admin/faults" >/dev/null
must_fail 78 "sp=rcwld: prune needs d" liftfs prune --keep-last 1 "$url"

# The account's limits of snapshots: the replica goes on, the point fails.
for code in SnapshotCountExceeded SnapshotOperationRateExceeded; do
	curl -sf -X PUT --data "SnapshotBlob fail status=409 code=$code" "${endpoint%/*}/_admin/faults" >/dev/null
	change "limit-$code"
	sync_ok
	want "at $code" "$(json '.disks | map("\(.result) \(.recovery_point)") | unique | join(",")' "$scratch/sync.json")" "ok null"
	grep -q "warning: .*: no recovery point: .*$code" "$scratch/err" || fail "at $code: $(cat "$scratch/err")"
done
curl -sf -X PUT --data '' "${endpoint%/*}/_admin/faults" >/dev/null

# The summary has what the server saw.
change last
forget_requests
sync_ok --keep-last 1
want "requests of the bill" "$(json '.requests | .writes + .clears + .reads + .others' "$scratch/sync.json")" \
	"$(jq -s '[.[] | select(.late | not)] | length' "$server_log")"

# The same on Azurite.
AZURITE=${AZURITE:-azurite-blob}
requires node "$AZURITE"
export AZURITE
stop_azurite() {
	"$srcdir/tests/integration/azurite.sh" stop "$scratch"
}
cleanup_fn stop_azurite
endpoint=$("$srcdir/tests/integration/azurite.sh" start "$scratch")
LIFTFS_STATE=$scratch/state2
start "$endpoint"
scenario azurite
