#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every operation of the Azure target on Azurite: strict, which refuses CRC-64, and loose, which ignores it; in both MD5 must
# be used after one warning.  $AZURITE names the program azurite-blob.
. "${srcdir:-.}/tests/integration/lib.sh"
AZURITE=${AZURITE:-azurite-blob}
requires node "$AZURITE"
export AZURITE
# The emulator's own, which the whole world knows.
AZURE_STORAGE_KEY='Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
export AZURE_STORAGE_KEY

stop_azurite() {
	"$srcdir/tests/integration/azurite.sh" stop "$scratch"
}
cleanup_fn stop_azurite

walk() { # options of the emulator
	endpoint=$("$srcdir/tests/integration/azurite.sh" start "$scratch" "$@")
	tests/support/target-walk "$endpoint/disks/some%20place" 2>"$scratch/stderr" || fail "$*: $(cat "$scratch/stderr")"
	stop_azurite
	warnings=$(grep -c 'warning azure: .*does not know CRC-64' "$scratch/stderr")
	[ "$warnings" -eq 1 ] || fail "$*: $warnings warnings about checksums: $(cat "$scratch/stderr")"
}

walk
walk --loose
