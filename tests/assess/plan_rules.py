# SPDX-License-Identifier: Apache-2.0
"""The plan of a move a second time, plainly: from what `liftfs assess --json` says of machines and disks, what the RVTools
export says is in use, and the groups.

    plan_rules.py make FOLDER SEED N                 N cases below FOLDER: an export, groups.csv, options; and the same
                                                     machines and groups in another order in again/
    plan_rules.py compare CATALOGUE FOLDER...        with GOT.json and AGAIN.json in each; complains of what differs
"""
import csv
import json
import math
import os
import random
import sys

MIB, DAY, GIB8 = 1048576, 86400, 8388608
READINESS = {"Ready for Azure": 1, "Conditionally ready for Azure": 0.5}
LOW_IS_BEST = {"low": 1, "medium": 0.5, "high": 0}
HEAVY = {"LiftfsDiskExceedsPageBlob", "LiftfsDiskRawDeviceMapping", "LiftfsDiskShared"}
SOURCES = ("measured", "allocated", "in-use", "capacity")


def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        return list(csv.DictReader(f))


# ---- what is to be sent, and how long that takes ----

class Load:
    def __init__(self):
        self.bytes = dict.fromkeys(SOURCES, 0)
        self.disks = self.unknown = self.elsewhere = self.direct = 0
        self.slowest = self.all = 0

    def add(self, other):
        for s in SOURCES:
            self.bytes[s] += other.bytes[s]
        for name in ("disks", "unknown", "elsewhere", "direct", "all"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.slowest = max(self.slowest, other.slowest)

    def total(self):
        return sum(self.bytes.values())

    def times(self, o):
        all_of = {"line": self.total() / o["line_rate"], "account": self.total() / o["account_rate"], "blob": self.slowest,
                  "disks-at-once": self.all / o["disks_at_once"]}
        limit = max(all_of, key=all_of.get)  # the first of equals
        return all_of, all_of[limit], limit if all_of[limit] > 0 else None

    def json(self):
        return {"disks": self.disks, "disks_unknown": self.unknown, "disks_elsewhere": self.elsewhere, "disks_direct": self.direct,
                "bytes": {"total": self.total()} | {s.replace("-", "_"): self.bytes[s] for s in SOURCES}}


def target(hdds, o, mib):
    """Is it a direct upload, its rate, its requests a second."""
    if o["upload"] == "page-blob" and mib < GIB8:
        return False, 60 * MIB, 500
    tier = next((t for t in hdds if t[0] * 1024 >= mib), hdds[-1])
    return True, tier[1] * 1e6, tier[2]


def shared_with(vms, paths):
    """Of disks (by machine and number) that another machine has too and that counts there: which machine.  And who share."""
    seen, elsewhere, pairs = {}, {}, []
    for name in sorted(vms):
        for k, d in enumerate(vms[name]["azure"]["disks"]):
            if d["shared"] and d["path"]:
                seen.setdefault((d["path"], d["capacity_mib"], paths[name]), []).append((not d["replicate"], name, k))
    for users in seen.values():
        users.sort()
        for not_replicated, name, k in users[1:]:
            if not not_replicated:
                elsewhere[name, k] = users[0][1]
            if name != users[0][1]:
                pairs.append((users[0][1], name))
    return elsewhere, pairs


def load_of(vm, in_use, elsewhere, hdds, o):
    load, capacity, change_s = Load(), 0, 0
    known = sum(d["capacity_mib"] for d in vm["azure"]["disks"] if d["replicate"] and d["capacity_mib"] is not None)
    for k, d in enumerate(vm["azure"]["disks"]):
        if not d["replicate"]:
            continue
        if (vm["name"], k) in elsewhere:
            load.elsewhere += 1
            continue
        load.disks += 1
        if d["capacity_mib"] is None:
            load.unknown += 1
            continue
        size = d["capacity_mib"] * MIB
        what = size if in_use is None else size * min(1, in_use / known) if in_use else 0
        direct, rate, requests = target(hdds, o, d["capacity_mib"])
        load.bytes["capacity" if in_use is None else "in-use"] += what
        load.direct += direct
        load.all += what / rate
        load.slowest = max(load.slowest, what / rate)
        capacity += size
        change_s = max(change_s, size / min(rate, requests * o["change_bytes"]))
    return load, capacity, capacity / change_s if change_s else 0


# ---- cycles ----

def settle(fixed, share):
    """Bisects cycle - fixed - share x (cycle + wait): it grows with the cycle."""
    if share >= 1:
        return None

    def wait(cycle):
        return min(max(3600, cycle / 2), 43200)

    low, high = 0, (fixed + 43200) / (1 - share)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if middle - fixed - share * (middle + wait(middle)) > 0 else (middle, high)
    return low, low + wait(low), 2 * low + wait(low)


# ---- who goes with whom, and when ----

class Groups:
    """Names of machines by group, and which groups each needs: everything that goes together is one."""

    def __init__(self, vms, listed, pairs):
        names = {name.lower(): name for name in vms}
        of_app, needs = {}, {name: set() for name in vms}
        for name in sorted(vms):
            row = listed.get(name.lower())
            if row and row["Application"]:
                of_app.setdefault(row["Application"].lower(), []).append(name)
        for members in of_app.values():
            for a in members:
                needs[a].update(m for m in members if m != a)
        for name in vms:
            row = listed.get(name.lower())
            for other in filter(None, (row or {"Depends on": ""})["Depends on"].split(";")):
                needs[name].update([names[other.lower()]] if other.lower() in names else of_app.get(other.lower(), []))
        for a, b in pairs:
            needs[a].add(b)
            needs[b].add(a)
        reach = {name: self.reached(name, needs) for name in vms}
        self.of = {}
        for name in sorted(vms):
            self.of[name] = min(other for other in reach[name] if name in reach[other])  # who reach each other go together
        self.members = {}
        for name in sorted(vms):
            self.members.setdefault(self.of[name], []).append(name)
        self.needs = {g: {self.of[o] for m in members for o in needs[m]} - {g} for g, members in self.members.items()}

    @staticmethod
    def reached(name, needs):
        seen, todo = {name}, [name]
        while todo:
            for other in needs[todo.pop()] - seen:
                seen.add(other)
                todo.append(other)
        return seen

    def closure(self, g):
        seen, todo = {g}, [g]
        while todo:
            for other in self.needs[todo.pop()] - seen:
                seen.add(other)
                todo.append(other)
        return seen


class Plan:
    def __init__(self, doc, in_use, listed, hdds, paths):
        self.o = {k: v["value"] if isinstance(v, dict) else v for k, v in doc["move"]["options"].items()}
        self.vms = {vm["name"]: vm for vm in doc["vms"]}
        assert len(self.vms) == len(doc["vms"]), "cases have each name once"
        self.listed, self.facts = listed, {}
        elsewhere, pairs = shared_with(self.vms, paths)
        for name, vm in self.vms.items():
            self.facts[name] = self.fact(vm, listed.get(name.lower()), *load_of(vm, in_use[name], elsewhere, hdds, self.o))
        self.groups = Groups(self.vms, listed, pairs)
        self.waves, self.wave_of = [], {}
        self.place()

    def fact(self, vm, row, load, capacity, change_rate):
        codes = set(vm["azure"]["codes"])
        f = {"load": load, "change_rate": change_rate, "ready": vm["azure"]["readiness"] in READINESS,
             "devtest": bool(row) and row["Environment"] in ("dev", "test"), "criticality": row["Criticality"] or "medium" if row else "medium",
             "complexity": "high" if codes & HEAVY or len(codes) >= 3 else "medium" if codes else "low",
             "churn": self.o["churn_share"] * capacity / DAY, "fixed": self.o["cycle_fixed_seconds"] + capacity / self.o["scan_rate"]}
        f["priority"] = (30 * READINESS.get(vm["azure"]["readiness"], 0) + 25 * LOW_IS_BEST[f["complexity"]]
                         + 25 / (1 + load.times(self.o)[1] / DAY) + 20 * LOW_IS_BEST[f["criticality"]])
        return f

    def place(self):
        g, f = self.groups, self.facts
        held = {x for x in g.members if any(not f[m]["ready"] for y in g.closure(x) for m in g.members[y])}
        free = [x for x in g.members if x not in held]
        devtest = {x for x in free if all(f[m]["devtest"] for m in g.members[x])}
        needed = set().union(*(g.closure(x) for x in devtest)) - devtest if devtest else set()
        stage = {x: 0 if x in devtest else 1 if x in needed else 2 for x in free}
        size = {}
        for s in range(3):
            n = sum(len(g.members[x]) for x in free if stage[x] == s)
            waves = math.ceil(n / self.o["wave_max"])
            size[s] = math.ceil(n / waves) if waves else self.o["wave_max"]

        def high(x, what):
            return any(f[m][what] == "high" for m in g.members[x])

        def urgency(x):
            late = 2 * high(x, "criticality") + high(x, "complexity")
            # sums in the order of names, as a mean of equals must be one
            return stage[x], late, -sum(f[m]["priority"] for m in g.members[x]) / len(g.members[x]), g.members[x][0].encode()

        placed, after_devtest = {}, 0
        while len(placed) < len(free):
            x = min((x for x in free if x not in placed and g.needs[x] <= set(placed)), key=urgency)
            production = stage[x] != 0
            w = max([after_devtest if stage[x] == 2 else 0] + [placed[y] for y in g.needs[x]])
            if w == 0 and self.waves and (high(x, "criticality") or high(x, "complexity")):
                w = 1
            while w < len(self.waves) and not (self.waves[w]["production"] == production
                                               and len(self.waves[w]["vms"]) + len(g.members[x]) <= size[stage[x]]):
                w += 1
            if w == len(self.waves):
                self.waves.append({"production": production, "vms": [], "broken": set()})
            placed[x] = w
            wave = self.waves[w]
            wave["vms"] += g.members[x]
            if stage[x] == 0:
                after_devtest = max(after_devtest, w + 1)
            mixed = len({f[m]["devtest"] for m in g.members[x]}) == 2
            wave["broken"] |= {n for n, broken in ((4, stage[x] == 1), (5, mixed), (6, w == 0 and high(x, "criticality")),
                                                   (7, w == 0 and high(x, "complexity")),
                                                   (8, len(wave["vms"]) > self.o["wave_max"])) if broken}
        for w in self.waves:
            w["vms"].sort(key=str.encode)
        self.wave_of = {m: placed[x] for x in placed for m in g.members[x]}

    # ---- as in the document ----

    def vm_json(self, name):
        f, wave = self.facts[name], self.wave_of.get(name)
        load = f["load"]
        known = load.disks > load.unknown
        _, longest, limit = load.times(self.o)
        others = sum(self.facts[m]["churn"] for m in self.waves[wave]["vms"] if m != name) if wave is not None else 0
        left = self.o["line_rate"] - others
        rate = min(left, f["change_rate"]) if f["change_rate"] else left
        settled = settle(f["fixed"], f["churn"] / rate) if rate > 0 else None if f["churn"] else settle(f["fixed"], 0)
        source = next((s for s in reversed(SOURCES) if load.bytes[s] > 0), None)
        cycle, interval, lag = settled if settled and known else (None, None, None)
        out = {"bytes": load.total() if known or load.elsewhere else None, "disks": load.disks, "disks_unknown": load.unknown,
               "disks_elsewhere": load.elsewhere, "disks_direct": load.direct, "seconds": longest if known else None, "limit": limit,
               "complexity": f["complexity"], "criticality": f["criticality"], "environment": "dev-test" if f["devtest"] else "production",
               "priority": f["priority"], "wave": None if wave is None else wave + 1, "churn_bytes_a_second": f["churn"] if known else None,
               "converges": bool(settled) if known else None, "cycle_seconds": cycle, "interval_seconds": interval, "lag_seconds": lag}
        return out | ({"source": source} if source else {})

    def sum_of(self, names):
        load = Load()
        for name in names:
            load.add(self.facts[name]["load"])
        return load

    def with_times(self, names):
        load = self.sum_of(names)
        all_of, longest, limit = load.times(self.o)
        return {"load": load.json(), "time": {"seconds": longest, "limit": limit} | {k.replace("-", "_"): v for k, v in all_of.items()},
                "line_share": sum(self.facts[n]["churn"] for n in names) / self.o["line_rate"]}

    def json(self):
        start, waves = 0, []
        for number, w in enumerate(self.waves, 1):
            one = {"number": number, "vms": w["vms"], "production": w["production"], "broken": sorted(w["broken"]),
                   "start_seconds": start} | self.with_times(w["vms"])
            start += one["time"]["seconds"]
            waves.append(one | {"end_seconds": start})
        outside = [n for n in self.vms if n not in self.wave_of]
        not_ready = sum(not self.facts[n]["ready"] for n in outside)
        return self.with_times(sorted(self.vms)) | {"waves": waves, "not_ready": not_ready, "held": len(outside) - not_ready}


# ---- comparing ----

def difference(want, got, at):
    """Of what is wanted: more may be there."""
    if isinstance(want, dict):
        pairs = [(want[k], got.get(k, "nothing"), f"{at}.{k}") for k in want]
    elif isinstance(want, list) and len(want) == len(got):
        pairs = [(w, g, f"{at}[{i}]") for i, (w, g) in enumerate(zip(want, got))]
    elif isinstance(want, (int, float)) and isinstance(got, (int, float)) and not isinstance(want, bool):
        return None if math.isclose(want, got, rel_tol=1e-9, abs_tol=1) else f"{at}: {want} or {got}"
    else:
        return None if want == got else f"{at}: {want} or {got}"
    return next((d for d in (difference(*pair) for pair in pairs) if d), None)


def conditions(doc, plan):
    """Each of 1 to 5 and 8 holds, or the wave says that it does not: by the groups alone, without how waves were made."""
    waves, of = doc["move"]["waves"], {vm["name"]: vm["move"]["wave"] for vm in doc["vms"]}
    broken = {w["number"]: set(w["broken"]) for w in waves}
    apps = {}
    for name in of:
        row = plan.listed.get(name.lower())
        app = row and row["Application"].lower()
        if app:
            apps.setdefault(app, set()).add(of[name])
        for other in of:
            depends = [x.lower() for x in row["Depends on"].split(";")] if row else []
            if other.lower() in depends and of[name] is not None:
                if of[other] is None or of[other] > of[name]:
                    return f"3: {name} goes before {other}"
                back = plan.listed.get(other.lower())
                if back and name.lower() in back["Depends on"].lower().split(";") and of[other] != of[name]:
                    return f"1: {name} and {other} part"
    for app, numbers in apps.items():
        if len(numbers) > 1:
            return f"2: {app} parts"
    for w in waves:
        kinds = {plan.facts[n]["devtest"] for n in w["vms"]}
        if len(kinds) == 2 and 5 not in broken[w["number"]]:
            return f"5: wave {w['number']} mixes"
        if len(w["vms"]) > plan.o["wave_max"] and 8 not in broken[w["number"]]:
            return f"8: wave {w['number']} is too large"
        late = any(True in {plan.facts[n]["devtest"] for n in v["vms"]} for v in waves
                   if v["number"] > w["number"] and 5 not in broken[v["number"]])
        if late and False in kinds and not broken[w["number"]] & {4, 5}:
            return f"4: production in wave {w['number']} goes before development and test"
    return None


def compare(catalogue, folders):
    hdds = sorted((int(r["size_gib"]), float(r["mbps"]), float(r["iops"]))
                  for r in rows(os.path.join(catalogue, "azure-managed-disks.csv"))
                  if r["disk_type"] == "standard-hdd" and r["from_upload"] == "yes")
    seen = {"waves": 0, "held": 0, "elsewhere": 0, "direct": 0, "behind": 0, "broken": set(), "limits": set()}
    for folder in folders:
        with open(os.path.join(folder, "GOT.json"), encoding="utf-8") as f:
            doc = json.load(f)
        info = rows(os.path.join(folder, "RVTools_tabvInfo.csv"))
        in_use = {r["VM"]: float(r["In Use MiB"]) if r["In Use MiB"] else None for r in info}
        paths = {r["VM"]: (r.get("Datacenter", ""), r.get("VI SDK UUID", "")) for r in info}
        listed = {}
        if doc["move"]["options"]["groups"]:
            for row in rows(os.path.join(folder, "groups.csv")):
                listed.setdefault(row["VM"].lower(), row)
        plan = Plan(doc, in_use, listed, hdds, paths)
        problem = conditions(doc, plan) or difference(plan.json(), doc["move"], "move") or next(filter(None, (
            difference(plan.vm_json(vm["name"]), vm["move"], vm["name"]) for vm in doc["vms"])), None)
        again = os.path.join(folder, "AGAIN.json")
        if not problem and os.path.exists(again):
            with open(again, encoding="utf-8") as f:
                problem = difference({k: v for k, v in doc["move"].items() if k != "notices"}, json.load(f)["move"], "in another order")
        if problem:
            sys.exit(f"{folder}: {problem}")
        seen["waves"] += len(plan.waves)
        seen["held"] += doc["move"]["held"]
        seen["elsewhere"] += doc["move"]["load"]["disks_elsewhere"]
        seen["direct"] += doc["move"]["load"]["disks_direct"]
        seen["behind"] += sum(vm["move"]["converges"] is False for vm in doc["vms"])
        seen["broken"].update(*(w["broken"] for w in doc["move"]["waves"]))
        seen["limits"].update(vm["move"]["limit"] for vm in doc["vms"])
    print(seen)
    return seen


# ---- cases at random ----

INFO = ["VM", "Powerstate", "Template", "CPUs", "Memory", "NICs", "In Use MiB", "Firmware", "Datacenter",
        "OS according to the configuration file", "VI SDK UUID"]
DISK = ["VM", "Disk", "Disk Key", "Capacity MiB", "Raw", "Disk Mode", "Sharing mode", "Disk Path", "VI SDK UUID"]
GROUP = ["VM", "Application", "Environment", "Criticality", "Depends on"]


def write(path, header, lines):
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f)
        w.writerow(header)
        w.writerows(lines)


