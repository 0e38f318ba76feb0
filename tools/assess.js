// SPDX-License-Identifier: Apache-2.0
// The table of machines: sorted, searched, filtered, with details.  What it shows is in the address, as
// #sort=monthly&dir=desc&search=web&azure=not-ready, so that it can be sent to somebody.
(function () {
	"use strict";

	const PAGE = 200; // rows at a time: thousands of machines open at once this way
	const NAME_CHARS = 120;
	const ORDER = { "ready": 0, "conditional": 1, "unknown": 2, "not-ready": 3 };

	const byId = (id) => document.getElementById(id);
	const data = JSON.parse(byId("data").textContent);
	const texts = JSON.parse(byId("texts").textContent);
	const table = byId("table");
	const body = table.tBodies[0];
	const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
	const money = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
	const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

	// ---- machines ----

	function verdictKey(text) {
		if (text.startsWith("Not ready"))
			return "not-ready";
		if (text === "Readiness unknown")
			return "unknown";
		return text.startsWith("Conditionally") || text.endsWith("conditions") ? "conditional" : "ready";
	}

	const machines = data.vms.map(function (vm, index) {
		const codes = vm.azure.codes.concat(vm.azure.notes, vm.avs.codes, ...vm.azure.disks.map((d) => d.codes));
		const mib = vm.azure.disks.reduce((sum, d) => sum + (d.replicate && d.capacity_mib || 0), 0);

		return {
			vm, index, azure: verdictKey(vm.azure.readiness), avs: verdictKey(vm.avs.readiness), data: mib / 1024,
			memory: vm.memory_mib === null ? null : vm.memory_mib / 1024,
			words: [vm.name, vm.os_name, vm.os_key, vm.azure.size || "", vm.uuid || "", ...codes].join("\n").toLowerCase()
		};
	});

	// What a column sorts by: null is last either way.
	const COLUMNS = {
		name: (m) => m.vm.name,
		os: (m) => m.vm.os_name,
		vcpus: (m) => m.vm.vcpus,
		memory: (m) => m.memory,
		data: (m) => m.data,
		azure: (m) => ORDER[m.azure],
		avs: (m) => ORDER[m.avs],
		size: (m) => m.vm.azure.size,
		monthly: (m) => m.vm.azure.monthly_usd.total
	};

	// ---- what is shown ----

	const state = { sort: "", dir: "asc", search: "", azure: "", avs: "" };
	let matching = machines;
	let shown = 0;

	function readAddress() {
		const from = new URLSearchParams(location.hash.slice(1));

		state.sort = Object.hasOwn(COLUMNS, from.get("sort")) ? from.get("sort") : "";
		state.dir = from.get("dir") === "desc" ? "desc" : "asc";
		state.search = from.get("search") || "";
		state.azure = Object.hasOwn(ORDER, from.get("azure")) ? from.get("azure") : "";
		state.avs = Object.hasOwn(ORDER, from.get("avs")) ? from.get("avs") : "";
	}

	function writeAddress() {
		const to = new URLSearchParams();

		for (const key of ["sort", "dir", "search", "azure", "avs"])
			if (state[key] && !(key === "dir" && (state.dir === "asc" || !state.sort)))
				to.set(key, state[key]);
		history.replaceState(null, "", "#" + to);
	}

	function compare(a, b) {
		const value = COLUMNS[state.sort];
		const x = value(a), y = value(b);
		let order;

		if (x === null || y === null)
			return (x === null) - (y === null) || a.index - b.index;
		order = typeof x === "string" ? collator.compare(x, y) : x - y;
		return (state.dir === "desc" ? -order : order) || a.index - b.index;
	}

	function select() {
		const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);

		matching = machines.filter((m) => (!state.azure || m.azure === state.azure) && (!state.avs || m.avs === state.avs) &&
			words.every((word) => m.words.includes(word)));
		if (state.sort)
			matching.sort(compare);
	}

	// ---- rows ----

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

	function verdictCell(key, text) {
		const cell = element("td");
		const mark = element("span", null, "mark v-" + key);

		mark.setAttribute("aria-hidden", "true");
		cell.append(mark, text.replace(/ (for (Azure|AVS))$/, "").replace("Conditionally ready", "With conditions")
			.replace("Ready with", "With").replace("Readiness unknown", "Unknown"));
		return cell;
	}

	function moneyOf(vm) {
		if (vm.azure.monthly_usd.total !== null)
			return money.format(vm.azure.monthly_usd.total);
		return vm.azure.size ? "no price" : "-";
	}

	function orUnknown(value) {
		return value === null ? "?" : number.format(value);
	}

	function rowOf(m) {
		const row = element("tr");
		const head = element("th");
		const button = element("button");

		button.type = "button";
		button.setAttribute("aria-expanded", "false");
		button.append(nameOf(m.vm.name));
		button.addEventListener("click", () => toggle(row, button, m));
		head.scope = "row";
		head.append(button);
		row.append(head, element("td", m.vm.os_name), element("td", orUnknown(m.vm.vcpus), "num"),
			element("td", orUnknown(m.memory), "num"), element("td", number.format(m.data), "num"),
			verdictCell(m.azure, m.vm.azure.readiness), verdictCell(m.avs, m.vm.avs.readiness),
			element("td", (m.vm.azure.size || "-").replace(/^Standard_/, "")), element("td", moneyOf(m.vm), "num"));
		return row;
	}

	// ---- details ----

	function list(into, title, items) {
		const ul = element("ul");

		if (items.length === 0)
			return;
		for (const item of items)
			ul.append(element("li", item));
		into.append(element("h3", title), ul);
	}

	function codeText(code) {
		return texts[code] ? code + ": " + texts[code] : code;
	}

	function diskTable(vm) {
		const t = element("table");
		const head = t.createTHead().insertRow();
		const rows = t.createTBody();

		for (const [text, className] of [["Disk"], ["GiB", "num"], ["Becomes"], ["USD a month", "num"], ["Remarks"]]) {
			const th = element("th", text, className);

			th.scope = "col";
			head.append(th);
		}
		for (const d of vm.azure.disks) {
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
		return t;
	}

	function sizing(vm) {
		const a = vm.azure;
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
		return lines;
	}

	function detailOf(m) {
		const vm = m.vm;
		const row = element("tr", null, "detail");
		const cell = row.insertCell();
		const about = element("p");
		const name = element("bdi", vm.name);
		const origin = element("bdi", vm.origin);

		cell.colSpan = Object.keys(COLUMNS).length;
		about.append(name, ": read from ", origin, vm.uuid ? ", UUID " + vm.uuid : "", ", power " + vm.power + ", " + vm.arch +
			", firmware " + vm.firmware);
		cell.append(about);
		list(cell, "Azure: " + vm.azure.readiness, vm.azure.codes.concat(vm.azure.notes).map(codeText));
		list(cell, "Azure VMware Solution: " + vm.avs.readiness, vm.avs.codes.map(codeText));
		list(cell, "Contradictions", vm.conflicts.map((c) => c.field + ": " + c.kept + " (" + c.kept_from + ", counts), " + c.other +
			" (" + c.other_from + ")"));
		list(cell, "What is known, and from where: confidence " + vm.confidence.level + " of 5", vm.confidence.reasons.concat(
			vm.evidence.sources.map((s) => s.field + ": " + s.value + " (" + s.from + ", " + s.where + (s.counts ? ", counts)" : ")"))));
		list(cell, "Size and cost", sizing(vm));
		if (vm.azure.disks.length > 0)
			cell.append(element("h3", "Disks"), diskTable(vm));
		return row;
	}

	function toggle(row, button, m) {
		const open = button.getAttribute("aria-expanded") === "true";

		if (open)
			row.nextElementSibling.remove();
		else
			row.after(detailOf(m));
		button.setAttribute("aria-expanded", String(!open));
	}

	// ---- the table ----

	function showMore(count) {
		const rows = document.createDocumentFragment();
		const end = Math.min(matching.length, shown + count);

		for (; shown < end; shown++)
			rows.append(rowOf(matching[shown]));
		body.append(rows);
		byId("more").hidden = shown === matching.length;
		byId("more-some").textContent = "Show " + Math.min(PAGE, matching.length - shown) + " more";
		byId("more-all").textContent = "Show all " + number.format(matching.length);
	}

	function heads() {
		for (const th of table.tHead.rows[0].cells) {
			if (th.dataset.key === state.sort)
				th.setAttribute("aria-sort", state.dir === "desc" ? "descending" : "ascending");
			else
				th.removeAttribute("aria-sort");
		}
	}

	function costOf(list) {
		const known = list.filter((m) => m.vm.azure.monthly_usd.total !== null);
		// All of them have a sum that was made before anything was rounded.
		const sum = list.length === machines.length ? data.summary.monthly_usd.total
			: known.reduce((total, m) => total + m.vm.azure.monthly_usd.total, 0);

		if (known.length === 0)
			return "";
		return "; USD " + money.format(sum) + " a month" + (known.length < list.length ? " for the " + number.format(known.length) +
			" with a price" : "");
	}

	function update() {
		select();
		heads();
		body.replaceChildren();
		shown = 0;
		showMore(PAGE);
		table.setAttribute("aria-rowcount", String(matching.length + 1));
		byId("found").textContent = number.format(matching.length) + " of " + number.format(machines.length) + " machines" +
			costOf(matching);
	}

	function controls() {
		byId("search").value = state.search;
		byId("azure").value = state.azure;
		byId("avs").value = state.avs;
	}

	function change(values) {
		Object.assign(state, values);
		controls();
		writeAddress();
		update();
	}

	// The link to the table is a place on the page and says nothing of what to show.
	function followAddress() {
		if (!location.hash.includes("="))
			return;
		readAddress();
		controls();
		update();
		byId("machines").scrollIntoView();
		byId("machines").focus({ preventScroll: true });
	}

	function begin() {
		let typing = 0;

		for (const th of table.tHead.rows[0].cells) {
			const key = th.dataset.key;

			// The first time what is large or bad comes first; of texts the beginning of the alphabet.
			th.querySelector("button").addEventListener("click", () => change(state.sort === key
				? { dir: state.dir === "asc" ? "desc" : "asc" }
				: { sort: key, dir: ["name", "os", "size"].includes(key) ? "asc" : "desc" }));
		}
		byId("search").addEventListener("input", function (event) {
			clearTimeout(typing);
			typing = setTimeout(function () { // what is being typed stays as it is
				state.search = event.target.value;
				writeAddress();
				update();
			}, machines.length > 2000 ? 200 : 30);
		});
		for (const id of ["azure", "avs"])
			byId(id).addEventListener("change", (event) => change({ [id]: event.target.value }));
		byId("reset").addEventListener("click", () => change({ sort: "", dir: "asc", search: "", azure: "", avs: "" }));
		byId("more-some").addEventListener("click", () => showMore(PAGE));
		byId("more-all").addEventListener("click", () => showMore(Infinity));
		window.addEventListener("hashchange", followAddress);
		window.addEventListener("beforeprint", function () {
			showMore(Infinity);
			for (const d of document.querySelectorAll("details"))
				d.open = true;
		});
		byId("controls").hidden = false;
		table.hidden = false;
		update();
		followAddress();
	}

	begin();
})();
