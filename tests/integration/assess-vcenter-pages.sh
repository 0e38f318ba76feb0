#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A vCenter whose replies come in pages or hold faults: a server of our own, since the simulator does neither.
. "${srcdir:-.}/tests/integration/lib.sh"
requires /usr/bin/python3 openssl
LIFTFS_VCENTER_USER='a&b'
LIFTFS_VCENTER_PASSWORD='p<w'
export LIFTFS_VCENTER_USER LIFTFS_VCENTER_PASSWORD
read=$builddir/tests/support/read-vcenter

pid=
stop_double() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || :
	[ -z "$pid" ] || wait "$pid" 2>/dev/null || :
	pid=
}
cleanup_fn stop_double

# double MODE [PEM [PEM]]: a new one, at $url.
double() {
	stop_double
	: >"$scratch/port"
	: >"$scratch/record"
	mode=$1
	shift
	/usr/bin/python3 "$srcdir/tests/support/vcenter_double.py" "$mode" "$scratch/record" "$@" >"$scratch/port" &
	pid=$!
	wait_for 20 test -s "$scratch/port"
	host=127.0.0.1:$(cat "$scratch/port")
	url=http${1:+s}://$host/sdk
}

double pages
"$read" "$url" >"$scratch/got" || fail "pages cannot be read"
[ "$(grep -c '^web/[1-5]: .* memory=1024' "$scratch/got")" -eq 5 ] || fail "not the machines of all pages: $(cat "$scratch/got")"
[ "$(grep -c '^  Hard disk 1: path=\[ds\] [1-5].vmdk mib=2 ' "$scratch/got")" -eq 5 ] || fail "not their disks: $(cat "$scratch/got")"
cat >"$scratch/want" <<EOF
RetrieveServiceContent "urn:vim25/6.5" - -
Login "urn:vim25/8.0.2.0" - -
CreateContainerView "urn:vim25/8.0.2.0" session -
RetrievePropertiesEx "urn:vim25/8.0.2.0" session 500
DestroyView "urn:vim25/8.0.2.0" session -
CreateContainerView "urn:vim25/8.0.2.0" session -
RetrievePropertiesEx "urn:vim25/8.0.2.0" session 500
ContinueRetrievePropertiesEx "urn:vim25/8.0.2.0" session &lt;3&gt;
ContinueRetrievePropertiesEx "urn:vim25/8.0.2.0" session &lt;5&gt;
DestroyView "urn:vim25/8.0.2.0" session -
Logout "urn:vim25/8.0.2.0" session -
EOF
diff "$scratch/want" "$scratch/record" || fail "other calls"

# Signed out whatever happened.
signed_out() {
	[ "$(tail -n 1 "$scratch/record" | cut -d' ' -f1)" = Logout ] || fail "$1: not signed out: $(cat "$scratch/record")"
}

cp "$scratch/got" "$scratch/whole"

# all_came MODE PAGES LOGINS: nothing is missing and nothing comes twice; so many first pages of machines, so many sign-ins.
all_came() {
	double "$1"
	"$read" "$url" >"$scratch/got" || fail "$1: cannot be read"
	sed "s/127.0.0.1:[0-9]*/HOST/g" "$scratch/got" >"$scratch/got.host"
	sed "s/127.0.0.1:[0-9]*/HOST/g" "$scratch/whole" | diff - "$scratch/got.host" || fail "$1: not the same machines"
	[ "$(grep -c '^RetrievePropertiesEx ' "$scratch/record")" -eq $((1 + $2)) ] || fail "$1: not asked $2 times: $(cat "$scratch/record")"
	[ "$(grep -c '^Login ' "$scratch/record")" -eq "$3" ] || fail "$1: not $3 sign-ins: $(cat "$scratch/record")"
	signed_out "$1"
}
all_came expiring 2 2
all_came faulting 2 2
all_came cut 3 1
all_came busy 3 2

double denied
"$read" "$url" >"$scratch/got" || fail "one machine's fault is all machines'"
grep -q "^$host vm-2 'web%2f2': cannot be read (NoPermission): config.hardware, guest.net$" "$scratch/got" ||
	fail "no notice: $(cat "$scratch/got")"
[ "$(grep -c '^web/[1-5]: ' "$scratch/got")" -eq 5 ] || fail "machines are missing: $(cat "$scratch/got")"
signed_out denied

double expired
must_fail 78 "$host: not signed in any more (NotAuthenticated)" "$read" "$url"
[ "$(grep -c '^Login ' "$scratch/record")" -eq 2 ] || fail "signs in for ever: $(cat "$scratch/record")"
signed_out expired

