#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A round over disks that are as they were goes by a survey of the last one.  Whatever is not as it was has all of them looked at,
# and comes to what it would come to without a survey.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl qemu-img sqlite3 cmp

# flat_disk FOLDER NAME SEED: a descriptor and its extent.
flat_disk() {
	mkdir -p "$1"
	random_bytes "$1/$2-flat.vmdk" 0 65536 "$3"
	truncate -s 1M "$1/$2-flat.vmdk"
	printf '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\n# Extent description\nRW 2048 VMFS "%s-flat.vmdk"\n' \
		"$2" >"$1/$2.vmdk"
}

template=$scratch/template
flat_disk "$template/a" a one
flat_disk "$template/b" b two
cp "$template/b/b-flat.vmdk" "$template/b/other.bin"
random_bytes "$template/b/other.bin" 0 512 three
mkdir "$template/c" "$template/.hidden"
qemu-img create -q -f vmdk "$template/c/c.vmdk" 1M
printf '.encoding = "UTF-8"\nconfig.version = "8"\ndisplayName = "first"\nscsi0:0.present = "TRUE"\nscsi0:0.fileName = "c-000001.vmdk"\n' \
	>"$template/c/c.vmx"
(cd "$template/c" && qemu-img create -q -f vmdk -b c.vmdk -F vmdk c-000001.vmdk)
echo log >"$template/c/vmware.log"

cases='same snapshot content leaf config added removed renamed parent descriptor link written gone replaced map journal recopied
	copied damaged short excluded full points log racy'
if [ -x tests/support/pageblob-server ]; then
	start_server
	cases="$cases service"
fi

# sync WORLD OUT [OPTION...]: and its exit status in OUT.status
sync() {
	world=$scratch/$1 out=$scratch/$1.$2
	target=$world/target
	[ "$1" != service ] || target=$endpoint/disks/export
	shift 2
	status=0
	liftfs sync -v --json --state "$world/state" "$@" "$world/store" "$target" >"$out" 2>"$out.err" || status=$?
	echo "$status" >"$out.status"
}

went_by_survey() {
	grep -q 'all is as the survey' "$scratch/$1.$2.err"
}

pids=
for name in $cases; do
	mkdir "$scratch/$name"
	cp -a "$template" "$scratch/$name/store"
	sync "$name" first & # each waits for the disk most of the time
	pids="$pids $!"
done
# shellcheck disable=SC2086 # several
wait $pids
sleep 2.1 # times that were seen so long ago are believed
pids=
for name in $cases; do
	sync "$name" second &
	pids="$pids $!"
done
# shellcheck disable=SC2086 # several
wait $pids
sleep 2.1 # those of descriptors, and of the state's files
for name in $cases; do
	[ "$name" != racy ] || echo '# more' >>"$scratch/racy/store/c/c.vmx"
	sync "$name" third
	want "$name: skipped" "$(json '[.disks[] | select(.result == "skipped")] | length' "$scratch/$name.third")" 3
	! went_by_survey "$name" third || fail "$name: by a survey of which nothing had settled"
done

# keep_times FILE COMMAND...: size and modification time are as before
keep_times() {
	touch -r "$1" "$scratch/times"
	kept=$1
	shift
	"$@"
	touch -r "$scratch/times" "$kept"
}

# recopy FILE: another file with the same bytes and times
recopy() {
	cp -p "$1" "$1.copy"
	mv "$1.copy" "$1"
}

# one WORLD [OPTION...]: the round after something happened.
one() {
	case=$1
	shift
	sync "$case" last "$@"
	json '[.disks[] | .name + "=" + .result] | join(" ")' "$scratch/$case.last" >"$scratch/$case.results" 2>/dev/null ||
		: >"$scratch/$case.results"
}

# expect WORLD STATUS RESULTS: looked at one by one, and that came of it.
expect() {
	! went_by_survey "$1" last || fail "$1: went by the survey"
	want "$1: exit status" "$(cat "$scratch/$1.last.status")" "$2"
	want "$1: results" "$(cat "$scratch/$1.results")" "$3"
}

