// SPDX-License-Identifier: Apache-2.0
// The table of machines: sorted, searched, filtered, with details.  What it shows is in the address, as
// #sort=monthly&dir=desc&search=web&azure=not-ready&wave=2, so that it can be sent to somebody.
(function () {
	"use strict";

	const PAGE = 100; // rows at a time: thousands of machines open at once this way
	const BATCH = 250; // rows that are made while nothing else happens on the page
	const ORDER = { "ready": 0, "conditional": 1, "unknown": 2, "not-ready": 3 };

	const byId = (id) => document.getElementById(id);
	const data = JSON.parse(byId("data").textContent);
	const blocked = JSON.parse(byId("blocked").textContent); // codes to fix, by the index of a machine that is not ready
	const { element, nameOf, orUnknown, money, number } = assessDetail;
	const table = byId("table");
	const body = table.tBodies[0];
	const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
	const waves = data.move.waves.length;

	// ---- machines ----

	function verdictKey(text) {
		if (text.startsWith("Not ready"))
			return "not-ready";
		if (text === "Readiness unknown")
			return "unknown";
		return text.startsWith("Conditionally") || text.endsWith("conditions") ? "conditional" : "ready";
	}

	function waveKey(move) {
		return move.wave !== null ? String(move.wave) : move.held_by !== null ? "held" : "not-ready";
	}

	const machines = data.vms.map(function (vm, index) {
		const codes = vm.azure.codes.concat(vm.azure.notes, vm.avs.codes, ...vm.azure.disks.map((d) => d.codes));
		const mib = vm.azure.disks.reduce((sum, d) => sum + (d.replicate && d.capacity_mib || 0), 0);

		return {
			vm, index, wave: waveKey(vm.move), fix: blocked[index] || [], azure: verdictKey(vm.azure.readiness), avs: verdictKey(vm.avs.readiness), data: mib / 1024,
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
		monthly: (m) => m.vm.azure.monthly_usd.total,
		wave: (m) => m.wave === "held" ? waves + 1 : m.wave === "not-ready" ? waves + 2 : m.vm.move.wave
	};

	// ---- what is shown ----

	const FILTERS = ["azure", "avs", "wave", "fix"]; // each a select, and a word of the address
	const NOTHING = { sort: "", dir: "asc", search: "", azure: "", avs: "", wave: "", fix: "" };
	const state = { ...NOTHING };
	let matching = machines;
	let shown = 0;
	let adding = 0; // counts what shows all; an older one stops

	function readAddress() {
		const from = new URLSearchParams(location.hash.slice(1));

		state.sort = Object.hasOwn(COLUMNS, from.get("sort")) ? from.get("sort") : "";
		state.dir = from.get("dir") === "desc" ? "desc" : "asc";
		state.search = from.get("search") || "";
		for (const id of FILTERS)
			state[id] = Array.from(byId(id).options, (o) => o.value).includes(from.get(id)) ? from.get(id) : "";
	}

	function writeAddress() {
		const to = new URLSearchParams();

		for (const key of Object.keys(NOTHING))
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
			(!state.wave || m.wave === state.wave) && (!state.fix || m.fix.includes(state.fix)) &&
			words.every((word) => m.words.includes(word)));
		if (state.sort)
			matching.sort(compare);
	}

	// ---- rows ----

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

	function rowOf(m, index) {
		const row = element("tr");
		const head = element("th");
		const button = element("button");

		button.type = "button";
		button.setAttribute("aria-expanded", "false");
		button.append(nameOf(m.vm.name));
		button.addEventListener("click", () => toggle(row, button, m));
		row.setAttribute("aria-rowindex", String(index + 2)); // the head is 1
		head.scope = "row";
		head.append(button);
		row.append(head, element("td", m.vm.os_name), element("td", orUnknown(m.vm.vcpus), "num"),
			element("td", orUnknown(m.memory), "num"), element("td", number.format(m.data), "num"),
			verdictCell(m.azure, m.vm.azure.readiness), verdictCell(m.avs, m.vm.avs.readiness),
			element("td", (m.vm.azure.size || "-").replace(/^Standard_/, "")), element("td", moneyOf(m.vm), "num"),
			element("td", m.wave.replace("-", " ")));
		return row;
	}

	function toggle(row, button, m) {
		const open = button.getAttribute("aria-expanded") === "true";

		if (open)
			row.nextElementSibling.remove();
		else
			row.after(assessDetail.rowOf(m, Object.keys(COLUMNS).length));
		button.setAttribute("aria-expanded", String(!open));
	}

	// ---- the table ----

	function showMore(count) {
		const rows = document.createDocumentFragment();
		const end = Math.min(matching.length, shown + count);

		for (; shown < end; shown++)
			rows.append(rowOf(matching[shown], shown));
		body.append(rows);
		byId("more").hidden = shown === matching.length;
		byId("more-some").textContent = "Show " + Math.min(PAGE, matching.length - shown) + " more";
		byId("more-all").textContent = "Show all " + number.format(matching.length);
	}

	// Who pressed a button that is no longer there goes on at the first row that it made.
	function added(from) {
		const row = body.querySelector('tr[aria-rowindex="' + (from + 2) + '"]');

		if (byId("more").hidden && row && (document.activeElement === document.body || byId("more").contains(document.activeElement)))
			row.querySelector("button").focus({ preventScroll: true });
	}

	function showAll() {
		const mine = ++adding;
		const from = shown;

		(function some() {
			if (mine !== adding)
				return;
			showMore(BATCH);
			if (shown < matching.length)
				setTimeout(some);
			else
				added(from);
		})();
	}

	function showSome() {
		const from = shown;

		++adding;
		showMore(PAGE);
		added(from);
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
		++adding;
		shown = 0;
		showMore(PAGE);
		table.setAttribute("aria-rowcount", String(matching.length + 1));
		byId("found").textContent = number.format(matching.length) + " of " + number.format(machines.length) + " machines" +
			costOf(matching);
	}

	function controls() {
		byId("search").value = state.search;
		for (const id of FILTERS)
			byId(id).value = state[id];
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
				: { sort: key, dir: ["name", "os", "size", "wave"].includes(key) ? "asc" : "desc" }));
		}
		byId("search").addEventListener("input", function (event) {
			clearTimeout(typing);
			typing = setTimeout(function () { // what is being typed stays as it is
				state.search = event.target.value;
				writeAddress();
				update();
			}, machines.length > 2000 ? 200 : 30);
		});
		for (const id of FILTERS)
			byId(id).addEventListener("change", (event) => change({ [id]: event.target.value }));
		byId("reset").addEventListener("click", () => change(NOTHING));
		byId("more-some").addEventListener("click", showSome);
		byId("more-all").addEventListener("click", showAll);
		window.addEventListener("hashchange", followAddress);
		document.addEventListener("click", function (event) { // a link to what is shown already changes no address
			const link = event.target.closest("a[href*='=']");

			if (link && link.hash === location.hash)
				followAddress();
		});
		window.addEventListener("beforeprint", function () {
			++adding;
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
