#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A list of VMs worked through by many processes, as GNU parallel and Kubernetes start them: each line once, and what a line may be.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl qemu-img
unset SLURM_ARRAY_TASK_ID SGE_TASK_ID PARALLEL_SEQ JOB_COMPLETION_INDEX || :
cd "$scratch"

# Eight VMs, the higher their number the larger; one is called as nobody should.
odd='vm5
odd%20 name'
name_of() {
	if [ "$1" = 5 ]; then echo "$odd"; else echo "vm$1"; fi
}
for i in 1 2 3 4 5 6 7 8; do
	name=$(name_of "$i")
	mkdir -p "ds/$name"
	truncate -s 4M "ds/$name/disk.raw"
	random_bytes "ds/$name/disk.raw" 0 $((i * 131072)) "fleet$i"
done
truncate -s 1M ds/vm3/disk_1.raw

# ---- the list: the largest first, a VM a line ----
liftfs list --plain ds >vms
want "lines" "$(wc -l <vms)" 8
want "the list" "$(tr '\n' ' ' <vms)" \
	"vm8/disk vm7/disk vm6/disk vm5%0Aodd%2520 name/disk vm4/disk vm3/disk vm2/disk vm1/disk "

# ---- what a line is ----
line() { # INDEX OPTION...
	index=$1
	shift
	liftfs sync --json --list vms --index "$index" "$@" ds one 2>err
}
names() {
	jq -r '[.disks[].name] | join(" ")' doc
}
line 6 >doc || fail "line 6: $(cat err)"
want "a VM is all of its disks" "$(names)" "vm3/disk.vhd vm3/disk_1.vhd"
grep -qx 'line 6 of vms: vm3/disk' err || fail "does not say which line: $(cat err)"
line 4 >doc || fail "line 4: $(cat err)"
want "names are found again" "$(names)" "vm5%0Aodd%2520 name/disk.vhd"
SGE_TASK_ID=undefined JOB_COMPLETION_INDEX=7 line auto >doc || fail "auto: $(cat err)"
want "JOB_COMPLETION_INDEX counts from 0" "$(names)" vm1/disk.vhd
grep -qx 'JOB_COMPLETION_INDEX: line 8 of vms: vm1/disk' err || fail "does not say which variable: $(cat err)"
printf 'vm3/disk_1.vhd\nvm9/disk\n\nvm1/disk\nvm1/disk\n' >hand
liftfs sync --json --list hand --index 1 ds other >doc 2>err || fail "a disk: $(cat err)"
want "a disk is only that one" "$(names)" vm3/disk_1.vhd
must_fail 2 "line 2, 'vm9/disk': ds: no disk to replicate there" liftfs sync --list hand --index 2 ds other
must_fail 2 "line 3 is blank" liftfs sync --list hand --index 3 ds other
must_fail 2 "lines 4 and 5 are the same: 'vm1/disk'" liftfs sync --list hand --index 4 ds other
must_fail 2 "no line 6: it has 5" liftfs sync --list hand --index 6 ds other
must_fail 2 "none of SLURM_ARRAY_TASK_ID" liftfs sync --list hand --index auto ds other
must_fail 2 "SLURM_ARRAY_TASK_ID says line 1, PARALLEL_SEQ line 2" \
	env SLURM_ARRAY_TASK_ID=1 PARALLEL_SEQ=2 liftfs sync --list hand --index auto ds other
must_fail 2 "--list needs --index" liftfs sync --list hand ds other
must_fail 2 "--index needs --list" liftfs sync --index 1 ds other
[ ! -e other/vm1 ] || fail "a refused line sent something"

# all_done TARGET: each VM is there, equal, and was copied by exactly one process, in one cycle
all_done() {
	set -- "$1" "$1".docs/*
	want "processes" "$(($# - 1))" 8
	want "disks, each once" "$(jq -r '.disks[] | select(.result == "ok" and .kind == "initial" and .cycle == 1) | .name' \
		"$1".docs/* | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c | tr -s ' ')" " 9 1"
	for i in 1 2 3 4 5 6 7 8; do
		replica=$1/$(name_of "$i" | jq -sRr 'rtrimstr("\n") | gsub("%"; "%25") | gsub("\n"; "%0A")')/disk.vhd
		same_as_vhd "ds/$(name_of "$i")/disk.raw" "$replica"
	done
}

# ---- Kubernetes: an Indexed Job's pods, all at once ----
mkdir k8s.docs
pids=
for i in 0 1 2 3 4 5 6 7; do
	JOB_COMPLETION_INDEX=$i liftfs sync --json --list vms --index auto ds k8s >"k8s.docs/$i" 2>"k8s.err.$i" &
	pids="$pids $!"
done
for pid in $pids; do
	wait "$pid" || fail "a pod failed: $(cat k8s.err.*)"
done
all_done k8s

# ---- GNU parallel ----
command -v parallel >/dev/null 2>&1 || skip "parallel is not installed (the rest passed)"
mkdir par.docs
PARALLEL_HOME=$scratch/parallel
export PARALLEL_HOME
mkdir "$PARALLEL_HOME"
: >"$PARALLEL_HOME/will-cite"
# shellcheck disable=SC2016 # the jobs' shells expand it
parallel -N0 -j4 --joblog log 'liftfs sync --json --list vms --index auto ds par >par.docs/$PARALLEL_SEQ 2>par.err.$PARALLEL_SEQ' :::: vms \
	>out 2>err || fail "parallel: $? jobs failed: $(cat err par.err.*)"
all_done par
echo "each line once"
