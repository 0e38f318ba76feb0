#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Hostile images, as hostile.table lists them: each opens or not as it should, in bounded time and memory, writing nothing and
# opening nothing outside its folder, with one line that names the file; what can be read is what the undamaged disk holds.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-images.sh"
requires qemu-img qemu-io od timeout mkfifo truncate python3
readdisk=$builddir/tests/support/readdisk
cd "$scratch"

# Bounded memory and processor time, and no file written.  A sanitizer's shadow is larger than any limit of address space.
memory=400000
(ulimit -v $memory && "$readdisk" --help >/dev/null 2>&1) || [ $? -lt 126 ] || memory=unlimited
# limited IMAGE FLAT: what readdisk --check puts out is in $said, its exit status in $rc
limited() {
	rc=0
	said=$(ulimit -v $memory && ulimit -t 10 && ulimit -f 0 && exec "$readdisk" --check "$1" "$2" 2>&1 </dev/null) || rc=$?
}

# octal HEX -> \ooo\ooo, for printf.
octal() {
	rest=$1 out=
	while [ -n "$rest" ]; do
		pair=${rest%"${rest#??}"}
		rest=${rest#??}
		out="$out\\$(printf %03o "0x$pair")"
	done
	printf '%s\n' "$out"
}

# patch FILE OFFSET HEX
patch() {
	# shellcheck disable=SC2059 # the format is the bytes
	printf "$(octal "$3")" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none
}

# expect NAME OUTCOME TEXT IMAGE FLAT: reads IMAGE.
#	65|69|74|78	the exit status, and one line with the image's name and the text
#	eio		the same with status 65, after all that can be read was as in FLAT
#	ok		FLAT
expect() {
	limited "$4" "$5"
	case $2 in
	ok)
		[ "$rc" -eq 0 ] || fail "$1: exit status $rc: $said"
		return
		;;
	eio) [ "$rc" -eq 65 ] || fail "$1: exit status $rc, not 65: $said" ;;
	*) [ "$rc" -eq "$2" ] || fail "$1: exit status $rc, not $2: $said" ;;
	esac
	case $said in
	*"
"*) fail "$1: not one line: $said" ;;
	*"${4##*/}"*"$3"*) ;;
	*) fail "$1: says '$said', not '${4##*/}' and '$3'" ;;
	esac
	[ "$2" != 78 ] || stays_inside "$1" "$4"
}

# What must not be read is not opened either, if strace is there to see.
strace=
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	strace=yes
fi
stays_inside() {
	[ "$strace" ] || return 0
	strace -qq -f -e trace=open,openat,openat2 -o trace "$readdisk" "$2" >/dev/null 2>&1 || :
	if grep -E 'secret|passwd|/dev/zero|/proc/self/fd|good\.vhd' trace | grep -v ' = -1 '; then
		fail "$1: opened"
	fi
}

# What the images are made of.
echo secret >secret.bin
truncate -s 1M secret.bin
mkdir d
cd d
mib=1048576
qemu-img create -q -f raw good.raw 4M
qemu-io -f raw -c 'write -P 0x11 0 64k' -c 'write -P 0x22 1M 1M' -c 'write -P 0x33 4128768 64k' good.raw >/dev/null
qemu-img convert -f raw -O vmdk good.raw good.vmdk
qemu-img convert -f raw -O vhdx -o block_size=1M,log_size=1M,subformat=dynamic good.raw good.vhdx
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on good.raw good.vhd
for name in good.vmdk good.vhdx good.vhd; do
	expect "$name" ok '' $name good.raw
done
cp good.vmdk s.vmdk
printf 'flat file of the disk, eight sectors' >f.bin
truncate -s 4096 f.bin
cp f.bin flat.raw
ln -s ../secret.bin link.bin
ln -s ../secret.bin link.raw
mkfifo fifo.bin fifo.raw
mkdir folder.raw
printf 'seven hundred bytes, and zeros to the end of the sector' >odd.raw
truncate -s 700 odd.raw
cp odd.raw odd.raw.flat
truncate -s 1024 odd.raw.flat

# The rows of the table: NAME | OUTCOME | TEXT | KIND | WHAT
#	patch BASE	offset hex, pairs of them, over good.BASE
#	cut BASE	length
#	text		lines of a descriptor behind its header; ; ends a line
#	whole		a whole descriptor
#	file		an image that was made above
#	made		one of hostile_images.py; WHAT: the image of disk_images.py that it was made of
cases=$srcdir/tests/integration
python3 -B "$cases/disk_images.py" bases >list
unread=
while read -r base leaf files; do
	limited "bases/$base/$leaf" "bases/$base/flat"
	case $rc in
	0) ;;
	2 | 69) unread="$unread $base " && ! must_read "$base" || fail "$base: $said" ;;
	*) fail "$base of $files: exit status $rc: $said" ;;
	esac
