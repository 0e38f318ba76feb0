#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Searches for inputs that break a parser: builds the fuzz targets with clang's libFuzzer, AddressSanitizer and UBSan, and
# runs each, starting from its corpus.  What breaks one is left in FOLDER/NAME.crashes.
#
#   build-aux/fuzz.sh [-t SECONDS] [-j JOBS] [-o FOLDER] [NAME...]
#
# SECONDS is for each target (60), JOBS how many run at once (2), FOLDER where it builds (build-fuzz).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
seconds=60 jobs=2 out=$top/build-fuzz
while getopts t:j:o: opt; do
	case $opt in
	t) seconds=$OPTARG ;;
	j) jobs=$OPTARG ;;
	o) out=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
names=("$@")
if [ ${#names[@]} = 0 ]; then
	for file in "$top"/tests/fuzz/fuzz-*.c; do
		name=$(basename "$file" .c)
		[ "$name" = fuzz-main ] || names+=("${name#fuzz-}")
	done
fi

mkdir -p "$out/src" "$out/build"
(cd "$top" && git ls-files -z | tar -c --null -T -) | tar -x -C "$out/src"
cd "$out/src" && ./bootstrap >"$out/build.log" 2>&1
cd "$out/build"
"$out/src/configure" CC=clang CFLAGS='-g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
	LDFLAGS='-fsanitize=address,undefined' >>"$out/build.log" 2>&1
make -j"$(nproc)" >>"$out/build.log" 2>&1
# libFuzzer brings main() and what drives the target
make -j"$(nproc)" CPPFLAGS=-DLIFTFS_LIBFUZZER LDFLAGS='-fsanitize=fuzzer,address,undefined' \
	"${names[@]/#/tests/fuzz/fuzz-}" >>"$out/build.log" 2>&1 || {
	tail -n 20 "$out/build.log" >&2
	exit 1
}

run_one() { # NAME
	local name=$1 found=$out/$1.found crashes=$out/$1.crashes seeds=()
	mkdir -p "$found" "$crashes"
	[ ! -d "$top/tests/fuzz/corpus/$name" ] || seeds=("$top/tests/fuzz/corpus/$name")
	nice -n 19 "$out/build/tests/fuzz/fuzz-$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$crashes/" "$found" "${seeds[@]}" \
		>"$out/$name.log" 2>&1 || true
	printf '%-16s %10s inputs, %s crashes\n' "$name" \
		"$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log")" \
		"$(find "$crashes" -type f | wc -l)"
}
export -f run_one
export out seconds top
printf '%s\n' "${names[@]}" | xargs -P "$jobs" -I{} bash -c 'run_one {}'
