#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The replication protocol, explored by a model checker: as built it holds, and each rule that is taken out breaks it.
#
#	model.sh [short | all | wrong | long]
#
# short (make check) takes some 15 s; all the rest of what must hold (3 minutes, 4 GB); wrong each rule taken out in
# turn; long what takes minutes more.
set -u
here=$(cd "$(dirname "$0")" && pwd)
what=${1:-short}
if [ -n "${LIFTFS_SANITIZED:-}" ] && [ "$LIFTFS_SANITIZED" != no ]; then
	echo "skipped: models are no matter of sanitizers"
	exit 77
fi
for tool in spin gcc python3; do
	command -v "$tool" >/dev/null || {
		echo "skipped: $tool is not installed"
		exit 77
	}
done
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
bad=0
optimize=-O2
[ "$what" = short ] && optimize=-O0 # these states are few: compiling is what takes long

# run MODEL WANT NAME OPTIONS...: WANT errors must be found.  LIVE=1: no cycle in the state graph, so every run ends.
run() {
	local model=$1 want=$2 name=$3 mode=-DHC4 opt="-m200000 -w26" safe=-DSAFETY line
	shift 3
	mkdir -p "$work/$name" && cd "$work/$name" || exit 99
	spin -a "$@" "$here/$model.pml" >gen.log 2>&1 || {
		cat gen.log
		exit 99
	}
	[ "$what" = short ] && opt="-m200000 -w22"
	if [ "$want" = 1 ] && [ "$model" = cycle ] && [ "$name" != newguid ]; then mode="-DCOLLAPSE -DBFS" opt=; fi
	if [ -n "${LIVE:-}" ]; then safe="-DNP -DNOFAIR" opt="-l $opt"; fi
	# shellcheck disable=SC2086 # lists
	gcc $optimize -w $safe $mode -DVECTORSZ=1024 -DMEMLIM=9000 -o pan pan.c && ./pan $opt >pan.log 2>&1
	line=$(grep -oE "errors: [0-9]+|[0-9]+ states, stored|max search depth too small|reached -DMEMLIM bound" pan.log | tr '\n' ' ')
	printf '%-6s %-12s %s  %s\n' "$model" "$name" "$*" "$line"
	case $line in
	*too\ small* | *MEMLIM*)
		bad=1
		echo "  NOT COMPLETE"
		;;
	*"errors: $want "*) ;;
	*)
		bad=1
		echo "  NOT AS EXPECTED"
		;;
	esac
	grep -h "pan:1:" pan.log | cut -c1-140 | sed 's/^/    /'
	cd / && rm -rf "${work:?}/$name"
}

# cycle WANT NAME CRASH AMBIG FOREIGN EXPIRE CHANGE OPTIONS...
cycle() {
	local want=$1 name=$2 faults="-DCRASH=$3 -DAMBIG=$4 -DFOREIGN=$5 -DEXPIRE=$6 -DCHANGE=$7"
	shift 7
	# shellcheck disable=SC2086 # a list
	run cycle "$want" "$name" $faults "$@"
}
vm() {
	local want=$1 name=vm_$2 faults="-DCRASH=$3 -DAMBIG=$4 -DFOREIGN=$5 -DEXPIRE=$6 -DCHANGE=$7"
	shift 7
	# shellcheck disable=SC2086 # a list
	run vm "$want" "$name" $faults "$@"
}

vm_wrong() {
	vm 1 snapifm 1 1 1 1 3 -DF_SNAPIFM=0
	vm 1 vmfuzzy 1 1 1 1 3 -DF_VMFUZZY=0
	vm 1 token 1 1 1 1 3 -DF_TOKEN=0
	vm 1 count 1 1 1 1 3 -DF_COUNT=0
	vm 1 missing 1 1 1 1 3 -DF_MISSING=0
	vm 1 etag 1 1 1 1 3 -DF_ETAG=0
}
vm_holds() {
	vm 0 one 2 2 1 1 3
	# not needed for safety: disk by disk, or snapshots before all clean points, only leaves more that is not whole
	vm 0 first 2 2 1 1 2 -DF_FIRST=0
	vm 0 all 2 2 1 1 2 -DF_ALL=0
}

case $what in
short)
	python3 "$here/dir.py" || bad=1
	vm 0 one 2 2 1 1 2
	vm_wrong
	cycle 0 one 1 0 1 1 1 -DCYC=1
	cycle 1 intent 1 0 0 0 2 -DF_INTENT=0 -DCYC=1
	cycle 1 epoch 0 1 0 0 2 -DF_EPOCH=0 -DLATELEASE=1 -DF_ALARM=0
	cycle 1 fence 0 1 0 0 1 -DF_FENCE=0
	cycle 1 acqifm 0 1 1 1 1 -DF_ACQIFM=0 -DLATEACQ=1 -DCYC=1
	;;