done <list
[ -z "$unread" ] || echo "not read by this build:$unread"
python3 -B "$cases/hostile_images.py" made >made.list
n=0 skipped=0
while IFS='|' read -r name outcome text kind what; do
	case $name in '' | \#*) continue ;; esac
	name=$(echo $name) outcome=$(echo $outcome) flat=good.raw
	text=${text# } text=${text% }
	kind=$(echo $kind) what=${what# }
	# shellcheck disable=SC2086 # words
	case $kind in
	patch*)
		image=$name.${kind#patch }
		cp good."${kind#patch }" "$image"
		set -- $what
		while [ $# -gt 0 ]; do
			patch "$image" "$1" "$2"
			shift 2
		done
		;;
	cut*)
		image=$name.${kind#cut }
		cp good."${kind#cut }" "$image"
		truncate -s $((what)) "$image"
		;;
	text)
		image=$name.vmdk flat=flat.raw
		{
			printf 'version=1\nCID=12345678\nparentCID=ffffffff\ncreateType="custom"\n'
			echo "$what" | tr ';' '\n'
		} >"$image"
		;;
	whole)
		image=$name.vmdk flat=flat.raw
		echo "$what" | tr ';' '\n' >"$image"
		;;
	made)
		case $unread in *" $what "*)
			skipped=$((skipped + 1))
			continue
			;;
		esac
		image=$(grep "^$name " made.list) || fail "$name: not made"
		image=made/$name/${image##* } flat=made/$name/flat
		;;
	file)
		image=$what
		[ "$outcome" != ok ] || flat=$image.flat
		;;
	*) fail "$name: kind '$kind'" ;;
	esac
	expect "$name" "$outcome" "$text" "$image" $flat
	n=$((n + 1))
	case $kind in file | made) ;; *) rm "$image" ;; esac
done <"$srcdir/tests/integration/hostile.table"
[ $n -gt 140 ] || fail "only $n rows"
echo "$n rows of the table, $skipped of formats that this build does not read"
while read -r name rest; do
	grep -q "^$name |" "$cases/hostile.table" || fail "$name of $rest: no row"
done <made.list

# What no row can say.
head='version=1;CID=12345678;parentCID=ffffffff;createType="custom"'
{
	echo "$head" | tr ';' '\n'
	yes 'RW 1 ZERO' | head -n 100000
} >many.vmdk
expect many-extents 65 extents many.vmdk flat.raw
{
	echo "$head" | tr ';' '\n'
	printf 'RW 8 FLAT "f.bin" 0\n'
	printf 'ddb.x = "a\0b"\n'
} >nul.vmdk
expect nul-in-text 65 NUL nul.vmdk flat.raw

# Two that are each other's parent, and a chain of 70 where 64 are the limit.
child() { # CHILD PARENT
	printf 'version=1\nCID=12345678\nparentCID=12345678\nparentFileNameHint="%s"\ncreateType="custom"\nRW 8 ZERO\n' "$2" \
		>"$1"
}
child a.vmdk b.vmdk
child b.vmdk a.vmdk
expect loop-of-two 65 'its own chain of parents' a.vmdk flat.raw
i=0
while [ $i -lt 70 ]; do
	child deep$i.vmdk deep$((i + 1)).vmdk
	i=$((i + 1))
done
must_fail 65 'deep64.vmdk: chain of more than 64 images' timeout 20 "$readdisk" deep0.vmdk

# Guests may write what they like into their disks.
qemu-img create -q -f qcow2 -o backing_file=/etc/passwd,backing_fmt=raw -u qcow2.raw 1M
truncate -s 256K qcow2.raw
expect raw-qcow2 ok '' qcow2.raw qcow2.raw
cp good.vhd vhdfoot.raw
expect raw-vhd-footer ok '' vhdfoot.raw vhdfoot.raw
cp good.vmdk sparse.img
expect raw-vmdk ok '' sparse.img sparse.img

# Content that another format has, under a name that promises this one.
for suffix in vmdk vhdx vhd; do
	cp good.raw content.$suffix
	expect raw-as-$suffix 65 '' content.$suffix good.raw
	: >empty.$suffix
	expect empty-$suffix 65 '' empty.$suffix good.raw
done
# The file of a good disk, cut at every place where a structure begins or ends.
for suffix in vmdk vhdx vhd; do
	size=$(wc -c <good.$suffix)
	for len in 1 511 512 513 4096 65535 65536 131072 200704 262144 $mib $((mib + 1)) $((2 * mib)) $((3 * mib)) \
		$((size - 512)) $((size - 1)); do
		[ $len -lt "$size" ] || continue
		head -c $len good.$suffix >cut.$suffix
		limited cut.$suffix good.raw
		case $suffix-$rc-$said in
		*-65-*cut.$suffix* | vmdk-69-*cut.$suffix*) ;;
		vhd-0-) ;; # a footer of 511 bytes
		*) fail "$suffix cut to $len: exit status $rc: $said" ;;
		esac
	done
done
