/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page that needs nothing else: summary, drawings and findings as HTML; the machines as the document of --json,
 * from which the page's script makes the table.  Its policy forbids any request, and any script or style but the two
 * that it has.
 */
#include <config.h>

#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "assess_evidence.h"
#include "assess_html.h"
#include "assess_page.h"
#include "base/cleanup.h"
#include "base/escape.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "inventory/disk_info.h"

#define SHA256_LEN 32
#define SHA256_BASE64_LEN 45

/* U+202A to U+202E, U+2066 to U+2069: text that follows them is shown in another direction than it is written. */
static unsigned turns_direction(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	if (u[0] != 0xe2 || (u[1] != 0x80 && u[1] != 0x81))
		return 0;
	if (u[1] == 0x80)
		return u[2] >= 0xaa && u[2] <= 0xae ? 0x2000U + (u[2] - 0x80U) : 0;
	return u[2] >= 0xa6 && u[2] <= 0xa9 ? 0x2040U + (u[2] - 0x80U) : 0;
}

void html_text(FILE *f, const char *text)
{
	char shown[OUTPUT_TEXT_MAX];

	for (const char *p = output_visible(text, shown); *p; p++) {
		unsigned turns = turns_direction(p);

		if (turns) {
			fprintf(f, "\\u%04x", turns);
			p += 2;
			continue;
		}
		switch (*p) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\'':
			fputs("&#39;", f);
			break;
		default:
			fputc(*p, f);
		}
	}
}

/* U+2068 and U+2069 hold the direction of what is between them; SVG has no <bdi>. */
int html_name(FILE *f, const char *name, size_t chars, struct error *err)
{
	CLEANUP_FREE char *escaped = disk_info_escape(name, err);
	CLEANUP_FREE char *cut = escaped ? assess_cut(escaped, chars, err) : NULL;
	CLEANUP_FREE char *shown = cut ? escape_shown(cut, err) : NULL;

	if (!shown)
		return -1;
	fputs("&#x2068;", f);
	html_text(f, shown);
	fputs("&#x2069;", f);
	return 0;
}

/* ---- style, script and the policy that allows them alone ---- */

static char *join(const char *const *lines, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf b = { 0 };

	for (; *lines; lines++)
		strbuf_adds(&b, *lines);
	return strbuf_take(&b, err);
}

static int hash(const char *text, char out[SHA256_BASE64_LEN], struct error *err)
{
	unsigned char digest[SHA256_LEN];
	unsigned len;

	if (EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL) != 1 || len != sizeof(digest))
		return error_set(err, ERR_UNSUPPORTED, "SHA-256: OpenSSL does not have it");
	EVP_EncodeBlock((unsigned char *)out, digest, SHA256_LEN);
	return 0;
}

static int write_head(const struct assess_report *r, FILE *f, const char *css, const char *js, struct error *err)
{
	char css_hash[SHA256_BASE64_LEN], js_hash[SHA256_BASE64_LEN];

	if (hash(css, css_hash, err) < 0 || hash(js, js_hash, err) < 0)
		return -1;
	fprintf(f,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s'; "
		"script-src 'sha256-%s'; "
		"base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"liftfs %s\">\n"
		"<title>Assessment for Azure: %zu machines</title>\n<style>%s</style>\n</head>\n",
		css_hash, js_hash, PACKAGE_VERSION, r->result->n_vms, css);
	return 0;
}

/* ---- what it comes to ---- */

static int write_title(const struct assess_report *r, FILE *f, struct error *err)
{
	char when[CLOCK_TEXT_LEN];

	clock_format_iso(r->now_ns, when);
	fputs("<body>\n<a class=\"skip\" href=\"#machines\">To the table of machines</a>\n<header>\n<h1>Assessment for "
	      "Azure</h1>\n<p>",
	      f);
	for (size_t i = 0; i < r->n_inventories && i < 5; i++) {
		fputs(i > 0 ? ", " : "", f);
		if (html_name(f, r->inventories[i], 100, err) < 0)
			return -1;
	}
	if (r->n_inventories > 5)
		fprintf(f, " and %zu more", r->n_inventories - 5);
	fprintf(f, "; made on <time datetime=\"%s\">%.10s</time> by liftfs %s</p>\n</header>\n<main>\n", when, when,
		PACKAGE_VERSION);
	return 0;
}

void html_card(FILE *f, const char *what, const char *number, const char *more)
{
	fprintf(f, "<div><dt>%s</dt><dd><strong>%s</strong> <span>", what, number);
	html_text(f, more);
	fputs("</span></dd></div>\n", f);
}

