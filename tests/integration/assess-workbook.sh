#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liftfs assess of an RVTools export as a workbook: written by two libraries and by hand it gives what the CSV files give; what is
# no such workbook is refused, and takes no more memory than it may.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-assess.sh"
requires jq /usr/bin/python3
/usr/bin/python3 -c 'import openpyxl, xlsxwriter' 2>/dev/null || skip "python3-openpyxl or python3-xlsxwriter is not installed"
cd "$scratch"
workbook() {
	/usr/bin/python3 -B "$samples/workbook.py" "$@"
}

# Without what differs: where a machine was read.
document() {
	assess --json "$@" >document 2>err || fail "$*: $(cat err)"
	[ ! -s err ] || fail "$*: $(cat err)"
	jq -S 'del(.time, .inventories) | (.vms[].origin, .vms[].evidence.sources[].where) |= (sub("^.*[: ]"; "") | "row " + .)' document
}

document "$samples/rvtools-sample" >want
[ "$(jq '.vms | length' want)" -eq 12 ] || fail "not the sample"
for by in openpyxl xlsxwriter plain; do
	workbook $by "$samples/rvtools-sample" $by.xlsx
	document $by.xlsx >got
	diff want got >diff || fail "$by: not as the CSV files: $(cat diff)"
done
cp openpyxl.xlsx without-suffix
document without-suffix | cmp -s want || fail "not known by what is in it"
mkdir folder
cp plain.xlsx folder/RVTools_export_all.xlsx
echo lock >'folder/~$RVTools_export_all.xlsx'
document folder | cmp -s want || fail "not in a folder"

refused() {
	workbook "$1" "$1.xlsx"
	must_fail 65 "$1.xlsx: $2" assess "$1.xlsx"
}
refused dtd 'xl/worksheets/s1.xml: XML: it brings a DTD'
refused index 'sheet vInfo: row 2: a cell names a text that there is not'
refused column 'sheet vInfo: row 2: a cell in no column that there can be'
refused row 'sheet vInfo: row 1: the one that follows does not follow'
refused archive 'not a workbook of Excel: xl/workbook.xml is missing'
refused sheets "no RVTools export: a workbook without a sheet vInfo, with 'Table 1', 'b'"
refused missing 'not a workbook of Excel: xl/worksheets/s1.xml is missing'
refused bomb 'xl/sharedStrings.xml: more than 100 MiB of text'
head -c 3000 openpyxl.xlsx >cut.xlsx
must_fail 65 'cut.xlsx: ' assess cut.xlsx
printf '\320\317\021\340 and so on' >old.xls
must_fail 69 'old.xls: an old or an encrypted workbook of Excel: in RVTools choose "Export all to csv"' assess old.xls
cp plain.xlsx folder/second.xlsx
must_fail 65 'folder: two exports: RVTools_export_all.xlsx and second.xlsx are both a workbook' assess folder
