#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The test's page-blob server as Microsoft's own client sees it: a second opinion on signatures, replies and codes.
set -u
srcdir=${srcdir:-.}
server=tests/support/pageblob-server
python=/usr/bin/python3

skip() {
	echo "skipped: $1"
	exit 77
}
[ -x "$server" ] || skip "no pageblob-server (libmicrohttpd was not found)"
[ -x "$python" ] || skip "no $python"
"$python" -c 'import azure.storage.blob' 2>/dev/null || skip "no python3-azure-storage"

tmp=$(mktemp -d) || exit 99
pid=
cleanup() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	wait
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

mkfifo "$tmp/ready" || exit 99
"$server" --log "$tmp/log" >"$tmp/ready" &
pid=$!
read -r endpoint <"$tmp/ready" || {
	echo "the server did not start"
	exit 1
}
"$python" "$srcdir/tests/integration/pageblob_server_sdk.py" "$endpoint" || exit 1

# What the server says of itself must agree with what the client did.
for op in CreateContainer PutBlob PutPage ClearPages GetPageRanges SnapshotBlob LeaseAcquire SetBlobProperties GetBlob; do
	grep -q "\"op\":\"$op\"" "$tmp/log" || {
		echo "no $op in the log"
		exit 1
	}
done
if grep -E '"query":"[^"]*sig=[^-]' "$tmp/log"; then
	echo "a signature is in the log"
	exit 1
fi
kill "$pid"
wait "$pid" || {
	echo "the server ended with $? on SIGTERM"
	exit 1
}
pid=
