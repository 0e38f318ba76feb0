#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The document of liftfs assess --json is as its published schema says, by another reader's eyes; and has nothing beyond it.
. "${srcdir:-.}/tests/integration/lib.sh"
. "$srcdir/tests/integration/lib-assess.sh"
requires /usr/bin/python3
/usr/bin/python3 -c 'from jsonschema import Draft202012Validator' 2>/dev/null || skip "python3-jsonschema is not installed"
cd "$scratch"

assess --json "$samples/rvtools-sample" >rvtools.json
assess --json --region eastus --series Dsv5 "$samples/azure-migrate-import-sample.csv" >import.json
hostile evil
assess --json "$samples/rvtools-sample" evil >both.json 2>/dev/null
printf 'VM,Application,Environment,Criticality,Depends on\nvm-db-01,Shop,,high,\nvm-web-01,Shop,,,vm-uefi-01\nvm-bsd-01,,dev,,vm-app-01;x\n' >groups.csv
assess --json --groups groups.csv --upload direct --wave-max 2 "$samples/rvtools-sample" >groups.json 2>/dev/null
printf 'VM,Powerstate,Template,CPUs,Memory,OS according to the configuration file\n' >none.csv
assess --json none.csv >none.json
/usr/bin/python3 -B "$samples/schema.py" "$srcdir/docs/assess.schema.json" rvtools.json import.json both.json none.json groups.json ||
	fail "not as the schema says"
sed 's/"arch":"x64"/"arch":"vax"/; s/"power":"on",//' rvtools.json >wrong.json
/usr/bin/python3 -B "$samples/schema.py" "$srcdir/docs/assess.schema.json" wrong.json >/dev/null && fail "the schema allows anything"
exit 0
