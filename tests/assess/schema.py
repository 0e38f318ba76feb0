# SPDX-License-Identifier: Apache-2.0
"""schema.py SCHEMA DOCUMENT...: each is as the schema says, and has no key that the schema does not describe."""
import json, sys
from jsonschema import Draft202012Validator


def close(schema):
    """What is published leaves room for further keys; a test does not."""
    if isinstance(schema, dict):
        if 'properties' in schema:
            schema['additionalProperties'] = False
        for value in schema.values():
            close(value)
    elif isinstance(schema, list):
        for value in schema:
            close(value)


with open(sys.argv[1]) as f:
    schema = json.load(f)
Draft202012Validator.check_schema(schema)
close(schema)
bad = 0
for path in sys.argv[2:]:
    with open(path) as f:
        for e in Draft202012Validator(schema).iter_errors(json.load(f)):
            bad = 1
            print('%s: %s: %s' % (path, '.'.join(map(str, e.absolute_path)), e.message[:200]))
sys.exit(bad)
