# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What tests of looking at disks share; sourced after lib.sh.  They run in $scratch.
look() { # IMAGE [LIMIT]: into the file found
	"$builddir/tests/support/lookdisk" "$@" >found || fail "$* cannot be looked at"
}
has() { # LINE, whole but for the byte
	grep -qxE -e "$1( \| [0-9]+)?" found || fail "not found: $1; but: $(cat found)"
}
