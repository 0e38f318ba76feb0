#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# VMs over several datastores, linked clones of a base in another one, and a Hyper-V chain over cluster shared volumes, as
# --datastore says where they lie: listed, replicated, verified, mounted.  qemu-img makes the images and reads them.
. "${srcdir:-.}/tests/integration/lib.sh"
requires qemu-img qemu-io openssl jq cmp python3
. "$srcdir/tests/integration/lib-sync.sh"
[ -x "$builddir/tests/support/makevhdx" ] || skip "built without cmocka"
cd "$scratch"

from_raw() { # FORMAT RAW OUT
	qemu-img convert -f raw -O "$1" "$2" "$3"
}

# hint IMAGE TEXT: what the image calls its parent from here on; an embedded descriptor keeps its length.
hint() {
	python3 - "$1" "$2" <<'PYTHON'
import re, sys
path, text = sys.argv[1:]
with open(path, "r+b") as f:
    head = f.read(21 * 512)
    new = re.sub(rb'parentFileNameHint="[^"]*"', b'parentFileNameHint="' + text.encode().replace(b"\\", rb"\\") + b'"', head)
    grown = len(new) - len(head)
    cut = new[:-grown] if grown > 0 else new + bytes(-grown)
    assert grown <= 0 or not any(new[-grown:])
    f.seek(0)
    f.write(cut)
PYTHON
}

# ---- a VM over two datastores, a linked clone of a base in the second ----
mkdir -p ds1/web ds1/clone lun2/web lun2/base lun2/other elsewhere
make_raw web.raw 6 web
make_raw web_1.raw 4 web_1
make_raw web_2.raw 3 web_2
make_raw base.raw 5 base
from_raw vmdk web.raw ds1/web/web.vmdk
from_raw vmdk web_1.raw lun2/web/web_1.vmdk
from_raw vmdk web_2.raw lun2/web/web_2.vmdk
from_raw vmdk base.raw lun2/base/base.vmdk
from_raw vmdk base.raw lun2/other/other.vmdk
cat >ds1/web/web.vmx <<'VMX'
.encoding = "UTF-8"
displayName = "web"
scsi0:0.present = "TRUE"
scsi0:0.fileName = "web.vmdk"
scsi0:1.present = "TRUE"
scsi0:1.fileName = "/vmfs/volumes/5f3a0c1e-aa/web/web_1.vmdk"
scsi0:2.present = "TRUE"
scsi0:2.fileName = "[ds2] web/web_2.vmdk"
VMX
(cd ds1/clone && qemu-img create -q -f vmdk -F vmdk -b ../../lun2/base/base.vmdk clone.vmdk)
qemu-io -f vmdk -c 'write -P 0x55 512k 256k' ds1/clone/clone.vmdk >/dev/null
flat ds1/clone/clone.vmdk vmdk clone.raw
hint ds1/clone/clone.vmdk /vmfs/volumes/ds2/base/base.vmdk

must_fail 65 "--datastore NAME=DIR says where that lies" liftfs info ds1/clone/clone.vmdk
liftfs info --datastore ds2=lun2 ds1/clone/clone.vmdk >info.txt || fail "info"
grep -qF "[ds2] base/base.vmdk" info.txt || fail "info: $(cat info.txt)"
liftfs verify -q --datastore ds2=lun2 ds1/clone/clone.vmdk clone.raw || fail "the clone is not what qemu-img says"

# Without --datastore the disks that lie elsewhere say so, and the rest goes on.
must_fail 78 "which lies outside SOURCE: --datastore NAME=DIR says where" liftfs sync ds1 "dir:$scratch/none"
[ -f none/web/web.vhd ] || fail "the disk that is here was not replicated"
liftfs list --json ds1 >list.json || fail "list"
[ "$(json '[.vms[].disks[] | select(.error)] | length' list.json)" = 3 ] || fail "list: $(cat list.json)"

both="--datastore ds2=lun2 --datastore 5f3a0c1e-aa=lun2"
# shellcheck disable=SC2086
liftfs list --json $both ds1 >list.json || fail "list"
[ "$(json '[.vms[].disks[] | "\(.image) \(.name) \(.error)"] | join(";")' list.json)" = \
	"clone/clone.vmdk clone/clone.vhd null;web/web.vmdk web/web.vhd null;[ds2] web/web_1.vmdk ds2/web/web_1.vhd null;[ds2] web/web_2.vmdk ds2/web/web_2.vhd null" ] ||
	fail "list: $(cat list.json)"
