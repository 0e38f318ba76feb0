#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each verb's table of options, its --help and its manual page name the same options; the pages are sound mdoc.
set -u
LC_ALL=C
export LC_ALL
srcdir=${srcdir:-.}
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
failed=0

complain() {
	echo "$*"
	failed=1
}

# The options that a page describes: those in a list's items.
of_page() {
	sed -n 's/^\.It \(Fl .*\)/\1/p' "$1" | tr ',' '\n' | tr -d ' \t' |
		sed -n 's/^FlFl\([a-z-]*\)\(Ar.*\|NsOo.*\|\)$/--\1/p; s/^Fl\([A-Za-z]\)\(Ar.*\|\)$/-\1/p' | sort -u
}

# The options of a --dump-options.
of_table() {
	awk -F'\t' '$1 != "-" { print "--" $1 } $2 != "-" { print "-" $2 }' "$1" | sort -u
}

common=
for program in tools/liftfs-*; do
	verb=${program#tools/liftfs-}
	case $verb in *.*) continue ;; esac
	page=$srcdir/man/liftfs-$verb.1
	if [ ! -f "$page" ]; then
		complain "liftfs $verb: no $page"
		continue
	fi
	"$program" --dump-options >"$tmp/table" || complain "liftfs $verb --dump-options: failed"
	of_table "$tmp/table" >"$tmp/of_table"
	of_page "$page" >"$tmp/of_page"
	of_page "$srcdir/man/liftfs.1" >"$tmp/of_common"
	sort -u "$tmp/of_page" "$tmp/of_common" >"$tmp/described"
	missing=$(comm -23 "$tmp/of_table" "$tmp/described" | tr '\n' ' ')
	[ -z "$missing" ] || complain "$page: does not describe: $missing"
	extra=$(comm -13 "$tmp/of_table" "$tmp/described" | tr '\n' ' ')
	[ -z "$extra" ] || complain "$page or liftfs.1: describes what liftfs $verb does not take: $extra"
	own=$(comm -12 "$tmp/of_page" "$tmp/of_common" | tr '\n' ' ')
	[ -z "$own" ] || complain "$page: repeats what liftfs.1 describes: $own"
	for section in EXAMPLES 'EXIT STATUS' DIAGNOSTICS; do
		grep -q "^\.Sh $section\$" "$page" || complain "$page: no section $section"
	done

	"$program" --help >"$tmp/help" || complain "liftfs $verb --help: failed"
	[ "$(wc -l <"$tmp/help")" -le 24 ] || complain "liftfs $verb --help: more than 24 lines"
	awk 'length($0) > 80 { exit 1 }' "$tmp/help" || complain "liftfs $verb --help: wider than 80 columns"
	while read -r option; do
		grep -qe "[ ,]$option\([ ,[]\|\$\)" "$tmp/help" ||
			# a common option with a letter is shown by it
			grep -q "^${option#--}	[a-z]	" "$tmp/table" || complain "liftfs $verb --help: $option is missing"
	done <"$tmp/of_table"
	common="$common $verb"
done
[ -n "$common" ] || complain "no verbs in tools/"

if command -v mandoc >/dev/null 2>&1; then
	for page in "$srcdir"/man/*.[1-8]; do
		mandoc -Tlint -W warning "$page" >"$tmp/lint" 2>&1 || true
		grep -q "^mandoc: $page:" "$tmp/lint" && complain "$(cat "$tmp/lint")"
	done
fi
[ "$failed" = 0 ] && echo "checked:$common"
exit "$failed"
