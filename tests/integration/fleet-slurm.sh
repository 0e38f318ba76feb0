#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # sed writes it into a script
# The array script that we ship, in a Slurm of two nodes: each line once; 75 is tried again, 78 is held, others fail; SIGTERM
# reaches liftfs.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
. "$srcdir/tests/integration/lib-slurm.sh"
requires jq openssl qemu-img ps curl
slurm_requires
unset SLURM_ARRAY_TASK_ID SGE_TASK_ID PARALLEL_SEQ JOB_COMPLETION_INDEX || :
script=$srcdir/contrib/slurm/liftfs-array.sh
cd "$scratch"
slurm_start

for i in 1 2 3 4; do
	mkdir -p "ds/vm$i"
	make_raw "ds/vm$i/disk.raw" 1 "slurm$i"
done
liftfs list --plain ds >vms

# ---- each line once, two tasks at a time ----
mkdir docs
cd docs
sbatch --wait --parsable --array=1-4 -L azblob:1 --output=%a.err "$script" ../vms ../ds ../tgt --json >job 2>err ||
	fail "the array: sbatch $?: $(cat err ./*.err; scontrol show job | grep -E 'JobId|JobState|ExitCode')"
cd ..
want "lines" "$(grep -h 'SLURM_ARRAY_TASK_ID: line' docs/*.err | sort)" "$(awk '{ print "SLURM_ARRAY_TASK_ID: line " NR " of ../vms: " $0 }' vms)"
for i in 1 2 3 4; do
	same_as_vhd "ds/vm$i/disk.raw" "tgt/vm$i/disk.vhd"
done

# ---- how a task ends is what Slurm makes of it ----
cat >flaky <<'END'
#!/bin/sh
# Ends as the test says: with the number in its file, which is then 0.
status=$(cat "status.$SLURM_ARRAY_TASK_ID")
echo 0 >"status.$SLURM_ARRAY_TASK_ID"
echo "run" >>"runs.$SLURM_ARRAY_TASK_ID"
exit "$status"
END
chmod +x flaky
echo 75 >status.1
echo 78 >status.2
echo 0 >status.3
sed 's|^exec liftfs sync .*|exec liftfs sync --before "./flaky" --list "$list" --index auto "$@" "$source" "$target"|' "$script" >array
grep -q flaky array || fail "the script has changed"
chmod +x array
job=$(sbatch --parsable --array=1-3 --output=%a.log ./array vms ds tgt)
wait_for 30 job_is SPECIAL_EXIT "${job}_2"
wait_for 30 job_is COMPLETED "${job}_3"
wait_for 30 job_is COMPLETED "${job}_1"
want "runs of what ended with 75" "$(wc -l <runs.1)" 2
want "runs of what ended with 78" "$(wc -l <runs.2)" 1
scontrol release "${job}_2"
wait_for 30 job_is COMPLETED "${job}_2"
job=$(sbatch --parsable --array=9 --output=%a.log "$script" vms ds tgt)
wait_for 30 job_is FAILED "${job}_9"
grep -q 'no line 9: it has 4' 9.log || fail "line 9: $(cat 9.log)"

# ---- the signal before the time limit reaches liftfs, since the script has become it ----
mkfifo ready
cat >slow <<'END'
#!/bin/sh
echo $$ >ready
exec sleep 60
END
chmod +x slow
job=$(sbatch --parsable --array=1 --no-requeue --output=slow.log --wrap "$(sed 1d "$script" | sed 's|^exec liftfs sync|exec liftfs sync --before ./slow|; s|^list=.*|list=vms source=ds target=tgt|; s|^shift 3||; s|\$# -lt 3|1 -eq 0|')")
timeout 20 head -n 1 ready >pid || fail "the task does not begin: $(cat slow.log)"
scancel --signal=TERM --batch "${job}_1"
wait_for 20 gone "$(cat pid)"
stopped() {
	grep -q 'stopped' slow.log
}
wait_for 20 stopped
echo "an array, and how its tasks end"