static void write_cards(const struct assess_report *r, FILE *f)
{
	const struct assess_totals *t = r->totals;
	const struct assess_avs *a = &r->result->avs;
	const char *as_of = assess_prices_as_of(r->catalogue);
	char number[64], money[ASSESS_MONEY_LEN], more[256];

	fputs("<section aria-labelledby=\"summary\">\n<h2 id=\"summary\">Summary</h2>\n<dl class=\"cards\">\n", f);
	snprintf(number, sizeof(number), "%zu", r->result->n_vms);
	snprintf(more, sizeof(more), "%zu more left out", r->result->n_skipped);
	html_card(f, "Machines", number, r->result->n_skipped > 0 ? more : "all that were read");
	html_bytes_text(t->mib * 1048576, number);
	snprintf(more, sizeof(more), "on %zu disks", t->disks);
	html_card(f, "To replicate", number, more);
	assess_money(t->total_usd, money);
	snprintf(number, sizeof(number), t->priced > 0 ? "USD %s" : "not known", money);
	snprintf(more, sizeof(more), "%zu machines; no price for %zu, no size for %zu; %s%s%s", t->priced, t->unpriced,
		 t->unsized, r->options->region, *as_of ? ", prices to " : "", as_of);
	html_card(f, "A month in Azure", number, more);
	snprintf(number, sizeof(number), "%" PRIu64 " hosts", a->nodes);
	snprintf(more, sizeof(more), "%s, %" PRIu64 " physical cores; %s%s", a->host->name, a->physical_cores,
		 a->limiting == LIMIT_MINIMUM ? "the least there can be" : "decided by ",
		 a->limiting == LIMIT_MINIMUM ? "" : assess_limit_name(a->limiting));
	html_card(f, "Azure VMware Solution", number, more);
	fputs("</dl>\n<p class=\"small\">List prices, pay as you go. Not in them: " ASSESS_NOT_IN_COST
	      ".</p>\n</section>\n",
	      f);
}

/* ---- findings ---- */

static void finding_row(const struct assess_finding *x, FILE *f)
{
	const char *word = x->note                              ? "note"
			   : x->severity == VERDICT_NOT_READY   ? "not ready"
			   : x->severity == VERDICT_UNKNOWN     ? "unknown"
			   : x->severity == VERDICT_CONDITIONAL ? "condition"
								: "note";

	fprintf(f,
		"<tr><td class=\"weight\"><span class=\"mark v-%s\" aria-hidden=\"true\"></span>%s</td><td "
		"class=\"num\">%zu</td><td>",
		x->note ? "note" : html_verdict_class(x->severity), word, x->vms);
	html_text(f, assess_code_text(x->code));
	fputs(" <a href=\"#search=", f);
	html_text(f, x->code);
	fputs("\"><code>", f);
	html_text(f, x->code);
	fputs("</code></a></td></tr>\n", f);
}

static void write_findings(const struct assess_report *r, FILE *f)
{
	fputs("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n", f);
	if (r->totals->n_findings == 0) {
		fputs("<p>None.</p>\n</section>\n", f);
		return;
	}
	fputs("<div class=\"wide\" role=\"region\" aria-label=\"Table of findings\" tabindex=\"0\">\n<table>\n<caption class=\"away\">What was found, the worst "
	      "first</caption>\n<thead><tr>"
	      "<th scope=\"col\">Weight</th><th scope=\"col\" class=\"num\">Machines</th><th scope=\"col\">What it "
	      "means</th>"
	      "</tr></thead>\n<tbody>\n",
	      f);
	for (size_t i = 0; i < r->totals->n_findings; i++)
		finding_row(&r->totals->findings[i], f);
	fputs("</tbody>\n</table>\n</div>\n</section>\n", f);
}

/* ---- machines ---- */

static void select_begin(FILE *f, const char *id, const char *label)
{
	fprintf(f, "<p><label for=\"%s\">%s</label>\n<select id=\"%s\">\n<option value=\"\">all</option>\n", id, label, id);
}

static void select_end(FILE *f)
{
	fputs("</select></p>\n", f);
}

static void select_verdict(FILE *f, const char *id, const char *label, const char *(*name)(enum assess_verdict))
{
	select_begin(f, id, label);
	for (size_t i = 0; i < ASSESS_VERDICTS; i++)
		fprintf(f, "<option value=\"%s\">%s</option>\n", html_verdict_class(html_verdicts[i]),
			name(html_verdicts[i]));
	select_end(f);
}

