#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# OVAs that tar makes of qemu's images: read in place, as tar and qemu-img read what is unpacked; and as a user has them, with info,
# list, mount, sync and verify.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-sync.sh"
requires qemu-img qemu-io tar cmp openssl jq sha256sum
readdisk=$builddir/tests/support/readdisk
cd "$scratch"
mib=$((8 * 1048576))
size=$((mib + 13 * 512))

# ovf NAME=CAPACITY...: a descriptor for a VM with these disks; "void=N" is one without a file.
ovf() {
	echo '<?xml version="1.0" encoding="UTF-8"?>'
	echo '<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"'
	echo ' xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"><References>'
	for d; do
		[ "${d%%=*}" = void ] || echo "<File ovf:id=\"f-${d%%=*}\" ovf:href=\"${d%%=*}\"/>"
	done
	echo '</References><DiskSection><Info>disks</Info>'
	for d; do
		ref="ovf:fileRef=\"f-${d%%=*}\""
		[ "${d%%=*}" != void ] || ref=
		echo "<Disk ovf:diskId=\"${d%%=*}\" $ref ovf:capacity=\"${d#*=}\"/>"
	done
	echo '</DiskSection><VirtualSystem ovf:id="vm"><Info>x</Info><Name>Web 01</Name><VirtualHardwareSection>'
	for d; do
		echo "<Item><rasd:HostResource>ovf:/disk/${d%%=*}</rasd:HostResource><rasd:ResourceType>17</rasd:ResourceType></Item>"
	done
	echo '</VirtualHardwareSection></VirtualSystem></Envelope>'
}

qemu-img create -q -f vmdk sparse.vmdk $size
qemu-io -f vmdk -c 'write -P 0x11 0 64k' -c 'write -P 0x22 1048064 1024' -c 'write -P 0x33 5M 1M' \
	-c "write -P 0x55 $((size - 512)) 512" sparse.vmdk >/dev/null
qemu-img convert -f vmdk -O raw sparse.vmdk sparse.raw
make_raw flat.raw 8 ova
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized flat.raw stream.vmdk
long=$(printf '%0150d' 7).vmdk
cp stream.vmdk "$long"

# Every header that tar writes, with the descriptor first, last, and between.
ovf sparse.vmdk=$size stream.vmdk=$mib "$long=$mib" >web.ovf
head -c 3000 /dev/urandom >other.bin
mkdir sub
for format in gnu oldgnu pax; do
	tar --format=$format -cf a.ova web.ovf sparse.vmdk stream.vmdk "$long"
	tar --format=$format -cf b.ova other.bin sparse.vmdk sub ./web.ovf "./$long" ./stream.vmdk
	tar --format=$format -cf c.ova "$long" stream.vmdk sparse.vmdk web.ovf
	head -c "$(($(tar -tRvf c.ova | awk '/NUL/ { sub(":", "", $2); print $2; exit }') * 512))" c.ova >d.ova # without an end
	for archive in a b c d; do
		"$readdisk" $archive.ova/sparse.vmdk | cmp - sparse.raw || fail "$format $archive: sparse"
		"$readdisk" $archive.ova/stream.vmdk | cmp - flat.raw || fail "$format $archive: streamOptimized"
		"$readdisk" "$archive.ova/$long" | cmp - flat.raw || fail "$format $archive: a long name"
	done
done
ovf stream.vmdk=$mib >one.ovf
for format in ustar v7; do
	tar --format=$format -cf one.ova one.ovf stream.vmdk
	"$readdisk" one.ova | cmp - flat.raw || fail "$format"
	"$readdisk" --threads 3 --reads 100 one.ova flat.raw || fail "$format: random reads differ"
done

