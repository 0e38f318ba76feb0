# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What integration tests share.  A test begins with
#
#	. "${srcdir:-.}/tests/integration/lib.sh"
#
# and then has $scratch, a folder of its own that is removed at the end, and runs in the build folder.
set -eu
LC_ALL=C
export LC_ALL
srcdir=${srcdir:-.}
# shellcheck disable=SC2034 # for the tests
builddir=$(pwd)
srcdir=$(cd "$srcdir" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/liftfs-test-XXXXXX")
cleanups=

run_cleanups() {
	status=$?
	for fn in $cleanups; do
		"$fn" || :
	done
	cd /
	rm -rf "$scratch"
	exit "$status"
}
trap run_cleanups EXIT
trap 'exit 130' INT TERM

# cleanup_fn NAME: calls the function at the end, whichever way the test ends; the last one first.
cleanup_fn() {
	cleanups="$1 $cleanups"
}

skip() {
	echo "SKIP: $*"
	exit 77
}

fail() {
	echo "FAIL: $*"
	exit 1
}

# requires PROGRAM...: skips the test if one is missing.
requires() {
	for program; do
		command -v "$program" >/dev/null 2>&1 || skip "$program is not installed"
	done
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	tries=$(($1 * 20))
	shift
	while [ "$tries" -gt 0 ]; do
		if "$@"; then
			return 0
		fi
		tries=$((tries - 1))
		sleep 0.05
	done
	fail "still not after waiting: $*"
}

# must_fail STATUS MESSAGE COMMAND...: the exit status, and a text that standard error must hold.
must_fail() {
	want_status=$1
	want_text=$2
	shift 2
	got_status=0
	"$@" >/dev/null 2>"$scratch/stderr" || got_status=$?
	[ "$got_status" -eq "$want_status" ] || fail "$*: exit status $got_status, not $want_status: $(cat "$scratch/stderr")"
	grep -qF -e "$want_text" "$scratch/stderr" || fail "$*: says '$(cat "$scratch/stderr")', not '$want_text'"
}
