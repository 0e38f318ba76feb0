#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every structure of small images of every format is damaged, and their files are cut at every boundary: the content is the
# same, or there is a clear refusal, or clear errors for the range that the structure speaks of.  mutate.table has what
# nobody can find.
#
# By hand, for more cases of each field and for foreign images: mutate.sh --full [FOLDER], FOLDER as disk-samples.sh has it.
if [ -z "${TMPDIR-}" ] && [ -w /dev/shm ]; then
	export TMPDIR=/dev/shm # files are cut and written thousands of times
fi
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-images.sh"
requires python3
mutate=$builddir/tests/support/mutate
cases=$srcdir/tests/integration
cd "$scratch"

python3 -B "$cases/disk_images.py" . >images
# The images of others, each in a folder with those it needs, and what it reads as today.
if [ "${1-}" = --full ] && [ -n "${2-}" ]; then
	cp -r "$2" samples
	find samples -name '*.xz' -exec xz -d {} + -o -name '*.gz' -exec gzip -d {} +
	for image in $(find samples -name '*.vmdk' -o -name '*.vhd' -o -name '*.vhdx'); do
		name=$(echo "$image" | tr / _)
		"$builddir/tests/support/readdisk" "$image" >flat 2>/dev/null && [ "$(wc -c <flat)" -le 16777216 ] || continue
		mkdir "$name"
		mv flat "$name"
		cp "$(dirname "$image")"/* "$name"
		leaf=$(basename "$image")
		echo "$name $leaf $leaf"
	done >>images
fi
python3 -B "$cases/disk_fields.py" . <images >fields
status=0
# shellcheck disable=SC2086 # --full, or nothing
"$mutate" ${1-} "$cases/mutate.table" . <fields >out || status=$?
cat out
[ $status -eq 0 ] || fail "mutate: exit status $status"
for name in $images_read; do
	grep -q "^$name/disk.* cases: " out || fail "$name was not damaged"
done