# Second readers: tar and 7-Zip see the same bytes as members.
mkdir out
tar -xf a.ova -C out
qemu-img convert -f vmdk -O raw out/stream.vmdk out/stream.raw
"$readdisk" a.ova/stream.vmdk | cmp - out/stream.raw || fail "tar and qemu-img read something else"
if command -v 7zz >/dev/null; then
	7zz x -so a.ova "$long" 2>/dev/null >out/long.vmdk
	cmp out/long.vmdk stream.vmdk || fail "7-Zip unpacks something else"
	qemu-img convert -f vmdk -O raw out/long.vmdk out/long.raw
	"$readdisk" "a.ova/$long" | cmp - out/long.raw || fail "7-Zip and qemu-img read something else"
fi

# What must not be read.
must_fail 2 "a.ova: has 3 disks (sparse.vmdk, stream.vmdk, " "$readdisk" a.ova
must_fail 2 "a.ova: has no disk 'no.vmdk'" "$readdisk" a.ova/no.vmdk
head -c 100000 one.ova >cut.ova
must_fail 65 "cut.ova: cut inside 'stream.vmdk'" "$readdisk" cut.ova
truncate -s 1M holes.raw
ovf holes.raw=1048576 >holes.ovf
for format in gnu pax; do
	tar --format=$format -Scf holes.ova holes.ovf holes.raw
	must_fail 69 'sparse and split members are not supported' "$readdisk" holes.ova
done
ln -s stream.vmdk link.vmdk
ovf link.vmdk=$mib >link.ovf
tar -cf link.ova link.ovf link.vmdk
must_fail 78 "'link.vmdk' is a link" "$readdisk" link.ova
tar -hcf link.ova link.ovf link.vmdk
"$readdisk" link.ova | cmp - flat.raw || fail "what was a link when it was packed"
tar -Pcf out.ova one.ovf ../"${scratch##*/}"/stream.vmdk
must_fail 78 'leads out of the archive' "$readdisk" out.ova
tar -cf twice.ova one.ovf stream.vmdk stream.vmdk
case $(tar -tvf twice.ova) in
*'link to stream.vmdk'*) tar --hard-dereference -cf twice.ova one.ovf stream.vmdk stream.vmdk ;;
esac
must_fail 65 "two members are called 'stream.vmdk'" "$readdisk" twice.ova
gzip -c one.ova >zipped.ova
must_fail 69 'zipped.ova: the archive is compressed as a whole (gzip)' "$readdisk" zipped.ova
qemu-img create -q -f vmdk -o subformat=monolithicFlat named.vmdk 1M
ovf named.vmdk=1048576 >named.ovf
tar -cf named.ova named.ovf named.vmdk named-flat.vmdk
must_fail 78 "names another file, 'named.ova/named-flat.vmdk'" "$readdisk" named.ova
qemu-img create -q -f vmdk -b sparse.vmdk -F vmdk child.vmdk
ovf child.vmdk=$size >child.ovf
tar -cf child.ova child.ovf child.vmdk sparse.vmdk
must_fail 78 "names a parent, 'child.ova/sparse.vmdk'" "$readdisk" child.ova
ovf stream.vmdk=$((mib + 512)) >larger.ovf
tar -cf larger.ova larger.ovf stream.vmdk
must_fail 65 "disk of $mib bytes, where the archive's descriptor says $((mib + 512))" "$readdisk" larger.ova
rm -f cut.ova holes.ova link.ova out.ova twice.ova zipped.ova named.ova child.ova larger.ova b.ova c.ova d.ova

# As a user has them.
store=$scratch/store target=$scratch/target
mkdir -p "$store/x"
cp one.ova "$store/x/"
ovf stream.vmdk=$mib sparse.vmdk=$size void=1048576 >two.ovf
{
	sha256sum --tag two.ovf
	openssl sha1 stream.vmdk
	openssl sha512 sparse.vmdk | sed 's/= /=/'
} >two.mf
tar --format=ustar -cf "$store/two.ova" two.ovf two.mf stream.vmdk sparse.vmdk other.bin
head -c 50000 one.ova >"$store/broken.ova"