wrong)
	vm_wrong
	#              c a f e g
	cycle 1 intent 1 0 0 0 2 -DF_INTENT=0 -DCYC=1
	cycle 1 epoch 0 1 0 0 2 -DF_EPOCH=0 -DLATELEASE=1 -DF_ALARM=0
	cycle 1 claimfirst 1 0 0 1 3 -DF_CLAIMFIRST=0 -DF_CLAIMIFM=0 -DCYC=1
	cycle 1 etag 0 0 1 0 0 -DF_ETAG=0 -DCYC=1
	cycle 1 fence 0 1 0 0 1 -DF_FENCE=0
	cycle 1 snapifm 0 1 0 0 1 -DF_SNAPIFM=0
	cycle 1 proof 1 0 1 1 1 -DF_PROOF=0 -DCYC=1
	cycle 1 mark 2 0 1 1 1 -DF_MARK=0 -DCYC=1
	cycle 1 renewonly 0 0 1 1 1 -DF_RENEWONLY=0 -DCYC=1
	cycle 1 newepoch 1 0 0 0 2 -DF_NEWEPOCH=0 -DCYC=1
	cycle 1 rescan 0 1 0 0 2 -DF_RESCAN=1 -DCYC=1
	cycle 1 fuzzy 0 0 0 0 1 -DF_FUZZY=0 -DCYC=1
	cycle 1 lease 0 0 1 0 1 -DF_LEASE=0 -DCYC=1
	cycle 1 uniq 1 0 0 0 2 -DNH=2 -DCOPY=1 -DF_UNIQ=0 -DCYC=1
	cycle 1 p4 0 0 0 0 2 -DNH=2 -DCOPY=1 -DF_UNIQ=0 -DF_CLAIMIFM=0 -DF_TRUST=0 -DCYC=1
	cycle 1 claimifm 0 1 0 0 1 -DNH=2 -DCOPY=1 -DF_CLAIMIFM=0 -DCYC=1
	cycle 1 newguid 0 0 0 1 1 -DNH=2 -DCOPY=1 -DF_NEWGUID=0 -DCYC=1
	cycle 1 restore 2 0 0 0 2 -DRESTORE=2 -DCYC=1
	cycle 1 acqifm 0 1 1 1 1 -DF_ACQIFM=0 -DLATEACQ=1 -DCYC=1
	cycle 1 asleft 1 0 1 1 1 -DF_ASLEFT=2 -DLATEACQ=1 -DCYC=1
	;;
all | long)
	vm_holds
	vm 0 two 1 0 1 1 1 -DNH=2 -DCYC=1
	cycle 0 one_a 1 1 1 1 1 -DCYC=1
	cycle 0 one_b 2 0 1 1 1 -DCYC=1
	cycle 0 one_c 1 0 1 1 2 -DCYC=2
	cycle 0 one_d 0 2 1 1 2 -DCYC=1
	cycle 0 one_e 1 1 1 1 2 -DCYC=1
	cycle 0 restore 2 0 1 1 1 -DCYC=1 -DRESTORE=1
	cycle 0 two_a 0 0 0 1 2 -DNH=2 -DCYC=1
	cycle 0 two_b 1 0 0 1 1 -DNH=2 -DCYC=1
	cycle 0 two_c 0 1 0 1 1 -DNH=2 -DCYC=1
	cycle 0 two_d 0 0 1 1 1 -DNH=2 -DCYC=1
	cycle 0 copy_a 0 0 0 1 1 -DNH=2 -DCYC=1 -DCOPY=1
	cycle 0 acq_a 1 1 1 1 1 -DCYC=1 -DLATEACQ=1
	cycle 0 acq_b 0 1 0 1 1 -DNH=2 -DCYC=1 -DLATEACQ=1
	LIVE=1 cycle 0 live_one 1 1 1 1 1 -DCYC=1
	LIVE=1 cycle 0 live_two 0 0 0 1 1 -DNH=2 -DCYC=1
	LIVE=1 cycle 0 live_copy 0 0 0 1 1 -DNH=2 -DCYC=1 -DCOPY=1
	if [ "$what" = long ]; then
		vm 0 three 2 2 1 1 3 -DCYC=3
		vm 0 two_b 1 0 1 0 2 -DNH=2 -DCYC=2
		cycle 0 two_e 1 0 0 1 2 -DNH=2 -DCYC=1
		cycle 0 two_f 1 1 0 1 1 -DNH=2 -DCYC=1
	fi
	;;
*)
	echo "usage: model.sh [short | all | wrong | long]" >&2
	exit 2
	;;
esac
exit $bad
