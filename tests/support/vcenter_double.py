#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The part of a vCenter that the simulator lacks: replies in pages, and faults inside replies that look like successes.

usage: vcenter_double.py MODE RECORD [PEM [PEM]]

With a PEM file (certificate and key) it speaks TLS; with a second one from the second connection on it is that one.
Listens on a port of 127.0.0.1, which it prints, until it is killed.  Each call goes to RECORD as a line: method, SOAPAction,
"session" or "-", and maxObjects or the token.  MODE:
  pages      five machines, two a page, whatever was asked for
  denied     vm-2's hardware may not be read
  expired    the session is gone at the second page, and each that follows: HTTP 200 and NotAuthenticated in missingSet
  expiring   the same, the first time only
  faulting   the session is gone at the second page, the first time: a fault
  busy       the first call of each kind is answered by 503
  cut        the first call for a first and for a second page are not answered
  empty      a page without objects announces another, for ever
  large      everything at once, above 64 MiB
  old        the API is of 6.0
  page.html  no vCenter
"""
import http.server
import re
import ssl
import sys

MODE, RECORD = sys.argv[1:3]
MACHINES, PAGE = 5, 2
SOAP = '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' \
       'xmlns:XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance"><s:Body>%s</s:Body></s:Envelope>'
TYPE = 'XMLSchema-instance:type'


def prop(name, value):
    return '<propSet><name>%s</name><val %s="xsd:string">%s</val></propSet>' % (name, TYPE, value)


def missing(path, fault):
    return '<missingSet><path>%s</path><fault><fault %s="%s"/><localizedMessage/></fault></missingSet>' % (
        path, TYPE, fault)


def hardware(number):
    return '<numCPU>%d</numCPU><memoryMB>1024</memoryMB><device %s="VirtualDisk"><key>2000</key><deviceInfo>' \
        '<label>Hard disk 1</label></deviceInfo><backing %s="VirtualDiskFlatVer2BackingInfo"><fileName>[ds] %d.vmdk' \
        '</fileName><diskMode>persistent</diskMode></backing><capacityInKB>2048</capacityInKB></device>' % (
            number, TYPE, TYPE, number)


def machine(number):
    second_page = number > PAGE
    text = '<objects><obj type="VirtualMachine">vm-%d</obj>' % number + prop('name', 'web%%2f%d' % number)
    if second_page and (MODE == 'expired' or MODE == 'expiring' and Handler.logins == 1):
        text += missing('config.hardware', 'NotAuthenticated')
    elif MODE == 'denied' and number == 2:
        text += missing('config.hardware', 'NoPermission') + missing('guest.net', 'NoPermission')
    else:
        text += prop('config.hardware', hardware(number))
    if MODE == 'large':
        text += prop('config.annotation', 'x' * (15 << 20))
    return text + '</objects>'


def page(first):
    if MODE == 'empty':
        return '<returnval><token>more</token></returnval>'
    last = MACHINES if MODE == 'large' else min(first + PAGE - 1, MACHINES)
    token = '<token>&lt;%d&gt;</token>' % (last + 1) if last < MACHINES else ''
    return '<returnval>%s%s</returnval>' % (token, ''.join(machine(n) for n in range(first, last + 1)))


def content():
    return '<returnval><rootFolder type="Folder">group-d1</rootFolder><propertyCollector type="PropertyCollector">pc' \
        '</propertyCollector><viewManager type="ViewManager">vmgr</viewManager><about><apiVersion>%s</apiVersion>' \
        '<instanceUuid>0b1b2a1c-0000-4000-8000-000000000001</instanceUuid></about><sessionManager type="SessionManager">' \
        'smgr</sessionManager></returnval>' % ('6.0' if MODE == 'old' else '8.0.2.0')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    places = True
    logins = 0
    seen = set()

    def log_message(self, *args):
        pass

    def answer(self, text, status=200, cookie=None):
        body = text.encode()
        self.send_response(status)
        if cookie:
            self.send_header('Set-Cookie', 'vmware_soap_session="%s"; Path=/; HttpOnly' % cookie)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fault(self, name):
        self.answer(SOAP % ('<s:Fault><faultcode>ServerFaultCode</faultcode><faultstring>no</faultstring><detail>'
                            '<%sFault %s="%s"/></detail></s:Fault>' % (name, TYPE, name)), 500)

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        if MODE == 'page.html':
            return self.answer('<html><p>Welcome')
        method = re.search(r'Body><(\w+) ', body).group(1)
        session = 'vmware_soap_session="s3cret"' in self.headers.get('Cookie', '')
        what = re.search(r'<(?:maxObjects|token)>([^<]*)', body)
        with open(RECORD, 'a') as record:
            print(method, self.headers['SOAPAction'], 'session' if session else '-', what.group(1) if what else '-',
                  file=record)
        first = (method, Handler.places) not in Handler.seen
        Handler.seen.add((method, Handler.places))
        if MODE == 'busy' and first:
            return self.answer('', 503)
        if MODE == 'cut' and first and 'RetrieveProperties' in method and not Handler.places:
            self.close_connection = True
            return None
        if MODE == 'faulting' and first and method == 'ContinueRetrievePropertiesEx':
            return self.fault('NotAuthenticated')
        Handler.logins += method == 'Login'
        if not session and method not in ('RetrieveServiceContent', 'Login'):
            return self.fault('NotAuthenticated')
        if method == 'Login' and '<userName>a&amp;b</userName><password>p&lt;w</password>' not in body:
            return self.fault('InvalidLogin')
        inner = ''
        if method == 'RetrieveServiceContent':
            inner = content()
        elif method == 'CreateContainerView':
            Handler.places = '<type>VirtualMachine</type>' not in body
            inner = '<returnval type="ContainerView">view-1</returnval>'
        elif method == 'RetrievePropertiesEx':
            inner = '' if Handler.places else page(1)
        elif method == 'ContinueRetrievePropertiesEx':
            inner = page(int(re.search(r'&lt;(\d+)&gt;', body).group(1)))
        self.answer(SOAP % ('<%sResponse xmlns="urn:vim25">%s</%sResponse>' % (method, inner, method)),
                    cookie='s3cret' if method == 'Login' else None)


class Server(http.server.ThreadingHTTPServer):
    pems = sys.argv[3:]

    def handle_error(self, request, client_address):
        pass  # a client that had enough

    def get_request(self):
        connection, address = super().get_request()
        if self.pems:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.pems[0])
            self.pems = self.pems[1:] or self.pems
            try:
                connection = context.wrap_socket(connection, server_side=True)
            except (OSError, ssl.SSLError) as e:  # refused by the other side
                raise OSError(str(e))
        return connection, address


server = Server(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
