#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Many disks, of which few changed: what is skipped is what a run that reads everything finds unchanged, whatever the short cuts.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl sqlite3 cmp

n=80 # more than one thread looks at
store=$scratch/store target=$scratch/target
head -c 65536 /dev/urandom >"$scratch/content"
i=0
while [ $i -lt $n ]; do
	d=$store/vm$i
	mkdir -p "$d"
	cp "$scratch/content" "$d/vm$i-flat.vmdk"
	truncate -s 1M "$d/vm$i-flat.vmdk"
	printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\n# Extent description\nRW 2048 VMFS "vm%s-flat.vmdk"\n' "$i" >"$d/vm$i.vmdk"
	i=$((i + 1))
done

# cycle OUT [OPTION...]
cycle() {
	out=$1
	shift
	liftfs sync --json "$@" "$store" "$target" >"$out" 2>"$scratch/err"
}

# Names of the disks with this result.
with_result() {
	json "[.disks[] | select(.result == \"$1\") | .name] | join(\" \")" "$2"
}

cycle "$scratch/first.json" || fail "first: $(cat "$scratch/err")"
sleep 2.1 # times that were seen so long ago are believed
cycle "$scratch/second.json" || fail "second: $(cat "$scratch/err")"
cycle "$scratch/third.json" || fail "third: $(cat "$scratch/err")"
want "skipped" "$(json '[.disks[] | select(.result == "skipped")] | length' "$scratch/third.json")" $n
want "bytes read" "$(json '[.disks[].bytes_read] | add' "$scratch/third.json")" 0
want "rows of skipped disks" "$(sqlite3 "$LIFTFS_STATE/liftfs.db" "SELECT count(*) FROM disks WHERE result = 'skipped'")" $n
want "rows of cycles" "$(sqlite3 "$LIFTFS_STATE/liftfs.db" "SELECT min(cycles), max(cycles) FROM disks")" "3|3"

# One was written to and has its size and modification time again; one is another file of the same size and times.
cp --preserve=timestamps "$store/vm17/vm17-flat.vmdk" "$scratch/times"
random_bytes "$store/vm17/vm17-flat.vmdk" 4096 512 seventeen
touch -r "$scratch/times" "$store/vm17/vm17-flat.vmdk"
cp --preserve=timestamps "$store/vm63/vm63-flat.vmdk" "$scratch/new"
random_bytes "$scratch/new" 8192 512 sixtythree
touch -r "$store/vm63/vm63-flat.vmdk" "$scratch/new"
mv "$scratch/new" "$store/vm63/vm63-flat.vmdk"
cycle "$scratch/changed.json" || fail "changed: $(cat "$scratch/err")"
want "not skipped" "$(with_result ok "$scratch/changed.json")" "vm17/vm17.vhd vm63/vm63.vhd"
want "skipped beside them" "$(json '[.disks[] | select(.result == "skipped")] | length' "$scratch/changed.json")" $((n - 2))
for i in 17 63; do
	cmp -n 1048576 "$store/vm$i/vm$i-flat.vmdk" "$target/vm$i/vm$i.vhd" || fail "the replica of vm$i is not its disk"
done

# A descriptor that names another extent, and a replica that somebody else wrote to.
cp "$store/vm5/vm5-flat.vmdk" "$store/vm5/other-flat.vmdk"
random_bytes "$store/vm5/other-flat.vmdk" 0 512 five
sed -i 's/vm5-flat/other-flat/' "$store/vm5/vm5.vmdk"
rm "$store/vm5/vm5-flat.vmdk"
random_bytes "$target/vm40/vm40.vhd" 0 512 foreign
status=0
cycle "$scratch/foreign.json" || status=$?
want "exit status with a replica that was written to" $status 78
want "failed" "$(with_result failed "$scratch/foreign.json")" vm40/vm40.vhd
json '.disks[] | select(.name == "vm5/vm5.vhd") | .result' "$scratch/foreign.json" | grep -qx skipped &&
	fail "a disk of another extent was skipped"
cmp -n 1048576 "$store/vm5/other-flat.vmdk" "$target/vm5/vm5.vhd" || fail "the replica of vm5 is not its disk"

# A database that is lost with what was not written yet costs nothing but what it told.
cycle "$scratch/adopt.json" --adopt || fail "adopt: $(cat "$scratch/err")"
rm -f "$LIFTFS_STATE"/liftfs.db*
cycle "$scratch/last.json" || fail "last: $(cat "$scratch/err")"
for i in 5 17 40 63; do
	json '.disks[].name' "$scratch/last.json" | grep -qx "vm$i/vm$i.vhd" || fail "vm$i is missing"
done
[ "$(json '[.disks[] | select(.result == "skipped")] | length' "$scratch/last.json")" -ge $((n - 4)) ] ||
	fail "a lost database had disks read: $(cat "$scratch/last.json")"
want "rows made anew" "$(sqlite3 "$LIFTFS_STATE/liftfs.db" "SELECT count(*) FROM disks WHERE result IS NOT NULL")" $n

# The slow way finds nothing that the short one missed.
cycle "$scratch/full.json" --full || fail "full: $(cat "$scratch/err")"
want "bytes sent by --full" "$(json '[.disks[].bytes_sent] | add' "$scratch/full.json")" 0

# What is said was recorded before: nobody reads the document yet, and the pipe is full.
mkfifo "$scratch/pipe"
exec 3<>"$scratch/pipe"
dd if=/dev/zero of="$scratch/pipe" bs=4096 count=1024 oflag=nonblock 2>/dev/null || :
rounds_ended() {
	sqlite3 "$LIFTFS_STATE/liftfs.db" "SELECT count(*) FROM events WHERE kind = 'run-ended'"
}
ended=$(rounds_ended)
one_more_ended() {
	[ "$(rounds_ended)" -gt "$ended" ]
}
liftfs sync --json "$store" "$target" >"$scratch/pipe" 2>"$scratch/err" 3>&- &
pid=$!
wait_for 20 one_more_ended
exec 4<"$scratch/pipe" 3>&-
tr -d '\000' <&4 >"$scratch/recorded.json"
wait "$pid" || fail "recorded: $(cat "$scratch/err")"
want "disks of a document that waited" "$(json '.disks | length' "$scratch/recorded.json")" $n
