#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A vCenter as an inventory, against the vCenter simulator of govmomi: what an independent client sees is what is read; who is
# trusted, and who is not.  Never tried with a real vCenter.
. "${srcdir:-.}/tests/integration/lib.sh"
requires openssl /usr/bin/python3
/usr/bin/python3 -c 'import pyVmomi' 2>/dev/null || skip "python3-pyvmomi is not installed"
sdk=/usr/share/gocode/src/github.com/vmware/govmomi/simulator
if [ -n "${LIFTFS_VCSIM:-}" ]; then
	vcsim=$LIFTFS_VCSIM
	[ -x "$vcsim" ] || fail "LIFTFS_VCSIM: $vcsim is no program"
else
	[ "${LIFTFS_SANITIZED:-no}" = no ] || skip "the simulator is not built once more for $LIFTFS_SANITIZED; LIFTFS_VCSIM names one"
	requires go
	[ -d "$sdk" ] || skip "golang-github-vmware-govmomi-dev is not installed"
	vcsim=$builddir/build-tools/vcsim/vcsim
	sh "$srcdir/tests/support/vcsim/build.sh" "$vcsim" || fail "the simulator does not build"
fi

make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$scratch/$1.key" -out "$scratch/$1.pem" \
		-days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null
}
make_certificate server
make_certificate other

pid=
stop_vcsim() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || :
	[ -z "$pid" ] || wait "$pid" 2>/dev/null || :
}
cleanup_fn stop_vcsim
mkdir "$scratch/tmp"
TMPDIR=$scratch/tmp "$vcsim" -cert "$scratch/server.pem" -key "$scratch/server.key" -vm 2 >"$scratch/out" 2>"$scratch/err" &
pid=$!
wait_for 30 grep -q '^READY$' "$scratch/out"
host=$(sed -n 's/^URL //p' "$scratch/out")
url=https://$host/sdk
/usr/bin/python3 "$srcdir/tests/support/vcsim/fixture.py" "$host" >"$scratch/want" || fail "the fixture was not made"

LIFTFS_VCENTER_USER=user
LIFTFS_VCENTER_PASSWORD=pass
export LIFTFS_VCENTER_USER LIFTFS_VCENTER_PASSWORD
unset CURL_CA_BUNDLE SSL_CERT_FILE
read=$builddir/tests/support/read-vcenter

# The same machines as the independent client tells, in its form.
"$read" --cacert "$scratch/server.pem" "$url" >"$scratch/got" || fail "it cannot be read"
awk '
	function tell() { if (name != "") print name, power, firmware, cpus, mib, cbt, snapshot disks }
	function value(field) { return match($0, " " field "=[^ ]*") ? substr($0, RSTART + length(field) + 2, RLENGTH - length(field) - 2) : "" }
	/^[^ ].*: (on|off|suspended|\?) (bios|efi|\?)/ {
		tell()
		name = $1; sub(/:$/, "", name); power = $2; firmware = $3; cpus = value("vcpus"); mib = value("memory")
		cbt = / cbt/ ? "True" : "False"; snapshot = / snapshot/ ? "True" : "False"; disks = ""
		next
	}
	/^  / { disks = disks " " value("order") ":" value("mib") ":" value("mode") }
	END { tell() }
' "$scratch/got" | sort >"$scratch/seen"
diff "$scratch/want" "$scratch/seen" || fail "not what pyVmomi sees"
[ "$(grep -c '^fixture-' "$scratch/seen")" -eq 2 ] || fail "the fixtures are not there"
grep '^fixture-efi:' "$scratch/got" | grep -q ' datacenter=DC0 .*host=DC0_' || fail "no place: $(cat "$scratch/got")"
grep '^DC0_C0_RP0_VM0:' "$scratch/got" | grep -q ' cluster=DC0_C0 host=DC0_C0_H' || fail "no cluster: $(cat "$scratch/got")"
grep -A2 '^fixture-efi:' "$scratch/got" | grep -q 'mib=81920 order=2001 chain=1 mode=independent_persistent independent$' ||
	fail "no independent disk: $(cat "$scratch/got")"

# Whom to trust.
must_fail 78 'certificate' "$read" "$url"
must_fail 78 'certificate' "$read" --cacert "$scratch/other.pem" "$url"
thumbprint=$(openssl x509 -in "$scratch/server.pem" -noout -fingerprint -sha256 | cut -d= -f2)
wrong=$(openssl x509 -in "$scratch/other.pem" -noout -fingerprint -sha256 | cut -d= -f2)
"$read" --thumbprint "$thumbprint" "$url" | cmp - "$scratch/got" || fail "not with the right thumbprint"
"$read" --thumbprint "$(echo "$thumbprint" | tr -d : | tr A-F a-f)" "$url" | cmp - "$scratch/got" || fail "not in lower case"
must_fail 78 "$url: the server's certificate has the thumbprint $thumbprint, not $wrong" "$read" --thumbprint "$wrong" "$url"

# Who asks.
must_fail 78 "sign in as 'user': $host: Login: InvalidLogin" env LIFTFS_VCENTER_PASSWORD=s3cret-wrong "$read" --cacert "$scratch/server.pem" "$url"
! grep -q s3cret "$scratch/stderr" || fail "the password is told"
printf 'LIFTFS_VCENTER_USER=user\nLIFTFS_VCENTER_PASSWORD=pass\n' >"$scratch/credentials"
chmod 600 "$scratch/credentials"
LIFTFS_VCENTER_PASSWORD=wrong "$read" --credentials "$scratch/credentials" --cacert "$scratch/server.pem" "$url" |
	cmp - "$scratch/got" || fail "not with a file of credentials"