all='a/a.vhd=skipped b/b.vhd=skipped c/c.vhd=skipped'
NORMAL='del(.started, .finished, .requests, .disks[].seconds)'
ROWS='SELECT name, vm, path, result, kind, cycle, consistency, status, stalls, pointless, failures, requests - cycles, skips - cycles, unverified, restored,
		code, message, last_point, vanished_ns FROM disks ORDER BY name;
	SELECT * FROM (SELECT disk, result, kind, cycle, consistency, status, code, message, point, bytes_read, bytes_sent, writes, reads,
		others, retries FROM cycles ORDER BY started_ns DESC LIMIT 3) ORDER BY disk;
	SELECT target, name, label, source, last_point FROM vms ORDER BY name'

# What the short way says and records is what the long way does.
one same
went_by_survey same last || fail "same: looked at one by one: $(cat "$scratch/same.last.err")"
want "same: results" "$(cat "$scratch/same.results")" "$all"
sqlite3 "$scratch/same/state/liftfs.db" "$ROWS" >"$scratch/rows.short"
rm -r "$scratch/same/state/surveys"
cp "$scratch/same.last" "$scratch/same.short"
one same
! went_by_survey same last || fail "same: by a survey that was removed"
json "$NORMAL" "$scratch/same.short" >"$scratch/short.json"
json "$NORMAL" "$scratch/same.last" >"$scratch/long.json"
cmp "$scratch/short.json" "$scratch/long.json" || fail "same: $(diff "$scratch/short.json" "$scratch/long.json")"
sqlite3 "$scratch/same/state/liftfs.db" "$ROWS" >"$scratch/rows.long"
diff "$scratch/rows.short" "$scratch/rows.long" >"$scratch/rows.diff" || fail "same: rows: $(cat "$scratch/rows.diff")"
want "same: cycles" "$(sqlite3 "$scratch/same/state/liftfs.db" 'SELECT min(cycles), max(cycles) FROM disks')" '5|5'

# Another folder of the same file system with the same files, as storage snapshots are; and one that is a new folder.
mv "$scratch/snapshot/store" "$scratch/snapshot/again"
ln -s again "$scratch/snapshot/store"
one snapshot
went_by_survey snapshot last || fail "snapshot: a renamed folder was looked at disk by disk: $(cat "$scratch/snapshot.last.err")"
want "snapshot: results" "$(cat "$scratch/snapshot.results")" "$all"
mkdir "$scratch/snapshot/new"
mv "$scratch/snapshot/again"/* "$scratch/snapshot/new"
ln -sfn new "$scratch/snapshot/store"
one snapshot
expect snapshot 0 "$all"

f=$scratch/content/store/a/a-flat.vmdk
keep_times "$f" random_bytes "$f" 4096 512 changed
one content
expect content 0 'a/a.vhd=ok b/b.vhd=skipped c/c.vhd=skipped'
cmp -n 1048576 "$f" "$scratch/content/target/a/a.vhd" || fail "content: the replica is not its disk"

(cd "$scratch/leaf/store/a" && qemu-img create -q -f vmdk -b a.vmdk -F vmdk a-000001.vmdk)
one leaf
expect leaf 0 'a/a.vhd=ok b/b.vhd=skipped c/c.vhd=skipped'

keep_times "$scratch/config/store/c/c.vmx" sed -i s/first/other/ "$scratch/config/store/c/c.vmx"
one config
expect config 0 "$all"
want "config: the VM's name" "$(json '.disks[2].vm' "$scratch/config.last")" other

flat_disk "$scratch/added/store/d" d four
one added
expect added 0 "$all d/d.vhd=ok"
rm -r "$scratch/removed/store/b"
one removed
expect removed 0 'a/a.vhd=skipped c/c.vhd=skipped'
mv "$scratch/renamed/store/b" "$scratch/renamed/store/e"
one renamed
expect renamed 0 'a/a.vhd=skipped c/c.vhd=skipped e/b.vhd=ok'

keep_times "$scratch/parent/store/c/c.vmdk" touch "$scratch/parent/store/c/c.vmdk"
one parent
expect parent 0 'a/a.vhd=skipped b/b.vhd=skipped c/c.vhd=ok'
f=$scratch/descriptor/store/b/b.vmdk
sed s/b-flat.vmdk/other.bin/ "$f" >"$f.new"
touch -r "$f" "$f.new"
mv "$f.new" "$f"
one descriptor
expect descriptor 0 'a/a.vhd=skipped b/b.vhd=ok c/c.vhd=skipped'
cmp -n 1048576 "$scratch/descriptor/store/b/other.bin" "$scratch/descriptor/target/b/b.vhd" || fail "descriptor: not its disk"
ln -s a "$scratch/link/store/z"
one link
expect link 0 "$all"
one link
expect link 0 "$all"

f=$scratch/written/target/b/b.vhd
keep_times "$f" random_bytes "$f" 0 512 foreign
one written
expect written 78 'a/a.vhd=skipped b/b.vhd=failed c/c.vhd=skipped'
rm "$scratch/gone/target/b/b.vhd"
one gone
expect gone 78 'a/a.vhd=skipped b/b.vhd=failed c/c.vhd=skipped'
recopy "$scratch/replaced/target/b/b.vhd"
one replaced
expect replaced 78 'a/a.vhd=skipped b/b.vhd=failed c/c.vhd=skipped'

# Of each replica, since the names of their folders are hashes.
rm "$scratch/map/state/replicas"/*/map
one map
! went_by_survey map last || fail "map: went by the survey"
! grep -q skipped "$scratch/map.results" || fail "map: skipped: $(cat "$scratch/map.results")"
rm "$scratch/journal/state/replicas"/*/journal
one journal
! went_by_survey journal last || fail "journal: went by the survey"
! grep -q skipped "$scratch/journal.results" || fail "journal: skipped: $(cat "$scratch/journal.results")"
for f in "$scratch/recopied/state/replicas"/*/journal; do
	recopy "$f"
