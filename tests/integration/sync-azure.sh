#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a datastore to page blobs on the strict server: what is sent, what is refused, what survives.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img jq openssl curl
start_server

store=$scratch/store url=$endpoint/disks/export
mkdir -p "$store/web01"
make_raw "$scratch/flat.raw" 16 web01
qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat "$scratch/flat.raw" "$store/web01/web01.vmdk"
flat_file=$store/web01/web01-flat.vmdk

# -n: says what it would do, tests the rights, changes nothing.
liftfs sync -n "$store" "$url" >"$scratch/out" 2>&1 || fail "dry run: $(cat "$scratch/out")"
want "writes of a dry run" "$(jq -s '[.[] | select(.method == "PUT" or .method == "DELETE")] | length' "$server_log")" 0
grep -q "container disks: would be created" "$scratch/out" || fail "dry run: $(cat "$scratch/out")"
# The SAS of a container does not create it: a dry run says so too.
key_hex=$(printf %s "$emulator_key" | base64 -d | od -An -v -tx1 | tr -d ' \n')
sig=$(printf 'rcwl\n\n2099-01-01T00:00:00Z\n/blob/%s/disks\n\n\n\n2021-12-02\nc\n\n\n\n\n\n\n' "$emulator_account" |
	openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key_hex" -binary | base64 | sed 's/+/%2B/g; s/=/%3D/g')
sas="sv=2021-12-02&sr=c&sp=rcwl&se=2099-01-01T00%3A00%3A00Z&sig=$sig"
for option in -n -q; do
	must_fail 78 "create it first" liftfs sync $option "$store" "$url?$sas"
done
forget_requests

# The first cycle: 4 MiB and some data, in writes of at most 4 MiB; no zeros, no clears.
liftfs sync --json "$store" "$url" >"$scratch/first.json" 2>"$scratch/err" || fail "first: $(cat "$scratch/err")"
want kind "$(json '.disks[0].kind' "$scratch/first.json")" initial
want consistency "$(json '.disks[0].consistency' "$scratch/first.json")" proven
data=$((4 * 1048576 + 70000))
sent=$(json '.disks[0].bytes_sent' "$scratch/first.json")
{ [ "$sent" -ge $data ] && [ "$sent" -le $((data + 3 * 65536)) ]; } || fail "first cycle sent $sent of $data"
want "clears of the first cycle" "$(requests ClearPages)" 0
[ "$(requests PutPage)" -le 6 ] || fail "$(requests PutPage) writes for 4 MiB"
want "blobs created" "$(requests PutBlob)" 1
want snapshots "$(requests SnapshotBlob)" 1
want "recovery point" "$(json '.disks[0].recovery_point | test("^[0-9]{8}T[0-9]{6}[.][0-9]{3}Z$")' "$scratch/first.json")" true
head -n 1 "$scratch/err" | grep -q 'AZURE_STORAGE_KEY' || fail "the first line does not name the credentials: $(head -n 1 "$scratch/err")"
if grep -rqF "$emulator_key" "$scratch/err" "$LIFTFS_STATE" "$scratch/first.json"; then
	fail "the key was printed or stored"
fi
liftfs verify "$store/web01/web01.vmdk" "$url/web01/web01.vhd" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"

# One byte: one write of a block.  A block of zeros: one clear.
forget_requests
printf X | dd of="$flat_file" bs=1 seek=1000000 conv=notrunc status=none
dd if=/dev/zero of="$flat_file" bs=64K seek=20 count=2 conv=notrunc status=none
liftfs sync --json "$store" "$url" >"$scratch/delta.json" 2>"$scratch/err" || fail "delta: $(cat "$scratch/err")"
want "bytes of the delta" "$(json '.disks[0] | "\(.bytes_sent) \(.bytes_cleared)"' "$scratch/delta.json")" "65536 131072"
want "requests of the delta" "$(requests PutPage) $(requests ClearPages) $(requests PutBlob) $(requests SnapshotBlob)" "1 1 0 1"
liftfs verify "$store/web01/web01.vmdk" "$url/web01/web01.vhd" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"

# Every write carried lease, epoch and checksum.
bad=$(jq -s '[.[] | select(.op == "PutPage" and .status != 201)] | length' "$server_log")
want "refused writes" "$bad" 0

# Killed in the middle; the next run goes on and sends what is missing, once.
random_bytes "$flat_file" 0 $((8 * 1048576)) again
curl -sf -X PUT --data 'PutPage delay ms=400' "${endpoint%/*}/_admin/faults" >/dev/null || fail "faults"
forget_requests
liftfs sync --connections 1 "$store" "$url" >/dev/null 2>&1 &
pid=$!
# shellcheck disable=SC2317 # called by wait_for
one_page() { [ "$(requests PutPage)" -ge 1 ]; }
wait_for 20 one_page
kill -9 $pid
wait $pid 2>/dev/null || :
curl -sf -X PUT --data '' "${endpoint%/*}/_admin/faults" >/dev/null
done_before=$(requests PutPage)
liftfs sync --json "$store" "$url" >"$scratch/resumed.json" 2>"$scratch/err" || fail "resumed: $(cat "$scratch/err")"
[ "$done_before" -lt 2 ] || [ "$(json '.disks[0].bytes_sent' "$scratch/resumed.json")" -lt $((8 * 1048576)) ] ||
	fail "after $done_before writes the whole was sent again"
liftfs verify "$store/web01/web01.vmdk" "$url/web01/web01.vhd" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"

# SIGTERM: ends with 75 and goes on later.
random_bytes "$flat_file" 0 $((8 * 1048576)) more
curl -sf -X PUT --data 'PutPage delay ms=400' "${endpoint%/*}/_admin/faults" >/dev/null
forget_requests
liftfs sync --connections 1 "$store" "$url" >/dev/null 2>"$scratch/err" &
pid=$!
wait_for 20 one_page
kill -TERM $pid
status=0
wait $pid || status=$?
want "status after SIGTERM" $status 75
curl -sf -X PUT --data '' "${endpoint%/*}/_admin/faults" >/dev/null
liftfs sync "$store" "$url" 2>"$scratch/err" || fail "after SIGTERM: $(cat "$scratch/err")"
liftfs verify "$store/web01/web01.vmdk" "$url/web01/web01.vhd" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"

# Another host goes on by the copy of the map, without reading the replica; and back.
forget_requests
printf A | dd of="$flat_file" bs=1 seek=3000000 conv=notrunc status=none
LIFTFS_STATE=$scratch/other liftfs sync --json "$store" "$url" >"$scratch/other.json" 2>"$scratch/err" ||
	fail "another host: $(cat "$scratch/err")"
want "bytes sent by another host" "$(json '.disks[0].bytes_sent' "$scratch/other.json")" 65536
want "reads of the replica" "$(requests GetBlob) $(requests GetPageRanges)" "0 0"
[ "$(copy_requests GetBlob)" -ge 1 ] || fail "the copy was not read: $(cut -c 1-300 "$server_log")"
grep -q "by the copy of its block map" "$scratch/err" "$scratch/other.json" || fail "nothing was said: $(cat "$scratch/err")"
forget_requests
printf B | dd of="$flat_file" bs=1 seek=3000000 conv=notrunc status=none
liftfs sync --json "$store" "$url" >"$scratch/back.json" 2>"$scratch/err" || fail "back: $(cat "$scratch/err")"
want "bytes sent back here" "$(json '.disks[0].bytes_sent' "$scratch/back.json")" 65536
want "reads of the replica, back" "$(requests GetBlob) $(requests GetPageRanges)" "0 0"
want "requests of a small cycle's copy" "$(copy_requests PutPage) $(copy_requests SetBlobProperties) $(copy_requests PutBlob)" "2 1 0"
liftfs verify "$store/web01/web01.vmdk" "$url/web01/web01.vhd" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"
want "replicas listed" "$(liftfs list --plain "$url")" web01/web01.vhd

# A lost state is no loss.  On a person's word the copy is not asked, but the replica read.
rm -rf "$LIFTFS_STATE"
forget_requests
liftfs sync --adopt --json "$store" "$url" >"$scratch/adopt.json" 2>"$scratch/err" || fail "adopt: $(cat "$scratch/err")"
want "bytes sent after adopt" "$(json '.disks[0].bytes_sent' "$scratch/adopt.json")" 0
want "reads of the copy with adopt" "$(copy_requests GetBlob)" 0
[ "$(requests GetBlob)" -ge 1 ] || fail "adopt read nothing"

# A container SAS with the rights that the manual page asks for, from the environment and in the URL; one with fewer.
if /usr/bin/python3 -c 'import azure.storage.blob' 2>/dev/null; then
	sas() { # PERMISSIONS
		/usr/bin/python3 -c '
import datetime, sys
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
print(generate_container_sas(sys.argv[1], "disks", account_key=sys.argv[2], permission=ContainerSasPermissions.from_string(sys.argv[3]),
                             expiry=datetime.datetime.utcnow() + datetime.timedelta(hours=1)))' "$emulator_account" "$emulator_key" "$1"
	}
	unset AZURE_STORAGE_KEY
	AZURE_STORAGE_SAS_TOKEN=$(sas rcwl)
	export AZURE_STORAGE_SAS_TOKEN
	printf Y | dd of="$flat_file" bs=1 seek=2000000 conv=notrunc status=none
	liftfs sync --json "$store" "$url" >"$scratch/sas.json" 2>"$scratch/err" || fail "with a SAS: $(cat "$scratch/err")"
	want "bytes sent with a SAS" "$(json '.disks[0].bytes_sent' "$scratch/sas.json")" 65536
	token=$AZURE_STORAGE_SAS_TOKEN
	unset AZURE_STORAGE_SAS_TOKEN
	liftfs verify "$store/web01/web01.vmdk" "$url/web01/web01.vhd?$token" >"$scratch/out" 2>&1 || fail "SAS in the URL: $(cat "$scratch/out")"
	signature=${token##*sig=}
	if grep -rqF "${signature%%&*}" "$scratch/err" "$scratch/out" "$LIFTFS_STATE"; then
		fail "the signature was printed or stored"
	fi
	printf Z | dd of="$flat_file" bs=1 seek=2000000 conv=notrunc status=none
	AZURE_STORAGE_SAS_TOKEN=$(sas rl)
	export AZURE_STORAGE_SAS_TOKEN
	must_fail 78 'grants sp=rl; needed: sp=rcwl' liftfs sync "$store" "$url"
	unset AZURE_STORAGE_SAS_TOKEN
fi

# Refusals, each with a line and a status that a scheduler can act on.
AZURE_STORAGE_KEY=$(printf wrong | base64)
export AZURE_STORAGE_KEY
must_fail 78 AuthenticationFailed liftfs sync "$store" "$url"
unset AZURE_STORAGE_KEY
must_fail 78 AZURE_STORAGE liftfs sync "$store" "$url"
AZURE_STORAGE_SAS_TOKEN='sv=2021-12-02&ss=b&srt=sco&sp=rwlc&se=2020-01-01T00:00:00Z&sig=AAAA'
export AZURE_STORAGE_SAS_TOKEN
must_fail 78 2020-01-01 liftfs sync "$store" "$url"
unset AZURE_STORAGE_SAS_TOKEN
AZURE_STORAGE_KEY=$emulator_key
export AZURE_STORAGE_KEY
must_fail 2 inside liftfs sync "$store" "$store/inside"