double empty
must_fail 65 "$host: a page without objects that announces another" "$read" "$url"
signed_out empty

double large
must_fail 75 "asked for 500 objects at most: $host: RetrievePropertiesEx: " "$read" "$url"
grep -q 'reply of more than 67108864 bytes' "$scratch/stderr" || fail "does not say why: $(cat "$scratch/stderr")"

double old
must_fail 69 "$host: its API is of version 6.0, older than 6.5" "$read" "$url"
[ "$(cat "$scratch/record")" = 'RetrieveServiceContent "urn:vim25/6.5" - -' ] || fail "goes on: $(cat "$scratch/record")"

double page.html
must_fail 65 "$host: RetrieveServiceContent: not a reply of a vCenter: XML: not well-formed" "$read" "$url"

double pages
must_fail 78 "sign in as 'a&b': $host: Login: InvalidLogin" env LIFTFS_VCENTER_PASSWORD=s3cret-wrong "$read" "$url"
! grep -q s3cret "$scratch/stderr" || fail "the password is told"
must_fail 78 "LIFTFS_VCENTER_PASSWORD is not set" env -u LIFTFS_VCENTER_PASSWORD "$read" "$url"
must_fail 2 "$url: there is no certificate without https" "$read" --thumbprint "$(printf %064d 1)" "$url"
must_fail 2 "64 hexadecimal digits" "$read" --thumbprint 12:34 "$url"
must_fail 2 "http://vc.example.org/sdk: a password goes to a vCenter by https only" "$read" http://vc.example.org
must_fail 2 "a vCenter's URL names no user" "$read" https://user:s3cret@vc.example.org
! grep -q s3cret "$scratch/stderr" || fail "the password in the URL is told"
must_fail 2 "'https://vc.example.org/ui': not a vCenter's URL" "$read" https://vc.example.org/ui

# The certificate: server's is of this host, other's is not.
make_certificate() {
	name=$1
	shift
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$scratch/$name.key" \
		-out "$scratch/$name.crt" -days 2 -subj "/CN=$name" "$@" 2>/dev/null || fail "openssl"
	cat "$scratch/$name.crt" "$scratch/$name.key" >"$scratch/$name.pem"
}
make_certificate server -addext subjectAltName=IP:127.0.0.1
make_certificate other
thumbprint_of() {
	openssl x509 -in "$scratch/$1.crt" -noout -fingerprint -sha256 | cut -d= -f2
}
unset CURL_CA_BUNDLE SSL_CERT_FILE
double pages "$scratch/server.pem"
"$read" --thumbprint "$(thumbprint_of server)" "$url" >"$scratch/got" || fail "not by its thumbprint"
[ "$(grep -c '^web/' "$scratch/got")" -eq 5 ] || fail "not all machines: $(cat "$scratch/got")"
: >"$scratch/record"
must_fail 78 "$url: the server's certificate has the thumbprint $(thumbprint_of server), not $(thumbprint_of other)" \
	"$read" --thumbprint "$(thumbprint_of other)" "$url"
must_fail 78 certificate "$read" "$url"
must_fail 78 certificate "$read" --cacert "$scratch/other.crt" "$url"
[ ! -s "$scratch/record" ] || fail "something was sent: $(cat "$scratch/record")"
"$read" --cacert "$scratch/server.crt" "$url" | cmp - "$scratch/got" || fail "not by its CA"
double pages "$scratch/other.pem"
must_fail 78 "does not match target host name" "$read" --cacert "$scratch/other.crt" "$url"
[ ! -s "$scratch/record" ] || fail "something was sent to another name: $(cat "$scratch/record")"
# Another server, once the thumbprint was looked at.
double pages "$scratch/server.pem" "$scratch/other.pem"
must_fail 78 'SSL: public key does not match pinned public key' "$read" --thumbprint "$(thumbprint_of server)" "$url"
[ ! -s "$scratch/record" ] || fail "something was sent to another server: $(cat "$scratch/record")"
# As an inventory of the command line, with the certificate that its thumbprint names and no other.
double pages "$scratch/server.pem"
assess="$builddir/tools/liftfs assess --catalogue $srcdir/src/assess/catalogue --json"
$assess --thumbprint "$(thumbprint_of server)" "$url" >"$scratch/assessed" || fail "liftfs assess cannot read it"
grep -q '"name":"web%2F5"\|"name":"web/5"' "$scratch/assessed" || fail "its machines are not assessed: $(cat "$scratch/assessed")"
must_fail 78 'the thumbprint' $assess --thumbprint "$(thumbprint_of other)" "$url"