want "format in an archive" "$(liftfs info --json "$store/x/one.ova" | jq -r '.format + " " + .subformat + " " + .chain[0].path')" \
	"vmdk streamOptimized one.ova/stream.vmdk"
want "a disk without a file" "$(liftfs info --json "$store/two.ova/void" | jq -r '"\(.format) \(.virtual_size)"')" "empty 1048576"
want "all of it zero" "$(liftfs info --map --json "$store/two.ova/void" | jq -r '"\(length) \(.[0].length) \(.[0].zero)"')" \
	"1 1048576 true"
want list "$(liftfs list --json "$store" | jq -r '[.vms[] | .name, .label, (.disks[] | .image, .error.status)] | join(" ")')" \
	"broken broken broken.ova 65 two Web 01 two.ova/stream.vmdk  two.ova/sparse.vmdk  two.ova/void  x/one Web 01 x/one.ova "
want "configurations" "$(liftfs list --json "$store" | jq -r '[.vms[].configuration] | join(" ")')" " two.ova x/one.ova"

liftfs info --manifest "$store/two.ova" >check.out || fail "check: $(cat check.out)"
printf 'ok       SHA256  two.ovf\nok       SHA1    stream.vmdk\nok       SHA512  sparse.vmdk\nnot covered      other.bin\n' |
	cmp - check.out || fail "check says $(cat check.out)"
want "check as JSON" "$(liftfs info --manifest --json "$store/two.ova" |
	jq -r '"\(.result) \(.manifest) \([.files[].result] | join(",")) \(.uncovered[0])"')" "ok two.mf ok,ok,ok other.bin"
must_fail 1 'no manifest (.mf)' liftfs info --manifest "$store/x/one.ova"
must_fail 2 'only an OVA has a manifest' liftfs info --manifest sparse.vmdk
must_fail 2 'exclude each other' liftfs info --manifest --map "$store/two.ova"
cp two.mf good.mf
sed 's/^SHA1(stream.vmdk)= ./SHA1(stream.vmdk)= /; /^SHA1/s/$/0/' good.mf >two.mf # one digit less, and one more
tar -cf wrong.ova two.ovf two.mf stream.vmdk sparse.vmdk
must_fail 65 "wrong.ova: 'stream.vmdk' has the SHA1 digest $(sha1sum <stream.vmdk | cut -d ' ' -f 1), where the manifest says" \
	liftfs info --manifest wrong.ova
want "a wrong digest as JSON" "$(liftfs info --manifest --json wrong.ova 2>/dev/null |
	jq -r '"\(.result) \([.files[].result] | join(","))"')" "mismatch ok,mismatch,ok"
sed 's/SHA256/BLAKE2/' good.mf >two.mf
tar -cf wrong.ova two.ovf two.mf stream.vmdk sparse.vmdk
must_fail 69 "two.mf: line 1: digest 'BLAKE2'" liftfs info --manifest wrong.ova

status=0
liftfs sync --json "$store" "$target" >sync.json 2>err || status=$?
want "exit status with a broken archive" $status 65
want "the others" "$(jq -r '[.disks[] | "\(.name)=\(.result)"] | join(" ")' sync.json)" \
	"two.ova/stream.vhd=ok two.ova/sparse.vhd=ok two.ova/void.vhd=ok x/one.ova/stream.vhd=ok broken.vhd=failed"
rm "$store/broken.ova"
same_as_vhd sparse.raw "$target/two.ova/sparse.vhd"
same_as_vhd flat.raw "$target/two.ova/stream.vhd"
same_as_vhd flat.raw "$target/x/one.ova/stream.vhd"
truncate -s 1M void.raw
same_as_vhd void.raw "$target/two.ova/void.vhd"
liftfs sync --json "$store" "$target" >sync.json 2>err || fail "again: $(cat err)"
want "nothing is sent again" "$(jq -r '[.disks[] | .bytes_sent] | add' sync.json)" 0
liftfs verify "$store" "$target" >out.txt 2>&1 || fail "verify: $(cat out.txt)"
liftfs verify "$store/two.ova/sparse.vmdk" "$target/two.ova/sparse.vhd" >out.txt 2>&1 || fail "verify of one: $(cat out.txt)"
liftfs sync --json "$store/two.ova" "$scratch/target2" >sync.json 2>err || fail "an archive alone: $(cat err)"
want "names of an archive alone" "$(jq -r '[.disks[].name] | join(" ")' sync.json)" \
	"two.ova/stream.vhd two.ova/sparse.vhd two.ova/void.vhd"