[ "$(json '.unused | length' list.json)" = 0 ] || fail "what nobody names elsewhere is listed: $(cat list.json)"

# shellcheck disable=SC2086
liftfs sync -q $both ds1 "dir:$scratch/vms" || fail "sync"
same_as_vhd web.raw vms/web/web.vhd
same_as_vhd web_1.raw vms/ds2/web/web_1.vhd
same_as_vhd web_2.raw vms/ds2/web/web_2.vhd
same_as_vhd clone.raw vms/clone/clone.vhd
[ "$(find vms -name '*.vhd' | grep -vc /.liftfs/)" = 4 ] || fail "more was replicated: $(find vms -name '*.vhd')"
# shellcheck disable=SC2086
liftfs verify -q $both ds1 "dir:$scratch/vms" || fail "verify"
must_fail 2 "the datastore lun2" liftfs sync -q --datastore ds2=lun2 ds1 "dir:$scratch/lun2/vms"
must_fail 2 "datastore 'ds2': is given twice" liftfs sync -q --datastore ds2=lun2 --datastore ds2=ds1 ds1 "dir:$scratch/vms"
must_fail 2 "--datastore: 'ds2': not NAME=DIR" liftfs sync --datastore ds2 ds1 "dir:$scratch/vms"

# Files that look as they did are not read again, wherever the datastore lies now: a storage snapshot, another mount.
sleep 2.1
# shellcheck disable=SC2086
liftfs sync -q $both ds1 "dir:$scratch/vms" || fail "second sync"
mv lun2 moved
moved="--datastore ds2=moved --datastore 5f3a0c1e-aa=moved"
# shellcheck disable=SC2086
liftfs sync --json $moved ds1 "dir:$scratch/vms" >moved.json || fail "sync of a datastore that moved"
[ "$(json '[.disks[] | .bytes_read] | add' moved.json)" = 0 ] || fail "read again: $(cat moved.json)"
mv moved lun2

# A write elsewhere is noticed.
qemu-io -f vmdk -c 'write -P 0x77 2M 64k' lun2/web/web_1.vmdk >/dev/null
flat lun2/web/web_1.vmdk vmdk web_1.raw
# shellcheck disable=SC2086
liftfs sync -q $both ds1 "dir:$scratch/vms" || fail "third sync"
same_as_vhd web_1.raw vms/ds2/web/web_1.vhd

# Both datastores as sources: each disk once.
liftfs sync -q --datastore ds2=lun2 --datastore 5f3a0c1e-aa=lun2 ds1 lun2 "dir:$scratch/all" || fail "sync of both"
find all -name '*.vhd' | grep -v /.liftfs/ | sort >names
cat >want <<'NAMES'
all/ds1/clone/clone.vhd
all/ds1/ds2/web/web_1.vhd
all/ds1/ds2/web/web_2.vhd
all/ds1/web/web.vhd
all/lun2/other/other.vhd
NAMES
cmp names want || fail "names: $(cat names)"

# One folder that holds them: paths below it, whether a name is absolute or not.
mkdir export
mv ds1 lun2 export
liftfs list --json --datastore ds2=export/lun2 --datastore 5f3a0c1e-aa=export/lun2 export >list.json || fail "list"
[ "$(json '[.vms[] | select(.label == "web") | .disks[].image] | join(" ")' list.json)" = \
	"ds1/web/web.vmdk lun2/web/web_1.vmdk lun2/web/web_2.vmdk" ] || fail "list: $(cat list.json)"
[ "$(json '.vms | length' list.json)" = 3 ] || fail "the clone's base is no disk: $(cat list.json)"
mv export/ds1 export/lun2 .

# ---- nothing leads out of SOURCE and the datastores ----
mkdir -p hostile/vm
printf 'secret' >secret.raw
truncate -s 1M secret.raw
ln -s ../secret.raw lun2/link.raw
ln -s .. lun2/up
{
	n=0
	for name in '[ds2] ../secret.raw' '[ds2] ../../etc/passwd' "$scratch/secret.raw" '[ds2] link.raw' '[ds2] up/secret.raw' \
		'/vmfs/volumes/ds2/web/../../secret.raw' '[ds2] /etc/passwd' '[none] secret.raw' '../../secret.raw'; do
		printf 'scsi0:%d.present = "TRUE"\nscsi0:%d.fileName = "%s"\n' $n $n "$name"
		n=$((n + 1))
	done
} >hostile/vm/vm.vmx
liftfs list --json --datastore ds2=lun2 hostile >list.json || fail "list"
[ "$(json '.vms[0].disks | length' list.json)" = 9 ] || fail "list: $(cat list.json)"
[ "$(json '[.vms[0].disks[] | select(.error == null or .virtual_size > 0)] | length' list.json)" = 0 ] ||
	fail "a name led out: $(cat list.json)"
