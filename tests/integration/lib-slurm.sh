# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A Slurm of the test's own: one host, two nodes, on loopback, with its own munge; nothing of the system's is used or touched.
# After lib.sh.  slurm_start sets SLURM_CONF, slurm_stop (as a cleanup) ends what it started, by pid.
slurm=$scratch/slurm

slurm_requires() {
	PATH=$PATH:/usr/sbin:/sbin
	export PATH
	requires slurmctld slurmd sbatch scontrol squeue scancel munged ss hostname
	[ "$(id -u)" = 0 ] || skip "slurmd needs root"
}

# free_ports N: a port from which on N are free now
free_ports() {
	port=$((20000 + $$ % 20000))
	while :; do
		taken=$(ss -Hltn | awk '{ print $4 }' | sed 's/.*://' | sort -u)
		i=0
		while [ "$i" -lt "$1" ] && ! echo "$taken" | grep -qx "$((port + i))"; do
			i=$((i + 1))
		done
		[ "$i" -lt "$1" ] || break
		port=$((port + $1))
	done
	echo "$port"
}

slurm_nodes_idle() {
	[ "$(sinfo -h -o %T 2>/dev/null)" = idle ]
}

# slurm_start [LINE...]: lines to add to slurm.conf
slurm_start() {
	mkdir -p "$slurm/munge" "$slurm/log" "$slurm/ctld" "$slurm/n1" "$slurm/n2"
	chmod 700 "$slurm/munge"
	dd if=/dev/urandom of="$slurm/munge/key" bs=1024 count=1 status=none
	chmod 400 "$slurm/munge/key"
	host=$(hostname -s)
	port=$(free_ports 3)
	# cred_expire=5: what is requeued may start again a second after that; by default two minutes.
	# NoCtldInAddrAny, NoInAddrAny: loopback alone.
	cat >"$slurm/slurm.conf" <<CONF
ClusterName=liftfs
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge/sock,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
CredType=cred/munge
SlurmctldPort=$port
SlurmctldPidFile=$slurm/ctld.pid
SlurmctldLogFile=$slurm/log/ctld.log
StateSaveLocation=$slurm/ctld
SlurmdSpoolDir=$slurm/%n
SlurmdPidFile=$slurm/%n.pid
SlurmdLogFile=$slurm/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=3
InactiveLimit=0
MinJobAge=600
MpiDefault=none
JobRequeue=1
RequeueExit=75
RequeueExitHold=78
Licenses=azblob:2
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=2 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=2 State=UNKNOWN
PartitionName=repl Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
CONF
	for line; do
		echo "$line" >>"$slurm/slurm.conf"
	done
	SLURM_CONF=$slurm/slurm.conf
	export SLURM_CONF
	cleanup_fn slurm_stop
	munged --force --key-file="$slurm/munge/key" --socket="$slurm/munge/sock" --pid-file="$slurm/munge/pid" \
		--log-file="$slurm/munge/log" --seed-file="$slurm/munge/seed" || skip "munged does not start: $(cat "$slurm/munge/log")"
	slurmctld -f "$SLURM_CONF" || skip "slurmctld does not start: $(cat "$slurm/log/ctld.log")"
	slurm_node n1
	slurm_node n2
	wait_for 60 slurm_nodes_idle
}

# slurm_node NAME: starts a node's daemon
slurm_node() {
	slurmd -f "$SLURM_CONF" -N "$1" || fail "slurmd does not start: $(cat "$slurm/log/$1.log")"
}

# gone PID: it is not there, or only as a zombie
gone() {
	case $(ps -o stat= -p "$1") in '' | Z*) return 0 ;; esac
	return 1
}

slurm_quiet() {
	[ -z "$(squeue -h -t R,CG 2>/dev/null)" ]
}

slurm_stop() {
	scancel -f -u root 2>/dev/null || :
	tries=100
	until slurm_quiet || [ "$tries" -eq 0 ]; do
		tries=$((tries - 1))
		sleep 0.05
	done
	for file in n1.pid n2.pid ctld.pid munge/pid; do
		[ -s "$slurm/$file" ] || continue
		daemon=$(cat "$slurm/$file")
		kill "$daemon" 2>/dev/null || :
		tries=100
		until gone "$daemon" || [ "$tries" -eq 0 ]; do
			tries=$((tries - 1))
			sleep 0.05
		done
		gone "$daemon" || kill -KILL "$daemon" 2>/dev/null || :
	done
}

# job_state JOB: PENDING RUNNING COMPLETED FAILED SPECIAL_EXIT ...
job_state() {
	scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | sort -u | tr '\n' ' ' | sed 's/ $//'
}
# job_is STATE JOB: for wait_for
job_is() {
	[ "$(job_state "$2")" = "$1" ]
}
