#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On a host whose libcurl cannot be loaded, all that makes no request works, and the rest says what is missing.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires openssl

soname=$(sed -n 's/^#define LIBCURL_SONAME "\(.*\)"$/\1/p' config.h)
mkdir "$scratch/lib" "$scratch/store" "$scratch/store/web01"
echo 'no library' >"$scratch/lib/$soname"
LD_LIBRARY_PATH=$scratch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

for verb in assess info list mount prune status sync verify; do
	liftfs "$verb" --version >/dev/null || fail "$verb starts only with $soname"
done

store=$scratch/store copy=dir:$scratch/copy
make_raw "$store/web01/web01.raw" 2 web01
liftfs info "$store/web01/web01.raw" >/dev/null || fail "info"
liftfs list "$store" >/dev/null || fail "list"
LD_DEBUG=files LD_DEBUG_OUTPUT=$scratch/loaded liftfs sync "$store" "$copy" >/dev/null || fail "sync to a folder"
if grep -hF "$soname" "$scratch"/loaded.*; then # glibc's; another loader writes nothing
	fail "a sync to a folder looks for $soname"
fi
liftfs sync "$store" "$copy" >/dev/null || fail "sync to a folder, where nothing changed"
liftfs verify "$store/web01/web01.raw" "$copy/web01/web01.vhd" >/dev/null || fail "verify"
liftfs list "$copy" >/dev/null || fail "list of a folder of replicas"
liftfs status >/dev/null || fail "status"
liftfs prune --keep-last 1 "$copy" >/dev/null || fail "prune"
liftfs assess --catalogue "$srcdir/src/assess/catalogue" "$store" >/dev/null || fail "assess"

# Whichever part needs it first: the engine of HTTP, or a look at a URL without TLS.
AZURE_STORAGE_ACCOUNT=acct AZURE_STORAGE_KEY=a2V5
export AZURE_STORAGE_ACCOUNT AZURE_STORAGE_KEY
must_fail 69 "(Debian: libcurl4): $scratch/lib/$soname: " liftfs sync "$store" https://acct.blob.core.windows.net/disks
must_fail 69 "(Debian: libcurl4): $scratch/lib/$soname: " liftfs list https://acct.blob.core.windows.net/disks
unset AZURE_STORAGE_ACCOUNT AZURE_STORAGE_KEY
must_fail 69 "(Debian: libcurl4): $scratch/lib/$soname: " env LIFTFS_AUTH=managed \
	liftfs list https://acct.blob.core.windows.net/disks
must_fail 69 "(Debian: libcurl4): $scratch/lib/$soname: " env LIFTFS_VCENTER_USER=u LIFTFS_VCENTER_PASSWORD=p \
	liftfs assess --catalogue "$srcdir/src/assess/catalogue" http://127.0.0.1:1/sdk
[ "$(wc -l <"$scratch/stderr")" -eq 1 ] || fail "more than a line: $(cat "$scratch/stderr")"