done
one recopied
expect recopied 0 "$all"
cp -a "$scratch/copied/state" "$scratch/copied/state.copy"
rm -r "$scratch/copied/state"
mv "$scratch/copied/state.copy" "$scratch/copied/state"
one copied
expect copied 0 "$all"

for f in "$scratch/damaged/state/surveys"/????????????????????????????????; do
	printf '\377' | dd of="$f" bs=1 seek=700 conv=notrunc status=none
done
one damaged
expect damaged 0 "$all"
for f in "$scratch/short/state/surveys"/????????????????????????????????; do
	truncate -s -1 "$f"
done
one short
expect short 0 "$all"

one excluded --exclude 'b*'
expect excluded 0 'a/a.vhd=skipped c/c.vhd=skipped'
one full --full
expect full 0 'a/a.vhd=ok b/b.vhd=ok c/c.vhd=ok'
one points --no-points
expect points 0 "$all"

# What belongs to no disk does not matter; what was written just before it was read does not settle by being read.
echo more >>"$scratch/log/store/c/vmware.log"
one log
went_by_survey log last || fail "log: looked at one by one: $(cat "$scratch/log.last.err")"
one racy
expect racy 0 "$all"

# Of a service the replicas are asked, once each, and nothing is listed.
case $cases in
*service*)
	forget_requests
	one service
	went_by_survey service last || fail "service: looked at one by one: $(cat "$scratch/service.last.err")"
	want "service: results" "$(cat "$scratch/service.results")" "$all"
	want "service: looks" "$(jq -s '[.[] | select(.method == "HEAD" and (.path | endswith(".vhd")))] | length' "$server_log")" 3
	want "service: snapshots, leases, writes" "$(jq -s '[.[] | select(.method == "PUT")] | length' "$server_log")" 0
	rm -r "$scratch/service/state/surveys"
	sync service long
	json "$NORMAL" "$scratch/service.last" >"$scratch/short.json"
	json "$NORMAL" "$scratch/service.long" >"$scratch/long.json"
	cmp "$scratch/short.json" "$scratch/long.json" || fail "service: $(diff "$scratch/short.json" "$scratch/long.json")"
	;;
esac
