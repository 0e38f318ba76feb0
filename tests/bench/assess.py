# SPDX-License-Identifier: Apache-2.0
"""Inventories of many machines: seconds and the peak of the resident set of an assessment, against fixed limits."""
import json, os, random

from harness import Contestant, Figure, Goal, Row
from system import MIB

MACHINES = 10000
SECONDS, RSS_MIB = 2, 200
GUESTS = ['Microsoft Windows Server 2019 (64-bit)', 'Microsoft Windows Server 2012 (64-bit)', 'Ubuntu Linux (64-bit)',
          'Red Hat Enterprise Linux 8 (64-bit)', 'SUSE Linux Enterprise 15 (64-bit)', 'Other 5.x or later Linux (64-bit)', 'FreeBSD (64-bit)']
INFO = ('VM,Powerstate,Template,SRM Placeholder,Consolidation Needed,CPUs,Memory,NICs,Disks,Total disk capacity MiB,Provisioned MiB,In Use MiB,'
        'EFI Secure boot,Firmware,Path,Annotation,Datacenter,Cluster,Host,OS according to the configuration file,'
        'OS according to the VMware Tools,VM ID,SMBIOS UUID,VM UUID,VI SDK Server,VI SDK UUID')
DISK = ('VM,Powerstate,Template,SRM Placeholder,Disk,Disk Key,Disk Path,Capacity MiB,Raw,Disk Mode,Sharing mode,Shared Bus,Raw Com. Mode,'
        'VM ID,VM UUID,VI SDK UUID')
SDK = 'cd613e30-d8f1-4adf-91b7-584a2265b1f5'


def write_export(folder, machines):
    """An RVTools export of so many machines, three disks each on average; the same each time."""
    r = random.Random(10)
    disks = 0
    with open(os.path.join(folder, 'RVTools_tabvInfo.csv'), 'w') as info, open(os.path.join(folder, 'RVTools_tabvDisk.csv'), 'w') as disk:
        info.write(INFO + '\n')
        disk.write(DISK + '\n')
        for i in range(machines):
            name, uuid, n = 'vm-%s-%05d' % (r.choice(('web', 'app', 'db', 'file')), i), '%08x-0000-4000-8000-%012x' % (r.getrandbits(32), i), r.randint(1, 5)
            sizes = [1024 * r.choice((32, 64, 100, 200, 500, 1000, 2000)) for _ in range(n)]
            disks += n
            guest, firmware = r.choice(GUESTS), r.choice(('bios', 'bios', 'efi'))
            info.write('%s,poweredOn,False,False,False,%d,%d,%d,%d,%d,%d,%d,False,%s,[ds-%02d] %s/%s.vmx,,DC-1,CL-01,esx%03d.example.com,%s,%s,vm-%d,'
                       '%s,%s,vcenter.example.com,%s\n' %
                       (name, r.choice((1, 2, 4, 8, 16)), 1024 * r.choice((2, 4, 8, 16, 32, 64)), r.randint(1, 2), n, sum(sizes), sum(sizes),
                        sum(sizes) // 2, firmware, i % 40, name, name, i % 200, guest, guest, 1000 + i, uuid, uuid, SDK))
            for k, size in enumerate(sizes):
                disk.write('%s,poweredOn,False,False,Hard disk %d,%d,[ds-%02d] %s/%s_%d.vmdk,%d,False,persistent,sharingNone,noSharing,,vm-%d,%s,%s\n' %
                           (name, k + 1, 2000 + k, i % 40, name, name, k, size, 1000 + i, uuid, SDK))
    return disks


class Inventory:
    def __init__(self, bench):
        self.bench = bench
        self.machines = 200 if bench.quick else MACHINES

    def setup(self):
        self.folder = self.bench.folder('assess', fresh=True)
        self.disks = write_export(self.folder, self.machines)

    def liftfs(self):
        b = self.bench
        done = b.liftfs.run('assess', '--json', '--catalogue', b.source('src/assess/catalogue'), self.folder)
        doc = json.loads(done.out)
        b.proofs.want('machines', len(doc['vms']), self.machines)
        b.proofs.want('disks', sum(len(v['azure']['disks']) for v in doc['vms']), self.disks)
        b.proofs.true('most have a size and a price', doc['summary']['monthly_usd']['vms'] > self.machines // 2)
        return {'seconds': done.seconds, 'rss': done.rss}

    def row(self):
        figures = [Figure('seconds', 'wall time', 's', more=False), Figure('rss', 'peak resident set', 'MiB', MIB, more=False)]
        return Row('assess-%d' % self.machines, 'assessment of %d machines of an RVTools export, as JSON' % self.machines, figures,
                   [Contestant('liftfs', self.liftfs)], [Goal('seconds', SECONDS, False), Goal('rss', RSS_MIB, False)], self.setup,
                   lambda: self.bench.folder('assess', fresh=True))


def rows(bench):
    return [Inventory(bench).row()]
