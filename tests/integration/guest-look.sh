#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What disks show of their guests: images made by mke2fs, mkfs.vfat, mtools, sfdisk, ntfs-3g, cryptsetup, cpio, zstd and qemu-img.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-guest.sh"
requires mke2fs mkfs.vfat mcopy sfdisk mkswap cpio zstd qemu-img python3
make_image="python3 $srcdir/tests/integration/guest_images.py"
cd "$scratch"

has_not() {
	! grep -q -e "$1" found || fail "found: $1: $(cat found)"
}

# A Linux: etc/os-release is a link, /bin too, /boot has a ramdisk of two archives, one driver is built in.
version=6.1.0-18-amd64
mkdir -p root/etc root/usr/lib/modules/$version root/usr/bin root/boot ramdisk/usr/lib/modules early/kernel/x86
printf 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n' >root/usr/lib/os-release
ln -s ../usr/lib/os-release root/etc/os-release
ln -s usr/bin root/bin
ln -s usr/lib root/lib
printf '# /dev/sdc1 /no ext4\n  /dev/sda2\t/data\text4 defaults 0 2\nUUID=1-2 / ext4 defaults 0 1\n' >root/etc/fstab
printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\003\000\076\000%100s' '' >root/usr/bin/dash
ln -s dash root/usr/bin/sh
echo agent >root/usr/bin/waagent
echo kernel/drivers/hv/hv_vmbus.ko >root/usr/lib/modules/$version/modules.builtin
: >root/boot/vmlinuz-$version
echo microcode >early/kernel/x86/GenuineIntel.bin
echo module >ramdisk/usr/lib/modules/hv_storvsc.ko.xz
echo module >ramdisk/usr/lib/modules/hv_netvsc.ko
pack() { (cd "$1" && find . | cpio -o -H newc --quiet); }
{ pack early && head -c 512 /dev/zero && pack ramdisk | zstd -q; } >root/boot/initrd.img-$version
truncate -s 8M root.ext4
mke2fs -q -t ext4 -L root -d root root.ext4

truncate -s 36M esp.fat
mkfs.vfat -F 32 -s 1 esp.fat >/dev/null
mmd -i esp.fat ::EFI ::EFI/BOOT "::EFI/a folder with a long name"
mcopy -i esp.fat root/usr/bin/dash ::EFI/BOOT/BOOTX64.EFI
mcopy -i esp.fat root/usr/bin/dash "::EFI/a folder with a long name/shimx64.efi"
truncate -s 1M swap
mkswap swap >/dev/null 2>&1

truncate -s 52M gpt.raw
printf 'label: gpt\n2048,73728,U\n75776,16384,L\n92160,2048,S\n' | sfdisk -q gpt.raw
put() { # FILE IMAGE SECTOR
	dd if="$1" of="$2" bs=512 seek="$3" conv=notrunc status=none
}
put esp.fat gpt.raw 2048
put root.ext4 gpt.raw 75776
put swap gpt.raw 92160
check_gpt() {
	has 'partition-table \| gpt \| partition table \| 0'
	has 'esp \| 1 \| partition 1'
	has 'loader \| EFI/BOOT/BOOTX64.EFI \| partition 1: /EFI/BOOT/BOOTX64.EFI'
	has 'loader \| EFI/a folder with a long name/shimx64.efi \| partition 1: /EFI/a folder with a long name/shimx64.efi'
	has "file-system \\| ext4 'root' \\| partition 2 \\| 38797312"
	has 'os \| Debian GNU/Linux 12 \(bookworm\) \| partition 2: /etc/os-release'
	has 'fstab-device \| /dev/sda2 on /data \| partition 2: /etc/fstab'
	[ "$(grep -c '^fstab-device' found)" -eq 1 ] || fail "one line of fstab names a place: $(cat found)"
	has 'agent \| waagent \| partition 2: /usr/bin/waagent'
	has "kernel \\| $version \\| partition 2: /boot"
	has "drivers \\| $version: hv_vmbus hv_storvsc hv_netvsc \\| partition 2: /boot/initrd.img-$version"
	has 'swap \| swap \| partition 3'
	has 'fact firmware=efi by=loader'
	has 'fact arch=x64 by=arch'
	has 'fact id=debian version=12'
	has 'fact drivers=all by=drivers'
	has 'fact fstab=yes by=fstab-device'
	has 'fact dirty=no by=nothing'
	has 'fact used=[0-9]+ whole=yes complete=yes'
}
look gpt.raw
check_gpt
# The byte that is named is where the text lies.
at=$(sed -n 's/^os | .* | //p' found)
dd if=gpt.raw bs=1 skip="$at" count=4 status=none | grep -q NAME || fail "no os-release at byte $at"
cp found plain
# The same through formats with tables.
for format in vmdk vhdx; do
	qemu-img convert -O $format gpt.raw gpt.$format
	look gpt.$format
	cmp found plain || fail "$format shows something else"
