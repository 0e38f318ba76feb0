#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liftfs assess of datastore exports: images that qemu-img wrote, an OVA, a chain of snapshots, what Hyper-V's collector writes.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-assess.sh"
requires jq qemu-img
cd "$scratch"

image() {
	qemu-img create -q "$@" >/dev/null
}

# ---- VMware ----
mkdir -p ds/web ds/db
image -f vmdk -o subformat=monolithicSparse ds/web/web.vmdk 40G
(cd ds/web && image -f vmdk -b web.vmdk -F vmdk -o subformat=monolithicSparse web-000001.vmdk)
image -f vmdk -o subformat=twoGbMaxExtentFlat ds/web/data.vmdk 10M
printf '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="vmfsRawDeviceMap"\nRW 4194304 VMFSRDM "lun-rdm.vmdk"\n' \
	>ds/web/lun.vmdk
cat >ds/web/web.vmx <<'END'
displayName = "vm-web-01"
guestOS = "ubuntu-64"
memsize = "4096"
numvcpus = "2"
firmware = "efi"
ethernet0.present = "TRUE"
vc.uuid = "50 0c 11 22 33 44 55 66-77 88 99 aa bb cc dd ee"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "web-000001.vmdk"
scsi0:1.present = "TRUE"
scsi0:1.fileName = "data.vmdk"
scsi0:2.present = "TRUE"
scsi0:2.fileName = "lun.vmdk"
END
image -f vhdx ds/db/db.vhdx 3M
assess --json ds >ds.json 2>err
[ ! -s err ] || fail "a datastore: $(cat err)"
same "machines" "$(jq -c '[.vms[] | [.name, .power, .vcpus, .memory_mib, .uuid // ""]]' ds.json)" \
	'[["vm-web-01","unknown",2,4096,"500c1122-3344-5566-7788-99aabbccddee"],["db","unknown",null,null,""]]'
same "disks" "$(jq -c '[.vms[].azure.disks[] | [.label, .os, .replicate, .capacity_mib]]' ds.json)" \
	'[["scsi0:0",true,true,40960],["scsi0:1",false,true,10],["scsi0:2",false,false,2048],["db.vhdx",true,true,3]]'
same "the snapshot" "$(jq -c '.vms[0].azure | [(.codes | index("LiftfsDiskRawDeviceMapping") != null),
	(.notes | index("LiftfsSnapshotPresent") != null)]' ds.json)" '[true,true]'
same "unknown" "$(jq -r '.vms[1].azure.readiness' ds.json)" 'Readiness unknown'
same "as a file" "$(assess --json ds/web/web.vmx | jq -c '.vms[] | [.name, [.azure.disks[].capacity_mib]]')" '["vm-web-01",[40960,10,2048]]'

# ---- an OVA ----
mkdir ova
image -f vmdk -o subformat=streamOptimized ova/disk1.vmdk 20M
cat >ova/app.ovf <<'END'
<Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:vmw="http://www.vmware.com/schema/ovf">
<References><File ovf:id="f1" ovf:href="disk1.vmdk"/></References>
<DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="20" ovf:capacityAllocationUnits="byte * 2^20"/>
<Disk ovf:diskId="scratch" ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^30"/></DiskSection>
<VirtualSystem ovf:id="app"><Name>app</Name><OperatingSystemSection ovf:id="1" vmw:osType="windows2019srv_64Guest"/>
<VirtualHardwareSection><Item><ResourceType>3</ResourceType><VirtualQuantity>4</VirtualQuantity></Item>
<Item><ResourceType>4</ResourceType><VirtualQuantity>8192</VirtualQuantity><AllocationUnits>byte * 2^20</AllocationUnits></Item>
<Item><ResourceType>17</ResourceType><ElementName>Hard disk 1</ElementName><HostResource>ovf:/disk/d1</HostResource></Item>
<Item><ResourceType>17</ResourceType><ElementName>Hard disk 2</ElementName><HostResource>ovf:/disk/scratch</HostResource></Item>
</VirtualHardwareSection></VirtualSystem></Envelope>
END
want='["app","win-server-2019",4,8192,[["Hard disk 1",20],["Hard disk 2",1024]]]'
read_app='.vms[] | [.name, .os_key, .vcpus, .memory_mib, [.azure.disks[] | [.label, .capacity_mib]]]'
same "an OVF" "$(assess --json ova | jq -c "$read_app")" "$want"
tar -C ova -cf app.ova app.ovf disk1.vmdk
same "an OVA" "$(assess --json app.ova | jq -c "$read_app")" "$want"

# ---- Hyper-V ----
cat >hv.json <<'END'
[{"VM":{"Name":"hv","VMId":"0aa394fa-7c4a-4070-ba32-773d43b28a86","Generation":2,"State":2,"ProcessorCount":2,"MemoryStartup":2147483648},
"HardDrives":[{"Path":"C:\\hv.vhdx","ControllerType":1,"ControllerNumber":0,"ControllerLocation":0}],
"NetworkAdapters":[{"Name":"n"}],"Vhd":[{"Path":"C:\\hv.vhdx","Size":10737418240}],"SecureBoot":0}]
END
same "the collector" "$(assess --json hv.json | jq -c '.vms[] | [.name, .power, .vcpus, .memory_mib, .azure.generation, .azure.notes,
	[.azure.disks[].capacity_mib]]')" '["hv","on",2,2048,"V2",["LiftfsSecureBoot"],[10240]]'

# ---- no inventory ----
mkdir none
echo rubbish >none/notes.txt
for what in none none/notes.txt; do
	status=0
	assess --json "$what" >/dev/null 2>err || status=$?
	same "$what" $status 65
done
assess none 2>&1 | grep -q 'none: a folder without any inventory: an inventory is an RVTools export' || fail "a folder that is none"
grep -q 'none/notes.txt: no inventory that is known' err || fail "a file that is none: $(cat err)"
echo ok
