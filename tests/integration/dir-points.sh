#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Several cycles to a directory: each recovery point equals the source of its moment, also after one in the middle was deleted; by
# undo files, and by clones where XFS can be mounted.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img jq openssl cmp

clones=
unmount() {
	[ -z "$clones" ] || umount "$clones"
}
cleanup_fn unmount

sync_once() { # TARGET SEED: a change, a cycle, and what the source was; adds to $points
	[ "$2" = 1 ] || random_bytes "$scratch/store/vm.raw" $((($2 * 1900000) % 9000000)) 700000 "$2"
	liftfs sync --json "$scratch/store" "$1" >"$scratch/sync.json" 2>"$scratch/err" || fail "cycle $2: $(cat "$scratch/err")"
	point=$(json '.disks[0].recovery_point' "$scratch/sync.json")
	[ "$point" != null ] || fail "cycle $2: no recovery point"
	cp --sparse=always "$scratch/store/vm.raw" "$scratch/at.$point.raw"
	points="$points $point"
}

all_equal() { # TARGET WHEN
	for point in $points; do
		liftfs verify "$scratch/at.$point.raw" "$1/vm.vhd@$point" >"$scratch/out" 2>&1 || fail "$2: $point: $(cat "$scratch/out")"
	done
	want "points $2" "$(liftfs list --points --json "$1" | jq -r '[.replicas[].points | length] | add')" \
		"$(echo "$points" | wc -w)"
}

check_points() { # TARGET KIND
	target=$1
	rm -rf "$LIFTFS_STATE" "$scratch/store"
	mkdir "$scratch/store"
	make_raw "$scratch/store/vm.raw" 12 start
	points=
	for i in 1 2 3 4; do
		sync_once "$target" $i
	done
	all_equal "$target" "after four cycles"
	[ -e "$target/.liftfs/points/vm.vhd/$point/$2" ] || fail "$2: not the kind of point that was meant"
	truncate -s 14M "$scratch/store/vm.raw" # the disk grows
	sync_once "$target" 5
	all_equal "$target" "after the disk grew"
	same_as_vhd "$scratch/store/vm.raw" "$target/vm.vhd"

	for gone in 3 1 5; do # of what was there at first: one in the middle, the oldest, the newest
		point=$(echo "$points" | awk -v n=$gone '{ print $n }')
		tests/support/delete-point "$target" vm.vhd "$point" || fail "delete $point"
		points=$(echo "$points" | awk -v n=$gone '{ $n = "-"; print }')
		kept=$points
		points=$(echo "$points" | sed 's/ *-//g')
		all_equal "$target" "without point $gone"
		points=$kept
	done
	points=$(echo "$points" | sed 's/ *-//g')
	sync_once "$target" 6
	all_equal "$target" "after one more cycle"

	# Without a recovery point the replica is published all the same.
	random_bytes "$scratch/store/vm.raw" 3000000 100000 more
	liftfs sync --no-points "$scratch/store" "$target" 2>"$scratch/err" || fail "--no-points: $(cat "$scratch/err")"
	all_equal "$target" "after a cycle without one"
	same_as_vhd "$scratch/store/vm.raw" "$target/vm.vhd"

	# Somebody else's change is noticed, and nothing is overwritten.
	printf X | dd of="$target/vm.vhd" bs=1 seek=6000000 conv=notrunc status=none
	must_fail 78 "changed by something other than liftfs" liftfs sync --full "$scratch/store" "$target"
}

check_points "$scratch/target" undo
must_fail 65 "what it held is not known any more" liftfs verify "$scratch/at.$point.raw" "$scratch/target/vm.vhd@$point"

[ "$(id -u)" = 0 ] && command -v mkfs.xfs >/dev/null || skip_rest=1
if [ -z "${skip_rest-}" ]; then
	truncate -s 320M "$scratch/xfs.img"
	mkdir "$scratch/xfs"
	mkfs.xfs -q -f "$scratch/xfs.img" >"$scratch/log" 2>&1 || fail "mkfs.xfs: $(cat "$scratch/log")"
	if mount -o loop "$scratch/xfs.img" "$scratch/xfs" 2>"$scratch/log"; then
		clones=$scratch/xfs
		check_points "$scratch/xfs/target" disk.vhd
		point=$(echo "$points" | awk '{ print $1 }')
		liftfs verify "$scratch/at.$point.raw" "$scratch/xfs/target/vm.vhd@$point" >"$scratch/out" 2>&1 ||
			fail "a clone was changed with the replica: $(cat "$scratch/out")"
		echo "clones: passed"
	fi
fi
