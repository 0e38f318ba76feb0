/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/xml.h"
#include "guest/inspector.h"
#include "guest/look_private.h"

/* libguestfs' names of distributions where they are not the ID of os-release(5); NULL: no particular one. */
static const struct {
	const char *distro, *id;
} distros[] = {
	{ "alpinelinux", "alpine" }, { "archlinux", "arch" },         { "kalilinux", "kali" }, { "oraclelinux", "ol" },
	{ "redhat-based", NULL },    { "scientificlinux", "scientific" }, { "suse-based", NULL },  { "unknown", NULL },
};

static const char *os_id(const char *distro)
{
	for (size_t i = 0; i < ARRAY_LEN(distros); i++)
		if (strcmp(distro, distros[i].distro) == 0)
			return distros[i].id;
	return distro;
}

/* As findings of FINDING_ARCH have it; NULL: none of those that matter. */
static const char *arch_name(const char *arch)
{
	if (strcmp(arch, "x86_64") == 0 || strcmp(arch, "aarch64") == 0)
		return arch;
	return strcmp(arch, "i386") == 0 || strcmp(arch, "i686") == 0 ? "x86" : NULL;
}

static const char *text_of(const struct xml_element *os, const char *name)
{
	const char *text = xml_child_text(os, name);

	return text ? text : "";
}

static int add_os_id(struct looker *lk, const struct xml_element *os, const char *where, struct error *err)
{
	const char *id = os_id(text_of(os, "distro")), *build = text_of(os, "build_id");
	bool windows = id && strcmp(id, "windows") == 0;

	if (!id || !*id || !*text_of(os, "major_version"))
		return 0;
	return look_add(lk, FINDING_OS_ID, where, 0, err, "%s %s.%s%s%s", id, text_of(os, "major_version"),
			*text_of(os, "minor_version") ? text_of(os, "minor_version") : "0", windows && *build ? "." : "",
			windows ? build : "");
}

static int add_system(struct looker *lk, const struct xml_element *os, struct error *err)
{
	const struct look_facts *known = &lk->out->facts;
	const char *arch = arch_name(text_of(os, "arch")), *product = text_of(os, "product_name");
	char where[LOOK_WHERE_LEN];

	snprintf(where, sizeof(where), "virt-inspector: %s", text_of(os, "root"));
	if (!known->os && *product && look_add(lk, FINDING_OS, where, 0, err, "%s", product) < 0)
		return -1;
	if (!*known->os_id && add_os_id(lk, os, where, err) < 0)
		return -1;
	if (known->arch == LOOK_ARCH_UNKNOWN && arch)
		return look_add(lk, FINDING_ARCH, where, 0, err, "%s", arch);
	return 0;
}

int look_add_inspected(struct look *l, const char *xml, size_t len, struct error *err)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = xml_parse(xml, len, "operatingsystems", err);
	const struct xml_element *os = doc ? xml_child(xml_root(doc), "operatingsystem") : NULL;
	struct looker lk = { .out = l };

	if (!doc)
		return error_prefix(err, "virt-inspector");
	if (!os)
		return 0;
	if (xml_next(os, "operatingsystem"))
		return look_add(&lk, FINDING_SKIPPED, "virt-inspector", 0, err,
				"several operating systems: which of them starts is not known");
	if (add_system(&lk, os, err) < 0)
		return -1;
	look_facts_system(l);
	return 0;
}
