#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The directory target without reflinks or with them, under power loss: explicit-state check.

A file's unsynced block may hold, after power loss, any value written since its last sync; the journal keeps
any prefix. Two blocks, binary content. Schemes: clone (each cycle writes a clone of the newest point), undo
(live file in place, old content saved per point first), link (points are hard links to the live file).
Properties: P1 a point equals the source of its cycle, P2 no point ever changes, P3 the map tells the truth.
"""
import itertools, sys
from collections import deque
UNK = 3

def explore(scheme, ack_sync=True, pre_sync=True, pre_once=True, intent=True, cycles=2, crashes=2, changes=3, cap=20_000_000):
    # state: src, moved, live cache, live possible, mem, jsynced map, jtail, points((ref, pre, presynced)...), pc, crashes, changes
    init = ((0,0), 0, (0,0), ((0,),(0,)), (0,0), (0,0), (), (((0,0),(None,None),(1,1)),), ('start',), crashes, changes)
    seen = {init: None}; q = deque([init]); n = 0
    def put(t, v, b): l = list(t); l[b] = v; return tuple(l)
    def pointval(points, i, live, b):
        for (_, pre, _s) in points[i:]:
            if pre[b] is not None: return pre[b]
        return live[b]
    def check(points, live, where, s):
        for i, (ref, _p, _s) in enumerate(points):
            if scheme == 'clone': continue          # a point is an inode nobody writes
            got = tuple(pointval(points, i, live, b) for b in (0, 1))
            if got != ref: return f'P2 point {i} was {ref}, reads {got} ({where})'
        return None
    def succ(s):
        src, moved, live, poss, mem, js, jt, points, pc, cr, ch = s
        if ch:
            for b in (0, 1):
                yield (put(src, 1-src[b], b), 1, live, poss, mem, js, jt, points, pc, cr, ch-1), None
        if cr and pc[0] != 'end':                   # power loss
            for l2 in itertools.product(*poss):
                for k in range(len(jt)+1):
                    j2 = js
                    for (b, v) in jt[:k]: j2 = put(j2, v, b)
                    uns = [(i, b) for i, p in enumerate(points) for b in (0, 1) if p[1][b] is not None and not p[2][b]]
                    for keep in itertools.product((0, 1), repeat=len(uns)):
                        pts = [list(map(list, (p[0], p[1], p[2]))) for p in points]
                        for (i, b), kp in zip(uns, keep):
                            if not kp: pts[i][1][b] = None
                            pts[i][2][b] = 1
                        pts = tuple((tuple(p[0]), tuple(p[1]), tuple(p[2])) for p in pts)
                        err = check(pts, l2, 'after power loss', s)
                        for b in (0, 1):
                            if j2[b] != UNK and j2[b] != l2[b]: err = err or f'P3 map says {j2[b]}, block {b} holds {l2[b]} after power loss'
                        yield (src, 1, l2, tuple((x,) for x in l2), j2, j2, (), pts, ('start',), cr-1, ch), err
        t = pc[0]
        def st(**k):
            d = dict(src=src, moved=moved, live=live, poss=poss, mem=mem, js=js, jt=jt, points=points, pc=pc, cr=cr, ch=ch); d.update(k)
            return tuple(d[x] for x in ('src','moved','live','poss','mem','js','jt','points','pc','cr','ch'))
        if t == 'start': yield st(moved=0, pc=('scan', 0, src)), None
        elif t == 'scan':
            b, ref = pc[1], pc[2]
            if b == 2: yield st(pc=('commit', ref)), None
            elif mem[b] == src[b]: yield st(pc=('scan', b+1, ref)), None
            else: yield st(pc=('int', b, ref, src[b])), None
        elif t == 'int':
            b, ref, v = pc[1:]; pts = points
            if scheme == 'undo' and (points[-1][1][b] is None or not pre_once):
                p = points[-1]; pts = points[:-1] + ((p[0], put(p[1], live[b], b), put(p[2], 0, b)),)
            yield st(points=pts, mem=put(mem, UNK, b), jt=jt + ((b, UNK),) if intent else jt, pc=('sync1', b, ref, v)), None
        elif t == 'sync1':
            b, ref, v = pc[1:]; j2 = js
            for (x, y) in jt: j2 = put(j2, y, x)
            p = points[-1]
            yield st(js=j2, jt=(), points=points[:-1] + ((p[0], p[1], (1,1) if pre_sync else p[2]),), pc=('wr', b, ref, v)), None
        elif t == 'wr':
            b, ref, v = pc[1:]
            yield st(live=put(live, v, b), poss=put(poss, tuple(sorted(set(poss[b]) | {v})), b), pc=('sync2', b, ref, v)), None
        elif t == 'sync2':
            b, ref, v = pc[1:]
            yield st(poss=tuple((x,) for x in live) if ack_sync else poss, pc=('ack', b, ref, v)), None
        elif t == 'ack':
            b, ref, v = pc[1:]
            yield st(mem=put(mem, v, b), jt=jt + ((b, v),), pc=('scan', b+1, ref)), None
        elif t == 'commit':
            ref = pc[1]; j2 = js
            for (x, y) in jt: j2 = put(j2, y, x)
            err = None; pts = points; done = 0
            if not moved:
                if live != ref: err = f'P1 point {live}, source {ref}'
                p = points[-1]; pts = points[:-1] + ((p[0], p[1], (1,1)), (ref, (None,None), (1,1)))
            pc2 = ('end',) if len(pts) > cycles else ('start',)
            if moved and not ch and False: pc2 = ('end',)
            yield st(poss=tuple((x,) for x in live), js=j2, jt=(), points=pts, pc=pc2), err
        if t not in ('start',):
            pass
    while q:
        s = q.popleft(); n += 1
        e = check(s[7], s[2], 'running', s)
        if e: return n, e, trace(seen, s)
        for (t, e) in succ(s):
            if e: return n, e, trace(seen, s) + [t]
            if t not in seen:
                seen[t] = s; q.append(t)
        if n > cap: return n, 'cap reached', []
    return n, 'ok', []

def trace(seen, s):
    r = []
    while s is not None: r.append(s); s = seen[s]
    return r[::-1]

if __name__ == '__main__':
    bad = 0
    for name, want, kw in [
        ('clone', 'ok', dict(scheme='clone')), ('undo', 'ok', dict(scheme='undo')),
        ('link (hard links, written in place)', 'P2', dict(scheme='link')),
        ('clone, ack before fdatasync', 'P3', dict(scheme='clone', ack_sync=False)),
        ('clone, no intent', 'P3', dict(scheme='clone', intent=False)),
        ('undo, pre-image not synced before the overwrite', 'P2', dict(scheme='undo', pre_sync=False)),
        ('undo, pre-image taken again after a crash', 'P2', dict(scheme='undo', pre_once=False))]:
        n, r, tr = explore(**kw)
        print(f'{name:50s} {n:9d} states  {r}' + (f'  (trace of {len(tr)} steps)' if tr else ''))
        if not r.startswith(want):
            print(f'  NOT AS EXPECTED: {want}'); bad = 1
        if tr and '-t' in sys.argv:
            for t in tr: print('    ', t)
    sys.exit(bad)
