# SPDX-License-Identifier: Apache-2.0
"""The rules of an assessment a second time, plainly, and machines at random to compare both on.

    rules.py cases CATALOGUE SEED N       prints N cases, a JSON object a line: {"options": ..., "machines": [...]}
    rules.py compare CATALOGUE CASES GOT  computes each case's result and compares it with the line of GOT (assess-dump's)
"""
import csv
import json
import math
import os
import random
import re
import sys

EPSILON = 1e-9


def rows(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


class Catalogue:
    def __init__(self, folder):
        self.sizes = rows(folder, "azure-vm-sizes.csv")
        self.tiers = {}
        for r in rows(folder, "azure-managed-disks.csv"):
            if r["from_upload"] == "yes":
                self.tiers.setdefault(r["disk_type"], []).append(r)
        for tiers in self.tiers.values():
            tiers.sort(key=lambda r: int(r["size_gib"]))
        self.vm_price, self.disk_price = {}, {}
        for r in rows(folder, "azure-prices.csv"):
            if r["kind"] == "vm" and r["unit"] == "hour":
                self.vm_price[r["region"], r["item"], r["os"]] = float(r["price_usd"])
            elif r["kind"] == "disk" and r["unit"] == "month" and r["redundancy"] == "LRS":
                self.disk_price[r["region"], r["item"]] = float(r["price_usd"])
        self.regions_with_vms = {region for region, _, _ in self.vm_price}
        self.os = {r["os_key"]: r for r in rows(folder, "os-keys.csv")}
        self.guests = rows(folder, "guest-os.csv")
        self.ids = {}
        for r in self.guests:
            for column in ("vim_id", "vmx_id"):
                if r[column]:
                    self.ids[r[column].lower()] = (r["os_key"], r["arch"])
        self.names = []
        for r in sorted(rows(folder, "guest-os-names.csv"), key=lambda r: int(r["order"])):
            pattern = ".*".join(re.escape(part) for part in r["pattern"].split("*"))
            self.names.append((re.compile(pattern, re.DOTALL), r["os_key"]))
        self.hosts = {r["host"]: r for r in rows(folder, "avs-hosts.csv")}
        self.ftts = {(int(r["ftt"]), int(r["raid"])): r for r in rows(folder, "avs-ftt.csv")}

    def key_of_text(self, text):
        text = re.sub(r"\(r\)|\(tm\)|\u00ae|\u2122", "", text.lower())
        text = re.sub(r"[ \t\n\v\f\r\u00a0\u202f\u2007]+", " ", text).strip()
        if text.startswith("microsoft "):
            text = text[len("microsoft "):]
        for pattern, key in self.names:
            if pattern.fullmatch(text):
                return key
        return "unknown"


# ---- what a machine is ----

def arch_of_text(text):
    text = (text or "").lower()
    for arch, words in (("arm64", ("arm64", "aarch64")),
                        ("x64", ("64-bit", "64 bit", "x64", "amd64", "x86_64")),
                        ("x86", ("32-bit", "32 bit", "x86", "i386", "i686"))):
        if any(word in text for word in words):
            return arch
    return ""


def guest(c, m):
    """Key and architecture; VMware Tools, then the configured text, then the identifier, then an import's name."""
    id_key, id_arch = c.ids.get((m["guest_id"] or "").lower(), ("unknown", ""))
    both = m["os_name"] + " " + m["os_version"] if m["os_name"] and m["os_version"] else None
    texts = {name: c.key_of_text(text) for name, text in (("tools", m["os_tools"]), ("config", m["os_config"]), ("both", both),
                                                          ("name", m["os_name"])) if text}
    said = {"tools": m["os_tools"], "config": m["os_config"], "both": both, "name": m["os_name"]}
    key, by = "unknown", None
    for name in ("tools", "config", "id", "both", "name"):
        found = id_key if name == "id" else texts.get(name, "unknown")
        if found != "unknown":
            key, by = found, name
            break
    wanted = [id_arch if by == "id" else "", arch_of_text(m["architecture"]), arch_of_text(said.get(by))]
    wanted += [arch_of_text(said[name]) for name in ("name", "both", "config", "tools")]
    return key, next((arch for arch in wanted + [id_arch, c.os[key]["default_arch"]] if arch), "unknown")


def left_out(m):
    if m["template"]:
        return "template"
    if m["srm_placeholder"]:
        return "srm-placeholder"
    if m["name"] == "vCLS" or m["name"].startswith(("vCLS-", "vCLS ", "vCLS(")):
        return "vcls"
    return None


VALUES = ("read_ops", "write_ops", "read_mbs", "write_mbs")


def has_values(record):
    return any(record[name] is not None for name in VALUES)


def by_performance(m, o):
    if o["sizing"] == "auto":
        return (any(m[name] is not None for name in ("cpu_pct", "memory_pct", "network_out_mbs")) or has_values(m)
                or any(has_values(d) for d in m["disks"]))
    return o["sizing"] == "performance"


def size_known(m):
    return bool(m["vcpus"]) and bool(m["memory_mib"])


def needs(m, o):
    f_cpu = f_mem = 1
    if by_performance(m, o):
        f_cpu = 1 if m["cpu_pct"] is None else m["cpu_pct"] / 100
        f_mem = 1 if m["memory_pct"] is None else m["memory_pct"] / 100
    return m["vcpus"] * f_cpu * o["comfort"], m["memory_mib"] / 1024 * f_mem * o["comfort"]


# ---- disks ----

def allowed(o, performance, values, os_disk):
    if o["disk_type"] == "standard-hdd":
        return ["standard-ssd" if os_disk else "standard-hdd"]
    if o["disk_type"] != "auto":
        return [o["disk_type"]]
    if not performance:
        return ["premium-ssd"]
    return ["standard-ssd", "premium-ssd"] if values else ["standard-ssd"]


def disk_result(c, m, o, d, os_disk):
    performance = by_performance(m, o)
    iops = mbps = 0
    if performance:
        iops = ((d["read_ops"] or 0) + (d["write_ops"] or 0)) * o["comfort"]
        mbps = ((d["read_mbs"] or 0) + (d["write_mbs"] or 0)) * o["comfort"]
    out = {"replicate": not d["raw"], "os": os_disk, "codes": [], "tier": None, "type": None, "usd": None, "iops": iops,
           "mbps": mbps}
    if d["raw"]:
        return out | {"iops": 0, "mbps": 0}
    size = d["capacity_mib"]
    if size is None:
        return out | {"codes": ["LiftfsDiskUnknown"]}
    limit = 4194304 if m["firmware"] == "efi" else 2097152
    if (os_disk and size > limit) or size > 32767 * 1024:
        return out | {"codes": ["DiskSizeGreaterThanSupported"]}
    types = allowed(o, performance, has_values(d), os_disk)
    large = [t for kind in types for t in c.tiers[kind] if int(t["size_gib"]) * 1024 >= size]
    quick = [t for t in large if float(t["iops"]) >= iops - EPSILON]
    fitting = [t for t in quick if float(t["mbps"]) >= mbps - EPSILON]
    if not fitting:
        return out | {"codes": ["NoSuitableDiskSizeForThroughput" if quick else "NoSuitableDiskSizeForIops"]}
    best = []
    for kind in types:
        of_kind = [t for t in fitting if t["disk_type"] == kind]
        if of_kind:
            best.append(min(of_kind, key=lambda t: int(t["size_gib"])))
    prices = [c.disk_price.get((o["region"], t["tier"])) for t in best]
    chosen = best[0]
    if len(best) == 2 and None not in prices and prices[1] < prices[0]:
        chosen = best[1]
    return out | {"tier": chosen["tier"], "type": chosen["disk_type"], "usd": c.disk_price.get((o["region"], chosen["tier"]))}


# ---- Azure ----

def proposal(name):
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", name):
        return None
    name = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")
    return name[:63].rstrip("-") or "vm"


def azure_codes(c, m, key, arch, disks):
    """Pairs of code and verdict, by the numbers of the rules."""
    replicated = [(d, r) for d, r in zip(m["disks"], disks) if r["replicate"]]
    system = c.os[key]
    state = system["azure_state"]
    found = []
    if not size_known(m):
        found.append(("LiftfsSizeUnknown", "unknown"))
    if not m["disks"] or any(d["capacity_mib"] is None for d, _ in replicated):
        found.append(("LiftfsDiskUnknown", "unknown"))
    if state == "unknown":
        found.append(("GuestOperatingSystemUnknown", "unknown"))
    if state == "no-boot":
        found.append((system["azure_code"], "not"))
    if state in ("conditional", "end-of-support", "unsupported"):
        found.append((system["azure_code"], "conditional"))
    if arch == "x86":
        found.append(("GuestOperatingSystemArchitectureNotSupported", "conditional"))
    if arch == "arm64":
        found.append(("GuestOperatingSystemArchitectureNotSupported", "not"))
    if m["firmware"] == "efi" and (system["gen2"] == "no" or arch == "x86"):
        found.append(("BootTypeNotSupported", "not"))
    if m["firmware"] == "unknown":
        found.append(("BootTypeUnknown", "conditional"))
    if len(replicated) > 65:
        found.append(("MoreDisksThanSupported", "not"))
    if m["nics"] is not None and m["nics"] > 32:
        found.append(("OneOrMoreAdaptersNotSuitable", "not"))
    if any(r["codes"] and r["codes"] != ["LiftfsDiskUnknown"] for _, r in replicated):
        found.append(("OneOrMoreDisksNotSuitable", "not"))
    if any(d["raw"] for d in m["disks"]):
        found.append(("LiftfsDiskRawDeviceMapping", "conditional"))
    if any(d["shared"] for d in m["disks"]):
        found.append(("LiftfsDiskShared", "conditional"))
    if any(d["independent"] for d, _ in replicated):
        found.append(("LiftfsDiskIndependent", "conditional"))
    if any(d["capacity_mib"] is not None and d["capacity_mib"] >= 8388608 for d, _ in replicated):
        found.append(("LiftfsDiskExceedsPageBlob", "conditional"))
    return found


def choose_size(c, m, o, key, arch, disks):
    """The size (or None), what each step left, the needs, the code of the step that left nothing."""
    vcpus, memory = needs(m, o)
    performance = by_performance(m, o)
    data = max(sum(r["replicate"] for r in disks) - 1, 0)
    iops, mbps = sum(r["iops"] for r in disks), sum(r["mbps"] for r in disks)
    if performance and has_values(m) and not any(has_values(d) for d in m["disks"]):
        iops = ((m["read_ops"] or 0) + (m["write_ops"] or 0)) * o["comfort"]
        mbps = ((m["read_mbs"] or 0) + (m["write_mbs"] or 0)) * o["comfort"]
    net = m["network_out_mbs"] * 8 * o["comfort"] if performance and m["network_out_mbs"] is not None else 0
    nics = 1 if m["nics"] is None else m["nics"]
    premium = any(r["type"] == "premium-ssd" for r in disks)
    system = c.os[key]
    os_price = "windows" if system["family"] == "windows" and not o["ahb"] else "linux"

    def price(s):
        return c.vm_price.get((o["region"], s["name"], os_price))

    sizes = [s for s in c.sizes if (s["series"] in o["series"] if o["series"] else s["default_candidate"] == "yes")]
    sizes = [s for s in sizes if s["gen2" if m["firmware"] == "efi" else "gen1"] == "yes"]
    if m["firmware"] != "efi" or arch == "x86" or system["nvme"] != "yes":
        sizes = [s for s in sizes if s["nvme_only"] != "yes"]
    left = [len(sizes)]
    sizes = [s for s in sizes if int(s["max_data_disks"]) >= data and (s["premium_io"] == "yes" or not premium)
             and float(s["uncached_iops"]) >= iops - EPSILON and float(s["uncached_mbps"]) >= mbps - EPSILON]
    left.append(len(sizes))
    sizes = [s for s in sizes if int(s["max_nics"]) >= nics
             and (s["max_network_mbps"] == "" or float(s["max_network_mbps"]) >= net - EPSILON)]
    left.append(len(sizes))
    sizes = [s for s in sizes if int(s["vcpus"]) >= vcpus - EPSILON and float(s["memory_gib"]) >= memory - EPSILON]
    left.append(len(sizes))
    priced = o["region"] in c.regions_with_vms
    if priced:
        sizes = [s for s in sizes if price(s) is not None]
    left.append(len(sizes))
    wanted = {"vcpus": vcpus, "memory": memory, "data": data, "iops": iops, "mbps": mbps, "network": net}
    if sizes:
        best = min(sizes, key=lambda s: (price(s) if priced else 0, int(s["vcpus"]), float(s["memory_gib"]), s["name"].encode()))
        return best["name"], price(best), left, wanted, None
    code = ("NoSuitableVmSizeFound", "NoVmSizeSupportsStoragePerformance", "NoVmSizeSupportsNetworkPerformance",
            "NoSuitableVmSizeFound", "NoVmSizeForSelectedAzureLocation")[left.index(0)]
    return None, None, left, wanted, code


AZURE = {"ready": "Ready for Azure", "conditional": "Conditionally ready for Azure", "not": "Not ready for Azure",
         "unknown": "Readiness unknown"}


def worst(found):
    verdicts = {verdict for _, verdict in found}
    return next((v for v in ("not", "unknown", "conditional") if v in verdicts), "ready")


def vm_result(c, m, o):
    key, arch = guest(c, m)
    os_disk = next((i for i, d in enumerate(m["disks"]) if not d["raw"]), None)
    disks = [disk_result(c, m, o, d, i == os_disk) for i, d in enumerate(m["disks"])]
    found = azure_codes(c, m, key, arch, disks)
    azure = {"tried": size_known(m) and worst(found) != "not", "size": None, "hourly": None, "left": [0] * 5, "needs": None}
    if azure["tried"]:
        azure["size"], azure["hourly"], azure["left"], azure["needs"], code = choose_size(c, m, o, key, arch, disks)
        if code:
            found.append((code, "not"))
    notes = [note for note, applies in (
        ("LiftfsPoweredOff", m["power"] in ("off", "suspended")), ("LiftfsSecureBoot", m["secure_boot"]),
        ("LiftfsSnapshotPresent", m["snapshot"]), ("LiftfsConsolidationNeeded", m["consolidation_needed"]),
        ("LiftfsDisksCollapsed", m["disks_collapsed"]), ("LiftfsNameNeedsChange", proposal(m["name"]) is not None)) if applies]
    gen2 = m["firmware"] == "efi"
    azure.update(readiness=AZURE[worst(found)], codes=sorted({code for code, _ in found}), notes=sorted(notes),
                 proposed=proposal(m["name"]), generation="V2" if gen2 else "V1", performance=by_performance(m, o),
                 security="TrustedLaunch" if gen2 and c.os[key]["gen2"] == "yes" and arch != "x86" else "Standard")
    compute = None if azure["hourly"] is None else azure["hourly"] * o["uptime_hours"]
    paid = [r["usd"] for r in disks if r["replicate"]]
    of_disks = None if None in paid or not m["disks"] else sum(paid)
    azure["monthly"] = [compute, of_disks, None if compute is None or of_disks is None else compute + of_disks]
    for_avs = []
    if not size_known(m):
        for_avs.append(("LiftfsSizeUnknown", "unknown"))
    if c.os[key]["avs_state"] == "deprecated":
        for_avs.append(("UnsupportedOperatingSystem", "conditional"))
    if m["ipv6"]:
        for_avs.append(("IpV6NotSupported", "conditional"))
    if any(d["raw"] for d in m["disks"]):
        for_avs.append(("LiftfsDiskRawDeviceMapping", "conditional"))
    avs = {"readiness": {"ready": "Ready for AVS", "conditional": "Ready with conditions", "unknown": "Readiness unknown"}[
        worst(for_avs)], "codes": sorted({code for code, _ in for_avs})}
    return {"name": m["name"], "os_key": key, "arch": arch, "disks": disks, "azure": azure, "avs": avs}


# ---- Azure VMware Solution ----

def ceil(x):
    return math.ceil(x - EPSILON)


def hosts(c, machines, o):
    host, ftt = c.hosts[o["avs_host"]], c.ftts[o["avs_ftt"], o["avs_raid"]]
    counted = [m for m in machines if size_known(m)]
    out = {"vms": len(counted), "n_cpu": 0, "n_mem": 0, "n_store": 0, "nodes": 0, "clusters": 0, "physical_cores": 0,
           "limiting": "minimum"}
    if not counted:
        return out
    cpu = sum(needs(m, o)[0] for m in counted)
    mem = sum(needs(m, o)[1] for m in counted)
    store = 0
    for m in counted:
        mib = sum(d["capacity_mib"] or 0 for d in m["disks"] if not d["raw"])
        if by_performance(m, o) and m["storage_in_use_mib"] is not None:
            mib = m["storage_in_use_mib"]
        store += mib * 1.048576e-6
    n = {"cpu": ceil((cpu + o["avs_mgmt_vcpu"]) / (o["avs_oversubscription"] * int(host["cores"]) * o["avs_cpu_limit"])),
         "memory": ceil((mem + o["avs_mgmt_memory_gb"]) / (o["avs_memory_overcommit"] * float(host["ram_gb"]))),
         "storage": ceil((store * o["avs_growth"] + o["avs_mgmt_storage_gb"] / 1000) * int(ftt["numerator"])
                         / int(ftt["denominator"]) / o["avs_dedupe"] / (1 - o["avs_slack"]) / float(host["capacity_tb"]))}
    least = max(int(ftt["min_hosts"]), 3)
    most = max(n.values())
    nodes = max(most, least) + o["avs_spare_nodes"]
    out.update(n_cpu=n["cpu"], n_mem=n["memory"], n_store=n["storage"], nodes=nodes, clusters=-(-nodes // 16),
               physical_cores=nodes * int(host["cores"]),
               limiting="minimum" if least > most else next(what for what in n if n[what] == most))
    return out


def result(c, case):
    machines = [m for m in case["machines"] if not left_out(m)]
    return {"vms": [vm_result(c, m, case["options"]) for m in machines],
            "skipped": [[m["name"], left_out(m)] for m in case["machines"] if left_out(m)],
            "avs": hosts(c, machines, case["options"])}


def difference(want, got, at=""):
    if isinstance(want, dict) and isinstance(got, dict):
        if set(want) != set(got):
            return f"{at}: {sorted(want)} or {sorted(got)}"
        pairs = [(want[k], got[k], f"{at}.{k}") for k in want]
    elif isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            return f"{at}: {want} or {got}"
        pairs = [(w, g, f"{at}[{i}]") for i, (w, g) in enumerate(zip(want, got))]
    elif isinstance(want, float) or isinstance(got, float):
        same = want is not None and got is not None and math.isclose(want, got, rel_tol=1e-12, abs_tol=1e-12)
        return None if same else f"{at}: {want} or {got}"
    else:
        return None if want == got and isinstance(want, bool) == isinstance(got, bool) else f"{at}: {want} or {got}"
    return next((d for d in (difference(*pair) for pair in pairs) if d), None)


# ---- machines at random ----

class Maker:
    def __init__(self, c, seed):
        self.c, self.r = c, random.Random(seed)
        self.texts = [r["vmware_name"] for r in c.guests if r["vmware_name"]] + ["Ubuntu 22.04", "Windows Server 2022"]
        self.ids = [r[k] for r in c.guests for k in ("vim_id", "vmx_id") if r[k]]

    def maybe(self, share, make):
        return make() if self.r.random() < share else None

    def some(self, share):
        return self.r.random() < share

    def text(self):
        text = self.r.choice(self.texts)
        if self.some(0.3):
            text = "Microsoft\u00a0 " + text.replace("Windows", self.r.choice(("Windows\u00ae", "WINDOWS(R)", "windows (TM)")))
        text += self.r.choice(("", "", "", " (64-bit)", " (64-bit)", " (32-bit)", " x86_64", "\t"))
        if self.some(0.05):
            text += " arm64"
        return self.r.choice((text, text, text, "Other (64-bit)", "Plan 9", " "))

    def number(self, *choices):
        edge = self.r.choice((0, 0, 0, 5e-10, -5e-10, 2e-9, 1))
        return max(self.r.choice(choices) + edge, 0)

    def values(self, share):
        if not self.some(share):
            return dict.fromkeys(VALUES)
        tops = (self.r.choice((1, 60, 125, 250, 1000, 8000, 12000)), self.r.choice((1, 12.5, 50, 100, 450, 1000)))
        return {name: self.maybe(0.7, lambda name=name: self.number(0, 1.0, tops[name.endswith("mbs")]))
                for name in VALUES}

    def disk(self, number, performance):
        edges = [2 ** n * 1024 for n in range(2, 15)] + [32767 * 1024]
        size = self.r.choice(edges[:9] if self.some(0.9) else edges) + self.r.choice((0, 0, 0, -1, 1, 0.5))
        return {"label": f"Hard disk {number}", "capacity_mib": self.maybe(0.99, lambda: size), "raw": self.some(0.03),
                "shared": self.some(0.02), "independent": self.some(0.02), **self.values(performance)}

    def name(self):
        return self.r.choice((f"vm-{self.r.randrange(1000)}", f"vm_{self.r.randrange(9)} (old)", "-", "", "a" * 64, "vCLS-1", "vCLSX",
                              "web", "web", "web", "--x\u00e9y..z-", "a" * 62 + "_b"))

    def machine(self):
        performance = self.r.choice((0, 0, 0.5, 1))
        n_disks = self.r.choice((0, 1, 1, 1, 2, 2, 3, 4, 8, 16) if self.some(0.98) else (64, 65, 66, 67))
        imported = self.some(0.3)
        return {"name": self.name(), "power": self.r.choice(("on", "on", "off", "suspended", "unknown")),
                "firmware": self.r.choice(("bios", "bios", "efi", "efi", "unknown")), "secure_boot": self.some(0.1),
                "template": self.some(0.02), "srm_placeholder": self.some(0.02), "snapshot": self.some(0.1),
                "consolidation_needed": self.some(0.1), "ipv6": self.some(0.05), "disks_collapsed": self.some(0.05),
                "os_tools": None if imported else self.maybe(0.8, self.text),
                "os_config": None if imported else self.maybe(0.8, self.text),
                "guest_id": self.maybe(0.3, lambda: self.r.choice((str.upper, str))(self.r.choice(self.ids + ["x"]))),
                "os_name": self.text() if imported else None,
                "os_version": self.maybe(0.4, lambda: self.r.choice(("22.04", "8.9", "R2", "aarch64"))),
                "architecture": self.maybe(0.2, lambda: self.r.choice(("x64", "x86", "ARM64", "sparc"))),
                "vcpus": self.maybe(0.97, lambda: self.r.choice((0, 1, 2, 3, 4, 8, 10, 16, 64, 128, 416, 900))),
                "memory_mib": self.maybe(0.97, lambda: self.number(0, 1024, 4096, 8192, 16384, 65536, 262144, 4e6, 2e7)),
                "nics": self.maybe(0.8, lambda: self.r.choice((0, 1, 1, 2, 4, 8, 9, 32, 33))),
                "cpu_pct": self.maybe(performance, lambda: self.r.choice((0, 20, 25, 33.3, 100))),
                "memory_pct": self.maybe(performance, lambda: self.r.choice((0, 40, 50, 99.9))),
                "network_out_mbs": self.maybe(performance, lambda: self.number(0, 12, 1562.5, 2000, 20000)),
                "storage_in_use_mib": self.maybe(0.5, lambda: self.r.choice((0, 1e5, 3e6))),
                **self.values(performance / 3),
                "disks": [self.disk(i + 1, performance / 2) for i in range(n_disks)]}

    def tame(self, m):
        """The same with nothing that rules it out, so that sizes are chosen for many, among them by their needs."""
        r = self.r
        for d in m["disks"]:
            d["capacity_mib"] = r.choice((1024, 32768, 65536, 131072, 300000, 1048576))
        return m | {"os_tools": r.choice(("Ubuntu 22.04", "Windows Server 2022 (64-bit)", "Red Hat Enterprise Linux 8",
                                          "Windows Server 2016")),
                    "guest_id": None, "architecture": None, "firmware": r.choice(("bios", "efi")),
                    "vcpus": r.choice((1, 2, 4, 7, 8, 16, 32, 96)), "memory_mib": self.number(1024, 8192, 20000, 65536, 262144),
                    "nics": r.choice((None, 1, 2, 4, 8)), "disks": m["disks"][:r.choice((1, 2, 9))]}

    def options(self):
        r, (ftt, raid) = self.r, self.r.choice(list(self.c.ftts))
        series = sorted({s["series"] for s in self.c.sizes})
        return {"region": r.choice(("westeurope", "westeurope", "eastus")),
                "sizing": r.choice(("auto", "auto", "performance", "as-is")), "comfort": r.choice((1, 1, 1.3, 2, 0.5)),
                "disk_type": r.choice(("auto", "auto", "premium-ssd", "standard-ssd", "standard-hdd")),
                "series": r.sample(series, r.choice((1, 3, 10))) if self.some(0.3) else [], "ahb": self.some(0.3),
                "uptime_hours": r.choice((730, 744, 0, 100.5)), "avs_host": r.choice(list(self.c.hosts)), "avs_ftt": ftt,
                "avs_raid": raid, "avs_oversubscription": r.choice((1, 4, 8)), "avs_spare_nodes": r.choice((0, 0, 1)),
                "avs_cpu_limit": r.choice((1, 0.8)), "avs_memory_overcommit": r.choice((0.5, 1, 1.2)),
                "avs_dedupe": r.choice((1, 1.5, 3)), "avs_growth": r.choice((1, 1.25)), "avs_slack": r.choice((0.25, 0)),
                "avs_mgmt_vcpu": r.choice((77, 0)), "avs_mgmt_memory_gb": r.choice((269.3, 0)),
                "avs_mgmt_storage_gb": r.choice((2385, 0))}

    def case(self):
        machines = [self.machine() for _ in range(self.r.choice((0, 1, 5, 30)))]
        return {"options": self.options(), "machines": [self.tame(m) if self.some(0.5) else m for m in machines]}


def compare(c, cases, got):
    machines, codes, sized = 0, set(), 0
    with open(cases, encoding="utf-8") as a, open(got, encoding="utf-8") as b:
        for number, (case, line) in enumerate(zip(a, b, strict=True), 1):
            want, found = result(c, json.loads(case)), json.loads(line)
            problem = difference(want, found)
            if problem:
                sys.exit(f"case {number}{problem}")
            machines += len(want["vms"])
            sized += sum(vm["azure"]["size"] is not None for vm in want["vms"])
            for vm in want["vms"]:
                codes.update(vm["azure"]["codes"], vm["avs"]["codes"], *(d["codes"] for d in vm["disks"]))
    print(f"{machines} machines, {sized} sized, {len(codes)} codes")
    if sized < machines / 5 or len(codes) < 20:
        sys.exit("the cases are too much alike to say anything")


def main():
    c = Catalogue(sys.argv[2])
    if sys.argv[1] == "cases":
        maker = Maker(c, int(sys.argv[3]))
        for _ in range(int(sys.argv[4])):
            print(json.dumps(maker.case()))
    else:
        compare(c, sys.argv[3], sys.argv[4])


main()