static void select_wave(const struct move *m, FILE *f)
{
	select_begin(f, "wave", "Wave");
	for (size_t i = 1; i <= m->n_waves; i++)
		fprintf(f, "<option value=\"%zu\">%zu</option>\n", i, i);
	fputs("<option value=\"held\">held by others</option>\n<option value=\"not-ready\">not ready</option>\n", f);
	select_end(f);
}

static void select_fix(const struct move *m, FILE *f)
{
	select_begin(f, "fix", "To fix");
	for (size_t i = 0; i < m->n_fixes; i++) {
		fputs("<option>", f);
		html_text(f, m->fixes[i].code);
		fputs("</option>\n", f);
	}
	select_end(f);
}

static void write_controls(const struct assess_report *r, FILE *f)
{
	fputs("<div id=\"controls\" role=\"search\" aria-labelledby=\"machines\" hidden>\n<p><label for=\"search\">Search names, "
	      "systems, sizes, codes</label>\n"
	      "<input id=\"search\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></p>\n",
	      f);
	select_verdict(f, "azure", "Azure", assess_azure_verdict);
	select_verdict(f, "avs", "AVS", assess_avs_verdict);
	select_wave(r->move, f);
	select_fix(r->move, f);
	fputs("<p><button id=\"reset\" type=\"button\">Show all</button></p>\n</div>\n<p id=\"found\" "
	      "role=\"status\"></p>\n",
	      f);
}

static int write_machines(const struct assess_report *r, FILE *f, struct error *err)
{
	static const struct {
		const char *key, *text;
		bool number;
	} columns[] = { { "name", "Machine", false },    { "os", "System", false },  { "vcpus", "vCPUs", true },
			{ "memory", "Memory GiB", true }, { "data", "Data GiB", true }, { "azure", "Azure", false },
			{ "avs", "AVS", false },         { "size", "Size", false },  { "monthly", "USD a month", true },
			{ "wave", "Wave", false } };

	fputs("<section aria-labelledby=\"machines\">\n<h2 id=\"machines\" tabindex=\"-1\">Machines</h2>\n", f);
	if (html_plain(r, f, err) < 0)
		return -1;
	write_controls(r, f);
	fputs("<div class=\"wide\" role=\"region\" aria-label=\"Table of machines\" tabindex=\"0\">\n<table id=\"table\" "
	      "hidden>\n"
	      "<caption class=\"away\">Machines; the buttons in the head sort, that of a name shows "
	      "details</caption>\n<thead><tr>\n",
	      f);
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		fprintf(f, "<th scope=\"col\"%s data-key=\"%s\" data-text=\"%s\"><button type=\"button\">%s</button></th>\n",
			columns[i].number ? " class=\"num\"" : "", columns[i].key, columns[i].text, columns[i].text);
	fputs("</tr></thead>\n<tbody></tbody>\n</table>\n</div>\n<p id=\"more\" hidden><button id=\"more-some\" "
	      "type=\"button\"></button>\n"
	      "<button id=\"more-all\" type=\"button\"></button></p>\n</section>\n",
	      f);
	return 0;
}

/* ---- what it was made from ---- */

static int write_left_out(const struct assess_report *r, FILE *f, struct error *err)
{
	if (r->result->n_skipped == 0)
		return 0;
	fputs("<section aria-labelledby=\"left-out\">\n<h2 id=\"left-out\">Left out</h2>\n<details>\n", f);
	fprintf(f, "<summary>%zu machines</summary>\n<ul>\n", r->result->n_skipped);
	for (size_t i = 0; i < r->result->n_skipped; i++) {
		fputs("<li>", f);
		if (html_name(f, r->result->skipped[i].machine->name, 200, err) < 0)
			return -1;
		fprintf(f, ": %s</li>\n", r->result->skipped[i].reason);
	}
	fputs("</ul>\n</details>\n</section>\n", f);
	return 0;
}

static void write_warnings(const struct machine_notices *n, FILE *f)
{
	if (n->n == 0)
		return;
	fputs("<section aria-labelledby=\"warnings\">\n<h2 id=\"warnings\">Warnings of the inventory</h2>\n<details>\n",
	      f);
	fprintf(f, "<summary>%zu</summary>\n<ul>\n", n->n + n->beyond);
	for (size_t i = 0; i < n->n; i++) {
		fputs("<li>", f);
		html_text(f, n->v[i]);
		fputs("</li>\n", f);
	}
	if (n->beyond > 0)
		fprintf(f, "<li>and %zu more</li>\n", n->beyond);
	fputs("</ul>\n</details>\n</section>\n", f);
}

