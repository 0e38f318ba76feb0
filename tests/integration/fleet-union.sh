#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A datastore worked through line by line leaves the replicas that one sync of it leaves: their names, ids, VMs and bytes.  With
# all that makes names: several disks, snapshots, linked clones, configurations, names that differ in case or suffix, archives.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires jq openssl qemu-img iconv tar
unset SLURM_ARRAY_TASK_ID SGE_TASK_ID PARALLEL_SEQ JOB_COMPLETION_INDEX || :
cd "$scratch"

flat() { # PATH-WITHOUT-SUFFIX ID
	mkdir -p "$(dirname "ds/$1")"
	truncate -s 1M "ds/$1-flat.vmdk"
	random_bytes "ds/$1-flat.vmdk" 0 65536 "$1"
	printf '# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "%s" 0\nddb.uuid = "60 00 C2 9%s"\n' \
		"$(basename "$1")-flat.vmdk" "$2" >"ds/$1.vmdk"
}
delta() { # FOLDER PARENT NAME
	(cd "ds/$1" && qemu-img create -q -f vmdk -b "$2.vmdk" -F vmdk "$3.vmdk")
}
# Two disks of a configuration, one of them in another VM's folder; a third that no configuration names; a snapshot.
flat web/web web
flat web/web_1 web1
flat shared/data data
flat web/left left
delta web web web-000001
printf 'displayName = "Web Server"\nscsi0.present = "TRUE"\nscsi0:0.present = "TRUE"\nscsi0:0.fileName = "web-000001.vmdk"\nscsi0:1.present = "TRUE"\nscsi0:1.fileName = "web_1.vmdk"\nscsi0:2.present = "TRUE"\nscsi0:2.fileName = "../shared/data.vmdk"\n' >ds/web/web.vmx
# Linked clones, with a configuration and without.
flat base/base template
for clone in c1 c2 c3; do
	mkdir -p ds/$clone
	delta $clone ../base/base $clone
done
printf 'displayName = "Web Server"\nscsi0.present = "TRUE"\nscsi0:0.present = "TRUE"\nscsi0:0.fileName = "c2.vmdk"\n' >ds/c2/c2.vmx
# One stem, several suffixes; one name, several folders; twins by their ids.
for path in stem/disk.raw stem/other.img x/disk.raw y/disk.raw; do
	mkdir -p "$(dirname ds/$path)"
	truncate -s 1M ds/$path
	random_bytes ds/$path 0 4096 $path
done
flat twins/a twin
flat twins/b twin
qemu-img convert -f raw -O vhdx -o subformat=dynamic,block_size=1M ds/stem/disk.raw ds/stem/disk.vhdx
qemu-img convert -f raw -O vpc -o force_size=on ds/stem/disk.raw ds/stem/disk.vhd
mkdir -p ds/hv/"Virtual Hard Disks" ds/hv/"Virtual Machines"
qemu-img convert -f raw -O vhdx -o subformat=dynamic,block_size=1M ds/x/disk.raw "ds/hv/Virtual Hard Disks/System.vhdx"
qemu-img convert -f raw -O vhdx -o subformat=dynamic,block_size=1M ds/y/disk.raw "ds/hv/Virtual Hard Disks/Data.vhdx"
ovf() { # FILE CAPACITY
	printf '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References><File ovf:id="f" ovf:href="%s"/></References><DiskSection><Info>d</Info><Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="%s"/></DiskSection></Envelope>\n' \
		"$1" "$2"
}
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized ds/x/disk.raw box.vmdk
ovf box.vmdk 1048576 >box.ovf
tar -cf ds/box.ova box.ovf box.vmdk
mkdir -p ds/Case ds/case
cp ds/x/disk.raw ds/Case/disk.raw
cp ds/y/disk.raw ds/case/disk.raw

# what TARGET: of each replica the name, the VM, and a hash of its disk
what() {
	liftfs list --json "$1" | jq -r '.replicas[] | "\(.name)\t\(.vm)"' | while IFS="$(printf '\t')" read -r name vm; do
		echo "$name $vm $(head -c -512 "$1/$name" | sha256sum)"
	done | sort
}
both() { # WHAT
	liftfs sync --state state-whole ds whole >/dev/null 2>err || fail "$1, at once: $(cat err)"
	liftfs list --plain ds >vms
	line=0
	while read -r vm; do
		line=$((line + 1))
		liftfs sync --state state-union --list vms --index $line ds union >/dev/null 2>err || fail "$1, $vm: $(cat err)"
	done <vms
	what whole >whole.txt
	what union >union.txt
	[ "$(wc -l <whole.txt)" -ge 20 ] || fail "$1: only $(cat whole.txt)"
	diff whole.txt union.txt >diff.txt || fail "$1: at once and line by line differ: $(cat diff.txt)"
}
both "first copies"
grep -q '^web/web.vhd web/web ' union.txt || fail "the disk of a snapshot: $(cat union.txt)"

# Renamed, moved and copied ones: which is which is judged by all of SOURCE, whatever a line is about.
mkdir ds/moved
mv ds/web/left-flat.vmdk ds/moved
mv ds/web/left.vmdk ds/moved/right.vmdk
mv ds/shared ds/elsewhere
sed -i 's,shared/data,elsewhere/data,' ds/web/web.vmx
cp -R ds/twins ds/others
cp -R ds/c1 ds/c4
before=$(wc -l <whole.txt)
both "second copies"
want "replicas: two copies of twins and a clone more" "$(wc -l <union.txt)" $((before + 3))
grep -q '^web/left.vhd' union.txt || fail "a disk that moved: $(cat union.txt)"
! grep -q '^moved/\|^elsewhere/' union.txt || fail "a disk that moved has a second replica: $(cat union.txt)"
