#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two Slurm nodes, an array of disks, and a node whose daemon dies while its task lives on: the task is started again on the
# other node, and both believe the replica to be theirs.  Exactly one of them may go on, and what comes out is the source.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
. "$srcdir/tests/integration/lib-slurm.sh"
requires openssl jq curl
[ "${LIFTFS_SANITIZED:-no}" = no ] || skip "the plain run has it"
slurm_requires
start_server
slurm_start

# Blocks with gaps, so that each is a write of its own and a cycle takes its time.
store=$scratch/store url=$endpoint/disks/fleet
mkdir "$store" "$scratch/runs"
for disk in 1 2 3 4; do
	truncate -s 16M "$store/vm$disk.raw"
	i=0
	while [ $i -lt 24 ]; do
		random_bytes "$store/vm$disk.raw" $((i * 655360)) 4096 "$disk-$i"
		i=$((i + 1))
	done
done
liftfs list --plain "$store" >"$scratch/vms"
want "lines of the list" "$(wc -l <"$scratch/vms")" 4

# A state a node, as two hosts have.  The script is liftfs after exec: its pid is the one that is written down.
cat >"$scratch/task.sh" <<END
#!/bin/sh
#SBATCH --requeue
echo "\$\$ \$SLURMD_NODENAME \$SLURM_ARRAY_TASK_ID \${SLURM_RESTART_COUNT:-0}" >>"$scratch/runs/all"
exec "$builddir/tools/liftfs-sync" --state "$scratch/state-\$SLURMD_NODENAME" --list "$scratch/vms" --index auto --connections 1 \\
	--log-file "$scratch/runs/\$\$.log" "$store" "$url" >"$scratch/runs/\$\$.out" 2>&1
END
chmod +x "$scratch/task.sh"
faults() {
	curl -sf -X PUT --data "$1" "${endpoint%/*}/_admin/faults" >/dev/null || fail "faults"
}
faults 'PutPage delay ms=700'
cp tests/support/pageblob-server "$scratch/" # stays if the tree is cleaned meanwhile
job=$(sbatch --parsable --array=1-4 --time=5 --output=/dev/null "$scratch/task.sh")

# The victim: a task on n2 that has begun to write.
# shellcheck disable=SC2317 # called by wait_for
writing_on_n2() {
	victim=$(awk '$2 == "n2" { print $1 " " $3; exit }' "$scratch/runs/all" 2>/dev/null)
	[ -n "$victim" ] || return 1
	line=${victim#* } zombie=${victim% *}
	name=$(sed -n "${line}p" "$scratch/vms")
	name=${name%.raw}
	[ "$(jq -s --arg b "/fleet/$name.vhd" '[.[] | select(.op == "PutPage" and (.path | endswith($b)) and .status == 201)] | length' "$server_log")" -ge 3 ]
}
wait_for 40 writing_on_n2
kill -STOP "$zombie"
kill -KILL "$(cat "$slurm/n2.pid")"
echo "the daemon of n2 is dead, its task $line (pid $zombie, $name) stands still"
# What a stopped host cannot do: renew its lease.
curl -sf -X PUT "${endpoint%/*}/_admin/clock?advance_ms=61000" >/dev/null || fail "clock"

# shellcheck disable=SC2317
again_on_n1() { grep -q "n1 $line [1-9]" "$scratch/runs/all"; }
wait_for 90 again_on_n1
successor=$(awk -v l="$line" '$2 == "n1" && $3 == l && $4 > 0 { print $1; exit }' "$scratch/runs/all")
numbers() { # how often the number of the replica was raised
	jq -s --arg b "/fleet/$name.vhd" '[.[] | select(.op == "SetBlobProperties" and (.path | endswith($b)) and .status == 200)] | length' "$server_log"
}
# shellcheck disable=SC2317
claimed_again() { [ "$(numbers)" -ge 2 ]; }
wait_for 60 claimed_again
echo "its successor (pid $successor) has claimed the replica; the zombie wakes up"
kill -CONT "$zombie"
# shellcheck disable=SC2317
zombie_ended() { ! kill -0 "$zombie" 2>/dev/null; }
wait_for 60 zombie_ended
faults ''
# shellcheck disable=SC2317
all_done() { [ -z "$(squeue -h -j "$job" 2>/dev/null)" ]; }
wait_for 120 all_done

grep -hE 'error|warning' "$scratch/runs/$zombie.out" | tail -n 3 || :
grep -q "another\|somebody else\|took over\|held by\|lease" "$scratch/runs/$zombie.out" || fail "the zombie does not say why it ended: $(cat "$scratch/runs/$zombie.out")"
grep -q "liftfs sync: .*$name" "$scratch/runs/$zombie.out" || fail "the zombie: $(cat "$scratch/runs/$zombie.out")"
# After the claim of the successor not one write of the zombie was taken.
for disk in 1 2 3 4; do
	liftfs verify "$store/vm$disk.raw" "$url/vm$disk.vhd" >"$scratch/out" 2>&1 || fail "vm$disk: $(cat "$scratch/out")"
done
committed=$(jq -s --arg b "/fleet/$name.vhd" '[.[] | select(.op == "SnapshotBlob" and (.path | endswith($b)) and .status == 201)] | length' "$server_log")
want "recovery points of the replica that two fought for" "$committed" 1