static void write_basis(const struct assess_report *r, FILE *f)
{
	const struct assess_options *o = r->options;
	size_t n;
	const struct catalogue_file *files = catalogue_files(r->catalogue, &n);

	fprintf(f,
		"<section aria-labelledby=\"basis\">\n<h2 id=\"basis\">What it is based on</h2>\n"
		"<p>Sizing %s, comfort factor %g, disk type %s, %g hours a month, region ",
		assess_sizing_name(o->sizing), o->comfort, assess_choice_name(o->disk_type), o->uptime_hours);
	html_text(f, o->region);
	fprintf(f, "%s. Azure VMware Solution: ", o->ahb ? ", Azure Hybrid Benefit" : "");
	html_text(f, o->avs_host);
	fprintf(f,
		", FTT %u RAID-%u, %u vCPUs a core, %g of the cores, memory overcommit %g, deduplication %g, growth "
		"%g, %g of vSAN free, "
		"%u spare hosts; its management: %g vCPUs, %g GB memory, %g GB storage.</p>\n",
		o->avs_ftt, o->avs_raid, o->avs_oversubscription, o->avs_cpu_limit, o->avs_memory_overcommit,
		o->avs_dedupe, o->avs_growth, o->avs_slack, o->avs_spare_nodes, o->avs_mgmt_vcpu, o->avs_mgmt_memory_gb,
		o->avs_mgmt_storage_gb);
	fputs("<div class=\"wide\" role=\"region\" aria-label=\"Catalogue\" tabindex=\"0\">\n<table>\n<caption>Catalogue</caption>\n<thead><tr><th scope=\"col\">File</th>"
	      "<th scope=\"col\">Newest date in it</th><th scope=\"col\" "
	      "class=\"num\">Rows</th></tr></thead>\n<tbody>\n",
	      f);
	for (size_t i = 0; i < n; i++) {
		fputs("<tr><th scope=\"row\">", f);
		html_text(f, files[i].name);
		fputs("</th><td>", f);
		html_text(f, *files[i].as_of ? files[i].as_of : "-");
		fprintf(f, "</td><td class=\"num\">%zu</td></tr>\n", files[i].rows);
	}
	fputs("</tbody>\n</table>\n</div>\n</section>\n", f);
}

/* ---- data for the script ---- */

/* The sentence of each code that occurs.  The codes are constants and the catalogue's. */
static int write_texts(const struct assess_report *r, FILE *f, struct error *err)
{
	CLEANUP(cleanup_json) json_t *texts = json_object();
	CLEANUP_FREE char *s = NULL;

	for (size_t i = 0; texts && i < r->totals->n_findings; i++)
		json_object_set_new(texts, r->totals->findings[i].code,
				    json_string(assess_code_text(r->totals->findings[i].code)));
	s = texts ? json_dumps(texts, JSON_COMPACT) : NULL;
	if (!s)
		return error_set(err, ERR_NOMEM, "no memory for the page's texts");
	assess_put_json(s, f);
	return 0;
}

static int write_data(const struct assess_report *r, FILE *f, struct error *err)
{
	struct assess_report brief = *r;

	brief.brief = true;
	fputs("</main>\n<script type=\"application/json\" id=\"texts\">", f);
	if (write_texts(r, f, err) < 0)
		return -1;
	fputs("</script>\n<script type=\"application/json\" id=\"blocked\">", f);
	if (html_fixes_data(r, f, err) < 0)
		return -1;
	fputs("</script>\n<script type=\"application/json\" id=\"data\">", f);
	if (assess_write_json(&brief, f, err) < 0)
		return -1;
	fputs("</script>\n", f);
	return 0;
}

int assess_write_html(const struct assess_report *r, FILE *f, struct error *err)
{
	CLEANUP_FREE char *css = join(assess_css, err);
	CLEANUP_FREE char *js = css ? join(assess_js, err) : NULL;

	if (!js || write_head(r, f, css, js, err) < 0 || write_title(r, f, err) < 0)
		return -1;
	write_cards(r, f);
	html_readiness(r, f);
	write_findings(r, f);
	html_families(r, f);
	if (html_bytes(r, f, err) < 0)
		return -1;
	assess_html_evidence(r, f);
	if (html_move(r, f, err) < 0 || write_machines(r, f, err) < 0)
		return -1;
	if (write_left_out(r, f, err) < 0)
		return -1;
	write_warnings(&r->machines->notices, f);
	write_basis(r, f);
	if (write_data(r, f, err) < 0)
		return -1;
	fprintf(f, "<script>%s</script>\n</body>\n</html>\n", js);
	return 0;
}
