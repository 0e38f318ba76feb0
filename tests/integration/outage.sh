#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A replication over TLS to Azurite meets an outage, a black hole, a slow line, cut connections, lost answers and a busy service,
# all in one cycle, and ends equal.  OUTAGE_MIB sets the size of the disk (half of it data).
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
. "$srcdir/tests/integration/lib-outage.sh"
AZURITE=${AZURITE:-azurite-blob}
requires qemu-img jq openssl haproxy socat node "$AZURITE"
[ "${LIFTFS_SANITIZED:-no}" = no ] || skip "what is slow here is the emulator"
export AZURITE
stop_azurite() {
	"$srcdir/tests/integration/azurite.sh" stop "$scratch"
}
cleanup_fn stop_azurite
backend=$("$srcdir/tests/integration/azurite.sh" start "$scratch")
backend=${backend#*//}
start_proxy "${backend%%/*}"
AZURE_STORAGE_ACCOUNT=$emulator_account
AZURE_STORAGE_KEY=$emulator_key
export AZURE_STORAGE_ACCOUNT AZURE_STORAGE_KEY
url=https://127.0.0.1:$proxy_port/$emulator_account/disks/outage

mib=${OUTAGE_MIB:-128}
mkdir "$scratch/store"
truncate -s "${mib}M" "$scratch/store/big.raw"
random_bytes "$scratch/store/big.raw" 0 $((mib * 262144)) begin
random_bytes "$scratch/store/big.raw" $((mib * 524288)) $((mib * 262144)) middle
# Many requests, so that each fault meets some: a block a write.
liftfs sync --json --cacert "$proxy_ca" --connections 4 "$scratch/store" "$url" >"$scratch/out.json" 2>"$scratch/err" &
pid=$!

meet() { # NAME: once some more requests have gone through
	proxy_mark
	wait_for 120 proxy_more_or_ended 4
	echo "$(date +%T) $1 after $(proxy_passed) requests"
}
# shellcheck disable=SC2317 # called by wait_for
proxy_more_or_ended() {
	proxy_more "$1" || ! kill -0 $pid 2>/dev/null
}

meet outage
proxy_down
sleep 3
proxy_up
meet "a slow line"
proxy_fault delay 300
meet "cut connections"
proxy_cut
proxy_fault delay 0
meet "lost answers"
proxy_fault plost 40
meet "a busy service"
proxy_fault plost 0
proxy_fault p503 40
meet "a black hole"
proxy_fault p503 0
proxy_fault pdrop 60
sleep 1
proxy_fault pdrop 0
status=0
wait $pid || status=$?
tries=0
while [ $status = 75 ] && [ $tries -lt 3 ]; do
	tries=$((tries + 1)) status=0
	echo "again: $(tail -n 1 "$scratch/err")"
	liftfs sync --json --cacert "$proxy_ca" "$scratch/store" "$url" >"$scratch/out.json" 2>"$scratch/err" || status=$?
done
[ $status = 0 ] || fail "status $status: $(cat "$scratch/err")"
echo "$(json '.disks[0] | "\(.retries) retries, \(.requests.writes) writes, \(.seconds) s"' "$scratch/out.json"), $tries more runs"
[ $tries -gt 0 ] || [ "$(json '.disks[0].retries' "$scratch/out.json")" -gt 0 ] || fail "nothing went wrong"

# Another reader: the replica as the SDK downloads it.
liftfs verify --cacert "$proxy_ca" "$scratch/store/big.raw" "$url/big.vhd" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"
AZURE_STORAGE_CONNECTION_STRING="DefaultEndpointsProtocol=http;AccountName=$emulator_account;AccountKey=$emulator_key;BlobEndpoint=http://${backend%%/*}/$emulator_account;"
export AZURE_STORAGE_CONNECTION_STRING
if /usr/bin/python3 -c 'import azure.storage.blob' 2>/dev/null; then
	/usr/bin/python3 "$srcdir/tests/integration/sdk_download.py" disks outage/big.vhd '' "$scratch/back.vhd" || fail "the SDK"
	same_as_vhd "$scratch/store/big.raw" "$scratch/back.vhd"
fi
