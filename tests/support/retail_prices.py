#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Azure's price list and list of sizes as they are documented, from the rows of a catalogue, with what may go wrong with them.

usage: retail_prices.py CATALOGUE RECORD MODES [PEM]

Answers for any region with the prices that CATALOGUE (a folder) has of it, each of them doubled, in pages of 1,000, between rows
that are not to be taken; with the sizes of CATALOGUE, to who shows the token; and gives that token, to who knows "S3cret".
Listens on a port of 127.0.0.1, which it prints, until it is killed; with a PEM file (certificate and key) by TLS.  Each request
goes to RECORD as a line: method, path, region or "-", "token" or "-", status.  MODES is a file, read
anew for each request, with words parted by commas; "busy" counts from when it is first read:
  plain        nothing goes wrong
  busy         the second request is answered by 429 and Retry-After: 0, the third by 500, the fourth is cut
  down         500, always
  html         a page of something else
  foreign      the link to the next page leads to another host
  loop         the second page leads to the first
  moved        302 to another host
  large        a page above 32 MiB
  euro         prices in EUR
  negative     one price is below 0
  few          one price in ten
  empty        no rows
  twice        two prices of Standard_D2s_v5 that contradict each other
  new          sizes that no catalogue has
  nosizes      one size in ten
  badsize      a size whose vCPUs are no number
