#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Exports of a Hyper-V host: which disks are a VM's is what its configuration says, in each of its three forms.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img jq openssl iconv
[ -x /usr/bin/python3 ] || skip "/usr/bin/python3 is not there"

ide=_83f8638b-8dca-4152-9eda-2ca8b33039b4_
scsi=_d7a36e9b-9256-4f0d-be2c-3a13887f7b03_
guid1=0AA394FA-7C4A-4070-BA32-773D43B28A68
guid2=6B1E6F0C-9B0F-4D0B-8F0E-0D4B2C2C1A11
store=$scratch/store target=$scratch/target
mkdir -p "$scratch/flat"

disk() { # PATH MIB: a dynamic VHDX and what it holds
	name=$(echo "$1" | tr '/ ' '--')
	make_raw "$scratch/flat/$name" "$2" "$1"
	mkdir -p "$(dirname "$store/$1")"
	qemu-img convert -f raw -O vhdx -o subformat=dynamic,block_size=1M "$scratch/flat/$name" "$store/$1"
}
drive() { # NUMBER TYPE PATH
	printf '<drive%s><pathname type="string">%s</pathname><type type="string">%s</type></drive%s>' "$1" "$3" "$2" "$1"
}

# Until 2012 R2: XML in UTF-16; a checkpoint's configuration beside it.
web="$store/web01"
disk "web01/Virtual Hard Disks/System.vhdx" 9
disk "web01/Virtual Hard Disks/data.vhdx" 6
mkdir -p "$web/Virtual Machines" "$web/Snapshots"
xml() { # DISK
	printf '<?xml version="1.0" encoding="UTF-16" standalone="yes"?><configuration>'
	printf '<%s><controller0>%s</controller0></%s>' $scsi "$(drive 0 VHD 'C:\VMs\web01\data.vhdx')" $scsi
	printf '<%s><controller0>%s</controller0><controller1>%s</controller1></%s>' $ide "$(drive 0 VHD "$1")" \
		"$(drive 0 ISO 'C:\tools.iso')" $ide
	printf '<properties><name type="string">Web 01</name></properties></configuration>'
}
# shellcheck disable=SC2028 # a path
xml 'C:\VMs\web01\SYSTEM.VHDX' | (printf '\377\376' && iconv -f UTF-8 -t UTF-16LE) >"$web/Virtual Machines/$guid1.xml"
xml 'C:\VMs\web01\other.avhdx' >"$web/Snapshots/$guid2.xml"

# Since 2016: .vmcx.
disk "db01/Virtual Hard Disks/disk.vhdx" 7
disk "db01/Virtual Hard Disks/log.vhdx" 5
mkdir -p "$store/db01/Virtual Machines"
vmcx="$store/db01/Virtual Machines/$guid2.vmcx"
/usr/bin/python3 "$srcdir/tests/integration/write_vmcx.py" "$vmcx" \
	"configuration/properties/name=db01" "configuration/properties/type_id=Virtual Machines" \
	"configuration/$scsi/controller0/drive10/pathname=D:\\db01\\log.vhdx" "configuration/$scsi/controller0/drive10/type=VHD" \
	"configuration/$scsi/controller0/drive9/pathname=D:\\db01\\disk.vhdx" "configuration/$scsi/controller0/drive9/type=VHD"

# Others, of which PowerShell wrote a list: two disks of one name, in the folders that the host had.
disk "more/app01/disk.vhdx" 5
disk "more/app02/disk.vhdx" 4
cat >"$scratch/vms.json" <<'EOT'
[{"VMName":"app02","VMId":"2","Path":"E:\\more\\app02\\disk.vhdx","DiskNumber":null,"ControllerType":1,"ControllerNumber":0,"ControllerLocation":0},
 {"VMName":"app01","VMId":"1","Path":"E:\\more\\app01\\disk.vhdx","DiskNumber":null,"ControllerType":1,"ControllerNumber":0,"ControllerLocation":0}]
EOT
(printf '\377\376' && iconv -f UTF-8 -t UTF-16LE "$scratch/vms.json") >"$store/vms.json"

# And one that no configuration names.
disk loose.vhdx 4

liftfs list --json "$store" >"$scratch/list.json" 2>"$scratch/err" || fail "list: $(cat "$scratch/err")"
want "what list says" "$(json '[.vms[] | "\(.name):\([.disks[].image] | join(","))"] | join(" | ")' "$scratch/list.json")" \
	"app01:more/app01/disk.vhdx | app02:more/app02/disk.vhdx | \
db01/db01:db01/Virtual Hard Disks/disk.vhdx,db01/Virtual Hard Disks/log.vhdx | loose:loose.vhdx | \
web01/Web 01:web01/Virtual Hard Disks/System.vhdx,web01/Virtual Hard Disks/data.vhdx"
want "what list warns of" "$(cat "$scratch/err")" ""
want labels "$(json '[.vms[].label] | join(",")' "$scratch/list.json")" "app01,app02,db01,loose,Web 01"
want configuration "$(json '.vms[2].configuration' "$scratch/list.json")" "db01/Virtual Machines/$guid2.vmcx"

