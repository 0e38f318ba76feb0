#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What liftfs status knows after runs that went well, failed, missed a disk, or found the database damaged, newer or in the way.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl flock sqlite3

store=$scratch/store target=$scratch/target db=$LIFTFS_STATE/liftfs.db
mkdir -p "$store/web01" "$store/db01"
make_raw "$store/web01/web01.raw" 2 web01
make_raw "$store/db01/db01.raw" 2 db01

# sync WANTED-STATUS [OPTION...]
sync() {
	want_status=$1
	shift
	got=0
	liftfs sync -q "$@" "$store" "$target" >"$scratch/out" 2>"$scratch/err" || got=$?
	want "status of sync $*" "$got" "$want_status"
}

status_json() {
	liftfs status --json >"$scratch/status.json" 2>"$scratch/status.err" || fail "status: $(cat "$scratch/status.err")"
}

# states: the one word of each disk, by name
states() {
	status_json
	json '[.vms[].disks[] | "\(.name)=\(.state)"] | sort | join(" ")' "$scratch/status.json"
}

must_fail 74 "No such file or directory" liftfs status
[ ! -e "$LIFTFS_STATE" ] || fail "looking made a state"

# ---- well, and broken ----
printf KDMV >"$store/db01/broken.vmdk"
sync 65
want states "$(states)" "db01/broken.vhd=failed db01/db01.vhd=current web01/web01.vhd=current"
want schema "$(json .schema "$scratch/status.json")" 1
want summary "$(json '.summary | [.vms, .disks, .current, .failed, .without_copy] | tostring' "$scratch/status.json")" "[3,3,2,1,1]"
want error "$(json '.vms[].disks[] | select(.error) | "\(.error.code) \(.error.status)"' "$scratch/status.json")" "corrupt 65"
want target "$(json '[.vms[].target] | unique | join(" ")' "$scratch/status.json")" "$target"
want "a success" "$(json '.vms[1].disks[0] | .last_success != null and .lag_seconds >= 0 and .running == null' "$scratch/status.json")" true
liftfs status >"$scratch/out"
head -n 1 "$scratch/out" | grep -q '^3 VMs, 3 disks: 2 current, 1 failed; 1 without a good copy; oldest copy ' ||
	fail "summary: $(head -n 1 "$scratch/out")"
grep -q '^db01/broken .*failed.*broken.vmdk' "$scratch/out" || fail "no row of the broken disk: $(cat "$scratch/out")"
grep -q "$(printf '\033')" "$scratch/out" && fail "colours in a pipe"
want "mode of the database" "$(stat -c %a "$db")" 600

# ---- vanished: only a run that left nothing out can tell ----
rm "$store/db01/broken.vmdk" "$store/db01/db01.raw"
sync 0 --include 'web01/**' --exclude '*'
want "states after a run of some" "$(states)" "db01/broken.vhd=failed db01/db01.vhd=current web01/web01.vhd=current"
echo web01/web01 >"$scratch/list"
sync 0 --list "$scratch/list" --index 1
want "states after a worker's run" "$(states)" "db01/broken.vhd=failed db01/db01.vhd=current web01/web01.vhd=current"
sync 0
want "states after a run of all" "$(states)" "db01/broken.vhd=vanished db01/db01.vhd=vanished web01/web01.vhd=current"

# ---- retired on purpose ----
must_fail 2 "'db01/broken.vhd': no disk of that name is known" liftfs status --forget db01/broken.vhd "$scratch/elsewhere"
must_fail 2 "--forget goes with no other option" liftfs status --forget db01/broken.vhd --json
liftfs status -q --forget db01/broken.vhd "$target" || fail "status --forget"
want "states after that" "$(states)" "db01/db01.vhd=vanished web01/web01.vhd=current"
printf KDMV >"$store/db01/broken.vmdk"
sync 65
want "states once it is back" "$(states)" "db01/broken.vhd=failed db01/db01.vhd=vanished web01/web01.vhd=current"
rm "$store/db01/broken.vmdk"
sync 0

