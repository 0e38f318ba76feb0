# SPDX-License-Identifier: Apache-2.0
"""Blob services on loopback: the strict one of the tests with TLS, and Azurite.  Each start is an empty service."""
import base64, hashlib, hmac, os, re, ssl, urllib.parse, urllib.request

import system
from system import Daemon, find

ACCOUNT = 'devstoreaccount1'  # the emulator's own, which the whole world knows
KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
CONTAINER = 'disks'


def sas():
    """Of the container: read, create, write, list."""
    end = '2099-01-01T00:00:00Z'
    text = 'rcwl\n\n%s\n/blob/%s/%s\n\n\n\n2021-12-02\nc\n\n\n\n\n\n\n' % (end, ACCOUNT, CONTAINER)
    mac = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    return 'sv=2021-12-02&sr=c&sp=rcwl&se=%s&sig=%s' % (urllib.parse.quote(end, ''), urllib.parse.quote(base64.b64encode(mac), ''))


class Service:
    """What both have; url is of the container."""
    context = None

    def __init__(self, bench):
        self.bench = bench
        self.env = {'AZURE_STORAGE_ACCOUNT': ACCOUNT, 'AZURE_STORAGE_KEY': KEY}

    def blob(self, name):
        return '%s/%s?%s' % (self.url, urllib.parse.quote(name), sas())

    def started(self, argv, pattern):
        log = os.path.join(self.bench.scratch, type(self).__name__ + '.log')
        found = []

        def ready():
            with open(log, errors='replace') as f:
                m = re.search(pattern, f.read())
            found[:] = [m.group(1)] if m else []
            return bool(m)
        self.daemon = Daemon(argv, ready, log)
        return found[0]

    def cpu(self):
        return self.daemon.cpu()

    def stop(self):
        self.daemon.stop()

    def read(self, name, offset, length):
        request = urllib.request.Request(self.blob(name), headers={'x-ms-range': 'bytes=%d-%d' % (offset, offset + length - 1),
                                                                   'x-ms-version': '2021-12-02'})
        with urllib.request.urlopen(request, context=self.context) as answer:
            return answer.read()


def certificate(bench):
    """Paths of key and certificate, which is its own authority; made once."""
    folder = bench.folder('tls')
    key, cert = os.path.join(folder, 'key.pem'), os.path.join(folder, 'cert.pem')
    if not os.path.exists(cert):
        system.run([find('openssl'), 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-keyout', key, '-out', cert, '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'])
    return key, cert


class Strict(Service):
    def __init__(self, bench):
        super().__init__(bench)
        key, cert = certificate(bench)
        self.url = self.started([bench.support('pageblob-server'), '--cert', cert, '--key-file', key, '--container', CONTAINER],
                                r'(https://\S+)\s') + '/' + CONTAINER
        self.cacert = ['--cacert', cert]
        self.context = ssl.create_default_context(cafile=cert)
        self.env['SSL_CERT_FILE'] = cert


class Azurite(Service):
    cacert = []

    def __init__(self, bench):
        super().__init__(bench)
        at = self.started([find('azurite-blob'), '--blobHost', '127.0.0.1', '--blobPort', '0', '--disableTelemetry', '--inMemoryPersistence',
                           '--skipApiVersionCheck', '--silent'], r'listens on (http://127\.0\.0\.1:[1-9]\d*)')
        self.url = '%s/%s/%s' % (at, ACCOUNT, CONTAINER)
        self.make_container()

    def make_container(self):
        from email.utils import formatdate
        date = formatdate(usegmt=True)
        text = 'PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:%s\nx-ms-version:2021-12-02\n/%s/%s/%s\nrestype:container' % (
            date, ACCOUNT, ACCOUNT, CONTAINER)
        mac = base64.b64encode(hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()).decode()
        urllib.request.urlopen(urllib.request.Request(self.url + '?restype=container', method='PUT', data=b'', headers={
            'x-ms-date': date, 'x-ms-version': '2021-12-02', 'Authorization': 'SharedKey %s:%s' % (ACCOUNT, mac),
            'Content-Type': ''})).close()


SERVICES = {'tls': (Strict, 'the strict server with TLS'), 'azurite': (Azurite, 'Azurite')}


def missing(kind, bench):
    if kind == 'azurite':
        return system.missing('azurite-blob')
    return system.missing('openssl') or (None if os.access(bench.support('pageblob-server'), os.X_OK) else 'libmicrohttpd-dev')
