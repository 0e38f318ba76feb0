#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Chains of VHDX that our writer makes, as 7-Zip and libvhdi read them, each where it is right: libvhdi takes the states
# that mean zeros for the parent's.  And one that Hyper-V wrote, if the sample images are there.
. "${srcdir:-.}/tests/integration/lib.sh"
requires cmp
readdisk=$builddir/tests/support/readdisk
makevhdx=$builddir/tests/support/makevhdx
[ -x "$makevhdx" ] || skip "built without cmocka"
cd "$scratch"
readers=
command -v 7zz >/dev/null 2>&1 && readers=7zz
mkdir mnt
unmount() {
	fusermount3 -u mnt 2>/dev/null || fusermount -u mnt 2>/dev/null
}
cleanup_fn unmount
command -v vhdimount >/dev/null 2>&1 && [ -w /dev/fuse ] && readers="$readers vhdimount"
[ -n "$readers" ] || skip "neither 7zz nor vhdimount is installed"

# ours FLAT: the chain's content, by one read after another and by several threads.
ours() {
	"$readdisk" top.avhdx | cmp - "$1" || fail "top.avhdx: content differs from its model"
	"$readdisk" --threads 3 --reads 60 top.avhdx "$1" || fail "top.avhdx: random reads differ"
}

by_7zz() {
	case $readers in *7zz*) ;; *) return 0 ;; esac
	7zz e -so top.avhdx 2>7zz.err | cmp - top.raw || fail "top.avhdx: 7-Zip reads another content: $(cat 7zz.err)"
}

# by_vhdimount N: the last of a chain of N.
by_vhdimount() {
	case $readers in *vhdimount*) ;; *) return 0 ;; esac
	vhdimount top.avhdx mnt >vhdimount.log 2>&1 || fail "vhdimount: $(cat vhdimount.log)"
	case $1 in
	3) cmp mnt/vhdi3 top.raw || fail "top.avhdx: libvhdi reads another content" ;;
	*) "$readdisk" --edges top.avhdx "mnt/vhdi$1" || fail "top.avhdx: libvhdi reads another content" ;;
	esac
	unmount
}

for seed in 1 2; do
	for sector in 512 4096; do
		"$makevhdx" $sector $seed
		ours top.raw
		by_7zz
		"$makevhdx" $sector $seed few
		ours top.raw
		by_7zz
		by_vhdimount 3
	done
done

# Two chunks, each with its bitmap.
"$makevhdx" chunks
"$readdisk" --edges top.avhdx top.raw || fail "chunks: content differs from its model"
by_vhdimount 2
rm -f top.raw

# The parent is another, or not there; the one beside the child is found under any folder that it once had.
"$makevhdx" 512 3
cp base.vhdx other.vhdx
cp top.avhdx mid.avhdx
must_fail 65 'is expected: it was written to, or is another' "$readdisk" top.avhdx
rm mid.avhdx
must_fail 65 'top.avhdx: parent: mid.avhdx: no such file' "$readdisk" top.avhdx

samples=${LIFTFS_SAMPLES:-$srcdir/../shared/samples}
sample=$samples/dissect.hypervisor/differencing.avhdx.gz
if [ -f "$sample" ]; then
	gzip -dc "$sample" >top.avhdx
	parent="Generation 1_49C4BAF3-4B25-4406-8C4B-D39E65C32385.avhdx"
	must_fail 65 "parent: $parent: no such file" "$readdisk" top.avhdx
	"$makevhdx" empty 00000000-11ed-4cf8-a166-b2be05e20b80 8192 "$parent"
	must_fail 65 'ff34003b-11ed-4cf8-a166-b2be05e20b80 is expected' "$readdisk" top.avhdx
	"$makevhdx" empty ff34003b-11ed-4cf8-a166-b2be05e20b80 8192 "$parent"
	"$readdisk" --extents top.avhdx >extents
	[ "$(awk '$3 == "data" { n += $2 } END { print n }' extents)" -eq 3174400 ] || fail "the sample's extents"
	by_vhdimount 2
fi
