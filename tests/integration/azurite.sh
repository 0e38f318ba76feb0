#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An emulator of the blob service for one test: azurite.sh start FOLDER [OPTION...] prints its endpoint, azurite.sh stop FOLDER
# ends it.  In memory, on a free port of loopback, without telemetry.  $AZURITE names the program azurite-blob.
set -eu

stop() {
	[ -s "$1/azurite.pid" ] || return 0
	pid=$(cat "$1/azurite.pid")
	rm -f "$1/azurite.pid"
	kill "$pid" 2>/dev/null || return 0
	tries=0
	while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.05
	done
}

# Port 0 lets the kernel choose; the line that says so is the sign that it listens.
start() {
	dir=$1
	shift
	"$AZURITE" --blobHost 127.0.0.1 --blobPort 0 --disableTelemetry --inMemoryPersistence --skipApiVersionCheck \
		"$@" >"$dir/azurite.log" 2>&1 &
	pid=$!
	echo "$pid" >"$dir/azurite.pid"
	tries=0
	while [ "$tries" -lt 300 ]; do
		port=$(sed -n 's|.*listens on http://127\.0\.0\.1:\([0-9][0-9]*\).*|\1|p' "$dir/azurite.log" | head -n 1)
		if [ -n "$port" ] && [ "$port" != 0 ]; then
			echo "http://127.0.0.1:$port/devstoreaccount1"
			return 0
		fi
		kill -0 "$pid" 2>/dev/null || break
		tries=$((tries + 1))
		sleep 0.1
	done
	echo "azurite.sh: $AZURITE does not start:" >&2
	cat "$dir/azurite.log" >&2
	stop "$dir"
	return 1
}

case ${1:-} in
start)
	shift
	start "$@"
	;;
stop) stop "$2" ;;
*)
	echo "usage: azurite.sh start FOLDER [OPTION...] | stop FOLDER" >&2
	exit 2
	;;
esac
