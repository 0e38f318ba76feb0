#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Twenty disks of mixed formats, changed at 200 places: what is sent, whether all replicas are equal, and in how much memory.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img qemu-io jq openssl
[ -x /usr/bin/python3 ] || skip "/usr/bin/python3 is not there"
start_server

# Under a sanitizer a quarter must do: everything takes ten times as long, and memory says nothing.
sanitized=${LIFTFS_SANITIZED:-no}
disks=20
[ "$sanitized" = no ] || disks=5
store=$scratch/store
mkdir -p "$store" "$scratch/flat"
format_of() {
	case $1 in
	*.vmdk) echo vmdk ;;
	*.vhdx) echo vhdx ;;
	*) echo raw ;;
	esac
}
for i in $(seq 1 $disks); do
	vm=vm$i
	mkdir "$store/$vm"
	make_raw "$scratch/flat/$vm.raw" $((8 + i)) "$vm"
	case $((i % 5)) in
	0) qemu-img convert -f raw -O vmdk -o subformat=monolithicSparse "$scratch/flat/$vm.raw" "$store/$vm/$vm.vmdk" ;;
	1) qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat "$scratch/flat/$vm.raw" "$store/$vm/$vm.vmdk" ;;
	2) qemu-img convert -f raw -O vhdx -o block_size=1M "$scratch/flat/$vm.raw" "$store/$vm/$vm.vhdx" ;;
	3) qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse "$scratch/flat/$vm.raw" "$store/$vm/$vm.vmdk" ;;
	4) cp --sparse=always "$scratch/flat/$vm.raw" "$store/$vm/$vm.raw" ;;
	esac
done

# The largest resident set is what the kernel counted for the child.
measured() { # OUT COMMAND...
	/usr/bin/python3 -c '
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:], stdout=open(sys.argv[1], "w"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open(sys.argv[1] + ".rss", "w"))
sys.exit(status)' "$@"
}
check_all() {
	for image in "$store"/*/*.*; do
		case $image in *-flat.vmdk | *-s0*.vmdk) continue ;; esac
		vm=$(basename "$(dirname "$image")")
		flat "$image" "$(format_of "$image")" "$scratch/now.raw"
		liftfs verify "$scratch/now.raw" "$endpoint/disks/$vm/$vm.vhd" >"$scratch/out" 2>&1 || fail "$vm: $(cat "$scratch/out")"
	done
}

measured "$scratch/first.json" liftfs sync --json --jobs 4 "$store" "$endpoint/disks" 2>"$scratch/err" ||
	fail "first: $(cat "$scratch/err")"
want disks "$(json '.disks | length' "$scratch/first.json")" $disks
check_all

# 200 places, ten a disk, of 1 to 64 KiB; what the guest writes is counted in blocks of 64 KiB.
: >"$scratch/blocks"
seed=1
next() { # pseudo-random below $1
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	echo $((seed / 65536 * 32768 % $1))
}
for image in "$store"/*/*.*; do
	case $image in *-flat.vmdk | *-s0*.vmdk) continue ;; esac
	vm=$(basename "$(dirname "$image")")
	size=$(stat -c %s "$scratch/flat/$vm.raw")
	set --
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		off=$(($(next $((size / 512 - 128))) * 512))
		seed=$(((seed * 1103515245 + 12345) % 2147483648))
		len=$(((seed / 65536 % 128 + 1) * 512))
		set -- "$@" -c "write -q -P $((seed / 65536 % 255 + 1)) $off $len"
		for block in $(seq $((off / 65536)) $(((off + len - 1) / 65536))); do
			echo "$vm $block" >>"$scratch/blocks"
		done
	done
	qemu-io -f "$(format_of "$image")" "$@" "$image" >/dev/null
done
changed=$(sort -u "$scratch/blocks" | wc -l)
measured "$scratch/delta.json" liftfs sync --json --jobs 4 "$store" "$endpoint/disks" 2>"$scratch/err" ||
	fail "delta: $(cat "$scratch/err")"
sent=$(json '[.disks[].bytes_sent] | add' "$scratch/delta.json")
echo "$changed changed blocks, $sent bytes sent, resident set $(cat "$scratch/first.json.rss") and $(cat "$scratch/delta.json.rss") KiB"
[ "$sent" -le $((changed * 65536 * 11 / 10)) ] || fail "$sent bytes sent for $changed changed blocks"
check_all
[ "$sanitized" = no ] || exit 0
for run in first delta; do
	[ "$(cat "$scratch/$run.json.rss")" -lt 262144 ] || fail "$run: resident set of $(cat "$scratch/$run.json.rss") KiB"
done
