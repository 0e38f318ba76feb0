#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sync that is told to stop: what it says, how it ends, and that the next run goes on from there.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl curl
# shellcheck disable=SC2119 # it takes no options here
start_server

mkdir -p "$scratch/store"
# More than the engine takes in hand at once: 12 slots of 4 MiB.
make_raw "$scratch/store/web01.raw" 320 signals
url=$endpoint/signals

rules() {
	curl -sS -o /dev/null -X PUT --data-binary "$1" "${endpoint%/*}/_admin/faults"
}
writes_seen() {
	[ "$(requests PutPage)" -ge 2 ]
}
said() {
	grep -q "$1" "$scratch/err"
}

# begin: a sync whose writes are slow; $pid is its process
begin() {
	rules 'PutPage delay ms=150'
	forget_requests
	liftfs sync --connections 1 --json "$scratch/store" "$url" >"$scratch/out.json" 2>"$scratch/err" &
	pid=$!
	wait_for 20 writes_seen
}
# ended STATUS
ended() {
	got=0
	wait "$pid" || got=$?
	want "exit status" "$got" "$1"
	rules ''
}

# SIGTERM: what is in flight ends, the rest is left to the journal.
begin
kill -TERM "$pid"
ended 75
want "result" "$(json '.result' "$scratch/out.json")" incomplete
want "error" "$(json '.disks[0].error | "\(.code) \(.status)"' "$scratch/out.json")" "cancelled 75"
first=$(json '.disks[0].bytes_sent' "$scratch/out.json")
[ "$first" -gt 0 ] || fail "nothing was acknowledged before the end"

# A shell's background jobs ignore SIGINT; a program that was started so leaves it ignored.
begin
kill -INT "$pid"
rules ''
ended 0
grep -q 'stopping' "$scratch/err" && fail "an ignored SIGINT stopped it"
liftfs verify "$scratch/store/web01.raw" "$url/web01.vhd" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"
sent=$(json '.disks[0].bytes_sent' "$scratch/out.json")
[ $((first + sent)) -le $((81 * 1048576 + 12 * 4194304)) ] || fail "what was acknowledged was sent again: $first and $sent"

# As a terminal has it: SIGINT says what it does and then ends the program by that signal.
random_bytes "$scratch/store/web01.raw" 0 80000000 again
cat >"$scratch/with-sigint.py" <<'END'
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
END
command -v /usr/bin/python3 >/dev/null 2>&1 || skip "without python3 SIGINT cannot be set to its default"
rules 'PutPage delay ms=150'
forget_requests
/usr/bin/python3 "$scratch/with-sigint.py" liftfs sync --connections 1 "$scratch/store" "$url" >"$scratch/out" 2>"$scratch/err" &
pid=$!
wait_for 20 writes_seen
kill -INT "$pid"
wait_for 10 said 'stopping; again to stop at once'
ended 130
liftfs sync --json "$scratch/store" "$url" >"$scratch/out.json" 2>"$scratch/err" || fail "after SIGINT: $(cat "$scratch/err")"
liftfs verify "$scratch/store/web01.raw" "$url/web01.vhd" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"
echo "told to stop, and going on"
