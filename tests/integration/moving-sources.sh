#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sources that move between cycles and during them: snapshots taken, reverted, consolidated, VMs renamed, moved, copied and
# restored, another snapshot path each cycle.  For each what is read, sent, named and left in the replica.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires curl jq openssl qemu-img qemu-io
# shellcheck disable=SC2119 # it takes no options here
start_server
cd "$scratch"
K=65536

# base FOLDER NAME ID: 8 MiB, the first half data
base() {
	mkdir -p "$1"
	truncate -s 8M "$1/$2-flat.vmdk"
	random_bytes "$1/$2-flat.vmdk" 0 4194304 "$3"
	describe "$1" "$2" "$3" 16384
}
describe() { # FOLDER NAME ID SECTORS
	cat >"$1/$2.vmdk" <<-TEXT
		# Disk DescriptorFile
		version=1
		CID=00000001
		parentCID=ffffffff
		createType="monolithicFlat"
		RW $4 FLAT "$2-flat.vmdk" 0
		ddb.uuid = "60 00 C2 9$3"
	TEXT
}
delta() { # FOLDER PARENT NAME
	(cd "$1" && qemu-img create -q -f vmdk -b "$2.vmdk" -F vmdk "$3.vmdk")
}
write() { # FOLDER NAME PATTERN OFFSET LENGTH
	(cd "$1" && qemu-io -f vmdk -c "write -q -P $3 $4 $5" "$2.vmdk")
}
merge() { # FOLDER NAME: into its parent
	(cd "$1" && qemu-img commit -q -d -f vmdk "$2.vmdk" && rm "$2.vmdk")
}
move_vm() { # FROM TO: folder and files, as a hypervisor does it
	mkdir -p "$2"
	mv "$1/$(basename "$1")-flat.vmdk" "$2/$(basename "$2")-flat.vmdk"
	rm "$1/$(basename "$1").vmdk"
	rmdir "$1"
	describe "$2" "$(basename "$2")" "$3" 16384
}

# sync STATUS SOURCE [OPTION...]: out.json, err
sync_vms() {
	want_status=$1
	source=$2
	shift 2
	got=0
	rm -f table
	liftfs sync --json "$@" "$source" "dir:$scratch/replicas" >out.json 2>err || got=$?
	want "exit status of a sync" "$got" "$want_status"
}
# is SOURCE-PATH NAME RESULT READ SENT, in blocks of 64 KiB; "-" for any
is() {
	[ -e table ] || jq -r '.disks[] | "\(.source) \(.name) \(.result) \(.bytes_read) \(.bytes_sent)"' out.json >table
	row=$(grep "^$1 " table) || fail "$1: not in $(cat table)"
	line=$(echo "$row" | {
		read -r path name result bytes_read bytes_sent
		[ "$3" != - ] || result=-
		[ "$4" = - ] && bytes_read=- || bytes_read=$((bytes_read / K))
		[ "$5" = - ] && bytes_sent=- || bytes_sent=$((bytes_sent / K))
		echo "$path $name $result $bytes_read $bytes_sent"
	})
	want "a disk" "$line" "$*"
}

for vm in still taken reverted leaf consolidated chain renamed moved restored copied grown; do
	base store/$vm $vm "$vm"
done
for vm in reverted leaf consolidated chain; do
	delta store/$vm $vm $vm-000001
	write store/$vm $vm-000001 0x11 1M 128k
done
delta store/chain chain-000001 chain-000002
write store/chain chain-000002 0x22 2M 64k
sync_vms 0 store
is still/still.vmdk still/still.vhd ok 64 64
is chain/chain-000002.vmdk chain/chain.vhd ok 64 64
sleep 2.1 # until the files' times have settled
sync_vms 0 store
is still/still.vmdk still/still.vhd ok 64 0

# ---- another snapshot path: the same files in another place ----
mkdir elsewhere
mv store elsewhere/snapshot-17
sync_vms 0 elsewhere/snapshot-17
want "results under another path" "$(jq -r '[.disks[].result] | unique | join(" ")' out.json)" skipped
want "read and sent under another path" "$(jq '[.disks[] | .bytes_read + .bytes_sent] | add' out.json)" 0
mv elsewhere/snapshot-17 store

