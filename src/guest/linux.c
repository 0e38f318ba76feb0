/* SPDX-License-Identifier: Apache-2.0 */
/* A Linux root: what distribution, for which processor, what its fstab calls disks, which agents it has. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "guest/look_private.h"

#define TEXT_MAX ((size_t)256 << 10)

enum {
	ELF_LEN = 20,
	ELF_CLASS = 4,
	ELF_DATA = 5,
	ELF_MACHINE = 18,
	MACHINE_X86 = 3,
	MACHINE_X64 = 62,
	MACHINE_ARM64 = 183
};

/* The value of KEY= in a file of shell assignments, without its quotes; false if it is not there. */
static bool release_value(const char *text, const char *key, char *out, size_t out_len)
{
	size_t key_len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		size_t len, n = 0;
		char quote = '\0';

		line += *line == '\n';
		if (strncmp(line, key, key_len) != 0 || line[key_len] != '=')
			continue;
		line += key_len + 1;
		len = strcspn(line, "\r\n");
		for (size_t i = 0; i < len && n + 1 < out_len; i++) {
			if (quote ? line[i] == quote : line[i] == '"' || line[i] == '\'')
				quote = quote ? '\0' : line[i];
			else if (line[i] == '\\' && quote != '\'' && i + 1 < len)
				out[n++] = line[++i];
			else
				out[n++] = line[i];
		}
		out[n] = '\0';
		return n > 0;
	}
	return false;
}

static int add_release(struct looker *lk, const char *where, uint64_t off, const char *text, bool *found,
		       struct error *err)
{
	char name[160] = "", id[32], version[32] = "";

	if (!release_value(text, "PRETTY_NAME", name, sizeof(name)))
		release_value(text, "NAME", name, sizeof(name));
	if (name[0] && look_add(lk, FINDING_OS, where, off, err, "%s", name) < 0)
		return -1;
	*found = name[0];
	if (!release_value(text, "ID", id, sizeof(id)) || strchr(id, ' '))
		return 0;
	release_value(text, "VERSION_ID", version, sizeof(version));
	return look_add(lk, FINDING_OS_ID, where, off, err, version[0] ? "%s %s" : "%s", id, version);
}

/* Those that came before os-release tell it in a line of their own. */
static int look_release(struct looker *lk, struct tree *t, struct error *err)
{
	static const char *const files[] = { "etc/os-release", "usr/lib/os-release", "etc/redhat-release",
					     "etc/SuSE-release", "etc/oracle-release" };
	char where[LOOK_WHERE_LEN];
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(files) && !found; i++) {
		CLEANUP_FREE char *text = NULL;
		struct error why = ERROR_INIT;
		uint64_t off;

		look_where(where, t->v, files[i]);
		if (tree_text(t, files[i], TEXT_MAX, &text, &off, &why) < 0) {
			if (look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err) < 0)
				return -1;
			continue;
		}
		if (!text)
			continue;
		if (i < 2) {
			if (add_release(lk, where, off, text, &found, err) < 0)
				return -1;
			continue;
		}
		text[strcspn(text, "\r\n")] = '\0';
		found = text[0];
		if (found && look_add(lk, FINDING_OS, where, off, err, "%.160s", text) < 0)
			return -1;
	}
	return 0;
}

static bool names_a_place(const char *device)
{
	static const char *const places[] = { "/dev/sd", "/dev/hd", "/dev/xvd", "/dev/vd", "/dev/nvme" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strncmp(device, places[i], strlen(places[i])) == 0)
			return true;
	return false;
}

static int look_fstab(struct looker *lk, struct tree *t, struct error *err)
{
	CLEANUP_FREE char *text = NULL;
	struct error why = ERROR_INIT;
	char where[LOOK_WHERE_LEN];
	uint64_t off;

	look_where(where, t->v, "etc/fstab");
	if (tree_text(t, "etc/fstab", TEXT_MAX, &text, &off, &why) < 0)
		return look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err);
	for (char *line = text; line && *line;) {
		char *device = line + strspn(line, " \t"), *point, *end = line + strcspn(line, "\n");

		line = *end ? end + 1 : end;
		*end = '\0';
		if (!names_a_place(device))
			continue;
		point = device + strcspn(device, " \t");
		if (*point)
			*point++ = '\0';
		point += strspn(point, " \t");
		point[strcspn(point, " \t")] = '\0';
		if (look_add(lk, FINDING_FSTAB, where, off, err, "%s on %s", device, point) < 0)
			return -1;
	}
	return 0;
}

static int look_elf(struct looker *lk, struct tree *t, const char *path, bool *found, struct error *err)
{
	struct error why = ERROR_INIT;
	char where[LOOK_WHERE_LEN];
	struct tree_node n;
	const char *arch;
	uint8_t b[ELF_LEN];
	int rc = tree_find(t, path, &n, &why);

	look_where(where, t->v, path);
	if (rc > 0 && !n.folder && n.size >= sizeof(b))
		rc = tree_read(t, &n, b, sizeof(b), 0, &why) < 0 ? -1 : 1;
	else if (rc > 0)
		rc = 0;
	if (rc < 0)
		return look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err);
	if (rc == 0 || memcmp(b, "\177ELF", 4) != 0 || b[ELF_DATA] != 1)
		return 0;
	switch (get_le16(b + ELF_MACHINE)) {
	case MACHINE_X64:
		arch = "x86_64";
		break;
	case MACHINE_X86:
		arch = "x86";
		break;
	case MACHINE_ARM64:
		arch = "aarch64";
		break;
	default:
		return 0;
	}
	*found = true;
	return look_add(lk, FINDING_ARCH, where, n.off, err, "%s", arch);
}

static int look_arch(struct looker *lk, struct tree *t, struct error *err)
{
	static const char *const files[] = { "bin/sh",
					     "usr/bin/sh",
					     "bin/bash",
					     "usr/bin/bash",
					     "bin/busybox",
					     "sbin/init",
					     "usr/lib/systemd/systemd" };
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(files) && !found; i++)
		if (look_elf(lk, t, files[i], &found, err) < 0)
			return -1;
	return 0;
}

static int look_agents(struct looker *lk, struct tree *t, struct error *err)
{
	static const struct {
		const char *path, *name;
	} agents[] = {
		{ "usr/bin/cloud-init", "cloud-init" },
		{ "usr/sbin/waagent", "waagent" },
		{ "usr/bin/waagent", "waagent" },
		{ "usr/bin/vmtoolsd", "open-vm-tools" },
	};

	for (size_t i = 0; i < ARRAY_LEN(agents); i++) {
		struct error why = ERROR_INIT;
		char where[LOOK_WHERE_LEN];
		struct tree_node n;
		int rc = tree_find(t, agents[i].path, &n, &why);

		look_where(where, t->v, agents[i].path);
		if (rc < 0 && look_gave_up(lk, where, volume_on_disk(t->v, 0), &why, err) < 0)
			return -1;
		if (rc > 0 && look_add(lk, FINDING_AGENT, where, n.off, err, "%s", agents[i].name) < 0)
			return -1;
	}
	return 0;
}

int look_linux(struct looker *lk, struct tree *t, struct error *err)
{
	if (look_release(lk, t, err) < 0 || look_fstab(lk, t, err) < 0 || look_arch(lk, t, err) < 0)
		return -1;
	return look_agents(lk, t, err);
}
