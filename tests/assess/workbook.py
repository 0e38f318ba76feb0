# SPDX-License-Identifier: Apache-2.0
"""Workbooks for tests, from the tabs of an RVTools export in CSV.

    workbook.py openpyxl|xlsxwriter FOLDER OUT     by that library: numbers and truths as such, texts shared
    workbook.py plain FOLDER OUT                   by hand, as the standard allows: no shared texts, no references of cells,
                                                   rich text, a prefix for every element
    workbook.py WHAT OUT                           one that is none: dtd, index, column, row, bomb, archive, sheets, missing
"""
import csv
import glob
import os
import re
import sys
import zipfile
from xml.sax.saxutils import escape, quoteattr


def tabs(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*.csv"))):
        with open(path, encoding="utf-8-sig", newline="") as f:
            yield re.sub(r"^RVTools_tab", "", os.path.basename(path)[:-4]), list(csv.reader(f))


def value(text, header):
    """What RVTools knows as a number or a truth it writes as one."""
    if text in ("True", "False"):
        return text == "True"
    if re.fullmatch(r"\d{1,15}", text) and header != "VM":
        return int(text)
    return text or None


def by_openpyxl(folder, out):
    import openpyxl
    book = openpyxl.Workbook()
    book.active.title = "vMetaData"
    for name, rows in tabs(folder):
        sheet = book.create_sheet(name)
        for i, row in enumerate(rows):
            sheet.append(row if i == 0 else [value(text, header) for text, header in zip(row, rows[0])])
    book.save(out)


def by_xlsxwriter(folder, out):
    import xlsxwriter
    book = xlsxwriter.Workbook(out)
    for name, rows in tabs(folder):
        sheet = book.add_worksheet(name)
        for i, row in enumerate(rows):
            for k, text in enumerate(row):
                v = text if i == 0 else value(text, rows[0][k])
                if v is not None and i > 0 and k == 1:
                    sheet.write_rich_string(i, k, text[:2], book.add_format({"bold": True}), text[2:])
                elif v is not None:
                    sheet.write(i, k, v)
    book.close()


RELATIONS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>'
WORKBOOK = '<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>%s</sheets></workbook>'


def write(out, sheets, more=()):
    """sheets: names and texts of XML."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        z.writestr("xl/workbook.xml", WORKBOOK % "".join(
            '<sheet name=%s sheetId="%d" r:id="rId%d"/>' % (quoteattr(name), i + 1, i + 1) for i, (name, _) in enumerate(sheets)))
        z.writestr("xl/_rels/workbook.xml.rels", RELATIONS % "".join(
            '<Relationship Id="rId%d" Target="/xl/worksheets/s%d.xml"/>' % (i + 1, i + 1) for i in range(len(sheets))))
        for name, text in more:
            z.writestr(name, text)
        for i, (_, text) in enumerate(sheets):
            if text is not None:
                z.writestr("xl/worksheets/s%d.xml" % (i + 1), text)


def plain_cell(text, column):
    if not text:
        return "<x:c/>"
    if column == 1:
        return '<x:c t="inlineStr"><x:is><x:r><x:t>%s</x:t></x:r><x:r><x:t xml:space="preserve">%s</x:t></x:r><x:rPh><x:t>no' \
            '</x:t></x:rPh></x:is></x:c>' % (escape(text[:2]), escape(text[2:]))
    if text in ("True", "False"):
        return '<x:c t="b"><x:f>1=1</x:f><x:v>%d</x:v></x:c>' % (text == "True")
    return '<x:c t="str"><x:v>%s</x:v></x:c>' % escape(text)


def plain(folder, out):
    write(out, [(name, '<x:worksheet xmlns:x="x"><x:sheetData>%s</x:sheetData></x:worksheet>' % "".join(
        "<x:row>%s</x:row>" % "".join(plain_cell(text, k) for k, text in enumerate(row)) for row in rows))
        for name, rows in tabs(folder)])


HEADER = '<row r="1">%s</row>' % "".join('<c t="str"><v>%s</v></c>' % t for t in (
    "VM", "CPUs", "Memory", "OS according to the configuration file"))


def sheet(rows):
    return "<worksheet><sheetData>%s%s</sheetData></worksheet>" % (HEADER, rows)


def bad(what, out):
    good = sheet('<row r="2"><c r="A2" t="str"><v>web</v></c><c r="B2"><v>2</v></c></row>')
    if what == "dtd":
        write(out, [("vInfo", '<!DOCTYPE worksheet [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + good.replace("web", "&b;"))])
    elif what == "index":
        write(out, [("vInfo", sheet('<row r="2"><c r="A2" t="s"><v>7</v></c></row>'))])
    elif what == "column":
        write(out, [("vInfo", sheet('<row r="2"><c r="ZZZZ2"><v>7</v></c></row>'))])
    elif what == "row":
        write(out, [("vInfo", sheet('<row r="1"><c><v>7</v></c></row>'))])
    elif what == "bomb":
        text = "<si><t>" + "a" * (1 << 20) + "</t></si>"
        write(out, [("vInfo", good)], [("xl/sharedStrings.xml", "<sst>" + text.replace("a", "", 10) * 110 + "</sst>")])
    elif what == "archive":
        with zipfile.ZipFile(out, "w") as z:
            z.writestr("a.txt", "a")
    elif what == "sheets":
        write(out, [("Table 1", good), ("b", good)])
    elif what == "missing":
        write(out, [("vInfo", None)])


if sys.argv[1] in ("openpyxl", "xlsxwriter", "plain"):
    {"openpyxl": by_openpyxl, "xlsxwriter": by_xlsxwriter, "plain": plain}[sys.argv[1]](*sys.argv[2:])
else:
    bad(*sys.argv[1:])