# ---- between cycles ----
delta store/taken taken taken-000001
write store/taken taken-000001 0x33 3M 64k
rm store/reverted/reverted-000001.vmdk
delta store/reverted reverted reverted-000002
write store/leaf leaf-000001 0x44 3M 64k
merge store/consolidated consolidated-000001
merge store/chain chain-000002
move_vm store/renamed store/after renamed
move_vm store/moved store/other/pool/moved moved
describe store/restored restored another 16384
cp -R store/copied store/copy
mv store/copy/copied-flat.vmdk store/copy/copy-flat.vmdk
rm store/copy/copied.vmdk
describe store/copy copy copied 16384
truncate -s 9M store/grown/grown-flat.vmdk
random_bytes store/grown/grown-flat.vmdk 8388608 $K growth
describe store/grown grown grown 18432
sync_vms 78 store -n
grep -q '^after/after.vmdk: goes on as renamed/renamed.vhd, whose id it has' err || fail "a plan says of a rename: $(cat err)"
[ ! -e replicas/copy ] || fail "a dry run made a replica"
sync_vms 78 store
is still/still.vmdk still/still.vhd skipped 0 0
is taken/taken-000001.vmdk taken/taken.vhd ok 1 1
is reverted/reverted-000002.vmdk reverted/reverted.vhd ok 2 2 # what the vanished delta covered
is leaf/leaf-000001.vmdk leaf/leaf.vhd ok 3 1                 # the leaf alone
is consolidated/consolidated.vmdk consolidated/consolidated.vhd ok 64 0
is chain/chain-000001.vmdk chain/chain.vhd ok 3 0             # the images that were merged; not the base
is after/after.vmdk renamed/renamed.vhd ok 64 0
is other/pool/moved/moved.vmdk moved/moved.vhd ok 64 0
is restored/restored.vmdk restored/restored.vhd failed 0 0
is copy/copy.vmdk copy/copy.vhd ok 64 64
is copied/copied.vmdk copied/copied.vhd skipped 0 0
is grown/grown.vmdk grown/grown.vhd ok 65 1
want "a restore's status" "$(json '.disks[] | select(.name == "restored/restored.vhd") | .error.status' out.json)" 78
grep -q 'restored/restored.vhd: was made from another disk.*; --replace gives the replica to this one' err ||
	fail "a restore is said: $(cat err)"
grep -q '^after/after.vmdk: goes on as renamed/renamed.vhd, whose id it has' err || fail "a rename is said: $(cat err)"
grep -q '^copy/copy.vmdk: has the id of copied/copied.vhd, which is there too: a copy' err || fail "a copy is said: $(cat err)"
[ ! -e replicas/after ] || fail "a renamed VM has a second replica"
[ ! -e replicas/other ] || fail "a moved VM has a second replica"
want "moved: the replica's size" "$(stat -c %s replicas/moved/moved.vhd)" $((8388608 + 512))
liftfs verify --exclude restored store "dir:$scratch/replicas" >verify.out 2>&1 || fail "verify: $(cat verify.out)"
for pair in taken-000001 reverted-000002 leaf-000001 consolidated chain-000001; do
	vm=${pair%%-*}
	qemu-img compare -q -f vmdk -F vpc "store/$vm/$pair.vmdk" "replicas/$vm/$vm.vhd" || fail "$vm differs from its replica"
done

# Once more: all of it is settled by names now, and the copy is nobody's surprise.
sync_vms 78 store
is after/after.vmdk renamed/renamed.vhd ok 64 0 # its times had not settled
! grep -q '^copy/' err || fail "a copy is said again: $(cat err)"

# A new VM takes the name that a renamed one had: it does not get its replica, and the other goes on.
base store/renamed renamed usurper
sync_vms 78 store --include 'renamed/*' --include 'after/*' --exclude '*'
is renamed/renamed.vmdk renamed/renamed.vhd failed 0 0
is after/after.vmdk renamed/renamed.vhd - - 0
grep -q 'renamed/renamed.vmdk: the replica renamed/renamed.vhd is that of after/after.vmdk' err || fail "who it is: $(cat err)"
# A person's word.
sync_vms 0 store --replace --include 'renamed/*' --include 'after/*' --include 'restored/*' --exclude '*'
is renamed/renamed.vmdk renamed/renamed.vhd ok 64 64
is after/after.vmdk after/after.vhd ok 64 64
is restored/restored.vmdk restored/restored.vhd ok - 0
liftfs verify store "dir:$scratch/replicas" >verify.out 2>&1 || fail "verify: $(cat verify.out)"

# The same id twice at the first cycle: two disks, and a line.
base twins/a a twin
base twins/b b twin
got=0
liftfs sync --state "$scratch/state-twins" --json twins "dir:$scratch/twin-replicas" >out.json 2>err || got=$?
want "twins" "$got" 0
want "twins' replicas" "$(jq -r '[.disks[].name] | join(" ")' out.json)" "a/a.vhd b/b.vhd"
grep -q '^a/a.vmdk: has the id of b/b.vmdk, which is there too' err || fail "twins are said: $(cat err)"
# Both renamed: which is which cannot be told.
move_vm twins/a twins/c twin
move_vm twins/b twins/d twin
must_fail 78 "c/c.vmdk: has the id (60 00 C2 9twin) of the replicas a/a.vhd and b/b.vhd" \
	liftfs sync --state "$scratch/state-twins" twins "dir:$scratch/twin-replicas"
