#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a watch tells systemd, by a socket of our own; and the unit that is shipped.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires setsid openssl
command -v /usr/bin/python3 >/dev/null 2>&1 || skip "python3 is not installed"
grep -q '^#define HAVE_SYSTEMD 1' "$builddir/config.h" || skip "built without libsystemd"
if command -v systemd-analyze >/dev/null 2>&1; then
	mkdir "$scratch/units"
	sed "s|@bindir@|$builddir/tools|" "$srcdir/systemd/liftfs-sync@.service.in" >"$scratch/units/liftfs-sync@ds1.service"
	systemd-analyze verify --man=no "$scratch/units/liftfs-sync@ds1.service" >"$scratch/verify" 2>&1 || fail "the unit: $(cat "$scratch/verify")"
	! grep 'liftfs-sync' "$scratch/verify" || fail "the unit"
fi
# shellcheck disable=SC2119 # it takes no options here
start_server
cd "$scratch"
mkdir -p ds/web01
make_raw ds/web01/web01.raw 1 notify
mkfifo go ready
# Each datagram's lines, as they come.
cat >listen.py <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
open("ready", "w").close()
with open("told", "a", buffering=1) as told:
    while True:
        told.write(s.recv(4096).decode() + "\n")
END
/usr/bin/python3 listen.py "$scratch/notify" &
listener=$!
stop_all() {
	kill -CONT "$server_pid" 2>/dev/null || :
	kill "$listener" 2>/dev/null || :
	[ -z "${pid:-}" ] || kill -KILL "$pid" 2>/dev/null || :
}
cleanup_fn stop_all
timeout 20 cat ready
told() {
	grep -qE -e "$1" told 2>/dev/null
}
# The watchdog waits 200 ms: it is told four times as often.
cat >as-service.sh <<'END'
WATCHDOG_PID=$$
export WATCHDOG_PID
exec "$@"
END
NOTIFY_SOCKET=$scratch/notify WATCHDOG_USEC=200000 env --default-signal=HUP setsid sh as-service.sh "$builddir/tools/liftfs-sync" --watch=1h \
	--before 'read -r line <go' ds tgt >out 2>err &
pid=$!
wait_for 20 told '^READY=1$'
wait_for 20 told '^STATUS=--before: read'
wait_for 20 told '^WATCHDOG=1$' # it waits for --before, and may
timeout 20 sh -c 'echo >go' || fail "no round begins: $(cat err)"
wait_for 20 told '^STATUS=1 VM; next at 2'
kill -HUP "$pid"
wait_for 20 told '^RELOADING=1$'
told '^MONOTONIC_USEC=[0-9]*$' || fail "no time of the reload: $(cat told)"
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
pid=
want "exit status" "$status" 75
wait_for 20 told '^STOPPING=1$'

# A round that neither moves nor waits for what it should is not said to go on: the service hangs.
: >told
NOTIFY_SOCKET=$scratch/notify WATCHDOG_USEC=200000 env --default-signal=HUP setsid sh as-service.sh "$builddir/tools/liftfs-sync" --watch=1h \
	--before 'read -r line <go; kill -STOP '"$server_pid" ds "$endpoint/notify" >out 2>err &
pid=$!
wait_for 20 told '^WATCHDOG=1$'
timeout 20 sh -c 'echo >go' || fail "no round begins: $(cat err)"
quiet() {
	[ -s told.count ] && [ "$(grep -c WATCHDOG told)" = "$(cat told.count)" ] && still=$((still + 1)) || still=0
	grep -c WATCHDOG told >told.count
	[ "$still" -ge 12 ] # of 50 ms each, in which it would have been told as often
}
still=0
wait_for 20 quiet
kill -CONT "$server_pid"
wait_for 20 told '^STATUS=1 VM; next at 2'
grep -c WATCHDOG told >told.count
again() {
	[ "$(grep -c WATCHDOG told)" -gt "$(cat told.count)" ]
}
wait_for 20 again
kill -TERM "$pid"
wait "$pid" || :
pid=
echo "told how it goes"
