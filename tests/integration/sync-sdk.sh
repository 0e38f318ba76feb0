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