done
# A limit is said, not passed over.
look gpt.raw 64K
has 'fact used=[0-9]+ whole=yes complete=no'
grep -q '^skipped | as much as may be read of one disk was read' found || fail "the limit is not said: $(cat found)"

# BIOS, LVM: the volume's last extent comes first, the metadata goes round in its ring, one volume lies elsewhere.
$make_image lvm pv.raw root=root.ext4 other=
truncate -s 14M mbr.raw
printf 'label: dos\n2048,26624,8e,*\n' | sfdisk -q mbr.raw
printf '\353\143' | dd of=mbr.raw conv=notrunc status=none
put pv.raw mbr.raw 2048
look mbr.raw
has 'active-partition \| 1 \| partition 1'
has 'volume-manager \| LVM \| partition 1'
has 'logical-volume \| vg0/root: 8388608 bytes \| logical volume vg0/root'
has 'os \| Debian GNU/Linux 12 \(bookworm\) \| logical volume vg0/root: /etc/os-release'
has 'skipped \| it lies on other disks too \| logical volume vg0/other'
has 'fact firmware=bios by=boot-code'
has 'fact drivers=all by=drivers'
at=$(sed -n 's/^os | .* | //p' found)
dd if=mbr.raw bs=1 skip="$at" count=4 status=none | grep -q NAME || fail "no os-release at byte $at of the logical volume"
if command -v pvck >/dev/null; then # a second reader of what we wrote
	pvck --dump metadata pv.raw 2>/dev/null | grep -q 'start_extent = 7' || fail "lvm2 does not read the physical volume"
fi

