#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # commands are for the shells that run them
# sync --watch: what it picks up, what it tries again, what it reads again, and how it stops.  The rounds are the test's: --before
# waits until it is told to go on, --after says that the round is over.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl curl setsid qemu-img
# shellcheck disable=SC2119 # it takes no options here
start_server
cd "$scratch"
mkfifo go over
mkdir -p ds/web01
make_raw ds/web01/web01.raw 4 web
# The line that is written to `go` is the round's SOURCE, if it is not empty.
before='echo >>began; read -r line <go; printf "%s\n" "$line"; echo "more of before"'
after='echo "$LIFTFS_STATUS $LIFTFS_SOURCE" >over'

rules() {
	curl -sS -o /dev/null -X PUT --data-binary "$1" "${endpoint%/*}/_admin/faults"
}
# begin URL INTERVAL OPTION...: a watch; $pid is its process.  Without a terminal, as a service manager starts it.
begin() {
	to=$1
	interval=$2
	shift 2
	env --default-signal=HUP setsid "$builddir/tools/liftfs-sync" --watch="$interval" --before "$before" --after "$after" "$@" ds "$to" >out 2>err &
	pid=$!
	running=1
}
stop_watch() {
	[ -z "${running:-}" ] || kill -KILL "$pid" 2>/dev/null || :
	timeout 1 sh -c 'echo >go' || : # its --before would wait for ever
}
cleanup_fn stop_watch
# goes SOURCE: a round begins; over "STATUS SOURCE": it has ended so
goes() {
	timeout 20 sh -c 'echo "$1" >go' sh "$1" || fail "no round begins: $(cat err)"
}
over() {
	timeout 20 head -n 1 over >line || fail "the round does not end: $(cat err)"
	want "the round's status and source" "$(cat line)" "$1"
}
# round [STATUS]: one from its beginning to its end
round() {
	goes ""
	over "${1:-0} ds"
}
ended() {
	got=0
	wait "$pid" || got=$?
	running=
	want "exit status" "$got" "$1"
}
said() {
	grep -qF -e "$1" err
}
said_times() {
	want "how often '$1' was said" "$(grep -cF -e "$1" err)" "$2"
}
replica_is() { # RAW URL
	liftfs verify "$1" "$2" >verify.out 2>&1 || fail "$2: $(cat verify.out)"
}

# ---- VMs come and go, each told once; a broken image is told of once, too; --before says where SOURCE is ----
begin "$endpoint/come" 1s
round
mkdir ds/db
make_raw ds/db/db.raw 2 db
round
said 'new: db/db' || fail "says nothing of a new VM: $(cat err)"
replica_is ds/db/db.raw "$endpoint/come/db/db.vhd"
rm -r ds/db
round
round
said_times 'new: db/db' 1
said_times 'gone: db/db: its replicas and their points stay' 1
[ "$(liftfs list --plain "$endpoint/come" 2>list.err | grep -c '^db/db.vhd$')" -eq 1 ] || fail "a vanished VM lost its replica"
echo broken >ds/web01/bad.vhdx
round 65
round 65
round 65
said_times 'web01/bad.vhdx: ' 1
rm ds/web01/bad.vhdx
cp -r ds snapshot
random_bytes snapshot/web01/web01.raw 0 65536 snapshot
goes "$scratch/snapshot"
over "0 $scratch/snapshot"
replica_is snapshot/web01/web01.raw "$endpoint/come/web01/web01.vhd"
said 'more of before' || fail "what --before printed after its line is lost"
# told to stop while --before runs: it gets the signal, --after runs nevertheless
began() {
	[ "$(wc -l <began)" -eq 9 ]
}
wait_for 20 began
kill -TERM "$pid"
over "75 ds"
ended 75

# ---- one VM is parked: the others go on, and only it is tried again ----
mkdir ds/db
make_raw ds/db/db.raw 2 db
rules 'LeaseAcquire fail status=409 code=LeaseAlreadyPresent blob=db/db.vhd'
begin "$endpoint/parked" 1h
round 75
replica_is ds/web01/web01.raw "$endpoint/parked/web01/web01.vhd"
wait_for 20 said '1 parked'
rules ''
forget_requests
kill -HUP "$pid"
goes ""
over "0 ds"
wait_for 20 said 'parked VMs tried again: 1 VM,'
said_times 'reloaded' 1
replica_is ds/db/db.raw "$endpoint/parked/db/db.vhd"
want "disks gone while only the parked were tried" "$(liftfs status --json "$endpoint/parked" | jq .summary.vanished)" 0
want "requests for the VM that was well" "$(jq -s '[.[] | select(.blob == "web01/web01.vhd" and (.op | test("Lease|Page")) and .op != "GetPageRanges")] | length' "$server_log")" 0
kill -TERM "$pid" # between rounds
ended 75
rm -r ds/db

# ---- all are parked, and one goes meanwhile: trying the others again is no look at all that there is ----
mkdir ds/db
make_raw ds/db/db.raw 2 db
rules 'LeaseAcquire fail status=409 code=LeaseAlreadyPresent'
begin "$endpoint/all" 1h
round 75
wait_for 20 said '2 parked'
rules ''
rm -r ds/db
kill -HUP "$pid"
round
wait_for 20 said 'parked VMs tried again: 1 VM,'
want "disks gone in a round of parked ones" "$(liftfs status --json "$endpoint/all" | jq .summary.vanished)" 0
said_times 'gone:' 0
kill -TERM "$pid"
ended 75

