#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What liftfs status knows of page blobs: points, a run under way, sources that move, a service that does not answer.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl curl sqlite3
start_server

store=$scratch/store url=$endpoint/disks/export db=$LIFTFS_STATE/liftfs.db
mkdir -p "$store/web01"
make_raw "$store/web01/web01.raw" 2 web01

faults() {
	curl -sf -X PUT --data "$1" "${endpoint%/*}/_admin/faults" >/dev/null || fail "faults: $1"
}

# sync WANTED-STATUS [OPTION...]
sync() {
	want_status=$1
	shift
	got=0
	liftfs sync -q "$@" "$store" "$url" >"$scratch/out" 2>"$scratch/err" || got=$?
	want "status of sync $*: $(cat "$scratch/err")" "$got" "$want_status"
}

# of EXPRESSION: what status says of the disk
of() {
	liftfs status --json >"$scratch/status.json" || fail "status"
	json ".vms[0].disks[0] | $1" "$scratch/status.json"
}

sync 0
want "points after one cycle" "$(of '"\(.state) \(.points) \(.recovery_point | test("^[0-9]{8}T"))"')" "current 1 true"
want "by its URL" "$(liftfs status --json "$url/" | jq .summary.disks)" 1
want "by another" "$(liftfs status --json "$endpoint/other" 2>/dev/null | jq .summary.disks)" 0
want "made points" "$(liftfs status --events 10 --json | jq '[.events[] | select(.event == "point-made")] | length')" 1
if grep -qF "$emulator_key" "$db" "$LIFTFS_STATE"/liftfs.db*; then
	fail "the key is in the database"
fi

# A run under way is shown, by its pid; its source changes meanwhile, for the tenth time.
sqlite3 "$db" "UPDATE disks SET pointless = 8"
for want_status in 75 78; do
	for at in 0 500000 1500000; do # three writes, one after the other
		random_bytes "$store/web01/web01.raw" $at 100 "moving $want_status"
	done
	faults 'PutPage delay ms=1500'
	forget_requests
	liftfs sync -q --connections 1 "$store" "$url" >/dev/null 2>"$scratch/err" &
	pid=$!
	# shellcheck disable=SC2317 # called by wait_for
	one_page() { [ "$(requests PutPage)" -ge 1 ]; }
	wait_for 20 one_page
	kill -STOP $pid # two writes are left: it cannot end while we look
	faults ''
	[ "$want_status" = 78 ] || want running "$(of .running)" $pid
	printf X | dd of="$store/web01/web01.raw" bs=1 seek=1000000 conv=notrunc status=none
	kill -CONT $pid
	status=0
	wait $pid || status=$?
	want "status of a fuzzy cycle" $status "$want_status"
	want "a fuzzy one" "$(of '"\(.state) \(.running) \(.points)"')" "fuzzy null 1"
done
grep -q '10 cycles in a row without a recovery point: replicate from a storage snapshot, or while the VM is off' "$scratch/err" ||
	fail "the tenth does not say what to do: $(cat "$scratch/err")"

# A person's word that it may move: no failure however often.
for at in 0 500000 1500000; do
	random_bytes "$store/web01/web01.raw" $at 100 "allowed"
done
faults 'PutPage delay ms=1500'
forget_requests
liftfs sync -q --allow-fuzzy --connections 1 "$store" "$url" >/dev/null 2>"$scratch/err" &
pid=$!
wait_for 20 one_page
kill -STOP $pid
faults ''
printf Y | dd of="$store/web01/web01.raw" bs=1 seek=1000000 conv=notrunc status=none
kill -CONT $pid
wait $pid || fail "--allow-fuzzy: $(cat "$scratch/err")"
want "an allowed fuzzy one" "$(of '"\(.state) \(.cycles_without_point)"')" "fuzzy 11"
if grep -q 'in a row' "$scratch/err"; then
	fail "--allow-fuzzy is no help: $(cat "$scratch/err")"
fi

# The source holds still, and the snapshot is refused.
faults 'SnapshotBlob fail status=409 code=SnapshotCountExceeded'
sync 78
grep -q '12 cycles in a row without a recovery point: make room for points' "$scratch/err" || fail "$(cat "$scratch/err")"
sync 0 --no-points
faults ''
random_bytes "$store/web01/web01.raw" 0 4096 still
sync 0
want "cycles without a point" "$(of '"\(.state) \(.cycles_without_point)"')" "current 0"

# The service does not answer: the run ends before its cycles, and counts.
faults 'ListBlobs fail status=400 code=Md5Mismatch' # given up after three tries
sync 75
want "state" "$(of '"\(.state) \(.error.code) \(.stalled_cycles)"')" "parked network 1"
want "metric" "$(liftfs status --prometheus - | grep -c '^liftfs_disk_parked{.*} 1$')" 1
sqlite3 "$db" "UPDATE disks SET stalls = 9"
sync 78
grep -q '10 runs in a row without progress: see whether the target can be reached: liftfs sync -n tests it' "$scratch/err" ||
	fail "the tenth does not say what to do: $(cat "$scratch/err")"
faults ''
sync 0
want "stalls after progress" "$(of .stalled_cycles)" 0