rm lun2/link.raw lun2/up
mkdir "hostile/[ds2] vm"
cp base.raw "hostile/[ds2] vm/x.raw"
must_fail 2 "its name begins as those in the datastore 'ds2' do" liftfs list --datastore ds2=lun2 hostile

# ---- Hyper-V: a chain over cluster shared volumes, names in another case ----
mkdir -p vol1/vm vol2/Base
"$builddir/tests/support/makevhdx" pair vol2/Base/Base.vhdx vol1/vm/child.avhdx "" \
	'C:\ClusterStorage\Volume2\base\BASE.vhdx' hv.raw || fail "makevhdx"
must_fail 65 "--datastore NAME=DIR says where that lies" liftfs info vol1/vm/child.avhdx
liftfs verify -q --datastore 'c:/clusterstorage/volume2=vol2' vol1/vm/child.avhdx hv.raw || fail "the VHDX chain"
liftfs sync -q --datastore 'C:\ClusterStorage\Volume2=vol2' vol1 "dir:$scratch/hv" || fail "sync of the VHDX chain"
same_as_vhd hv.raw hv/vm/child.vhd

# ---- a chain whose parent is another than the child names ----
mkdir broken
from_raw vmdk base.raw broken/base.vmdk
(cd broken && qemu-img create -q -f vmdk -F vmdk -b base.vmdk child.vmdk)
qemu-io -f vmdk -c 'write -P 1 0 64k' broken/base.vmdk >/dev/null # changes its CID
must_fail 65 "is expected" liftfs info broken/child.vmdk
liftfs info --unchecked-parents broken/child.vmdk >info.txt 2>warning.txt || fail "info --unchecked-parents"
grep -q "is expected; read all the same, as asked for" warning.txt || fail "no warning: $(cat warning.txt)"
must_fail 2 "unknown option" liftfs sync --unchecked-parents broken "dir:$scratch/vms"

# ---- the mount ----
if ! [ -r /dev/fuse ] || ! [ -w /dev/fuse ] || ! command -v fusermount3 >/dev/null; then
	echo "no /dev/fuse here: not mounted"
	exit 0
fi
mnt=$scratch/mnt
mkdir "$mnt"
unmount_all() {
	! mountpoint -q "$mnt" 2>/dev/null || fusermount3 -u -z "$mnt"
}
cleanup_fn unmount_all
liftfs mount -o datastore=ds2=lun2,datastore=5f3a0c1e-aa=lun2 ds1 "$mnt" || fail "mount"
cmp web.raw "$mnt/web/web.vmdk/disk.raw" || fail "web.vmdk in the mount"
cmp clone.raw "$mnt/clone/clone.vmdk/disk.raw" || fail "clone.vmdk in the mount"
cmp web_1.raw "$mnt/[ds2]/web/web_1.vmdk/disk.raw" || fail "[ds2] web_1.vmdk in the mount"
[ ! -e "$mnt/[ds2]/other" ] || fail "what nobody names is in the mount"
liftfs verify -q "$mnt/[ds2]/web/web_2.vmdk" web_2.raw || fail "verify of a disk in the mount"
fusermount3 -u "$mnt"
liftfs mount --datastore ds2=lun2 ds1/clone/clone.vmdk "$mnt" || fail "mount of an image"
cmp clone.raw "$mnt/disk.raw" || fail "the image in the mount"
fusermount3 -u "$mnt"
# All of a chain is shown, its base too; a chain that does not fit only on request.
liftfs mount lun2 "$mnt" || fail "mount"
[ -e "$mnt/base/base.vmdk/disk.raw" ] || fail "a base is not in the mount"
fusermount3 -u "$mnt"
liftfs mount broken "$mnt" || fail "mount"
[ -e "$mnt/child.vmdk/error" ] || fail "the broken chain has no error"
fusermount3 -u "$mnt"
liftfs mount -o unchecked_parents broken "$mnt" || fail "mount"
[ -e "$mnt/child.vmdk/disk.raw" ] || fail "the broken chain is not shown on request"
fusermount3 -u "$mnt"
mkdir lun2/mnt
must_fail 2 "the mount would hide what lies there of the datastore" liftfs mount --datastore ds2=lun2 ds1 lun2/mnt