def machine(r, name):
    guest = r.choice(["Microsoft Windows Server 2022 (64-bit)"] * 5 + ["Microsoft Windows Server 2008 (32-bit)"])
    sizes = [r.choice((1024, 40960, 102400, 999999, 4194304, 4194305, 8388607, 8388608, 20000000)[:r.choice((3, 4, 9))])
             for _ in range(r.choice((0, 1, 1, 2, 3)))]
    in_use = r.choice(("", 0, int(sum(sizes) * r.random()), int(sum(sizes) * 1.2)))
    info = [name, "poweredOn", "False", r.choice((1, 2, 4)), r.choice((1024, 8192)), r.choice((1,) * 40 + (33,)), in_use,
            r.choice(("bios", "bios", "")), r.choice(("DC-1", "DC-1", "DC-2")), guest, "u"]
    disks = [[name, f"Hard disk {k + 1}", 2000 + k, size, r.choice(("False",) * 9 + ("True",)), "persistent", "sharingNone",
              f"[ds] {name}/{k}.vmdk", "u"] for k, size in enumerate(sizes)]
    if r.random() < 0.2:
        disks.append([name, "Hard disk 9", 2009, r.choice((5120, 5121)), "False", "persistent", "sharingMultiWriter",
                      f"[ds] shared/{r.randrange(2)}.vmdk", "u"])
    return info, disks


