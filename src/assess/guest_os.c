/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which operating system a machine runs, by whatever its inventory says of it.
 *
 * The first of these that means something: what the disk shows, what VMware Tools say, the configured text, the configured
 * identifier, the name in an import file.  The architecture: what the disk shows, an identifier that was used, a column of its own, the text that was used,
 * the other ones, an identifier, what is usual for the operating system.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assess/rules.h"
#include "base/compiler.h"

/* Does the text hold the word, which is in lower case? */
static bool holds(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (; *text; text++)
		if (strncasecmp(text, word, len) == 0)
			return true;
	return false;
}

static enum os_arch arch_of_text(const char *text)
{
	static const struct {
		const char *word;
		enum os_arch arch;
	} words[] = {
		/* in this order: "x86_64" holds "x86" */
		{ "arm64", ARCH_ARM64 }, { "aarch64", ARCH_ARM64 }, { "64-bit", ARCH_X64 }, { "64 bit", ARCH_X64 },
		{ "x64", ARCH_X64 },     { "amd64", ARCH_X64 },     { "x86_64", ARCH_X64 }, { "32-bit", ARCH_X86 },
		{ "32 bit", ARCH_X86 },  { "x86", ARCH_X86 },       { "i386", ARCH_X86 },   { "i686", ARCH_X86 },
	};

	for (size_t i = 0; text && i < ARRAY_LEN(words); i++)
		if (holds(text, words[i].word))
			return words[i].arch;
	return ARCH_UNKNOWN;
}

static const char *const source_names[ASSESS_SOURCES] = {
	[SOURCE_TOOLS] = "os_tools", [SOURCE_CONFIG] = "os_config",     [SOURCE_GUEST_ID] = "guest_id",
	[SOURCE_NAME] = "os_name",   [SOURCE_NAME_VERSION] = "os_name",
};

const char *assess_source_name(enum assess_source s)
{
	return source_names[s];
}

/* The first that means something; ASSESS_SOURCES: none does. */
static size_t first_known(const struct assess_frame *f, const struct assess_sources *from)
{
	const struct catalogue_os *unknown = catalogue_os(f->c, "unknown");
	size_t i = 0;

	while (i < ASSESS_SOURCES && (!from->os[i] || from->os[i] == unknown))
		i++;
	return i;
}

static enum os_arch find_arch(const struct machine *m, const char *const texts[ASSESS_SOURCES], size_t used, enum os_arch of_id)
{
	enum os_arch arch = used == SOURCE_GUEST_ID ? of_id : ARCH_UNKNOWN;

	if (arch == ARCH_UNKNOWN)
		arch = arch_of_text(m->architecture);
	if (arch == ARCH_UNKNOWN && used != SOURCE_GUEST_ID && used != ASSESS_SOURCES)
		arch = arch_of_text(texts[used]);
	/* where nothing was understood, what is configured says more than what Tools make of an unknown guest */
	for (size_t i = ASSESS_SOURCES; i-- > 0 && arch == ARCH_UNKNOWN;)
		if (i != SOURCE_GUEST_ID)
			arch = arch_of_text(texts[i]);
	return arch != ARCH_UNKNOWN ? arch : of_id;
}

int assess_read_sources(const struct assess_frame *f, const struct machine *m, struct assess_sources *out, struct error *err)
{
	const char *texts[ASSESS_SOURCES] = { [SOURCE_TOOLS] = m->os_tools,
					      [SOURCE_CONFIG] = m->os_config,
					      [SOURCE_GUEST_ID] = m->guest_id,
					      [SOURCE_NAME] = m->os_name };
	CLEANUP_FREE char *name_version = NULL;
	enum os_arch of_id = ARCH_UNKNOWN;

	*out = (struct assess_sources){ .arch = ARCH_UNKNOWN };
	if (m->os_name && m->os_version && asprintf(&name_version, "%s %s", m->os_name, m->os_version) < 0) {
		name_version = NULL;
		return error_errno(err, ENOMEM, "operating system");
	}
	texts[SOURCE_NAME_VERSION] = name_version;
	for (size_t i = 0; i < ASSESS_SOURCES; i++) {
		if (!texts[i])
			continue;
		if (i == SOURCE_GUEST_ID)
			out->os[i] = catalogue_os_by_id(f->c, texts[i], &of_id);
		else if (!(out->os[i] = catalogue_os_by_text(f->c, texts[i], err)))
			return -1;
	}
	out->arch = find_arch(m, texts, first_known(f, out), of_id);
	return 0;
}

/* The release that the disk names, else the name that it has for people; NULL: it has none that is known. */
static int read_disk(const struct assess_frame *f, const struct machine_facts *seen, const struct catalogue_os **out,
		     struct error *err)
{
	*out = *seen->os_id ? catalogue_os_by_release(f->c, seen->os_id, seen->os_version) : NULL;
	if (*out || !*seen->os_text)
		return 0;
	*out = catalogue_os_by_text(f->c, seen->os_text, err);
	if (!*out)
		return -1;
	if (*out == catalogue_os(f->c, "unknown"))
		*out = NULL;
	return 0;
}

static enum os_arch arch_of_disk(const struct machine_facts *seen)
{
	static const enum os_arch archs[] = { [LOOK_ARCH_UNKNOWN] = ARCH_UNKNOWN,
					      [LOOK_ARCH_X64] = ARCH_X64,
					      [LOOK_ARCH_X86] = ARCH_X86,
					      [LOOK_ARCH_ARM64] = ARCH_ARM64 };

	return archs[seen->arch];
}

int assess_guest_os(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm, struct error *err)
{
	struct assess_sources from;
	size_t used;

	if (assess_read_sources(f, m, &from, err) < 0 || read_disk(f, &vm->facts, &vm->os, err) < 0)
		return -1;
	used = first_known(f, &from);
	vm->os_from = vm->os ? "disk" : used < ASSESS_SOURCES ? source_names[used] : "";
	if (!vm->os)
		vm->os = used < ASSESS_SOURCES ? from.os[used] : catalogue_os(f->c, "unknown");
	vm->arch = arch_of_disk(&vm->facts);
	vm->arch_from = "disk";
	if (vm->arch == ARCH_UNKNOWN) {
		vm->arch = from.arch;
		vm->arch_from = "inventory";
	}
	if (vm->arch == ARCH_UNKNOWN) {
		vm->arch = vm->os->default_arch;
		vm->arch_from = vm->arch == ARCH_UNKNOWN ? "" : "default";
	}
	return 0;
}
