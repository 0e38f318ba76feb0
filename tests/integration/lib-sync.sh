# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034
# Datastores of small disks, and what is asked of their replicas.  After lib.sh.
PATH=$builddir/tools:$PATH
LIFTFS_STATE=$scratch/state
export PATH LIFTFS_STATE
unset AZURE_STORAGE_CONNECTION_STRING AZURE_STORAGE_SAS_TOKEN AZURE_STORAGE_KEY AZURE_STORAGE_ACCOUNT || :
unset AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_CLIENT_CERTIFICATE_PATH AZURE_FEDERATED_TOKEN_FILE || :
unset AZURE_CLIENT_CERTIFICATE_PASSWORD AZURE_AUTHORITY_HOST AZURE_POD_IDENTITY_AUTHORITY_HOST LIFTFS_AUTH || :
unset IDENTITY_ENDPOINT IMDS_ENDPOINT || :
# The emulator's own, which the whole world knows.
emulator_account=devstoreaccount1
emulator_key='Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

# random_bytes FILE OFFSET LENGTH SEED: the same bytes for the same seed, in place.
random_bytes() {
	openssl enc -aes-128-ctr -nosalt -pass "pass:$4" -pbkdf2 -iter 1 </dev/zero 2>/dev/null | head -c "$3" |
		dd of="$1" bs=64K seek="$2" oflag=seek_bytes conv=notrunc iflag=fullblock status=none
}

# make_raw FILE MIB SEED: a quarter data at the beginning, some in the middle, the last sector, holes elsewhere.
make_raw() {
	truncate -s "$2M" "$1"
	random_bytes "$1" 0 $(($2 * 262144)) "$3"
	random_bytes "$1" $(($2 * 600000)) 70000 "$3-middle"
	random_bytes "$1" $(($2 * 1048576 - 512)) 512 "$3-end"
}

# flat FILE FORMAT OUT: the guest's view, by another reader.
flat() {
	qemu-img convert -f "$2" -O raw "$1" "$3"
}

# same_as_vhd RAW VHD: the VHD begins with RAW's bytes, is zero up to a whole MiB, and others accept it.
same_as_vhd() {
	size=$(stat -c %s "$1")
	padded=$(((size + 1048575) / 1048576 * 1048576))
	[ "$(stat -c %s "$2")" = $((padded + 512)) ] || fail "$2: $(stat -c %s "$2") bytes, not $padded and a footer"
	qemu-img info -f vpc "$2" >"$scratch/vpc-info" || fail "$2: qemu-img does not accept it"
	grep -q "($padded bytes)" "$scratch/vpc-info" || fail "$2: qemu-img says $(cat "$scratch/vpc-info")"
	qemu-img compare -q -f raw -F vpc "$1" "$2" || fail "$2 differs from $1"
}

# json EXPRESSION FILE: what jq makes of it, raw.
json() {
	jq -r "$1" "$2"
}

# want WHAT GOT EXPECTED
want() {
	[ "$2" = "$3" ] || fail "$1: $2, not $3"
}

# start_server [OPTION...]: the strict service; sets $endpoint, $server_log, and the environment's credentials.
start_server() {
	[ -x tests/support/pageblob-server ] || skip "the page-blob server was not built (libmicrohttpd)"
	server_log=$scratch/server.log
	mkfifo "$scratch/server.out"
	tests/support/pageblob-server --log "$server_log" "$@" >"$scratch/server.out" 2>"$scratch/server.err" &
	server_pid=$!
	cleanup_fn stop_server
	read -r endpoint <"$scratch/server.out" || fail "the server did not start: $(cat "$scratch/server.err")"
	rm "$scratch/server.out"
	AZURE_STORAGE_ACCOUNT=$emulator_account
	AZURE_STORAGE_KEY=$emulator_key
	export AZURE_STORAGE_ACCOUNT AZURE_STORAGE_KEY
}

stop_server() {
	kill "$server_pid" 2>/dev/null || :
	wait "$server_pid" 2>/dev/null || :
}

# requests OPERATION: how many of them the server has seen since the last forget_requests; not those of the maps' copies.
requests() {
	jq -s --arg op "$1" '[.[] | select(.op == $op and (.path | contains("/.liftfs/maps/") | not))] | length' "$server_log"
}

# copy_requests OPERATION: of the maps' copies.
copy_requests() {
	jq -s --arg op "$1" '[.[] | select(.op == $op and (.path | contains("/.liftfs/maps/")))] | length' "$server_log"
}

forget_requests() {
	: >"$server_log"
}
