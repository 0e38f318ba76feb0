#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Signing in as a user does: client secret, certificate, federated token, managed identity, a SAS from a file; what the
# first line says, what a refusal says, and that no secret is anywhere.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img jq openssl curl
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=liftfs -keyout "$scratch/key.pem" -out "$scratch/cert.pem" \
	2>/dev/null || fail "openssl req"
start_server --client-secret 'S3cret-Value' --federated eyJ.fed.sig --client-cert "$scratch/cert.pem" --container disks \
	--token-s 2
unset AZURE_STORAGE_ACCOUNT AZURE_STORAGE_KEY
base=${endpoint%/*}
store=$scratch/store url=$endpoint/disks/export
mkdir -p "$store/web01"
make_raw "$scratch/flat.raw" 8 web01
qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat "$scratch/flat.raw" "$store/web01/web01.vmdk"

# Nothing is there: everything that was looked for is named.
must_fail 78 "no credentials; set AZURE_STORAGE_CONNECTION_STRING" liftfs sync "$store" "$url"
must_fail 78 "LIFTFS_AUTH=managed" liftfs sync "$store" "$url"

# A client secret; tokens of two seconds end while the writes are slowed down.
AZURE_AUTHORITY_HOST=$base/_token AZURE_TENANT_ID=tenant AZURE_CLIENT_ID=client AZURE_CLIENT_SECRET=S3cret-Value
export AZURE_AUTHORITY_HOST AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET
printf 'PutPage delay ms=900\n' | curl -sS -T - "$base/_admin/faults" || fail "faults"
liftfs sync --json --connections 1 "$store" "$url" >"$scratch/first.json" 2>"$scratch/err" || fail "secret: $(cat "$scratch/err")"
[ "$(curl -sS "$base/_admin/tokens")" -ge 2 ] || fail "the token did not end while writes were on their way"
curl -sS -X PUT -H 'Content-Length: 0' -T /dev/null "$base/_admin/faults" || fail "faults"
head -n 1 "$scratch/err" | grep -qE 'credentials: Entra ID client client of tenant tenant by its client secret, from AZURE_CLIENT_SECRET, token until 20[0-9TZ:-]+, then renewed' ||
	fail "first line: $(head -n 1 "$scratch/err")"
liftfs verify "$store/web01/web01.vmdk" "$url/web01/web01.vhd" >"$scratch/out" 2>&1 || fail "verify: $(cat "$scratch/out")"
# All tokens end at once while writes are on their way.
printf X | dd of="$store/web01/web01-flat.vmdk" bs=1 seek=1000000 conv=notrunc status=none
printf 'PutPage fail n=1 count=1 status=401 code=InvalidAuthenticationInfo\n' | curl -sS -T - "$base/_admin/faults" || fail "faults"
liftfs sync "$store" "$url" >/dev/null 2>"$scratch/err" || fail "refused once: $(cat "$scratch/err")"

# Wrong tenant, wrong secret: what is wrong, where, as whom, and never the secret.
must_fail 78 "AADSTS90002: Tenant not found; check AZURE_TENANT_ID" env AZURE_TENANT_ID=other liftfs list "$url"
must_fail 78 "as client client: HTTP status 401 AADSTS7000215" env AZURE_CLIENT_SECRET=Wr0ng-Value liftfs list "$url"
if grep -rqE 'S3cret-Value|Wr0ng-Value|eyJ0[.]' "$scratch/err" "$scratch/stderr" "$LIFTFS_STATE" "$scratch/first.json"; then
	fail "a secret was printed or stored"
fi
must_fail 78 "https only" env AZURE_AUTHORITY_HOST=http://login.example liftfs list "$url"
unset AZURE_CLIENT_SECRET

# The certificate, and its signature as openssl(1) sees it.
cat "$scratch/key.pem" "$scratch/cert.pem" >"$scratch/both.pem"
AZURE_CLIENT_CERTIFICATE_PATH=$scratch/both.pem liftfs list "$url" >"$scratch/out" 2>"$scratch/err" || fail "certificate: $(cat "$scratch/err")"
grep -q 'by its certificate, from AZURE_CLIENT_CERTIFICATE_PATH, certificate until 20' "$scratch/err" || fail "first line: $(cat "$scratch/err")"
jwt=$(curl -sS "$base/_admin/form" | tr '&' '\n' | sed -n 's/^client_assertion=//p')
[ -n "$jwt" ] || fail "no assertion was sent"
printf %s "${jwt%.*}" >"$scratch/signed"
printf '%s==' "${jwt##*.}" | tr -- -_ +/ | base64 -d >"$scratch/signature" 2>/dev/null || :
openssl x509 -in "$scratch/cert.pem" -noout -pubkey >"$scratch/public.pem"
openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify "$scratch/public.pem" \
	-signature "$scratch/signature" "$scratch/signed" >"$scratch/out" || fail "openssl does not verify the assertion: $(cat "$scratch/out")"

# A token of another issuer, and a managed identity.
printf 'eyJ.fed.sig\n' >"$scratch/federated"
AZURE_FEDERATED_TOKEN_FILE=$scratch/federated liftfs list "$url" >"$scratch/out" 2>"$scratch/err" || fail "federated: $(cat "$scratch/err")"
unset AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_AUTHORITY_HOST
AZURE_POD_IDENTITY_AUTHORITY_HOST=$base/_token LIFTFS_AUTH=managed liftfs list "$url" >"$scratch/out" 2>"$scratch/err" ||
	fail "managed: $(cat "$scratch/err")"
grep -q 'credentials: system-assigned managed identity of this machine in Azure, from LIFTFS_AUTH' "$scratch/err" || fail "first line: $(cat "$scratch/err")"

# A SAS from a file that ends soon says so; one that ended is named with what to do.
key_hex=$(printf %s "$emulator_key" | base64 -d | od -An -v -tx1 | tr -d ' \n')
put_sas() { # END
	sig=$(printf 'rcwl\n\n%s\n/blob/%s/disks\n\n\n\n2021-12-02\nc\n\n\n\n\n\n\n' "$1" "$emulator_account" |
		openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key_hex" -binary | base64 | sed 's/+/%2B/g; s/=/%3D/g')
	printf 'AZURE_STORAGE_SAS_TOKEN=sv=2021-12-02&sr=c&sp=rcwl&se=%s&sig=%s\n' "$1" "$sig" >"$scratch/credentials"
	chmod 600 "$scratch/credentials"
}
put_sas "$(date -u -d '+2 hours' +%Y-%m-%dT%H:%M:%SZ)"
liftfs list --credentials "$scratch/credentials" "$url" >"$scratch/out" 2>"$scratch/err" || fail "SAS: $(cat "$scratch/err")"
grep -qE 'SAS from AZURE_STORAGE_SAS_TOKEN, rights rcwl on a container, until .*, which is in (2 h 00|1 h 5|1[0-9][0-9]).*: renew it' "$scratch/err" || fail "first line: $(cat "$scratch/err")"
put_sas "$(date -u -d '-2 minutes' +%Y-%m-%dT%H:%M:%SZ)"
must_fail 78 "put a new SAS into it" liftfs list --credentials "$scratch/credentials" "$url"
