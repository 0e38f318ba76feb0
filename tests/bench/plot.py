# SPDX-License-Identifier: Apache-2.0
"""Growth as a picture: an SVG that reads in light and in dark, of rows whose contestants are sizes of the work."""
import html, math

FIGURES = (('seconds', 's', 'time'), ('cpu', 's', 'processor time'), ('rss', 'MiB', 'peak memory'))
PANEL_W, PANEL_H, LEFT, TOP, GAP_X, GAP_Y = 232, 120, 58, 30, 78, 62
STYLE = '''
    text { font: 11px system-ui, sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 12px }
    .small { fill: #59636e }
    .frame { fill: none; stroke: #818b98 }
    .grid { stroke: #d1d9e0 }
    .line { fill: none; stroke: #0969da; stroke-width: 2 }
    .dot { fill: #0969da }
    .even { fill: none; stroke: #9a6700; stroke-width: 1; stroke-dasharray: 4 3 }
    .page { fill: #ffffff }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .small { fill: #9198a1 }
      .grid { stroke: #3d444d }
      .line { stroke: #4493f8 }
      .dot { fill: #4493f8 }
      .even { stroke: #d29922 }
      .page { fill: #0d1117 }
    }'''


def decades(lo, hi):
    """Powers of ten around the values; at least one decade."""
    a, b = math.floor(math.log10(lo)), math.ceil(math.log10(hi))
    return a, max(b, a + 1)


def power(n, unit):
    names = {-3: '1 m', -2: '10 m', -1: '100 m', 0: '1 ', 1: '10 ', 2: '100 ', 3: '1000 ', 4: '10000 '}
    return names.get(n, '1e%d ' % n) + unit


class Panel:
    def __init__(self, left, top, points, unit):
        self.left, self.top, self.points, self.unit = left, top, points, unit  # points: (x, y, name)
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        self.x0, self.x1 = math.log10(min(xs)), math.log10(max(xs))
        self.y0, self.y1 = decades(min(ys), max(ys))

    def at(self, x, y):
        return (self.left + PANEL_W * (math.log10(x) - self.x0) / ((self.x1 - self.x0) or 1),
                self.top + PANEL_H * (1 - (math.log10(y) - self.y0) / (self.y1 - self.y0)))

    def draw(self):
        out = []
        for n in range(self.y0, self.y1 + 1):
            y = self.at(10 ** self.x0, 10.0 ** n)[1]
            out.append('<line class="grid" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>' % (self.left, y, self.left + PANEL_W, y))
            out.append('<text class="small" x="%.1f" y="%.1f" text-anchor="end">%s</text>' % (self.left - 6, y + 4, power(n, self.unit)))
        out.append('<rect class="frame" x="%d" y="%d" width="%d" height="%d"/>' % (self.left, self.top, PANEL_W, PANEL_H))
        out.append(self.even())
        out.append('<polyline class="line" points="%s"/>' % ' '.join('%.1f,%.1f' % self.at(x, y) for x, y, _ in self.points))
        for x, y, name in self.points:
            px, py = self.at(x, y)
            out.append('<circle class="dot" cx="%.1f" cy="%.1f" r="3"/>' % (px, py))
            out.append('<text class="small" x="%.1f" y="%d" text-anchor="middle">%s</text>' % (px, self.top + PANEL_H + 16, html.escape(name)))
        return out

    def even(self):
        """Growth in proportion, from the last point down to the panel's lower edge."""
        x, y, _ = self.points[-1]
        low = max(10.0 ** self.y0, y * 10 ** self.x0 / x)
        (ax, ay), (bx, by) = self.at(x * low / y, low), self.at(x, y)
        return '<line class="even" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>' % (ax, ay, bx, by)


def write(path, results):
    rows = [r for r in results if r['series'] and len(r['figures']) > 1]
    width, height = LEFT + len(rows) * (PANEL_W + GAP_X), TOP + len(FIGURES) * (PANEL_H + GAP_Y)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Growth of time and memory">' % (width, height),
           '<style>%s\n</style>' % STYLE, '<rect class="page" width="%d" height="%d"/>' % (width, height)]
    for i, r in enumerate(rows):
        left = LEFT + i * (PANEL_W + GAP_X)
        for j, (key, unit, title) in enumerate(FIGURES):
            top = TOP + j * (PANEL_H + GAP_Y)
            points = [(r['series']['points'][n], f[key]['median'], n) for n, f in r['figures'].items()]
            out.append('<text class="title" x="%d" y="%d">%s</text>' % (left, top - 12, '%s, by %s' % (title, html.escape(r['series']['x']))))
            out += Panel(left, top, points, unit).draw()
    out.append('<text class="small" x="%d" y="%d">Both axes are logarithmic. Dashed: growth in proportion.</text>' % (LEFT, height - 8))
    with open(path, 'w') as f:
        f.write('\n'.join(out) + '\n</svg>\n')
