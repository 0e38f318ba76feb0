# SPDX-License-Identifier: Apache-2.0
"""What the page of liftfs assess --html holds.

page.py check PAGE CSS   sound for readers of screens and for eyes: ids, labels, captions, scopes, titles, contrast
page.py move PAGE        the plan of the move: its drawing and its tables say what the document in the page says
page.py show DOM         the table as a browser made it, as JSON: heads, rows, what is said and what is chosen
"""
import html.parser, json, re, sys

VOID = {'meta', 'input', 'br', 'img', 'link', 'hr'}


class Node:
    def __init__(self, tag, attrs, parent):
        self.tag, self.attrs, self.parent, self.children = tag, attrs, parent, []

    def all(self, *tags):
        for c in self.children:
            if isinstance(c, Node):
                if not tags or c.tag in tags:
                    yield c
                yield from c.all(*tags)

    def text(self):
        return ''.join(c if isinstance(c, str) else c.text() for c in self.children)

    def has(self, name):
        return name in (self.attrs.get('class') or '').split()


class Tree(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.root = self.at = Node('', {}, None)
        self.feed(text)
        assert self.at is self.root, 'not closed: ' + self.at.tag

    def handle_starttag(self, tag, attrs):
        node = Node(tag, dict(attrs), self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag, attrs):
        self.at.children.append(Node(tag, dict(attrs), self.at))

    def handle_endtag(self, tag):
        assert self.at.tag == tag, 'closes %s within %s' % (tag, self.at.tag)
        self.at = self.at.parent

    def handle_data(self, data):
        self.at.children.append(data)


def load(path):
    with open(path, encoding='utf-8') as f:
        return Tree(f.read()).root


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else ''.join(c * 2 for c in colour[1:])
    parts = [int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    return sum(w * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for w, c in zip((0.2126, 0.7152, 0.0722), parts))


def contrast(a, b):
    a, b = sorted((luminance(a), luminance(b)))
    return (b + 0.05) / (a + 0.05)


def check_contrast(css):
    schemes = [dict(re.findall(r'--([a-z0-9-]+):\s*(#[0-9a-f]+)', block)) for block in re.findall(r':root\s*{([^}]*#[^}]*)}', css)]
    assert len(schemes) == 3, 'light, dark and paper'
    for s in schemes:
        assert set(s) == set(schemes[0]), set(s) ^ set(schemes[0])
        for back in ('page', 'panel'):
            for front in ('text', 'faint', 'link', 'ready', 'conditional', 'not-ready', 'unknown'):
                assert contrast(s[front], s[back]) >= 4.5, (front, back, contrast(s[front], s[back]))
            assert min(contrast(s['part-1'], s[back]), contrast(s['part-2'], s[back])) >= 3, ('bars', back)
        assert contrast(s['part-1'], s['part-2']) >= 1.7, 'parts of bars'


def check(page, css):
    root = load(page)
    ids = [n.attrs['id'] for n in root.all() if 'id' in n.attrs]
    assert len(ids) == len(set(ids)), 'ids that are there twice'
    for n in root.all():
        for name in ('aria-labelledby', 'aria-describedby', 'for'):
            for target in (n.attrs.get(name) or '').split():
                assert target in ids, '%s=%s leads nowhere' % (name, target)
        assert not any(a.startswith('on') for a in n.attrs) and 'style' not in n.attrs, n.attrs
        assert n.tag not in ('img', 'link', 'iframe', 'object', 'embed', 'form', 'base'), n.tag
        assert 'src' not in n.attrs and (n.attrs.get('href') or '#').startswith('#'), n.attrs
    assert len(list(root.all('h1'))) == len(list(root.all('main'))) == len(list(root.all('header'))) == 1
    assert next(root.all('html')).attrs['lang'] == 'en'
    for s in root.all('section'):
        assert 'aria-labelledby' in s.attrs
    levels = [int(n.tag[1]) for n in root.all('h1', 'h2', 'h3')]
    assert all(b <= a + 1 for a, b in zip([0] + levels, levels)), 'a heading that leaves out a level'
    for t in root.all('table'):
        assert list(t.all('caption')), 'a table without caption'
    for th in root.all('th'):
        assert th.attrs.get('scope') in ('col', 'row'), 'a head without scope'
    for s in root.all('svg'):
        if s.attrs.get('aria-hidden') == 'true':
            continue
        assert s.attrs.get('role') == 'img' and list(s.all('title')), 'a drawing without text'
        assert list(s.parent.all('table')), 'a drawing without its data'
    for n in root.all('div'):
        assert not (n.has('wide') or n.has('long')) or n.attrs.get('tabindex') == '0' and n.attrs.get('role') == 'region', \
            'what scrolls, but not by keyboard'
    regions = [n.attrs.get('aria-label') or n.attrs.get('aria-labelledby') for n in root.all() if n.tag == 'section' or n.attrs.get('role') == 'region']
    assert all(regions) and len(regions) == len(set(regions)), 'regions without a name of their own'
    labelled = [n.attrs['for'] for n in root.all('label')]
    for n in root.all('input', 'select'):
        assert n.attrs['id'] in labelled, 'a control without label'
    for n in root.all('span'):
        assert not n.has('mark') or n.attrs.get('aria-hidden') == 'true', 'a mark that is read out'
    with open(css) as f:
        check_contrast(f.read())


def near(got, want):
    assert abs(float(got) - want) < 0.006, (got, want)


def check_bar(svg, wave, whole):
    """The first rect is the track, ticks follow, then the bar, its mark, and a hatching where there is a risk."""
    track, *rects = [r for r in svg.all('rect') if not r.has('tick')]
    assert track.has('track') and len(rects) == (2 if wave['risk'] == 'low' else 3), wave['risk']
    assert all(r.has('part-1' if wave['production'] else 'part-2') for r in rects[:2]), wave['number']
    assert wave['risk'] == 'low' or rects[2].has('r-' + wave['risk']), wave['risk']
    for r in rects:
        near(r.attrs['x'].rstrip('%'), 100 * wave['start_seconds'] / whole)
        if r is not rects[1]:
            near(r.attrs['width'].rstrip('%'), 100 * (wave['end_seconds'] - wave['start_seconds']) / whole)


def rows_of(table):
    return [[c for c in r.children if isinstance(c, Node)] for r in next(table.all('tbody')).children if isinstance(r, Node)]


def texts_of(by_id, name):
    return [n.text() for n in by_id[name].all('li')] if name in by_id else []


def check_move(page):
    root = load(page)
    by_id = {n.attrs['id']: n for n in root.all() if 'id' in n.attrs}
    document = json.loads(by_id['data'].text())
    move, waves = document['move'], document['move']['waves']
    items = [n for n in by_id['time-line'].children if isinstance(n, Node)]
    rows = rows_of(by_id['waves'])
    assert len(items) == len(rows) == len(waves) > 0, (len(items), len(rows), len(waves))
    for item, row, wave in zip(items, rows, waves):
        number, machines = str(wave['number']), len(wave['vms'])
        assert [a.attrs['href'] for a in item.all('a')] == [a.attrs['href'] for a in row[0].all('a')] == ['#wave=' + number]
        said = ' '.join(item.text().split())
        assert said.startswith('Wave %s %d machine' % (number, machines)) and 'risk ' + wave['risk'] in said, said
        assert ('production' in said.replace('risk', '')) == wave['production'], said
        check_bar(next(item.all('svg')), wave, waves[-1]['end_seconds'])
        cells = [c.text() for c in row]
        assert cells[:2] == [number, str(machines)] and cells[10:12] == [wave['confidence'], wave['risk']], cells
        for cell, seconds in zip(cells[5:8], (wave['start_seconds'], wave['end_seconds'], wave['time']['seconds'])):
            near(cell, seconds / 86400)
        assert cells[12] == (', '.join(map(str, wave['broken'])) or '-'), cells
        assert [n.text() for n in row[13].all('li')] == wave['reasons'], cells
    if move['fixes']:
        assert [[int(r[0].text().split()[0]), next(r[1].all('code')).text()] for r in rows_of(by_id['fixes'])] == \
            [[x['vms'], x['code']] for x in move['fixes']]
    held = [vm['name'] for vm in document['vms'] if vm['move']['held_by'] is not None]
    assert len(held) == move['held'] == len(texts_of(by_id, 'held')), (held, move['held'])
    assert texts_of(by_id, 'assumptions') == move['assumptions'] and len(texts_of(by_id, 'remarks')) == len(move['notices'])
    outside = ''.join(n.text() for n in root.all('main')).replace('\u2068', '').replace('\u2069', '')
    assert not [c for c in outside if ord(c) < 32 and c not in '\n\t' or 0x202a <= ord(c) <= 0x202e or 0x2066 <= ord(c) <= 0x2069], 'what turns the text'


def show(page):
    root = load(page)
    by_id = {n.attrs['id']: n for n in root.all() if 'id' in n.attrs}
    table = by_id['table']
    body = next(table.all('tbody'))
    rows = [r for r in body.children if isinstance(r, Node)]
    print(json.dumps({
        'hidden': 'hidden' in table.attrs,
        'heads': {h.attrs['data-key']: h.attrs.get('aria-sort') for h in next(table.all('thead')).all('th')},
        'rows': [[c.text() for c in r.children if isinstance(c, Node)] for r in rows if not r.has('detail')],
        'details': [r.text() for r in rows if r.has('detail')],
        'expanded': [b.attrs['aria-expanded'] for r in rows for b in r.all('button')],
        'found': by_id['found'].text(), 'more': 'hidden' not in by_id['more'].attrs, 'title': next(root.all('title')).text(),
        'probe': by_id['probe'].text() if 'probe' in by_id else None,
    }))


{'check': check, 'move': check_move, 'show': show}[sys.argv[1]](*sys.argv[2:])
