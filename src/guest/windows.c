/* SPDX-License-Identifier: Apache-2.0 */
/* A Windows on NTFS: version, architecture, whether it is asleep or has work to finish. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/parse.h"
#include "guest/hive.h"
#include "guest/look_private.h"

#define WINDOWS_11_BUILD 22000 /* whose product name still says 10 */

enum { PE_OFF = 0x3c, PE_MACHINE = 4, PE_X86 = 0x14c, PE_X64 = 0x8664, PE_ARM64 = 0xaa64 };
enum { V_PRODUCT, V_BUILD, V_MAJOR, V_MINOR, V_VERSION, V_TYPE, N_VALUES };

/* 1: a file or, with `folder`, a folder; what cannot be looked at is said and counts as not there. */
static int find(struct looker *lk, struct tree *t, const char *path, bool folder, struct tree_node *n,
		char where[LOOK_WHERE_LEN], struct error *err)
{
	struct error why = ERROR_INIT;
	int rc = tree_find(t, path, n, &why);

	look_where(where, t->v, path);
	if (rc < 0)
		return look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err);
	return rc > 0 && n->folder == folder;
}

static int look_kernel(struct looker *lk, struct tree *t, const char *path, bool *found, struct error *err)
{
	struct error why = ERROR_INIT;
	char where[LOOK_WHERE_LEN];
	struct tree_node n;
	uint8_t b[4096];
	uint32_t pe;
	unsigned machine;
	int rc = find(lk, t, path, false, &n, where, err);

	*found = rc > 0;
	if (rc <= 0 || n.size < sizeof(b))
		return rc < 0 ? -1 : 0;
	if (tree_read(t, &n, b, sizeof(b), 0, &why) < 0)
		return look_gave_up(lk, where, n.off, &why, err);
	pe = get_le32(b + PE_OFF);
	if (memcmp(b, "MZ", 2) != 0 || !range_ok(pe, 24, sizeof(b)) || memcmp(b + pe, "PE\0\0", 4) != 0)
		return 0;
	machine = get_le16(b + pe + PE_MACHINE);
	if (machine != PE_X64 && machine != PE_X86 && machine != PE_ARM64)
		return 0;
	return look_add(lk, FINDING_ARCH, where, n.off, err, "%s",
			machine == PE_X64   ? "x86_64"
			: machine == PE_X86 ? "x86"
					    : "aarch64");
}

static int add_version(struct looker *lk, const char *where, uint64_t off, const struct hive_value *v,
		       struct error *err)
{
	const char *product = v[V_PRODUCT].text;
	uint64_t build = 0;

	if (parse_u64(v[V_BUILD].text, UINT32_MAX, &build, NULL) < 0)
		build = 0;
	if (strncmp(product, "Windows 10", 10) == 0 && strcmp(v[V_TYPE].text, "Client") == 0 &&
	    build >= WINDOWS_11_BUILD) {
		if (look_add(lk, FINDING_OS, where, off, err, "Windows 11%s", product + 10) < 0)
			return -1;
	} else if (look_add(lk, FINDING_OS, where, off, err, "%s", product[0] ? product : "Windows") < 0) {
		return -1;
	}
	if (v[V_MAJOR].text[0]) /* since Windows 10; CurrentVersion says 6.3 there */
		return look_add(lk, FINDING_OS_ID, where, off, err, "windows %s.%s.%s", v[V_MAJOR].text,
				v[V_MINOR].text, v[V_BUILD].text);
	return look_add(lk, FINDING_OS_ID, where, off, err, "windows %s.%s", v[V_VERSION].text, v[V_BUILD].text);
}

static int look_version(struct looker *lk, struct tree *t, const char *path, struct error *err)
{
	static const char *const keys[] = { "Microsoft", "Windows NT", "CurrentVersion", NULL };
	struct hive_value values[N_VALUES] = {
		[V_PRODUCT] = { "ProductName", "" },
		[V_BUILD] = { "CurrentBuildNumber", "" },
		[V_MAJOR] = { "CurrentMajorVersionNumber", "" },
		[V_MINOR] = { "CurrentMinorVersionNumber", "" },
		[V_VERSION] = { "CurrentVersion", "" },
		[V_TYPE] = { "InstallationType", "" },
	};
	struct error why = ERROR_INIT;
	char where[LOOK_WHERE_LEN];
	struct tree_node n;
	int rc = find(lk, t, path, false, &n, where, err);

	if (rc <= 0)
		return rc;
	rc = hive_read(t, &n, keys, values, N_VALUES, &why);
	if (rc > 0)
		return add_version(lk, where, n.off, values, err);
	if (rc < 0 && look_gave_up(lk, where, n.off, &why, err) < 0)
		return -1;
	return look_add(lk, FINDING_OS, where, n.off, err, "Windows");
}

static int look_hibernation(struct looker *lk, struct tree *t, struct error *err)
{
	struct error why = ERROR_INIT;
	char where[LOOK_WHERE_LEN];
	struct tree_node n;
	uint8_t magic[4];
	int rc = find(lk, t, "hiberfil.sys", false, &n, where, err);

	if (rc <= 0 || n.size < sizeof(magic))
		return rc < 0 ? -1 : 0;
	if (tree_read(t, &n, magic, sizeof(magic), 0, &why) < 0)
		return look_gave_up(lk, where, n.off, &why, err);
	if (memcmp(magic, "hibr", 4) != 0 && memcmp(magic, "HIBR", 4) != 0)
		return 0; /* "wake": it was woken since */
	return look_add(lk, FINDING_HIBERNATED, where, n.off, err, "Windows (or shut down for a fast start)");
}

static int look_others(struct looker *lk, struct tree *t, struct error *err)
{
	static const struct {
		const char *path, *value;
		enum finding_kind kind;
		bool folder;
	} others[] = {
		{ "Windows/WinSxS/pending.xml", "updates of Windows to finish", FINDING_PENDING, false },
		{ "Program Files/VMware/VMware Tools", "VMware Tools", FINDING_AGENT, true },
		{ "WindowsAzure", "Azure VM agent", FINDING_AGENT, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		char where[LOOK_WHERE_LEN];
		struct tree_node n;
		int rc = find(lk, t, others[i].path, others[i].folder, &n, where, err);

		if (rc < 0 || (rc > 0 && look_add(lk, others[i].kind, where, n.off, err, "%s", others[i].value) < 0))
			return -1;
	}
	return 0;
}

int look_windows(struct looker *lk, struct tree *t, struct error *err)
{
	static const struct {
		const char *kernel, *hive;
	} roots[] = {
		{ "Windows/System32/ntoskrnl.exe", "Windows/System32/config/SOFTWARE" },
		{ "WINNT/System32/ntoskrnl.exe", "WINNT/System32/config/SOFTWARE" },
	};
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(roots) && !found; i++)
		if (look_kernel(lk, t, roots[i].kernel, &found, err) < 0 || look_version(lk, t, roots[i].hive, err) < 0)
			return -1;
	return look_hibernation(lk, t, err) < 0 ? -1 : look_others(lk, t, err);
}