def case(r, folder):
    names = [f"{r.choice(('Web', 'db', 'app'))}-{i:02d}" for i in range(r.choice((1, 4, 12, 30)))]
    made = [machine(r, name) for name in names]
    groups = [[name.upper() if r.random() < 0.2 else name, r.choice(("", "", "Shop", "shop", "Mail", "Pay")), r.choice(("", "prod", "dev", "test")),
               r.choice(("", "low", "medium", "high")),
               ";".join(r.choice(names + ["Mail"]) for _ in range(r.choice((0, 0, 0, 0, 0, 1, 1, 2))))] for name in names if r.random() < 0.8]
    for sub in ("", "again"):
        where = os.path.join(folder, sub)
        os.makedirs(where)
        if sub:
            r.shuffle(made)
            r.shuffle(groups)
        write(os.path.join(where, "RVTools_tabvInfo.csv"), INFO, [info for info, _ in made])
        write(os.path.join(where, "RVTools_tabvDisk.csv"), DISK, [d for _, disks in made for d in disks])
        write(os.path.join(where, "groups.csv"), GROUP, groups)
    options = ["--wave-max", r.choice((1, 3, 5, 50)), "--line-rate", r.choice(("200k", "10M", "1000mbit", "4G")),
               "--account-rate", r.choice(("50M", "25000mbit")), "--disks-at-once", r.choice((1, 4, 52)),
               "--churn", r.choice(("0", "0.05", "20%")), "--upload", r.choice(("page-blob", "page-blob", "direct"))]
    with open(os.path.join(folder, "options"), "w", encoding="utf-8") as f:
        f.write(" ".join(map(str, options)) + "\n")


def main():
    if sys.argv[1] == "make":
        r = random.Random(int(sys.argv[3]))
        for i in range(int(sys.argv[4])):
            case(r, os.path.join(sys.argv[2], f"{i:03d}"))
        return
    seen = compare(sys.argv[2], sys.argv[3:])
    if len(sys.argv) > 50 and (not seen["held"] or not seen["elsewhere"] or not seen["direct"] or not seen["behind"]
                               or not {4, 5, 6, 7, 8} <= seen["broken"] or len(seen["limits"]) < 5):
        sys.exit("the cases are too much alike to say anything")


main()
