#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liftfs assess --look: disks of guests that other programs made, in folders whose configurations say otherwise.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-assess.sh"
requires jq mke2fs mkfs.vfat mcopy sfdisk mkswap qemu-img python3
make_image="python3 $srcdir/tests/integration/guest_images.py"
cd "$scratch"

put() { # FILE IMAGE SECTOR
	dd if="$1" of="$2" bs=512 seek="$3" conv=notrunc status=none
}
vmx() { # FILE KEY=VALUE...
	file=$1
	shift
	for line; do
		printf '%s = "%s"\n' "${line%%=*}" "${line#*=}"
	done >"$file"
}

# ---- guests ----
mkdir -p root/etc root/usr/lib root/usr/bin
printf 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n' >root/etc/os-release
printf '/dev/sdb1\t/data\text4 defaults 0 2\nUUID=1-2 / ext4 defaults 0 1\n' >root/etc/fstab
printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\003\000\076\000%100s' '' >root/usr/bin/sh
ln -s usr/bin root/bin
truncate -s 4M root.ext4
mke2fs -q -t ext4 -U 11111111-2222-3333-4444-555555555555 -d root root.ext4
truncate -s 36M esp.fat
mkfs.vfat -F 32 -s 1 -i 12345678 esp.fat >/dev/null
mmd -i esp.fat ::EFI ::EFI/BOOT
mcopy -i esp.fat root/usr/bin/sh ::EFI/BOOT/BOOTX64.EFI
truncate -s 1M swap
mkswap -U 11111111-2222-3333-4444-666666666666 swap >/dev/null 2>&1
truncate -s 44M efi.raw
printf 'label: gpt\nlabel-id: 11111111-2222-3333-4444-777777777777\n2048,73728,U\n75776,8192,L\n83968,2048,S\n' | sfdisk -q efi.raw
put esp.fat efi.raw 2048
put root.ext4 efi.raw 75776
put swap efi.raw 83968
truncate -s 2M bitlocker.raw
$make_image bitlocker bitlocker.raw

# ---- a configuration that is wrong in everything ----
mkdir -p ds/web ds/copy ds/bad
qemu-img convert -O vmdk efi.raw ds/web/web.vmdk
qemu-img convert -O vmdk bitlocker.raw ds/web/secret.vmdk
vmx ds/web/web.vmx displayName=web guestOS=windows9-64 firmware=bios memsize=4096 numvcpus=2 scsi0:0.present=TRUE \
	scsi0:0.fileName=web.vmdk scsi0:1.present=TRUE scsi0:1.fileName=secret.vmdk
assess --json ds >web.json 2>err || fail "$(cat err)"
[ ! -s err ] || fail "said: $(cat err)"
same "the disk decides" "$(jq -c '.vms[0] | [.os_key, .os_from, .arch, .arch_from, .firmware, .firmware_from, .azure.generation, .confidence]' web.json)" \
	'["debian-12","disk","x64","disk","efi","disk","V2",{"level":5,"reasons":[]}]'
same "contradictions" "$(jq -c '.vms[0].conflicts[] | [.field, .kept, .other, .other_from]' web.json | tr '\n' ' ')" \
	'["firmware","efi","bios","web/web.vmx"] ["os_key","debian-12","win-10","web/web.vmx: guest_id"] '
same "notes" "$(jq -c '.vms[0].azure.notes' web.json)" '["LiftfsDiskContradicts","LiftfsDiskEncrypted","LiftfsFstabDeviceName"]'
same "verdicts rest on codes alone" "$(jq -c '.vms[0].azure | [.readiness, .codes]' web.json)" '["Ready for Azure",[]]'
where=$(jq -r '.vms[0].evidence.sources[] | select(.field == "os" and .from == "disk") | .where' web.json)
case $where in 'web/web.vmdk, partition 2: /etc/os-release, byte '*) ;; *) fail "where: $where" ;; esac
at=$(echo "${where##* }" | tr -d ,)
dd if=efi.raw bs=1 skip="$at" count=4 status=none | grep -q NAME || fail "no os-release at byte $at"
same "its byte" "$(jq -r '.vms[0].azure.disks[0].evidence.findings[] | select(.kind == "os") | .offset' web.json)" "$at"
same "every source is kept" "$(jq -c '.vms[0].evidence.sources[] | [.field, .from, .value, .counts]' web.json | tr '\n' ' ')" \
	'["os","disk","Debian GNU/Linux 12 (bookworm)",true] ["os","guest_id","windows9-64",false] ["firmware","disk","efi",true] ["firmware","inventory","bios",false] ["arch","disk","x86_64",true] '
same "findings" "$(jq -c '[.vms[0].azure.disks[].evidence | [.complete, .error, (.findings | map(.kind) |
	map(select(. == "swap" or . == "encryption")))]]' web.json)" '[[true,null,["swap"]],[true,null,["encryption"]]]'
same "nothing was measured" "$(jq -c '[.measured, .vms[0].evidence.zero_share, .options.look, .options.avs_dedupe_from]' web.json)" \
	'[null,null,"quick","assumed"]'
assess --explain web ds >explained
grep -q '^  os  *disk says "Debian GNU/Linux 12 (bookworm)": web/web.vmdk, partition 2: /etc/os-release, byte .*; this counts$' explained ||
	fail "not explained: $(cat explained)"
grep -q '^  conflict  *firmware is "efi" in web/web.vmdk, partition 1: .*, which counts, and "bios" in web/web.vmx$' explained ||
	fail "the conflict is not explained: $(cat explained)"
assess --csv - ds >web.csv
grep -q '^web,.*,disk,disk,[0-9]*,,,5,1,' web.csv || fail "CSV: $(cat web.csv)"

