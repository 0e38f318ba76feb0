#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Images that products of others wrote, if a folder with them is there: $LIFTFS_SAMPLES, or ../shared/samples beside the
# source.  Its manifest.tsv has the SHA-256 of each one's flat content.  A format that says it is not supported is skipped.
. "${srcdir:-.}/tests/integration/lib.sh"
requires sha256sum xz gzip
samples=${LIFTFS_SAMPLES:-$srcdir/../shared/samples}
[ -f "$samples/manifest.tsv" ] || skip "no sample images (LIFTFS_SAMPLES)"
readdisk=$builddir/tests/support/readdisk
cp -r "$samples/." "$scratch"
cd "$scratch"
chmod -R u+w .
find . -name '*.xz' -exec xz -d {} + -o -name '*.gz' -exec gzip -d {} +

checked=0
unsupported=0
tail -n +2 manifest.tsv | cut -f1,7,10 >list
while read -r stored rest; do
	size=${rest%%	*}
	sha=${rest##*	}
	file=${stored%.xz}
	file=${file%.gz}
	case $file in
	*.vmdk | *.vhd | *.vhdx | *.avhdx) ;;
	*) continue ;;
	esac
	case $sha in
	????????????????????????????????????????????????????????????????) ;;
	*) continue ;;
	esac
	status=0
	"$readdisk" "$file" 2>message >flat || status=$?
	case $status in
	0) ;;
	69 | 2)
		unsupported=$((unsupported + 1))
		echo "not supported: $file: $(cat message)"
		continue
		;;
	*)
		case $file in # what the samples' README says must be refused
		dfvfs/image.vhd | dfvfs/image-differential.vhd | *q-crash7.vhdx | *differencing.avhdx) continue ;;
		esac
		fail "$file: $(cat message)"
		;;
	esac
	[ "$(stat -c %s flat)" -eq "$size" ] || fail "$file: $(stat -c %s flat) bytes, not $size"
	got=$(sha256sum flat | cut -d' ' -f1)
	[ "$got" = "$sha" ] || fail "$file: SHA-256 $got, not $sha"
	checked=$((checked + 1))
done <list
[ "$checked" -gt 0 ] || fail "no sample was checked"
echo "checked $checked samples, $unsupported not supported"