# ---- credentials are read again, and what failed for want of them is tried at once ----
credentials() { # KEY
	printf 'AZURE_STORAGE_ACCOUNT=%s\nAZURE_STORAGE_KEY=%s\n' "$emulator_account" "$1" >credentials
}
credentials "$(echo another | base64)"
chmod 600 credentials
begin "$endpoint/credentials" 1h --credentials credentials
round 78
credentials "$emulator_key"
kill -HUP "$pid"
round
replica_is ds/web01/web01.raw "$endpoint/credentials/web01/web01.vhd"
chmod 644 credentials
kill -HUP "$pid"
wait_for 20 said 'the credentials stay as they were: '
kill -TERM "$pid"
ended 75

# ---- a calendar is read again, also for a round that waits for it ----
echo pause >rate
forget_requests
begin "$endpoint/rate" 1h --limit-rate @rate --metrics prom
goes ""
leased() {
	[ "$(requests LeaseAcquire)" -ge 1 ]
}
wait_for 20 leased
said 'limit: nothing is sent now' || fail "does not say that it is paused: $(cat err)"
echo 'Mon-Sun=fast' >rate
rm -f prom
kill -HUP "$pid"
# metrics are kept while a round lasts
at_work() {
	grep -q '^liftfs_disk_running{.*,disk="web01/web01.vhd"} 1$' prom
}
wait_for 20 at_work
wait_for 20 said "the limit stays as it was: --limit-rate rate: line 1: 'fast': not a rate"
want "writes while paused" "$(requests PutPage)" 0
echo '*=unlimited' >rate
kill -HUP "$pid"
over "0 ds"
replica_is ds/web01/web01.raw "$endpoint/rate/web01/web01.vhd"
# after it, too; nobody looks at them any more then
at_rest() {
	grep -q "^liftfs_disk_last_success_timestamp_seconds{target=\"$endpoint/rate\"," prom
}
wait_for 20 at_rest
# and so is what credentials there are
wait_for 20 said 'reloaded'
want "reloads that are known" "$(liftfs status --events 100 --json | jq '[.events[] | select(.event == "reloaded")] | length')" 5
kill -TERM "$pid"
ended 75

# ---- told to stop in the middle: the first write has left, the second would wait for weeks ----
make_raw ds/web01/web01.raw 32 large
forget_requests
begin "$endpoint/middle" 1h --limit-rate 1
goes ""
wrote() {
	[ "$(requests PutPage)" -ge 1 ]
}
wait_for 20 wrote
kill -TERM "$pid"
over "75 ds"
ended 75
liftfs sync --json ds "$endpoint/middle" >doc 2>err || fail "after the stop: $(cat err)"
sent=$(json '.disks[0].bytes_sent' doc)
[ "$sent" -gt 0 ] || fail "nothing was left to send"
[ "$sent" -le $((8 * 1048576 + 196608 - 4194304)) ] || fail "sent again: $sent"
replica_is ds/web01/web01.raw "$endpoint/middle/web01/web01.vhd"

# ---- mistakes end it at the start ----
must_fail 2 "not a rate such as 20M" liftfs sync --watch --limit-rate fast ds tgt
must_fail 2 "not a duration such as 90s" liftfs sync --watch=soon ds tgt
must_fail 2 "lies inside" liftfs sync --watch ds ds/web01
must_fail 2 "exclude each other" liftfs sync --watch -n ds tgt
cp -r ds ds2
must_fail 2 "the command line has 2: give one" liftfs sync --watch --before 'echo ds' ds ds2 tgt

# ---- the commands, in one run ----
after='echo "$LIFTFS_STATUS ${LIFTFS_SOURCE-none}" >after.out'
hooks() { # STATUS MESSAGE AFTER OPTION...
	want_after=$3
	status=$1
	text=$2
	shift 3
	rm -f after.out
	must_fail "$status" "$text" liftfs sync --after "$after" "$@"
	want "what --after saw" "$(cat after.out)" "$want_after"
}
hooks 78 "--before: exit 3: exit status 3" "78 ds" --before 'exit 3' ds tgt
hooks 75 "--before: exit 75: exit status 75" "75 ds" --before 'exit 75' ds tgt
hooks 78 "ended by signal 9" "78 ds" --before 'kill -9 $$' ds tgt
hooks 2 "give one" "2 none" --before 'echo ds' ds ds2 tgt
hooks 2 "lies inside" "2 tgt/sub" --before 'mkdir -p tgt/sub; echo tgt/sub' ds tgt
hooks 74 "No such file" "74 gone" --before 'echo gone' ds tgt
[ ! -e tgt/web01 ] || fail "something was sent"
must_fail 78 "--after: exit 4: exit status 4" liftfs sync --after 'exit 4' ds tgt
# What it leaves in the background does not keep us, even if it holds the pipe.
liftfs sync --before 'sleep 60 & echo $! >background; echo ds' ds tgt >out 2>err || fail "with a background job: $(cat err)"
kill "$(cat background)"
# SIGTERM reaches all that it started.
mkfifo ready
liftfs sync --before 'sleep 60 & echo $$ $! >ready; wait' ds tgt >out 2>err &
pid=$!
running=1
timeout 20 head -n 1 ready >pids || fail "--before was not started"
kill -TERM "$pid"
ended 75
alive() {
	ps -o stat= -p "$(tr ' ' ',' <pids)" | grep -qv '^Z'
}
dead() {
	! alive
}
wait_for 10 dead
echo "rounds, and what is done around them"