same "for Azure Migrate" "$(assess --azure-migrate-csv - ds | cut -d, -f 5,7,15 | tail -1)" 'Debian GNU/Linux 12 (bookworm),x64,UEFI'

# Nobody looked: the configuration is all there is.
assess --json --look none ds >none.json
same "not looked at" "$(jq -c '.vms[0] | [.os_key, .os_from, .firmware, .firmware_from, .azure.generation, .azure.notes, .conflicts, .confidence.level,
	.azure.disks[0].evidence]' none.json)" '["win-10","guest_id","bios","inventory","V1",[],[],3,null]'

# ---- what cannot be read ----
cp ds/web/web.vmdk ds/bad/bad.vmdk
truncate -s 200K ds/bad/bad.vmdk
printf 'damaged' >ds/bad/second.vmdk
vmx ds/bad/bad.vmx displayName=bad guestOS=debian12-64 firmware=efi memsize=4096 scsi0:0.present=TRUE scsi0:0.fileName=bad.vmdk \
	scsi0:1.present=TRUE scsi0:1.fileName=second.vmdk
assess --json ds >bad.json 2>err || fail "$(cat err)"
same "what is left is assessed" "$(jq -c '.vms[0] | [.name, .os_from, (.azure.notes | index("LiftfsDiskUnreadable") != null), .confidence.level < 3,
	.azure.disks[1].evidence.complete, (.azure.disks[1].evidence.error != null)]' bad.json)" '["bad","guest_id",true,true,false,true]'
same "and the other machine" "$(jq -c '.vms[1] | [.name, .os_from, .confidence.level]' bad.json)" '["web","disk",5]'
rm -r ds/bad

# ---- an inventory of a vCenter, and a folder that has the machine's disks ----
mkdir rv
printf 'VM,Powerstate,Template,CPUs,Memory,Firmware,OS according to the VMware Tools,VM UUID\nweb,poweredOn,False,2,4096,bios,Microsoft Windows Server 2019 (64-bit),500c1122-3344-5566-7788-99aabbccddee\n' \
	>rv/info.csv
printf 'VM,Disk,Disk Key,Capacity MiB,Raw,Disk Mode\nweb,Hard disk 1,2000,44,False,persistent\nweb,Hard disk 2,2001,2,False,persistent\n' >rv/disk.csv
printf 'vc.uuid = "50 0c 11 22 33 44 55 66-77 88 99 aa bb cc dd ee"\n' >>ds/web/web.vmx
same "the folder's disks" "$(assess --json rv ds | jq -c '.vms[0] | [.power, .os_key, .firmware, .azure.disks[0].label, (.conflicts | map(.field) | unique)]')" \
	'["on","debian-12","efi","Hard disk 1",["firmware","os_key"]]'

# ---- zeros and duplicates, against a count by other means ----
/usr/bin/python3 -B - <<'END'
import random
rng = random.Random(7)
blocks = [rng.randbytes(65536) for _ in range(40)]
a = [blocks[i % 20] for i in range(30)] + [bytes(65536)] * 10
b = [blocks[10 + i % 25] for i in range(30)] + [bytes(65536)] * 2
for name, content in (('a', a), ('b', b)):
    open(name + '.raw', 'wb').write(b''.join(content))
    data = [x for x in content if x != bytes(65536)]
    print(round(1e6 * (1 - len(data) / len(content))), round(1e6 * (1 - len(set(data)) / len(data))), 0, file=open(name + '.want', 'w'))
data = [x for x in a + b if x != bytes(65536)]
print(round(1e6 * (1 - len(set(data)) / len(data))), file=open('fleet.want', 'w'))
END
mkdir -p fleet/a fleet/b
qemu-img convert -O vmdk a.raw fleet/a/a.vmdk
qemu-img convert -O vhdx -o subformat=dynamic b.raw fleet/b/b.vhdx
assess --json --look full fleet >fleet.json 2>err || fail "$(cat err)"
[ ! -s err ] || fail "said: $(cat err)"
for vm in a b; do
	same "$vm" "$(jq -r --arg vm $vm '.vms[] | select(.name == $vm) | .evidence | "\(.zero_share * 1000000 | round) \(.duplicate_share * 1000000 | round) \(.duplicate_error)"' fleet.json)" \
		"$(cat $vm.want)"
done
same "the fleet" "$(jq -r '.measured.duplicate_share * 1000000 | round' fleet.json)" "$(cat fleet.want)"
# 1 / (1 - 25 / 60) = 1.71
same "its factor" "$(jq -c '[.options.avs_dedupe, .options.avs_dedupe_from]' fleet.json)" '[1.7,"measured"]'
same "a factor that was given" "$(assess --json --look full --avs-dedupe 1.2 fleet | jq -c '[.options.avs_dedupe, .options.avs_dedupe_from]')" '[1.2,"given"]'
assess --look full fleet >table
grep -q 'deduplication 1.7, measured$' table || fail "not said: $(cat table)"
# A folder twice: its images are there once.
same "once" "$(assess --json --look full fleet fleet/a 2>/dev/null | jq -c '.measured.blocks')" 72
# Half of the capacity is elsewhere, unmeasured.
printf 'VM,CPUs,Memory,Total disk capacity MiB,OS according to the configuration file\nfar,2,4096,4.5,Other\n' >far.csv
same "what is not measured has none" "$(assess --json --look full fleet far.csv | jq -c '.options.avs_dedupe')" 1.2

if /usr/bin/python3 -c 'from jsonschema import Draft202012Validator' 2>/dev/null; then
	/usr/bin/python3 -B "$samples/schema.py" "$srcdir/docs/assess.schema.json" web.json none.json bad.json fleet.json || fail "not as the schema says"
fi
exit 0
