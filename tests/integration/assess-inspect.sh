#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liftfs assess --virt-inspector: which machines are asked about, what is shown to the program, and what becomes of what it says.  The program
# is a double that prints what the real one would; LIFTFS_VIRT_INSPECTOR=1 asks the real one, which takes a minute.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-assess.sh"
requires jq qemu-img mke2fs fusermount3
[ -w /dev/fuse ] || skip "no /dev/fuse"
cd "$scratch"
mkdir bin tmp
TMPDIR=$scratch/tmp
export TMPDIR

# machine NAME DISK...: what it is configured as says nothing.
machine() {
	name=$1 n=0
	shift
	mkdir -p "ds/$name"
	{
		printf 'displayName = "%s"\nguestOS = "other"\nnumvcpus = "1"\nmemsize = "1024"\n' "$name"
		for disk; do
			printf 'scsi0:%s.present = "TRUE"\nscsi0:%s.fileName = "%s"\n' $n $n "$disk"
			n=$((n + 1))
		done
	} >"ds/$name/$name.vmx"
}
mkdir -p root/etc
printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n' >root/etc/os-release
truncate -s 4M plain.raw
mke2fs -q -t ext4 -d root plain.raw
machine known known.vmdk
qemu-img convert -f raw -O vmdk plain.raw ds/known/known.vmdk
machine spans one.vmdk two.vhdx
head -c 3M /dev/urandom >one.raw
head -c 2M /dev/urandom >two.raw
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized one.raw ds/spans/one.vmdk
qemu-img convert -f raw -O vhdx two.raw ds/spans/two.vhdx
machine broken broken.vmdk
qemu-img convert -f raw -O vmdk one.raw ds/broken/broken.vmdk

must_fail 69 "there is no virt-inspector in PATH" env PATH="$scratch/bin:$(dirname "$(command -v fusermount3)")/none" \
	"$builddir/tools/liftfs-assess" --catalogue "$srcdir/src/assess/catalogue" --virt-inspector ds

cat >bin/virt-inspector <<'END'
#!/bin/sh
[ "$1" != --version ] || exit 0
echo "$*" | sed "s|$TMPDIR/[^/ ]*|TMP|g" >>"$ASKED"
shift 3
first=
while [ $# -gt 0 ]; do
	[ "$1" != -a ] || { cmp -s "$2" "${ASKED%/*}/one.raw" && first=one; cmp -s "$2" "${ASKED%/*}/two.raw" && [ "$first" = one ] && first=both; }
	shift
done
[ "$first" = both ] || { echo "no operating system could be found" >&2; exit 1; }
cat <<XML
<?xml version="1.0"?>
<operatingsystems><operatingsystem><root>/dev/rl/root</root><name>linux</name><arch>x86_64</arch><distro>rocky</distro>
<product_name>Rocky Linux 9.3 (Blue Onyx)</product_name><major_version>9</major_version><minor_version>3</minor_version>
</operatingsystem></operatingsystems>
XML
END
chmod +x bin/virt-inspector
PATH=$scratch/bin:$PATH ASKED=$scratch/asked
export PATH ASKED

assess --json --virt-inspector ds >ds.json 2>err
same "who was asked about" "$(cat asked)" "--no-applications --no-icon --format=raw -a TMP/0/disk.raw
--no-applications --no-icon --format=raw -a TMP/0/disk.raw -a TMP/1/disk.raw"
same "systems" "$(jq -c '[.vms[] | [.name, .os_key]]' ds.json)" \
	'[["broken","unknown"],["known","debian-12"],["spans","rocky"]]'
same "architecture" "$(jq -r '.vms[2].arch' ds.json)" x64
grep -q 'warning: broken: not inspected: virt-inspector: exit status 1: no operating system could be found' err || fail "$(cat err)"
assess --explain spans --virt-inspector ds 2>err | grep -q 'virt-inspector: /dev/rl/root' || fail "nothing says who said it"
same "what is left" "$(find tmp -mindepth 1; grep -c "$scratch/tmp" /proc/self/mounts)" 0

# Without being asked it asks nobody.
rm asked
assess --json ds >/dev/null 2>err
[ ! -e asked ] || fail "asked unasked"

# Stopped in the middle: the mounts go.
cat >bin/virt-inspector <<'END'
#!/bin/sh
[ "$1" != --version ] || exit 0
echo here >"$ASKED"
exec sleep 1000
END
"$builddir/tools/liftfs-assess" --catalogue "$srcdir/src/assess/catalogue" --virt-inspector ds >/dev/null 2>err &
pid=$!
wait_for 60 test -e asked
kill -TERM $pid
wait $pid && fail "goes on"
same "what is left of a stopped run" "$(find tmp -mindepth 1; grep -c "$scratch/tmp" /proc/self/mounts)" 0

[ -n "${LIFTFS_VIRT_INSPECTOR:-}" ] || exit 0
rm bin/virt-inspector
requires virt-inspector
mkdir -p real/bin real/etc real/boot real/dev real/sbin real/var
cp "$(command -v ls)" real/bin/ls
echo 'Rocky Linux release 9.3 (Blue Onyx)' >real/etc/redhat-release
echo '/dev/sda / ext4 defaults 0 1' >real/etc/fstab
truncate -s 64M real.raw
mke2fs -q -t ext3 -O ^has_journal -d real real.raw
rm -r ds
machine real real.vmdk
qemu-img convert -f raw -O vmdk real.raw ds/real/real.vmdk
assess --json --virt-inspector ds >real.json || fail "the real one"
same "as the real one says" "$(jq -r '.vms[0].os_key' real.json)" rocky
