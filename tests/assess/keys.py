# SPDX-License-Identifier: Apache-2.0
"""A browser, and the page of liftfs assess --html used by keyboard alone, as JSON of what was seen.

keys.py BROWSER PROFILE PAGE LONG: PAGE has at least two waves, LONG some hundreds of machines
"""
import fcntl, json, os, subprocess, sys

KEYS = {'Tab': (9, ''), 'Enter': (13, '\r'), 'ArrowUp': (38, ''), 'ArrowDown': (40, '')}
NAMES = 'Array.from(document.querySelectorAll("#table tbody tr:not(.detail) th"), (th) => th.textContent)'


class Browser:
    """Speaks over two pipes, which the browser has as 3 and 4: messages of JSON, each with a zero byte after it."""

    def __init__(self, path, profile):
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        low = [fcntl.fcntl(fd, fcntl.F_DUPFD, 5) for fd in (theirs_in, theirs_out)]
        with open('console', 'w') as console:
            self.process = subprocess.Popen(
                ['sh', '-c', 'exec "$@" 3<&%d 4>&%d' % tuple(low), 'sh', path, '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                 '--disable-extensions', '--no-first-run', '--disable-background-networking', '--disable-component-update',
                 '--user-data-dir=' + profile, '--remote-debugging-pipe', 'about:blank'], pass_fds=low, stderr=console)
        for fd in low + [theirs_in, theirs_out]:
            os.close(fd)
        self.out, self.into, self.id, self.rest, self.session = ours_out, ours_in, 0, b'', None
        target = next(t for t in self.call('Target.getTargets')['targetInfos'] if t['type'] == 'page')
        self.session = self.call('Target.attachToTarget', targetId=target['targetId'], flatten=True)['sessionId']

    def read(self):
        while b'\0' not in self.rest:
            got = os.read(self.into, 1 << 16)
            if not got:
                sys.exit('the browser ended')
            self.rest += got
        message, _, self.rest = self.rest.partition(b'\0')
        return json.loads(message)

    def call(self, method, **params):
        self.id += 1
        message = {'id': self.id, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        data = json.dumps(message).encode() + b'\0'
        while data:
            data = data[os.write(self.out, data):]
        while True:
            answer = self.read()
            if answer.get('id') == self.id:
                assert 'error' not in answer, (method, answer)
                return answer['result']

    def see(self, expression):
        got = self.call('Runtime.evaluate', expression=expression, returnByValue=True, awaitPromise=True)
        assert 'exceptionDetails' not in got, (expression, got)
        return got['result'].get('value')

    def wait(self, condition):
        assert self.see('new Promise((done) => { const end = Date.now() + 20000; (function look() { %s ? done(true) : '
                        'Date.now() > end ? done(false) : setTimeout(look, 10); })(); })' % condition), 'never: ' + condition

    def press(self, key):
        code, text = KEYS[key]
        self.call('Input.dispatchKeyEvent', type='keyDown', key=key, code=key, windowsVirtualKeyCode=code, text=text)
        self.call('Input.dispatchKeyEvent', type='keyUp', key=key, code=key, windowsVirtualKeyCode=code)

    def write(self, text):
        self.call('Input.insertText', text=text)

    def tab_to(self, condition):
        """condition: of e, the element that has the focus"""
        for _ in range(200):
            self.press('Tab')
            if self.see('((e) => !!(%s))(document.activeElement)' % condition):
                outline = self.see('getComputedStyle(document.activeElement).outlineStyle')
                assert outline != 'none', 'the focus is not seen: ' + condition
                return
        sys.exit('no way by keyboard: ' + condition)

    def open(self, page):
        self.call('Page.navigate', url='file://' + os.path.abspath(page))
        self.wait('document.readyState === "complete" && location.pathname.endsWith("/%s")' % page)

    def end(self):
        self.call('Browser.close')
        self.process.wait()


def by_wave(b, page):
    b.open(page)
    b.tab_to('e.closest("#time-line") && e.hash === "#wave=2"')
    b.press('Enter')
    b.wait('document.activeElement.id === "machines"')
    yield 'link', b.see('[%s, document.querySelector("#wave").value, document.querySelector("#found").textContent]' % NAMES)
    b.tab_to('e.id === "wave"')
    b.press('ArrowUp')
    b.wait('location.hash === "#wave=1"')
    yield 'select', b.see(NAMES)
    b.tab_to('e.id === "reset"')
    b.press('Enter')
    b.tab_to('e.closest("[data-key=wave]")')
    b.press('Enter')
    yield 'sorted', b.see('[document.querySelector("[data-key=wave]").getAttribute("aria-sort"), '
                          'Array.from(document.querySelectorAll("#table tbody td:last-child"), (td) => td.textContent)]')
    b.tab_to('e.closest("#table tbody")')
    b.press('Enter')
    yield 'detail', b.see('Array.from(document.querySelectorAll(".detail h3")).find((h) => h.textContent === "Move").nextElementSibling.textContent')
    b.see('location.hash = "#wave=held"')
    b.wait('document.querySelector("#wave").value === "held"')
    yield 'held', b.see(NAMES)
    fixes = b.see('Array.from(document.querySelectorAll("#fixes a"), (a) => a.hash)')
    seen = []
    for fix in fixes:
        b.see('location.hash = ' + json.dumps(fix))
        b.wait('document.querySelector("#fix").value === ' + json.dumps(fix[5:]))
        seen.append([fix[5:], b.see(NAMES + '.length')])
    yield 'fixes', seen


def all_of_many(b, page):
    b.open(page)
    b.tab_to('e.id === "more-all"')
    b.press('Enter')
    b.wait('document.querySelector("#more").hidden')
    yield 'all', b.see('[%s.length, new Set(%s).size, document.activeElement.textContent]' % (NAMES, NAMES))
    b.see('document.querySelector("#reset").click(); document.querySelector("#more-all").click(); '
          'document.querySelector("[data-key=name] button").click()')  # while rows are being added
    b.see('new Promise((done) => setTimeout(() => setTimeout(() => setTimeout(done))))')
    yield 'sorted meanwhile', b.see('[%s.length, %s[0]]' % (NAMES, NAMES))


def without_script(b, page):
    b.call('Emulation.setScriptExecutionDisabled', value=True)
    b.call('Page.enable')
    b.call('Page.navigate', url='file://' + os.path.abspath(page))
    while b.read().get('method') != 'Page.loadEventFired':
        pass
    root = b.call('DOM.getDocument', depth=0)['root']['nodeId']
    count = lambda selector: len(b.call('DOM.querySelectorAll', nodeId=root, selector=selector)['nodeIds'])
    yield 'plain', [count('#plain tbody tr'), count('#table[hidden]'), count('#controls[hidden]')]


browser, profile, page, long = sys.argv[1:]
b = Browser(browser, profile)
print(json.dumps(dict([*by_wave(b, page), *all_of_many(b, long), *without_script(b, long)])))
b.end()
