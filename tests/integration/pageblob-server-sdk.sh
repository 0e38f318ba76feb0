#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The test's page-blob server as Microsoft's own client sees it: a second opinion on signatures, replies and codes.
. "${srcdir:-.}/tests/integration/lib.sh"

server=$builddir/tests/support/pageblob-server
python=/usr/bin/python3 # the distribution's, which has the distribution's modules
[ -x "$server" ] || skip "no pageblob-server: libmicrohttpd was not found"
[ -x "$python" ] || skip "no $python"
"$python" -c 'import azure.storage.blob' 2>/dev/null || skip "no python3-azure-storage"

pid=
stop_server() {
	[ -n "$pid" ] || return 0
	kill "$pid" 2>/dev/null
	wait "$pid"
}
cleanup_fn stop_server
mkfifo "$scratch/ready"
"$server" --log "$scratch/log" >"$scratch/ready" &
pid=$!
read -r endpoint <"$scratch/ready" || fail "the server did not start"
"$python" "$srcdir/tests/integration/pageblob_server_sdk.py" "$endpoint" || fail "see above"

# What the server says of itself must agree with what the client did.
for op in CreateContainer PutBlob PutPage ClearPages GetPageRanges SnapshotBlob LeaseAcquire SetBlobProperties GetBlob; do
	grep -q "\"op\":\"$op\"" "$scratch/log" || fail "no $op in the log"
done
if grep -E '"query":"[^"]*sig=[^-]' "$scratch/log"; then
	fail "a signature is in the log"
fi
kill "$pid"
status=0
wait "$pid" || status=$?
pid=
[ "$status" -eq 0 ] || fail "the server ended with $status on SIGTERM"