liftfs sync --only-configured --json "$store" "$target" >"$scratch/sync.json" 2>"$scratch/err" || fail "sync: $(cat "$scratch/err")"
want disks "$(json '[.disks[].name] | sort | join(" | ")' "$scratch/sync.json")" \
	"db01/Virtual Hard Disks/disk.vhd | db01/Virtual Hard Disks/log.vhd | more/app01/disk.vhd | more/app02/disk.vhd | \
web01/Virtual Hard Disks/System.vhd | web01/Virtual Hard Disks/data.vhd"
want "VMs of web01's disks" "$(json '[.disks[] | select(.name | startswith("web01")) | .vm] | unique | join(",")' \
	"$scratch/sync.json")" "Web 01"
for replica in "db01/Virtual Hard Disks/disk" "db01/Virtual Hard Disks/log" more/app01/disk more/app02/disk \
	"web01/Virtual Hard Disks/System" "web01/Virtual Hard Disks/data"; do
	same_as_vhd "$scratch/flat/$(echo "$replica" | tr '/ ' '--').vhdx" "$target/$replica.vhd"
	liftfs verify "$store/$replica.vhdx" "$target/$replica.vhd" >"$scratch/out" || fail "verify: $(cat "$scratch/out")"
done

liftfs verify -q --only-configured "$store" "$target" || fail "verify of what configurations name"

# A configuration that cannot be read is said to be so; its disks are there all the same.
printf x | dd of="$vmcx" bs=1 seek=12310 conv=notrunc status=none
printf '[{"HardDrives":[' >"$store/vms.json"
liftfs list --json "$store" >"$scratch/list.json" 2>"$scratch/err" || fail "list: $(cat "$scratch/err")"
grep -q "$guid2.vmcx: not used: key at 12298: wrong checksum" "$scratch/err" || fail "a broken .vmcx: $(cat "$scratch/err")"
grep -q "vms.json: not used: JSON: it ends in the middle" "$scratch/err" || fail "a broken .json: $(cat "$scratch/err")"
want "disks all the same" "$(json '[.vms[].disks[].image] | length' "$scratch/list.json")" 7

# Hostile ones end, and soon.
truncate -s 100M "$store/long.json" "$store/long.xml" "$store/long.vmcx"
/usr/bin/python3 -c 'print("[{\"HardDrives\":" + "[" * 5000000)' >"$store/deep.json"
/usr/bin/python3 -c 'print("<configuration><pathname/>" + "<a>" * 5000000)' >"$store/deep.xml"
cat >"$store/bomb.xml" <<'EOT'
<?xml version="1.0"?><!DOCTYPE configuration [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>
<configuration><properties><name>&d;&d;&d;</name></properties><_x_><controller0><drive0><pathname>&d;</pathname></drive0></controller0></_x_></configuration>
EOT
iconv -f UTF-8 -t UTF-16 "$store/bomb.xml" >"$store/bomb16.xml"
timeout 60 "$builddir/tools/liftfs" list --json "$store" >"$scratch/list.json" 2>"$scratch/err" || fail "hostile: $(cat "$scratch/err")"
for message in 'long.json: not used: 104857600 bytes long; 1 to 67108864 are read' \
	'long.xml: not used: 104857600 bytes long' 'long.vmcx: not used: 104857600 bytes long' \
	'deep.json: not used: JSON: more than 64 deep' 'deep.xml: not used: XML: not well-formed' \
	'bomb.xml: not used: XML: it brings a DTD' 'bomb16.xml: not used: XML: it brings a DTD'; do
	grep -qF "$message" "$scratch/err" || fail "no '$message' in: $(cat "$scratch/err")"
done
want "disks beside hostile files" "$(json '[.vms[].disks[].image] | length' "$scratch/list.json")" 7

# A disk that is not there, or is the host's own, fails its VM's run and no other.
rm "$store"/long.* "$store"/deep.* "$store"/bomb*
cat >"$store/vms.json" <<'EOT'
[{"Name":"app01","HardDrives":[{"Path":"E:\\more\\app01\\disk.vhdx","ControllerLocation":0},{"Path":"E:\\gone.vhdx","ControllerLocation":1},
 {"Path":"Disk 2 10.00 GB Bus 0 Lun 1 Target 0","DiskNumber":2,"ControllerLocation":2}]}]
EOT
liftfs list --json "$store" >"$scratch/list.json" 2>"$scratch/err" || fail "list: $(cat "$scratch/err")"
json '.vms[] | select(.name == "app01") | .disks[].error | tostring' "$scratch/list.json" >"$scratch/out"
grep -q 'gone.vhdx.*no such image in SOURCE.*--datastore NAME=DIR' "$scratch/out" || fail "a missing disk: $(cat "$scratch/out")"
grep -q 'Disk 2 10.00 GB.*is no image file' "$scratch/out" || fail "a pass-through disk: $(cat "$scratch/out")"
must_fail 65 gone.vhdx liftfs sync "$store" "$target"
same_as_vhd "$scratch/flat/loose.vhdx" "$target/loose.vhd"

# What a mount shows of a disk is one disk.
if [ -x "$builddir/tools/liftfs-mount" ] && [ -w /dev/fuse ]; then
	mkdir "$scratch/mnt"
	unmount() { fusermount3 -u "$scratch/mnt" 2>/dev/null || :; }
	cleanup_fn unmount
	liftfs mount "$store/more" "$scratch/mnt" 2>"$scratch/err" || skip "no mount here: $(cat "$scratch/err")"
	liftfs list --json "$scratch/mnt" >"$scratch/list.json" || fail "list of a mount"
	want "disks of a mount" "$(json '[.vms[].disks[].image] | join(" ")' "$scratch/list.json")" \
		"app01/disk.vhdx/disk.raw app02/disk.vhdx/disk.raw"
fi
