/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which operating system a machine runs, by whatever its inventory says of it.
 *
 * The first of these that means something: what VMware Tools say, the configured text, the configured identifier, the
 * name in an import file.  The architecture: an identifier that was used, a column of its own, the text that was used,
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

enum source { OS_TOOLS, OS_CONFIG, GUEST_ID, OS_NAME_VERSION, OS_NAME, N_SOURCES };

static const char *const source_names[N_SOURCES] = {
	[OS_TOOLS] = "os_tools", [OS_CONFIG] = "os_config",     [GUEST_ID] = "guest_id",
	[OS_NAME] = "os_name",   [OS_NAME_VERSION] = "os_name",
};

static enum os_arch find_arch(const struct machine *m, const char *const texts[N_SOURCES], enum source used,
			      enum os_arch of_id, const struct catalogue_os *os)
{
	enum os_arch arch = used == GUEST_ID ? of_id : ARCH_UNKNOWN;

	if (arch == ARCH_UNKNOWN)
		arch = arch_of_text(m->architecture);
	if (arch == ARCH_UNKNOWN && used != GUEST_ID && used != N_SOURCES)
		arch = arch_of_text(texts[used]);
	/* where nothing was understood, what is configured says more than what Tools make of an unknown guest */
	for (size_t i = N_SOURCES; i-- > 0 && arch == ARCH_UNKNOWN;)
		if (i != GUEST_ID)
			arch = arch_of_text(texts[i]);
	if (arch == ARCH_UNKNOWN)
		arch = of_id;
	return arch != ARCH_UNKNOWN ? arch : os->default_arch;
}

int assess_guest_os(const struct assess_frame *f, const struct machine *m, struct assess_vm *vm, struct error *err)
{
	const struct catalogue_os *unknown = catalogue_os(f->c, "unknown");
	const char *texts[N_SOURCES] = {
		[OS_TOOLS] = m->os_tools, [OS_CONFIG] = m->os_config, [GUEST_ID] = m->guest_id, [OS_NAME] = m->os_name
	};
	CLEANUP_FREE char *name_version = NULL;
	enum os_arch of_id = ARCH_UNKNOWN;
	const struct catalogue_os *by_id = NULL;
	size_t used = N_SOURCES;

	if (m->os_name && m->os_version && asprintf(&name_version, "%s %s", m->os_name, m->os_version) < 0) {
		name_version = NULL;
		return error_errno(err, ENOMEM, "operating system");
	}
	texts[OS_NAME_VERSION] = name_version;
	if (m->guest_id)
		by_id = catalogue_os_by_id(f->c, m->guest_id, &of_id);
	vm->os = unknown;
	vm->os_from = "";
	for (size_t i = 0; i < N_SOURCES && vm->os == unknown; i++) {
		const struct catalogue_os *os = NULL;

		if (i == GUEST_ID)
			os = by_id;
		else if (texts[i] && !(os = catalogue_os_by_text(f->c, texts[i], err)))
			return -1;
		if (!os || os == unknown)
			continue;
		vm->os = os;
		vm->os_from = source_names[i];
		used = i;
	}
	vm->arch = find_arch(m, texts, (enum source)used, of_id, vm->os);
	return 0;
}