want "one target" "$(liftfs status --json "$target" | jq .summary.disks)" 3
liftfs status "$scratch/elsewhere" >"$scratch/out" 2>"$scratch/err"
grep -q "nothing was replicated to $scratch/elsewhere" "$scratch/err" || fail "an unknown target: $(cat "$scratch/err")"
must_fail 1 "nothing was replicated to $scratch/elsewhere" liftfs status -q --max-lag 1d "$scratch/elsewhere"
mkdir -m 700 "$scratch/empty"
must_fail 1 "nothing was replicated with this state" liftfs status -q --max-lag 1d --state "$scratch/empty"
liftfs status -q --max-lag 1d || fail "--max-lag 1d"
sqlite3 "$db" "UPDATE disks SET success_ns = success_ns - 7200000000000 WHERE name LIKE 'web01%'"
must_fail 1 "web01/web01.vhd: its copy is 2 h 00 min old, more than 1 h 00 min: $target" liftfs status --max-lag 1h
must_fail 2 "--max-lag" liftfs status --max-lag soon

# ---- ten in a row: 75 until the tenth, then 78, and again from one after progress ----
lock=$target/.liftfs/locks/web01/web01.lock # as another host has it
exec 9<"$lock"
flock 9
changed() { # else there is nothing to lease the replica for
	random_bytes "$store/web01/web01.raw" 0 4096 "$1"
}
for i in 1 2 3 4 5 6 7 8 9; do
	changed "$i"
	sync 75
	if [ "$i" = 3 ]; then
		want "stalls" "$(liftfs status --json | jq '.vms[].disks[] | select(.name == "web01/web01.vhd").stalled_cycles')" 3
	fi
done
changed tenth
want "who holds it is no run of ours" "$(liftfs status --json | jq '[.vms[].disks[].running] | unique | tostring')" '"[null]"'
sync 78
grep -q '10 cycles in a row without progress: end what holds the replica, or take it over with --break-lease' "$scratch/err" ||
	fail "the tenth does not say what to do: $(cat "$scratch/err")"
sync 78 --json
want "error of the eleventh" "$(json '.disks[0].error | "\(.code) \(.status)"' "$scratch/out")" "busy 78"
flock -u 9
sync 0
flock 9
changed again
sync 75
flock -u 9
exec 9<&-
sync 0
status_json
want "stalls after progress" "$(json '[.vms[].disks[].stalled_cycles] | add' "$scratch/status.json")" 0

# ---- events ----
liftfs status --events 100 --json >"$scratch/events.json"
want "kinds of events" "$(json '[.events[].event] | unique | join(" ")' "$scratch/events.json")" \
	"committed decision failed fenced given-up point-made run-ended run-started vanished"
want "the first" "$(json '.events[0] | "\(.seq) \(.event) \(.message)"' "$scratch/events.json")" "1 run-started 3 disks to $target"
want "statuses of given-up" "$(json '[.events[] | select(.event == "given-up").status] | unique | tostring' "$scratch/events.json")" "[78]"
liftfs status --events 2 >"$scratch/out"
want "lines of two events" "$(wc -l <"$scratch/out")" 3
must_fail 2 "--events and --max-lag exclude each other" liftfs status --events 2 --max-lag 1h
sync 0 --adopt
want "decisions" "$(liftfs status --events 20 --json | jq -r '.events[] | select(.event == "decision").message')" "--adopt"
printf X | dd of="$target/web01/web01.vhd" bs=1 seek=1500000 conv=notrunc status=none
sync 78 --full
want "somebody else's write" "$(liftfs status --events 2 --json | jq -r '.events[0] | "\(.event) \(.disk) \(.status)"')" \
	"foreign-write web01/web01.vhd 78"
sync 0 --full --adopt
before=$(cat "$LIFTFS_STATE"/liftfs.db* | cksum)
liftfs sync -n "$store" "$target" >/dev/null 2>&1
want "what a dry run leaves" "$(cat "$LIFTFS_STATE"/liftfs.db* | cksum)" "$before"

