/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/compiler.h"
#include "base/parse.h"
#include "options.h"

/* Of mount(8), fstab and systemd.  rw too: mount(8) says it unless told otherwise, and the mount is read-only anyway. */
static const char *const ignored[] = {
	"ro",	 "rw",	    "auto",    "noauto", "user",  "nouser", "users", "owner",	 "group", "defaults",
	"nofail", "_netdev", "relatime", "norelatime", "strictatime", "lazytime", "nolazytime", "mand", "nomand", "silent",
	"loud",	  "x-*",     "X-*",	"comment=*",
};

/* As libfuse knows them.  Execution and devices: nothing here is either, but fstab says them. */
static const char *const for_fuse[] = {
	"dev", "nodev", "suid", "nosuid", "exec", "noexec", "async", "sync", "dirsync", "atime", "noatime", "diratime",
	"nodiratime",
};

static bool matches(const char *const *list, size_t n, const char *option)
{
	for (size_t i = 0; i < n; i++)
		if (fnmatch(list[i], option, 0) == 0)
			return true;
	return false;
}

void mount_options_init(struct mount_options *o)
{
	*o = (struct mount_options){ .uid = getuid(), .gid = getgid() };
}

void mount_options_fini(struct mount_options *o)
{
	free(o->credentials);
	free(o->cacert);
	datastores_fini(&o->datastores);
	strbuf_fini(&o->fuse);
}

static void pass_on(struct mount_options *o, const char *option)
{
	strbuf_addf(&o->fuse, "%s%s", o->fuse.len ? "," : "", option);
}

/* NULL if the option does not begin with "name=". */
static const char *value_of(const char *option, const char *name)
{
	size_t len = strlen(name);

	return strncmp(option, name, len) == 0 && option[len] == '=' ? option + len + 1 : NULL;
}

static int parse_octal(const char *text, mode_t *out, struct error *err)
{
	unsigned v = 0;

	if (!*text || text[strspn(text, "01234567")] || strlen(text) > 5)
		return error_set(err, ERR_USAGE, "umask: '%s': not an octal number up to 0777", text);
	for (; *text; text++)
		v = v * 8 + (unsigned)(*text - '0');
	if (v > 0777)
		return error_set(err, ERR_USAGE, "umask: %#o: not an octal number up to 0777", v);
	*out = (mode_t)v;
	return 0;
}

static int parse_id(const char *name, const char *text, uint32_t *out, struct error *err)
{
	uint64_t v;

	if (parse_u64(text, UINT32_MAX - 1, &v, err) < 0)
		return error_prefix(err, "%s", name);
	*out = (uint32_t)v;
	return 0;
}

static int set_path(char **dest, const char *name, const char *value, struct error *err)
{
	if (!*value)
		return error_set(err, ERR_USAGE, "%s: no file named", name);
	free(*dest);
	*dest = strdup(value);
	return *dest ? 0 : error_errno(err, ENOMEM, "%s", name);
}

static int take_log(struct mount_options *o, const char *value, struct error *err)
{
	if (strcmp(value, "ignore") != 0)
		return error_set(err, ERR_USAGE, "log=%s: the one value is 'ignore'", value);
	o->ignore_log = true;
	return 0;
}

static int parse_one(struct mount_options *o, const char *option, struct error *err)
{
	const char *v;

	if (!*option || matches(ignored, ARRAY_LEN(ignored), option))
		return 0;
	v = value_of(option, "uid");
	if (v)
		return parse_id("uid", v, &o->uid, err);
	v = value_of(option, "gid");
	if (v)
		return parse_id("gid", v, &o->gid, err);
	v = value_of(option, "umask");
	if (v)
		return parse_octal(v, &o->umask, err);
	v = value_of(option, "credentials");
	if (v)
		return set_path(&o->credentials, "credentials", v, err);
	v = value_of(option, "cacert");
	if (v)
		return set_path(&o->cacert, "cacert", v, err);
	v = value_of(option, "log");
	if (v)
		return take_log(o, v, err);
	v = value_of(option, "datastore");
	if (v)
		return datastores_add(&o->datastores, v, err) < 0 ? error_prefix(err, "datastore") : 0;
	if (strcmp(option, "unchecked_parents") == 0) {
		o->unchecked_parents = true;
		return 0;
	}
	if (strcmp(option, "allow_other") == 0 || strcmp(option, "allow_root") == 0) {
		o->allow_other = true;
		pass_on(o, option);
		return 0;
	}
	if (strcmp(option, "auto_unmount") == 0) {
		o->auto_unmount = true;
		return 0;
	}
	if (!matches(for_fuse, ARRAY_LEN(for_fuse), option))
		return error_set(err, ERR_USAGE, "%s: no such option", option);
	pass_on(o, option);
	return 0;
}

int mount_options_parse(struct mount_options *o, const char *text, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf option = { 0 };

	for (const char *p = text;; p++) {
		if (*p == '\\' && p[1]) {
			strbuf_add(&option, ++p, 1);
		} else if (*p && *p != ',') {
			strbuf_add(&option, p, 1);
		} else {
			if (option.failed)
				return error_errno(err, ENOMEM, "options");
			if (option.s && parse_one(o, option.s, err) < 0)
				return -1;
			strbuf_fini(&option);
			option = (struct strbuf){ 0 };
			if (!*p)
				return o->fuse.failed ? error_errno(err, ENOMEM, "options") : 0;
		}
	}
}
