#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Another host, which has no state, comes to a replica that a live run holds: it is told who holds it, is to come back later (75),
# and changes nothing; in the first cycle, when there is no copy of the block map yet, with the copy, and when that is lost.  On a
# service and in a directory.  When the run has ended it goes on.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl curl
# shellcheck disable=SC2119 # it takes no options here
start_server
cd "$scratch"
mkdir store target
make_raw store/web01.raw 3 held
rules() {
	curl -sSf -o /dev/null -X PUT --data-binary "$1" "${endpoint%/*}/_admin/faults" || fail "rules"
}
holder= # of the run that stands still
end_holder() {
	[ -z "$holder" ] || kill -KILL "$holder" 2>/dev/null || :
}
cleanup_fn end_holder
# shellcheck disable=SC2317 # called by wait_for
writes_seen() { [ "$(requests PutPage)" -ge 1 ]; }
# shellcheck disable=SC2317
told_in_directory() { grep -q "pid $holder since" target/.liftfs/meta/web01.json 2>/dev/null; }

# other WANTED: what the other host's liftfs sync says is in ./err.
other() {
	got=0
	liftfs sync --state "$scratch/other" store "$url" >out 2>err || got=$?
	[ "$got" = "$1" ] || fail "$what: exit status $got, not $1: $(cat out err)"
}

# while_held WHAT URL SEEN RATE: a run stands still after SEEN; the other host comes, twice, since the first time leaves it a state.
while_held() {
	what=$1 url=$2
	rm -rf other
	make_raw store/web01.raw 3 "$what"
	rules 'PutPage delay ms=400'
	forget_requests
	liftfs sync --connections 1 --limit-rate "$4" store "$url" >run.out 2>&1 &
	holder=$!
	wait_for 30 "$3"
	kill -STOP "$holder"
	rules ''
	lease=$(jq -rs '[.[].lease | select(.)] | last // ""' "$server_log")
	forget_requests
	for time in first second; do
		other 75
		grep -q "web01.vhd: held by $(hostname) pid $holder since 20[0-9-]*T[0-9:]*Z" err || fail "$what, the $time time: $(cat err)"
		! grep -qi 'damage\|adopt\|void' err || fail "$what, the $time time: $(cat err)"
	done
	# What the run that stands still had sent may arrive only now.
	want "writes of who came later" "$(jq -s --arg lease "$lease" \
		'[.[] | select((.op | IN("PutPage", "SetBlobProperties", "PutBlob")) and .lease != $lease)] | length' "$server_log")" 0
	[ "$url" != target ] || kill -TERM "$holder" # it would take a minute
	kill -CONT "$holder"
	wait "$holder" || [ "$url" = target ] || fail "$what: the run that was held up: $(cat run.out)"
	holder=
	other 0
	liftfs verify store/web01.raw "${url%/}/web01.vhd" >out 2>&1 || fail "$what: $(cat out)"
}

while_held "first cycle on a service" "$endpoint/disks/held" writes_seen 1G
grep -q 'goes on from cycle 1 of another host or state, by the copy' err || fail "the copy is not used: $(cat err)"
while_held "a later cycle on a service" "$endpoint/disks/held" writes_seen 1G
while_held "first cycle in a directory" target told_in_directory 0
while_held "a later cycle in a directory" target told_in_directory 0
[ -e target/.liftfs/maps/web01.blockmap ] || fail "no copy of the map"
rm target/.liftfs/maps/web01.blockmap
while_held "a directory without the map's copy" target told_in_directory 0