# Not unmounted; without drivers; a ramdisk in pieces, and one that claims more than anybody unpacks.
rm root/boot/* root/usr/lib/modules/$version/modules.builtin
: >root/usr/lib/modules/$version/modules.builtin
pack early | zstd -q >root/boot/initrd.img-$version
truncate -s 8M bare.raw
mke2fs -q -t ext4 -d root bare.raw
debugfs -w -R 'ssv state 0' bare.raw 2>/dev/null
look bare.raw
has 'dirty \| not unmounted \| the whole disk \| 1082'
has "drivers \\| $version: none of hv_vmbus hv_storvsc hv_netvsc \\| .*"
has 'fact drivers=none by=drivers'
has 'fact dirty=yes by=dirty'
debugfs -w -R 'feature needs_recovery' bare.raw 2>/dev/null
look bare.raw
has 'dirty \| journal not replayed \| the whole disk \| 1120'
has 'os \| Debian GNU/Linux 12 \(bookworm\) \| the whole disk: /etc/os-release'
$make_image bomb bomb
zstd -q <bomb >root/boot/initrd.img-$version
head -c 300 bomb >root/boot/initrd.img-6.2
truncate -s 100G root/boot/initrd.img-6.3
rm bare.raw
truncate -s 8M bare.raw
mke2fs -q -t ext4 -d root bare.raw
look bare.raw 64M
has "skipped \\| more than [0-9]+ bytes unpacked \\| the whole disk: /boot/initrd.img-$version"
has "unreadable \\| an archive without an end \\| the whole disk: /boot/initrd.img-6.2"
has 'fact drivers=unknown by=nothing'
has 'skipped \| as much as may be read of one disk was read \| the whole disk: /boot/initrd.img-6.3'

# Encrypted ones.
truncate -s 2M bitlocker.raw
$make_image bitlocker bitlocker.raw
look bitlocker.raw
has 'encryption \| BitLocker \| the whole disk \| 0'
has 'fact encrypted=yes by=encryption'
if command -v cryptsetup >/dev/null; then
	truncate -s 20M luks.raw
	echo secret | cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 luks.raw - 2>/dev/null ||
		fail "cryptsetup cannot write a file"
	look luks.raw
	has 'encryption \| LUKS \| the whole disk \| 0'
fi

# Their own tests look into them: guest-btrfs.sh, guest-xfs.sh.
if command -v mkfs.btrfs >/dev/null; then
	truncate -s 120M btrfs.raw
	mkfs.btrfs -q btrfs.raw
	look btrfs.raw
	has 'used \| [0-9]+ \| the whole disk \| 65536'
	has 'fact used=[0-9]+ whole=yes complete=yes'
fi
# No reader: said.
if command -v mkfs.minix >/dev/null; then
	truncate -s 1M minix.raw
	mkfs.minix minix.raw >/dev/null
	look minix.raw
	has 'skipped \| files in minix \| the whole disk \| 0'
	has 'skipped \| whether minix was unmounted \| the whole disk \| 0'
	has 'fact used=0 whole=no complete=no'
fi

# Windows: a folder of many names, updates to finish, asleep.
if command -v mkfs.ntfs >/dev/null && command -v ntfs-3g >/dev/null && [ -w /dev/fuse ]; then
	truncate -s 8M ntfs.raw
	mkfs.ntfs -q -F -f -L System ntfs.raw 2>/dev/null
	unmount() { ! mountpoint -q "$scratch/mnt" || umount "$scratch/mnt"; }
	cleanup_fn unmount
	mkdir mnt
	ntfs-3g ntfs.raw mnt || skip "ntfs-3g cannot mount here (the rest passed)"
	mkdir -p mnt/Windows/System32/config mnt/Windows/WinSxS mnt/WindowsAzure
	$make_image names mnt/Windows/System32 400
	$make_image pe mnt/Windows/System32/ntoskrnl.exe 0x8664
	$make_image hive mnt/Windows/System32/config/SOFTWARE 'ProductName=Windows 10 Pro' CurrentBuildNumber=22631 \
		CurrentMajorVersionNumber=10 CurrentMinorVersionNumber=0 CurrentVersion=6.3 InstallationType=Client
	umount mnt
	look ntfs.raw
	has 'arch \| x86_64 \| the whole disk: /Windows/System32/ntoskrnl.exe'
	has "file-system \\| ntfs 'System' \\| the whole disk \\| 0"
	has 'agent \| Azure VM agent \| the whole disk: /WindowsAzure'
	has 'fact hibernated=no by=nothing'
	has 'fact pending=no by=nothing'
	free=$(ntfsinfo -m ntfs.raw 2>/dev/null | sed -n 's/.*Free Clusters: \([0-9]*\).*/\1/p')
	has "used \\| $(((2047 - free) * 4096)) \\| the whole disk"
	if grep -q 'HAVE_HIVEX 1' "$builddir/config.h"; then
		has 'os \| Windows 11 Pro \| the whole disk: /Windows/System32/config/SOFTWARE'
		has 'fact id=windows version=10.0.22631'
		has_not '^skipped'
	else
		has 'os \| Windows \| the whole disk: /Windows/System32/config/SOFTWARE'
	fi
	ntfs-3g ntfs.raw mnt
	echo pending >mnt/Windows/WinSxS/pending.xml
	echo 'hibr and more' >mnt/hiberfil.sys
	umount mnt
	look ntfs.raw
	has 'pending \| updates of Windows to finish \| the whole disk: /Windows/WinSxS/pending.xml'
	has 'fact hibernated=yes by=hibernated'
fi
