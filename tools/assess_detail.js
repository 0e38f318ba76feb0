// SPDX-License-Identifier: Apache-2.0
// What the table of machines has below a row: all that is known of one machine.  Each part is a function that adds its
// own to a cell; PARTS has them in the order shown.
const assessDetail = (function () {
	"use strict";

	const NAME_CHARS = 120;

	const texts = JSON.parse(document.getElementById("texts").textContent);
	const money = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
	const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

	// ---- pieces ----

	function element(name, text, className) {
		const e = document.createElement(name);

		if (text !== undefined && text !== null)
			e.textContent = text;
		if (className)
			e.className = className;
		return e;
	}

	function nameOf(text) {
		return element("bdi", text.length > NAME_CHARS ? text.slice(0, NAME_CHARS - 3) + "..." : text || "(no name)");
	}

	function orUnknown(value) {
		return value === null ? "?" : number.format(value);
	}

	function bytesOf(n) {
		const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
		let i = 0;

		for (; n >= 1024 && i < units.length - 1; i++)
			n /= 1024;
		return number.format(n) + " " + units[i];
	}

	function secondsOf(s) {
		return s < 60 ? number.format(s) + " s" : s < 3600 ? number.format(s / 60) + " min" : s < 48 * 3600 ? number.format(s / 3600) + " h"
			: number.format(s / 86400) + " days";
	}

	// Items are texts and elements; several of them in an array are one item.
	function list(into, title, items) {
		const ul = element("ul");

		if (items.length === 0)
			return;
		for (const item of items) {
			const li = element("li");

			li.append(...[].concat(item));
			ul.append(li);
		}
		into.append(element("h3", title), ul);
	}

	function codeText(code) {
		return texts[code] ? code + ": " + texts[code] : code;
	}

	// ---- parts: of m, the machine (vm) and what is to fix ----

	function about(cell, m) {
		const p = element("p");

		p.append(element("bdi", m.vm.name), ": read from ", element("bdi", m.vm.origin), m.vm.uuid ? ", UUID " + m.vm.uuid : "",
			", power " + m.vm.power + ", " + m.vm.arch + ", firmware " + m.vm.firmware);
		cell.append(p);
	}

	function verdicts(cell, m) {
		const vm = m.vm;

		list(cell, "Azure: " + vm.azure.readiness, vm.azure.codes.concat(vm.azure.notes).map(codeText));
		list(cell, "Azure VMware Solution: " + vm.avs.readiness, vm.avs.codes.map(codeText));
		list(cell, "Contradictions", vm.conflicts.map((c) => c.field + ": " + c.kept + " (" + c.kept_from + ", counts), " + c.other +
			" (" + c.other_from + ")"));
		list(cell, "What is known, and from where: confidence " + vm.confidence.level + " of 5", vm.confidence.reasons.concat(
			vm.evidence.sources.map((s) => s.field + ": " + s.value + " (" + s.from + ", " + s.where + (s.counts ? ", counts)" : ")"))));
	}

	function sizing(cell, m) {
		const a = m.vm.azure;
		const lines = [];

		if (a.need_vcpus !== null)
			lines.push("Sized " + (a.sizing === "performance" ? "by performance" : a.sizing) + ": needs " +
				number.format(a.need_vcpus) + " vCPUs, " + number.format(a.need_memory_gib) + " GiB, " + a.need_data_disks +
				" data disks, " + number.format(a.need_iops) + " IOPS, " + number.format(a.need_mbps) + " MB/s, " +
				number.format(a.need_network_mbps) + " Mbps");
		if (a.sizes_left)
			lines.push("Sizes left: " + a.sizes_left.set + " of its generation, " + a.sizes_left.storage + " for its disks, " +
				a.sizes_left.network + " for its network, " + a.sizes_left.compute + " for its vCPUs and memory, " +
				a.sizes_left.location + " with a price");
		if (a.size)
			lines.push(a.size + (a.hourly_usd === null ? ", no price" : ", USD " + a.hourly_usd + " an hour") +
				(a.monthly_usd.compute === null ? "" : ", " + money.format(a.monthly_usd.compute) + " a month") +
				(a.monthly_usd.disks === null ? "" : "; disks " + money.format(a.monthly_usd.disks)));
		lines.push("Generation " + a.generation + ", security type " + a.security_type +
			(a.proposed_name ? ", name " + a.proposed_name : ""));
		list(cell, "Size and cost", lines);
	}

	function placeOf(m) {
		const move = m.vm.move;

		if (move.wave !== null)
			return "Wave " + move.wave + ", priority " + number.format(move.priority) + " of 100";
		if (move.held_by !== null)
			return ["In no wave: held by ", nameOf(move.held_by)];
		return "In no wave: not ready; to fix: " + Array.from(new Set(m.fix)).join(", ");
	}

	function cycleOf(move) {
		if (!move.converges)
			return "Changes outrun the line or its blobs: its replica never catches up";
		return "Then a cycle of " + secondsOf(move.cycle_seconds) + " every " + secondsOf(move.interval_seconds) +
			"; the replica is at most " + secondsOf(move.lag_seconds) + " old";
	}

	function movement(cell, m) {
		const move = m.vm.move;
		const lines = [placeOf(m), [...(move.application === null ? ["No application"] : ["Application ", nameOf(move.application)]),
			", " + move.environment + ", criticality " + move.criticality + ", complexity " + move.complexity]];

		if (move.source !== null)
			lines.push("First transfer: " + bytesOf(move.bytes) + " (" + move.source + "), " + secondsOf(move.seconds) + " at best" +
				(move.limit === null ? "" : "; limit: " + move.limit), cycleOf(move));
		if (move.disks_unknown > 0)
			lines.push("The size of " + move.disks_unknown + " of " + move.disks + " disks is not known");
		if (move.disks_elsewhere > 0)
			lines.push("Shared, and sent with another machine: " + move.disks_elsewhere + " disks");
		if (move.disks_direct > 0)
			lines.push("Uploaded directly: " + move.disks_direct + " disks");
		list(cell, "Move", lines);
	}

	function disks(cell, m) {
		const t = element("table");
		const head = t.createTHead().insertRow();
		const rows = t.createTBody();

		if (m.vm.azure.disks.length === 0)
			return;
		t.createCaption().textContent = "Disks";
		for (const [text, className] of [["Disk"], ["GiB", "num"], ["Becomes"], ["USD a month", "num"], ["Remarks"]]) {
			const th = element("th", text, className);

			th.scope = "col";
			head.append(th);
		}
		for (const d of m.vm.azure.disks) {
			const row = rows.insertRow();
			const label = element("th");
			const remarks = [d.os && "OS disk", d.raw && "raw", d.shared && "shared", d.mode, !d.replicate && "not replicated",
				d.error, ...d.codes];

			label.scope = "row";
			label.append(nameOf(d.label));
			row.append(label, element("td", orUnknown(d.capacity_mib === null ? null : d.capacity_mib / 1024), "num"),
				element("td", d.tier ? d.tier + ", " + d.type : "-"),
				element("td", d.monthly_usd === null ? "-" : money.format(d.monthly_usd), "num"),
				element("td", remarks.filter(Boolean).join(", ")));
		}
		cell.append(t);
	}

	const PARTS = [about, verdicts, sizing, movement, disks];

	function rowOf(m, columns) {
		const row = element("tr", null, "detail");
		const cell = row.insertCell();
		const body = element("div");

		cell.colSpan = columns;
		cell.append(body);
		for (const part of PARTS)
			part(body, m);
		return row;
	}

	return { element, nameOf, orUnknown, money, number, rowOf };
})();
