#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One VM a task: the line of a list that the task's number names.
#
#	liftfs list --plain /exports/ds1 >vms
#	sbatch --array=1-$(wc -l <vms)%16 -L azblob:1 liftfs-array.sh vms /exports/ds1 https://HOST/CONTAINER
#
# What the cluster's slurm.conf needs, and why:
#	RequeueExit=75          75 is "try again": the network, throttling, a lease held elsewhere, SIGTERM
#	RequeueExitHold=78      78 is "a person must act": held until `scontrol release JOB`
#	JobRequeue=1
#	Licenses=azblob:40      so many tasks write to the storage account at once, on whatever node
#	MaxArraySize=10001      one more than the longest list (1001 by default)
#
# --signal=B:TERM@120: two minutes before the time limit liftfs is told to stop, ends with 75, and is started again where it was.
# The signal goes to the batch shell alone: liftfs must be it, hence exec.
# --open-mode=append: a task that is started again adds to its log.
#
# State: each task needs the state of its disks.  Either /var/lib/liftfs lies on each node (a task on another node reads the replica's
# map back), or give --state a folder that is the node's own; never one on a network file system.
# Credentials: --credentials FILE, readable by the user alone; exported variables would be in the job's record.
#SBATCH --job-name=liftfs
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=liftfs-%A_%a.log
#SBATCH --signal=B:TERM@120
#SBATCH --cpus-per-task=2

if [ $# -lt 3 ]; then
	echo "usage: sbatch --array=1-N liftfs-array.sh LIST SOURCE TARGET [OPTION...]" >&2
	exit 2
fi
list=$1 source=$2 target=$3
shift 3
exec liftfs sync --list "$list" --index auto "$@" "$source" "$target"
