# SPDX-License-Identifier: Apache-2.0
"""contains.py WANTED GOT: each value of WANTED (JSON) is in GOT at the same place; GOT may have more keys, not more elements."""
import json, sys


def differences(want, got, place):
    if isinstance(want, dict):
        for key, value in want.items():
            if not isinstance(got, dict) or key not in got:
                yield '%s: no %s' % (place, key)
            else:
                yield from differences(value, got[key], '%s.%s' % (place, key))
    elif isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            yield '%s: %s, not %s' % (place, got, want)
        else:
            for i, value in enumerate(want):
                yield from differences(value, got[i], '%s[%d]' % (place, i))
    elif type(want) is bool or want is None or isinstance(want, str):
        if got is not want and got != want:
            yield '%s: %r, not %r' % (place, got, want)
    elif type(got) is bool or not isinstance(got, (int, float)) or abs(got - want) > 1e-6:
        yield '%s: %r, not %r' % (place, got, want)


with open(sys.argv[1]) as a, open(sys.argv[2]) as b:
    found = list(differences(json.load(a), json.load(b), ''))
if found:
    print('\n'.join(found[:20]))
sys.exit(bool(found))