[ ! -e twin-replicas/c ] || fail "twins: a replica was made of a guess"
[ ! -e twin-replicas/d ] || fail "twins: a replica was made of a guess"
# One image as SOURCE tells nothing of the others.
must_fail 0 "c.vmdk: has the id of the replica" \
	liftfs sync --state "$scratch/state-twins" twins/c/c.vmdk "dir:$scratch/twin-replicas"
want "of one image" "$(find twin-replicas -name 'c.vhd' -not -path '*/.liftfs/*' | wc -l)" 1

# An image that comes to lie beside a disk does not take its name and its replica, one without an id no more than another.
base beside/vm vm besides
liftfs sync --state "$scratch/state-beside" beside "dir:$scratch/beside-replicas" >/dev/null 2>err || fail "beside: $(cat err)"
truncate -s 8M beside/vm/vm.img
random_bytes beside/vm/vm.img 0 $K other
for round in 1 2; do
	got=0
	liftfs sync --state "$scratch/state-beside" --json beside "dir:$scratch/beside-replicas" >out.json 2>err || got=$?
	want "beside, round $round" "$got" 78
	want "beside: who has the replica" "$(jq -r '.disks[] | select(.result != "failed") | "\(.source) \(.name)"' out.json)" \
		"vm/vm.vmdk vm/vm.vhd"
	grep -q '^vm/vm.vmdk: goes on as vm/vm.vhd, whose id it has: another image would take its name' err ||
		fail "beside: $(cat err)"
	grep -q 'vm/vm.img: has no id, and the replica vm/vm.vhd has that of vm/vm.vmdk' err || fail "beside: $(cat err)"
	qemu-img compare -q -f raw -F vpc beside/vm/vm-flat.vmdk beside-replicas/vm/vm.vhd || fail "beside: another disk's bytes"
done

# Linked clones have the id of their base: it tells none of them from another.
base clones/base base template
for clone in c1 c2; do
	mkdir clones/$clone
	delta clones/$clone ../base/base $clone
	write clones/$clone $clone 0x66 1M 64k
done
liftfs sync --state "$scratch/state-clones" clones "dir:$scratch/clone-replicas" >/dev/null 2>err || fail "clones: $(cat err)"
rm -r clones/c1
mkdir clones/c3
delta clones/c3 ../base/base c3
write clones/c3 c3 0x77 2M 64k
liftfs sync --state "$scratch/state-clones" --json clones "dir:$scratch/clone-replicas" >out.json 2>err || fail "clones: $(cat err)"
want "replicas of linked clones" "$(jq -r '[.disks[].name] | join(" ")' out.json)" "c2/c2.vhd c3/c3.vhd"
! grep 'has the id\|whose id' err || fail "linked clones are taken for copies or for each other"

# ---- during a cycle ----
url=$endpoint/moving
rules() {
	curl -fsS -o /dev/null -X PUT --data-binary "$1" "${endpoint%/*}/_admin/faults"
}
writes_seen() {
	[ "$(requests PutPage)" -ge 1 ]
}
points() {
	liftfs list --points --json "$url-$1" 2>/dev/null | jq "[.replicas[].points | length] | add // 0"
}
# during NAME STATUS POINTS COMMAND...: a cycle with the command in its middle; the next one always heals
during() {
	name=$1
	want_status=$2
	want_points=$3
	shift 3
	rm -rf live
	base live/vm vm "$name"
	delta live/vm vm vm-000001
	write live/vm vm-000001 0x11 1M 128k
	flat live/vm/vm-000001.vmdk vmdk before.raw
	rules 'PutPage delay n=2 ms=60000' # until other rules come
	forget_requests
	liftfs sync --connections 1 --json live "$url-$name" >out.json 2>err &
	pid=$!
	wait_for 20 writes_seen
	"$@"
	rules ''
	got=0
	wait "$pid" || got=$?
	want "$name: exit status" "$got" "$want_status"
	want "$name: points" "$(points "$name")" "$want_points"
	[ "$want_points" = 0 ] || liftfs verify before.raw "$url-$name/vm/vm.vhd" >/dev/null 2>&1 ||
		fail "$name: the point is not the source as it was at the beginning"
	[ "$want_points" = 1 ] || grep -q 'the source changed while it was read' err || fail "$name: $(cat err)"
	liftfs sync live "$url-$name" >/dev/null 2>err || fail "$name: the next cycle: $(cat err)"
	liftfs verify live "$url-$name" >/dev/null 2>&1 || fail "$name: the next cycle did not heal"
	want "$name: points in the end" "$(points "$name")" $((want_points + 1))
}
taken() {
	delta live/vm vm-000001 vm-000002
	write live/vm vm-000002 0x55 0 1M
}
reverted() {
	rm live/vm/vm-000001.vmdk
	delta live/vm vm vm-000002
}
during taken 0 1 taken
during written 75 0 write live/vm vm-000001 0x55 2M 64k
during reverted 75 0 reverted
during consolidated 75 0 merge live/vm vm-000001