liftfs sync --json "$store/two.ova/sparse.vmdk" "$scratch/target3" >sync.json 2>err || fail "a disk alone: $(cat err)"
same_as_vhd sparse.raw "$scratch/target3/two.ova/sparse.vhd"

# A descriptor beside its disks.
mkdir bare
cp two.ovf bare/web.ovf
cp stream.vmdk sparse.vmdk bare/
want "a bare .ovf" "$(liftfs list --json bare 2>/dev/null | jq -r '[.vms[] | .name, .label, (.disks[].image)] | join(" ")')" \
	"web Web 01 stream.vmdk sparse.vmdk"

samples=${LIFTFS_SAMPLES:-$srcdir/../shared/samples}/govmomi
if [ -d "$samples" ]; then
	cp "$samples"/*.ova cut.ova
	must_fail 65 "'ttylinux-pc_i486-16.1-disk1.vmdk' is cut: 1048576 bytes, where the descriptor says 10595840" "$readdisk" cut.ova
	# Its manifest was made after it was cut, in the spelling with blanks.
	want "others' manifest" "$(liftfs info --manifest --json cut.ova | jq -r '"\(.result) \([.files[].algorithm] | join(","))"')" "ok SHA1,SHA1"
	mkdir fixtures
	cp "$samples"/*.ovf fixtures/
	want "others' descriptors" "$(liftfs list --json fixtures 2>/dev/null | jq -r '[.vms[] | .label, (.disks[].image)] | join(" ")')" \
		"file-ref-path-vm subdir/data.vmdk uber disk0.vmdk disk1.vmdk scratch_small disk2.vmdk scratch_large ttylinux-pc_i486-16.1 ttylinux-pc_i486-16.1-disk1.vmdk"
fi

# The mount: an archive in a folder, one with one disk, one with several.
if [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ] || ! command -v fusermount3 >/dev/null; then
	echo "the mount is not looked at: /dev/fuse is not there for us"
	exit 0
fi
mnt=$scratch/mnt
mkdir "$mnt"
unmount_all() {
	fusermount3 -u -z "$mnt" 2>/dev/null
}
cleanup_fn unmount_all
liftfs mount "$store" "$mnt" || fail "mount of a folder"
cmp "$mnt/x/one.ova/disk.raw" flat.raw || fail "mount: the only disk of an archive"
cmp "$mnt/two.ova/sparse.vmdk/disk.raw" sparse.raw || fail "mount: one of several"
cmp "$mnt/two.ova/void/disk.raw" void.raw || fail "mount: an empty one"
fusermount3 -u "$mnt"
liftfs mount "$store/x/one.ova" "$mnt" || fail "mount of an archive with one disk"
cmp "$mnt/disk.raw" flat.raw || fail "mount: an archive of one disk is that disk"
fusermount3 -u "$mnt"
liftfs mount "$store/two.ova" "$mnt" || fail "mount of an archive with several disks"
want "folders of an archive" "$(cd "$mnt" && echo *)" "sparse.vmdk stream.vmdk void"
cmp "$mnt/stream.vmdk/disk.raw" flat.raw || fail "mount: a disk of an archive of several"
fusermount3 -u "$mnt"
liftfs mount "$store/two.ova/stream.vmdk" "$mnt" || fail "mount of a disk in an archive"
cmp "$mnt/disk.raw" flat.raw || fail "mount: a disk in an archive"
fusermount3 -u "$mnt"
