#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes machines in the simulator by pyVmomi, an independent client, and prints what it then says of every machine.

usage: fixture.py HOST:PORT

Made: fixture-efi (EFI, PVSCSI, changed block tracking, an independent second disk) and fixture-snapshot (BIOS, a snapshot).
Printed, a line each, sorted: NAME, power, firmware, CPUs, MiB, CBT, snapshot, and KEY:MiB:MODE of each disk.
"""
import ssl
import sys

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

KIB_A_GIB = 1024 * 1024


def new_disk(unit, gib, mode):
    backing = vim.vm.device.VirtualDisk.FlatVer2BackingInfo(diskMode=mode, thinProvisioned=True, fileName='')
    disk = vim.vm.device.VirtualDisk(key=2000 + unit, controllerKey=1000, unitNumber=unit, capacityInKB=gib * KIB_A_GIB,
                                     backing=backing)
    return vim.vm.device.VirtualDeviceSpec(operation='add', fileOperation='create', device=disk)


def make(datacenter, pool, name, modes, **rest):
    scsi = vim.vm.device.VirtualDeviceSpec(
        operation='add', device=vim.vm.device.ParaVirtualSCSIController(key=1000, busNumber=0, sharedBus='noSharing'))
    spec = vim.vm.ConfigSpec(
        name=name, guestId='debian11_64Guest', files=vim.vm.FileInfo(vmPathName='[LocalDS_0]'),
        deviceChange=[scsi] + [new_disk(i, 40 * (i + 1), mode) for i, mode in enumerate(modes)], **rest)
    task = datacenter.vmFolder.CreateVM_Task(spec, pool=pool)
    assert task.info.state == 'success', task.info.error
    return task.info.result


def line(vm):
    disks = sorted('%d:%d:%s' % (d.key, d.capacityInKB // 1024, d.backing.diskMode) for d in vm.config.hardware.device
                   if isinstance(d, vim.vm.device.VirtualDisk))
    power = {'poweredOn': 'on', 'poweredOff': 'off', 'suspended': 'suspended'}[vm.runtime.powerState]
    return ' '.join([vm.name, power, vm.config.firmware or '?', str(vm.config.hardware.numCPU),
                     str(vm.config.hardware.memoryMB), str(bool(vm.config.changeTrackingEnabled)),
                     str(vm.snapshot is not None)] + disks)


def main():
    host, port = sys.argv[1].split(':')
    service = SmartConnect(host=host, port=int(port), user='user', pwd='pass',
                           sslContext=ssl._create_unverified_context())
    content = service.content
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    datacenter = content.rootFolder.childEntity[0]
    pool = view.view[0].resourcePool
    make(datacenter, pool, 'fixture-efi', ['persistent', 'independent_persistent'], numCPUs=4, memoryMB=8192,
         firmware='efi', changeTrackingEnabled=True)
    snapshot = make(datacenter, pool, 'fixture-snapshot', ['persistent'], numCPUs=2, memoryMB=2048, firmware='bios')
    task = snapshot.CreateSnapshot_Task('before', '', False, False)
    assert task.info.state == 'success', task.info.error
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    print('\n'.join(sorted(line(vm) for vm in view.view)))
    Disconnect(service)


main()
