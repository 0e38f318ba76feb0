#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a person decides: whose lease is broken, whether a replica is cut off, that a source stands still or need not; and what
# is told of a replica before its first cycle.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl curl qemu-img
# shellcheck disable=SC2119 # it takes no options here
start_server
cd "$scratch"
url=$endpoint/words
mkdir store
make_raw store/web01.raw 9 words
rules() {
	curl -sS -o /dev/null -X PUT --data-binary "$1" "${endpoint%/*}/_admin/faults"
}
writes_seen() {
	[ "$(requests PutPage)" -ge 1 ]
}
# change SEED: three places, so that with one request at a time two are still to come when the first is seen.
change() {
	for at in 0 1000000 2000000; do
		random_bytes store/web01.raw "$at" 5000 "$1 $at"
	done
}
# status WANTED COMMAND...: its output is in ./out, what it says in ./err.
status() {
	wanted=$1 got=0
	shift
	"$@" >out 2>err || got=$?
	[ "$got" = "$wanted" ] || fail "$*: exit status $got, not $wanted: $(cat out err)"
}

# ---- before the first cycle ----
rules 'PutPage fail status=403 code=AuthorizationFailure'
status 78 liftfs sync store "$url"
status 0 liftfs list "$url"
grep -q 'no cycle yet' out || fail "an empty replica is not marked: $(cat out)"
status 0 liftfs list --json "$url"
want "new, of a replica that was never written" "$(json '.replicas[0].new' out)" true
rules ''
status 0 liftfs sync store "$url"
status 0 liftfs list --json "$url"
want "new, after a cycle" "$(json '.replicas[0].new' out)" false

# ---- a host that is gone ----
change gone
rules 'PutPage delay ms=300'
forget_requests
liftfs sync --connections 1 store "$url" >/dev/null 2>&1 &
pid=$!
wait_for 20 writes_seen
kill -KILL "$pid"
{ wait "$pid" || :; } 2>/dev/null
rules ''
other() {
	LIFTFS_STATE=$scratch/other liftfs sync --adopt "$@" store "$url"
}
status 75 other
grep -q 'web01.vhd: held by .* pid ' err || fail "who holds it is not told: $(cat err)"
status 0 other -n
grep -q 'held now by .* pid ' err || fail "nor is it in a dry run: $(cat err)"
status 0 other --break-lease
grep -q 'the lease was broken that was held by .* pid ' err || fail "whose lease it was is not told: $(cat err)"
status 0 liftfs verify store/web01.raw "$url/web01.vhd"
# Its state is older than the other's cycle: it goes on by the copy of the map, and says so.
status 0 liftfs sync store "$url"
grep -q 'goes on from cycle 1 of another host or state, by the copy of its block map' err || fail "whose map it is: $(cat err)"
status 0 liftfs verify store/web01.raw "$url/web01.vhd"

# ---- a disk that became shorter ----
truncate -s 5M store/web01.raw
for dry in -n --; do
	status 78 liftfs sync --json $dry store "$url"
	json '.disks[0].error.message' out | grep -q 'the disk has 5242880 bytes, the replica holds 9437184; nothing was written' ||
		fail "a disk that shrank: $(cat out)"
done
status 0 liftfs sync --shrink store "$url"
status 0 liftfs verify store/web01.raw "$url/web01.vhd"
status 0 liftfs list --json --points "$url"
want "size" "$(json '.replicas[0].size' out)" $((5 * 1048576 + 512))

# ---- a source that does not stand still ----
moved() { # OPTION...: what a cycle says during which the file is written to
	change "moved $*"
	rules 'PutPage delay ms=300'
	forget_requests
	liftfs sync --connections 1 --json "$@" store "$url" >out 2>err &
	pid=$!
	wait_for 20 writes_seen
	random_bytes store/web01.raw 100000 10 "moving $*"
	got=0
	wait "$pid" || got=$?
	rules ''
}
moved
want "exit status of a fuzzy cycle" "$got" 75
want "result" "$(json '.result + " " + .disks[0].result' out)" "incomplete fuzzy"
moved --allow-fuzzy --frozen
want "exit status of one that is allowed" "$got" 0
want "result of it" "$(json '[.result, .disks[0].result, .disks[0].consistency, .disks[0].recovery_point] | join(" ")' out)" \
	"ok fuzzy unproven "
grep -q 'although it was said to be frozen' err || fail "a broken promise is not told: $(cat err)"