"""
import csv
import functools
import http.server
import json
import os
import ssl
import sys
import urllib.parse

CATALOGUE, RECORD = sys.argv[1:3]
MODE = set()
PAGE = 1000
PRODUCTS = {'P': 'Premium SSD Managed Disks', 'E': 'Standard SSD Managed Disks', 'S': 'Standard HDD Managed Disks'}
TOKEN = 'eyJ0eXAiOiJKV1QifQ.double.token'


def table(name):
    with open(os.path.join(CATALOGUE, name), newline='') as f:
        return list(csv.DictReader(f))


def item(region, price, product, sku, meter, unit, arm, **more):
    row = {'currencyCode': 'EUR' if 'euro' in MODE else 'USD', 'tierMinimumUnits': 0.0, 'retailPrice': price, 'unitPrice': price,
           'armRegionName': region, 'location': 'EU West', 'effectiveStartDate': '2021-11-01T00:00:00Z',
           'meterId': '0000', 'meterName': meter, 'productId': 'DZH', 'skuId': 'DZH/1', 'productName': product,
           'skuName': sku, 'serviceName': 'Storage' if unit == '1/Month' else 'Virtual Machines', 'serviceId': 'DZH3',
           'serviceFamily': 'Compute', 'unitOfMeasure': unit, 'type': 'Consumption', 'isPrimaryMeterRegion': True,
           'armSkuName': arm, 'savingsPlan': [{'unitPrice': 0.01, 'retailPrice': 0.01, 'term': '1 Year'}]}
    row.update(more)
    return row


def size_items(region, name, windows, price):
    short = name.replace('Standard_', '').replace('_', ' ')
    series = 'Virtual Machines X Series' + (' Windows' if windows else '')

    def one(price, product=series, sku=short, **more):
        return item(region, price, product, sku, sku, '1 Hour', name, **more)
    yield one(price, sku=name if windows else short)
    yield one(price / 4, sku=short + ' Spot')
    yield one(price / 5, sku=short + ' Low Priority')
    if not windows:
        yield one(price * 3, product='X Series Cloud Services')
    yield one(price * 1000, type='Reservation', reservationTerm='1 Year')
    yield one(price * 2, effectiveStartDate='2090-01-01T00:00:00Z')
    yield one(price * 2, effectiveStartDate='2020-01-01T00:00:00Z')
    yield one(price * 2, effectiveStartDate='2022-01-01T00:00:00Z', isPrimaryMeterRegion=False)


def disk_items(region, tier, redundancy, price):
    sku = '%s %s' % (tier, redundancy)
    product = PRODUCTS[tier[0]]
    arm = {'P': 'Premium', 'E': 'StandardSSD', 'S': 'Standard'}[tier[0]] + '_' + redundancy
    yield item(region, price, product, sku, sku + ' Disk', '1/Month', arm)
    yield item(region, price / 10, product, sku, sku + ' Disk Mount', '1/Month', arm)
    yield item(region, 0.002, product, sku, sku + ' Disk Operations', '10K', arm)


@functools.lru_cache(None)
def items(region, service, product):
    rows = [r for r in table('azure-prices.csv') if r['region'] == region]
    rows = [] if 'empty' in MODE else rows[::10] if 'few' in MODE else rows
    out = []
    for r in rows:
        price = 2 * float(r['price_usd'])
        if r['kind'] == 'vm' and service == 'Virtual Machines':
            out.extend(size_items(region, r['item'], r['os'] == 'windows', price))
        elif r['kind'] == 'disk' and r['unit'] == 'month' and product == PRODUCTS[r['item'][0]]:
            out.extend(disk_items(region, r['item'], r['redundancy'], price))
    if service == 'Virtual Machines' and out:
        out.append(item(region, 0.0, 'Virtual Machines X Series', 'NEW1 v9', 'NEW1 v9', '1 Hour', 'Standard_NEW1_v9'))
        out.append(item(region, 1, 'Virtual Machines X Series', 'NEW2 v9', 'NEW2 v9', '1 Hour', 'Standard_NEW2_v9'))
        out.append(item(region, 1, 'Virtual Machines X Series', 'Odd Thing', 'Odd\u00fc', '1 Hour', 'Standard_D2s_v5'))
        if 'new' in MODE:
            out.extend(size_items(region, 'Standard_D6s_v5', False, 0.5))
        if 'twice' in MODE:
            out.append(item(region, 99, 'Virtual Machines X Series', 'D2s v5', 'D2s v5', '1 Hour', 'Standard_D2s_v5'))
        if 'negative' in MODE:
            out[7]['retailPrice'] = -0.5
    return out


def capabilities(row, **more):
    values = {'MaxResourceVolumeMB': '0', 'vCPUs': row['vcpus'], 'vCPUsAvailable': row['vcpus'], 'MemoryGB': row['memory_gib'],
              'MaxDataDiskCount': row['max_data_disks'], 'CpuArchitectureType': 'x64',
              'HyperVGenerations': ','.join(g for g, c in (('V1', 'gen1'), ('V2', 'gen2')) if row[c] == 'yes'),
              'PremiumIO': 'True' if row['premium_io'] == 'yes' else 'False', 'UncachedDiskIOPS': row['uncached_iops'],
              'UncachedDiskBytesPerSecond': str(int(row['uncached_mbps']) * 1000000 + 331648),
              'MaxNetworkInterfaces': row['max_nics'], 'AcceleratedNetworkingEnabled': 'True', 'RdmaEnabled': 'False'}
    values.update(more)
    return [{'name': k, 'value': v} for k, v in values.items()]


def skus(region):
    rows = table('azure-vm-sizes.csv')
    out = []
    for row in rows[::10] if 'nosizes' in MODE else rows:
        more = {}
        if row['name'] == 'Standard_D2s_v5':  # a figure that is new, and one of which Microsoft's page says otherwise
            more = {'MaxDataDiskCount': '5', 'UncachedDiskIOPS': '4000'}
            if 'badsize' in MODE:
                more['vCPUs'] = 'two'
        out.append((row['name'], 'standard%sFamily' % row['series'].replace('v', 'V'), capabilities(row, **more)))
    if 'new' in MODE:
        base = [r for r in rows if r['name'] == 'Standard_D4s_v5'][0]
        out.append(('Standard_D6s_v5', 'standardDsV5Family', capabilities(base, vCPUs='6', vCPUsAvailable='6')))
        out.append(('Standard_Z6s_v9', 'standardZsv9Family', capabilities(base, DiskControllerTypes='NVMe')))
        out.append(('Standard_D4-2s_v5', 'standardDsV5Family', capabilities(base, vCPUsAvailable='2')))
        out.append(('Standard_D4ps_v5', 'standardDpsV5Family', capabilities(base, CpuArchitectureType='Arm64')))
        out.append(('Standard_NC4_v5', 'standardNCV5Family', capabilities(base, GPUs='1')))
        out.append(('Standard_Z7s_v9', 'standardZsv9Family', capabilities(base)[:5]))
    value = [{'resourceType': 'virtualMachines', 'name': n, 'tier': 'Standard', 'size': n[9:], 'family': f,
              'locations': [region.title()], 'locationInfo': [{'location': region, 'zones': ['1']}],
              'capabilities': c, 'restrictions': []} for n, f, c in out]
    value.append({'resourceType': 'disks', 'name': 'Premium_LRS', 'locations': [region], 'capabilities': []})
    value.append({'resourceType': 'virtualMachines', 'name': 'Standard_Elsewhere', 'locations': ['mars'], 'capabilities': []})
    return value


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    count = 0

    def log_message(self, *args):
        pass

    def answer(self, body, status=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.record(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body[:len(body) // 2] if 'X_Cut' in headers else body)
        self.close_connection = self.close_connection or 'X_Cut' in headers

    def record(self, status):
        path, query = (self.path.split('?', 1) + [''])[:2]
        words = urllib.parse.unquote(query).replace("'", ' ').split()
        region = [words[i + 2] for i, w in enumerate(words) if w in ('armRegionName', 'location') or w.endswith('=location')]
        with open(RECORD, 'a') as record:
            print(self.command, path, region[0] if region else '-',
                  'token' if self.headers.get('Authorization') == 'Bearer ' + TOKEN else '-', status, file=record)

    def url(self):
        return '%s://127.0.0.1:%d' % ('https' if sys.argv[4:] else 'http', self.server.server_port)

    def mode(self):
        with open(sys.argv[3]) as f:
            words = set(f.read().split(','))
        if words != MODE:
            MODE.clear()
            MODE.update(words)
            Handler.count = 0
            items.cache_clear()

    def trouble(self):
        Handler.count += 1
        if 'down' in MODE or ('busy' in MODE and Handler.count == 3):
            self.answer({'error': {'code': 'InternalError', 'message': 'not now'}}, 500)
        elif 'busy' in MODE and Handler.count == 2:
            self.answer(b'', 429, Retry_After='0')
        elif 'busy' in MODE and Handler.count == 4:
            self.answer(b'{"Items": [' + b' ' * 1000, X_Cut='yes')
        elif 'html' in MODE:
            self.answer(b'<html><p>Sign in to this network')
        elif 'moved' in MODE:
            self.answer(b'', 302, Location='https://prices.example.org/api/retail/prices')
        elif 'large' in MODE:
            self.answer(b'{"Items": [' + b' ' * (33 << 20) + b']}')
        else:
            return False
        return True

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers['Content-Length'])).decode())
        if form.get('scope') != [self.url() + '/.default']:
            return self.answer({'error': 'invalid_scope', 'error_description': 'AADSTS70011: ' + str(form.get('scope'))}, 400)
        if form.get('client_secret') != ['S3cret']:
            return self.answer({'error': 'invalid_client', 'error_description': 'AADSTS7000215: Invalid client secret.'}, 401)
        return self.answer({'token_type': 'Bearer', 'expires_in': 3599, 'access_token': TOKEN})

    def do_GET(self):
        self.mode()
        path, query = (self.path.split('?', 1) + [''])[:2]
        query = urllib.parse.parse_qs(query)
        if path.endswith('/Microsoft.Compute/skus'):
            if self.headers.get('Authorization') != 'Bearer ' + TOKEN:
                return self.answer({'error': {'code': 'AuthenticationFailed', 'message': 'who?'}}, 401)
            if '/subscriptions/01234567-89ab-cdef-0123-456789abcdef/' not in path:
                return self.answer({'error': {'code': 'SubscriptionNotFound', 'message': 'The subscription could not be found.'}}, 404)
            return self.answer({'value': skus(query['$filter'][0].split("'")[1])})
        if path != '/api/retail/prices' or query.get('api-version') != ['2023-01-01-preview']:
            return self.answer(b'', 404)
        if self.trouble():
            return None
        words = query['$filter'][0].split(' and ')
        filters = {w.split(" eq '")[0]: w.split(" eq '")[1].rstrip("'") for w in words}
        skip = int(query.get('$skip', ['0'])[0])
        all_items = items(filters['armRegionName'], filters['serviceName'], filters.get('productName'))
        link = None
        if skip + PAGE < len(all_items):
            # Blanks in it are not escaped, and the port is named: both has been seen.
            link = '%s/api/retail/prices?api-version=2023-01-01-preview&$filter=%s&$skip=%d' % (
                self.url(), query['$filter'][0], 0 if 'loop' in MODE and skip else skip + PAGE)
            if 'foreign' in MODE:
                link = link.replace('127.0.0.1', 'prices.example.org')
        return self.answer({'BillingCurrency': 'USD', 'CustomerEntityId': 'Default', 'CustomerEntityType': 'Retail',
                            'Items': all_items[skip:skip + PAGE], 'NextPageLink': link, 'Count': PAGE})


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # a client that had enough

    def get_request(self):
        connection, address = super().get_request()
        if sys.argv[4:]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[4])
            try:
                connection = context.wrap_socket(connection, server_side=True)
            except (OSError, ssl.SSLError) as e:  # refused by the other side
                raise OSError(str(e))
        return connection, address


server = Server(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
