# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What tests of liftfs assess share; sourced after lib.sh.
HOME=$scratch
export HOME
# shellcheck disable=SC2034 # for the tests
samples=$srcdir/tests/assess
unset NO_COLOR COLUMNS LIFTFS_EXEC_PATH

assess() {
	"$builddir/tools/liftfs" assess --catalogue "$srcdir/src/assess/catalogue" "$@"
}

# same WHAT GOT WANT
same() {
	[ "$2" = "$3" ] || fail "$1: '$2', not '$3'"
}

# hostile FOLDER: an export whose names are made to mislead whoever prints them.
hostile() {
	mkdir -p "$1"
	{
		printf 'VM,Powerstate,Template,CPUs,Memory,NICs,OS according to the configuration file,Firmware,VM UUID\n'
		number=0
		for name in '<script>alert(1)</script>' '</script><img src=x onerror=alert(2)>' '=HYPERLINK(""http://x/"")' '+1' '-1' '@SUM(A1)' \
			'../../etc/passwd' '"" onmouseover=""alert(3)' '&lt;b&gt;' '${jndi}`id`' "$(printf 'esc\033[31mred\007')" \
			"$(printf 'two\nlines')" "$(printf '\tTab')" "$(printf '\342\200\256gpj.exe')" 'a;b,c' '%s%n' '--' '<!--'; do
			number=$((number + 1))
			printf '"%s",poweredOn,False,2,4096,1,Microsoft Windows Server 2022 (64-bit),efi,00000000-0000-4000-8000-%012d\n' "$name" $number
		done
		printf '%s,poweredOff,False,2,4096,1,<b>What</b>,bios,\n' "$(head -c 102400 /dev/zero | tr '\0' x)"
		printf 'bad-number,poweredOn,False,<i>four</i>,4096,1,Other (64-bit),bios,\n'
		printf '<u>template</u>,poweredOff,True,2,4096,1,Other (64-bit),bios,\n'
	} >"$1/RVTools_tabvInfo.csv"
	{
		printf 'VM,Disk,Disk Key,Capacity MiB,Raw,Disk Mode,VM UUID\n'
		printf '<script>alert(1)</script>,<b>disk</b></script>,2000,1024,False,persistent,00000000-0000-4000-8000-000000000001\n'
		printf '=HYPERLINK,=disk,2000,99999999,False,persistent,00000000-0000-4000-8000-000000000003\n'
	} >"$1/RVTools_tabvDisk.csv"
}