# ---- metrics: by another reader's eyes ----
(
	umask 077
	liftfs status --prometheus "$scratch/liftfs.prom"
)
want "mode of the metrics" "$(stat -c %a "$scratch/liftfs.prom")" 644
awk '/^# TYPE / { type[$3] = $4; next } /^#/ { next }
	{ name = $1; sub(/[{].*/, "", name); if (!(name in type) || $NF !~ /^[0-9.e+-]+$/) { print; bad = 1 } }
	END { exit bad }' "$scratch/liftfs.prom" || fail "metrics that are none"
labels="target=\"$target\",vm=\"web01/web01\",disk=\"web01/web01.vhd\""
grep -qF "liftfs_disk_result{$labels,result=\"current\"} 1" "$scratch/liftfs.prom" || fail "$(cat "$scratch/liftfs.prom")"
# the same by each sync, whose round is over by then; a failure is one warning and fails nothing
sync 0 --metrics "$scratch/sync.prom"
grep -v -e _seconds -e '^#' "$scratch/sync.prom" >"$scratch/sync.values"
liftfs status --prometheus - | grep -v -e _seconds -e '^#' | cmp -s - "$scratch/sync.values" || fail "metrics of a sync are others"
rm "$scratch/sync.prom"
sync 0 -n --metrics "$scratch/sync.prom"
[ ! -e "$scratch/sync.prom" ] || fail "a dry run wrote metrics"
sync 0 --metrics "$scratch/nowhere/sync.prom"
want "warnings of metrics" "$(grep -c 'warning: --metrics: .*nowhere/sync.prom.*No such file or directory; the cycles go on' \
	"$scratch/err")" 1
must_fail 2 "liftfs status --prometheus - prints them" liftfs sync --metrics - "$store" "$target"
want "metrics on standard output" "$(liftfs status --prometheus - | grep -c '^liftfs_disk_vanished{.*} 1$')" 2
must_fail 2 "--prometheus goes with no other output" liftfs status --prometheus - --json

# ---- the log file ----
liftfs sync -q --log-file "$scratch/log" "$store" "$target"
grep -q '^time=[0-9TZ:-]* level=info component=sync pid=[0-9]* message="cycle ended" disk=web01/web01.vhd vm=web01/web01 cycle=' \
	"$scratch/log" || fail "log: $(cat "$scratch/log")"
must_fail 74 "nowhere" liftfs info --log-file "$scratch/log" "$scratch/nowhere.vmdk"
tail -n 1 "$scratch/log" | grep -q 'level=error .*code=system status=74$' || fail "log: $(tail -n 1 "$scratch/log")"

# ---- a line of a list is not all of SOURCE; what prune removed is not counted any more ----
mkdir "$scratch/lines"
cp -r "$store/web01" "$scratch/lines/web01"
cp -r "$store/web01" "$scratch/lines/web02"
liftfs list --plain "$scratch/lines" >"$scratch/vms"
for i in 1 2 1 2; do
	liftfs sync -q --full --state "$scratch/lines-state" --list "$scratch/vms" --index $i "$scratch/lines" "$scratch/lines-target"
done
liftfs status --json --state "$scratch/lines-state" >"$scratch/status.json"
want "disks of two lines" "$(json '[.vms[].disks[] | "\(.state) \(.points)"] | join(",")' "$scratch/status.json")" \
	"current 2,current 2"
liftfs prune -q --state "$scratch/lines-state" --vm 'web01/*' --keep-last 1 "$scratch/lines-target"
liftfs sync -q --full --keep-last 1 --state "$scratch/lines-state" --include 'web02/**' --exclude '*' "$scratch/lines" \
	"$scratch/lines-target"
liftfs status --json --state "$scratch/lines-state" >"$scratch/status.json"
want "points after both ways to prune" "$(json '[.vms[].disks[].points] | join(",")' "$scratch/status.json")" "1,1"
liftfs prune -q --keep-last 1 --state "$scratch/no-state" "$scratch/lines-target"
[ ! -e "$scratch/no-state" ] || fail "prune made a state"

# ---- SOURCE is what it is called: a snapshot has another path each time ----
mkdir -p "$scratch/snaps/1" "$scratch/snaps/2"
cp -r "$store/web01" "$scratch/snaps/1/web01"
cp -r "$store/web01" "$scratch/snaps/1/web02"
cp -r "$store/web01" "$scratch/snaps/2/web01"
snaps() { # STATE SOURCE: after what was done with both
	liftfs status --json --state "$scratch/$1-state" >"$scratch/status.json"
	want "$1" "$(json '[.vms[].disks[] | "\(.name) \(.state) \(.source)"] | join(",")' "$scratch/status.json")" \
		"web01/web01.vhd current $2,web02/web01.vhd vanished $2"
}
for i in 1 2; do
	liftfs sync -q --state "$scratch/before-state" --before "echo '$scratch/snaps/$i'" "$scratch/snaps/./" "$scratch/before-target"
	ln -sfn "snaps/$i" "$scratch/latest"
	liftfs sync -q --state "$scratch/link-state" "$scratch/latest/" "$scratch/link-target"
done
snaps before "$(realpath "$scratch/snaps")"
snaps link "$(realpath "$scratch")/latest"

# ---- what -x left out has not vanished ----
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	mkdir -p "$scratch/mounts/web01" "$scratch/mounts/other"
	cp "$store/web01/web01.raw" "$scratch/mounts/web01"
	# shellcheck disable=SC2016 # for the shell that runs it
	(cd "$scratch/mounts" && store=$store unshare -m sh -eu -c '
		mount -t tmpfs none other
		cp "$store/web01/web01.raw" other/other.raw
		liftfs sync -q --state ../x-state . ../x-target
		liftfs sync -q -x --state ../x-state . ../x-target
	') || fail "with another file system"
	want "what -x left out" "$(liftfs status --json --state "$scratch/x-state" | jq .summary.vanished)" 0
	(cd "$scratch/mounts" && rmdir other && liftfs sync -q -x --state ../x-state . ../x-target)
	want "what -x missed" "$(liftfs status --json --state "$scratch/x-state" | jq .summary.vanished)" 1
fi

# ---- several runs of one state at once ----
for i in 1 2 3 4; do
	mkdir -p "$scratch/fleet/vm$i"
	cp "$store/web01/web01.raw" "$scratch/fleet/vm$i/disk.raw"
	liftfs sync -q "$scratch/fleet/vm$i" "$scratch/fleet-target$i" >"$scratch/fleet$i" 2>&1 &
done
wait
cat "$scratch"/fleet[1-4] >"$scratch/out"
[ ! -s "$scratch/out" ] || fail "workers at once: $(cat "$scratch/out")"
want "VMs of the fleet" "$(liftfs status --json | jq '[.vms[] | select(.target | test("fleet-target"))] | length')" 4
liftfs status | head -n 2 | tail -n 1 | grep -q 'TARGET *NOTE$' || fail "no column of targets where there are several"

# ---- damaged: the status is made up, the next run makes it anew, no cycle fails ----
printf 'this is no database, whatever its name says' >"$db"
states=$(states)
want "states without a database" "$(echo "$states" | tr ' ' '\n' | sort -u | grep -c unknown)" 3
grep -q "made up from the block maps" "$scratch/status.err" || fail "no warning: $(cat "$scratch/status.err")"
sync 0
grep -q "moved to liftfs.db.damaged and made anew" "$scratch/err" || fail "no warning: $(cat "$scratch/err")"
want "the state of what was synced" "$(states | tr ' ' '\n' | grep web01/)" "web01/web01.vhd=current"
want "names that maps know" "$(json '[.vms[].disks[].name] | unique | join(" ")' "$scratch/status.json")" \
	"db01/db01.vhd disk.vhd web01/web01.vhd"
want "rebuilt" "$(liftfs status --events 20 --json | jq '[.events[] | select(.event == "rebuilt")] | length')" 1

# ---- in the way: one warning, and the cycle goes on ----
rm -f "$LIFTFS_STATE"/liftfs.db*
mkdir "$db"
random_bytes "$store/web01/web01.raw" 0 4096 changed
sync 0
want "warnings" "$(grep -c 'the cycles go on, and liftfs status will not know of them' "$scratch/err")" 1
cmp -n 2097152 "$store/web01/web01.raw" "$target/web01/web01.vhd" || fail "nothing was replicated"
rmdir "$db"

# ---- newer: 78 before anything is done, naming who wrote it ----
sync 0
sqlite3 "$db" "UPDATE meta SET value = 'liftfs 99.1'; PRAGMA user_version = 99"
cp "$target/web01/web01.vhd" "$scratch/before.vhd"
random_bytes "$store/web01/web01.raw" 0 4096 again
sync 78
grep -q 'database of format 99, written by liftfs 99.1; this is liftfs' "$scratch/err" || fail "newer: $(cat "$scratch/err")"
cmp "$scratch/before.vhd" "$target/web01/web01.vhd" || fail "something was written"
must_fail 78 "written by liftfs 99.1" liftfs status
