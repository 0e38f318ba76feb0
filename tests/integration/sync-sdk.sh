#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A replica on Azurite, read back by Microsoft's SDK and compared with what qemu-img reads from the source.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
AZURITE=${AZURITE:-azurite-blob}
requires node "$AZURITE" qemu-img openssl cmp
export AZURITE
/usr/bin/python3 -c 'import azure.storage.blob' 2>/dev/null || skip "python3-azure-storage is not installed"

stop_azurite() {
	"$srcdir/tests/integration/azurite.sh" stop "$scratch"
}
cleanup_fn stop_azurite
endpoint=$("$srcdir/tests/integration/azurite.sh" start "$scratch")
AZURE_STORAGE_CONNECTION_STRING="DefaultEndpointsProtocol=http;AccountName=$emulator_account;AccountKey=$emulator_key;BlobEndpoint=$endpoint;"
export AZURE_STORAGE_CONNECTION_STRING

mkdir -p "$scratch/store/db01"
make_raw "$scratch/flat.raw" 12 sdk
qemu-img convert -f raw -O vhdx "$scratch/flat.raw" "$scratch/store/db01/db01.vhdx"
read_back() { # NAME SNAPSHOT OUT
	/usr/bin/python3 "$srcdir/tests/integration/sdk_download.py" disks "$1" "$2" "$3"
}
liftfs sync --json "$scratch/store" "$endpoint/disks" >"$scratch/first.json" 2>"$scratch/err" || fail "sync: $(cat "$scratch/err")"
read_back db01/db01.vhd '' "$scratch/back.vhd"
same_as_vhd "$scratch/flat.raw" "$scratch/back.vhd"

qemu-io -f vhdx -c 'write -P 0x5a 3000000 4096' "$scratch/store/db01/db01.vhdx" >/dev/null
flat "$scratch/store/db01/db01.vhdx" vhdx "$scratch/changed.raw"
liftfs sync "$scratch/store" "$endpoint/disks" 2>"$scratch/err" || fail "delta: $(cat "$scratch/err")"
read_back db01/db01.vhd '' "$scratch/back.vhd"
same_as_vhd "$scratch/changed.raw" "$scratch/back.vhd"
# The first recovery point still is what it was.
snapshot=$(jq -r '.disks[0].snapshot' "$scratch/first.json")
read_back db01/db01.vhd "$snapshot" "$scratch/point.vhd"
same_as_vhd "$scratch/flat.raw" "$scratch/point.vhd"

# Another host goes on by the map's copy; list shows no copies.
qemu-io -f vhdx -c 'write -P 0x5b 500000 4096' "$scratch/store/db01/db01.vhdx" >/dev/null
LIFTFS_STATE=$scratch/other liftfs sync --json "$scratch/store" "$endpoint/disks" >"$scratch/other.json" 2>"$scratch/err" ||
	fail "another host: $(cat "$scratch/err")"
want "bytes sent by another host" "$(jq '.disks[0].bytes_sent' "$scratch/other.json")" 65536
grep -q "by the copy of its block map" "$scratch/err" || fail "nothing was said: $(cat "$scratch/err")"
want "replicas listed" "$(liftfs list --plain "$endpoint/disks" 2>"$scratch/err")" db01/db01.vhd

# Made in a folder, carried by the SDK, gone on with: a delta, and unverified until it was compared.
liftfs sync "$scratch/store" "$scratch/made" >/dev/null 2>"$scratch/err" || fail "to a folder: $(cat "$scratch/err")"
upload() { # NAME
	/usr/bin/python3 "$srcdir/tests/integration/sdk_upload.py" disks "$1" "$scratch/made/db01/db01.vhd"
}
upload carried/db01/db01.vhd
qemu-io -f vhdx -c 'write -P 0x5c 1000000 4096' "$scratch/store/db01/db01.vhdx" >/dev/null
flat "$scratch/store/db01/db01.vhdx" vhdx "$scratch/changed.raw"
carried=$endpoint/disks/carried
must_fail 78 "not made by liftfs" liftfs sync "$scratch/store" "$carried"
must_fail 2 "not a folder of replicas" liftfs sync --seed "$endpoint/disks" "$scratch/store" "$carried"
must_fail 2 "no replicas of liftfs lie there" liftfs sync --seed "dir:$scratch" "$scratch/store" "$carried"
must_fail 2 "is TARGET itself" liftfs sync --seed "dir:$scratch/made" "$scratch/store" "$scratch/made"
liftfs sync -n --seed "dir:$scratch/made" --json "$scratch/store" "$carried" >"$scratch/out" 2>&1 || fail "dry: $(cat "$scratch/out")"
grep -q "is taken over if it is what the seed's block map says" "$scratch/out" || fail "dry: $(cat "$scratch/out")"
liftfs sync --seed "dir:$scratch/made" --json "$scratch/store" "$carried" >"$scratch/seeded.json" 2>"$scratch/err" ||
	fail "seeded: $(cat "$scratch/err")"
want "bytes sent after seeding" "$(jq '.disks[0].bytes_sent' "$scratch/seeded.json")" 65536
read_back carried/db01/db01.vhd '' "$scratch/back.vhd"
same_as_vhd "$scratch/changed.raw" "$scratch/back.vhd"
liftfs list "$carried" >"$scratch/list" 2>&1
grep -q "unverified since" "$scratch/list" || fail "no mark: $(cat "$scratch/list")"
unverified() {
	liftfs status --json "$carried" | jq '[.vms[].disks[].unverified] | unique'
}
want "unverified, as the database has it" "$(unverified | tr -d ' \n')" "[true]"
want "decisions" "$(liftfs status --events 100 --json | jq -r '[.events[] | select(.event == "decision").message] | join(" ")')" --seed
LIFTFS_STATE=$scratch/other liftfs verify "$scratch/store/db01/db01.vhdx" "$carried/db01/db01.vhd" >"$scratch/out" 2>&1 ||
	fail "verify elsewhere: $(cat "$scratch/out")"
grep -q "keeps the mark that it is unverified" "$scratch/out" || fail "verify elsewhere: $(cat "$scratch/out")"
liftfs verify "$scratch/store" "$carried" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"
grep -q "the next cycle takes from it the mark" "$scratch/out" || fail "verify: $(cat "$scratch/out")"
qemu-io -f vhdx -c 'write -P 0x5d 1000000 4096' "$scratch/store/db01/db01.vhdx" >/dev/null
liftfs sync "$scratch/store" "$carried" >/dev/null 2>"$scratch/err" || fail "after verify: $(cat "$scratch/err")"
want "mark after a verified cycle" "$(liftfs list --json "$carried" 2>/dev/null | jq '.replicas[0] | has("unverified")')" false
want "verified, as the database has it" "$(unverified | tr -d ' \n')" "[false]"
