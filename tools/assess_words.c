/* SPDX-License-Identifier: Apache-2.0 */
/* Words and numbers that the outputs of an assessment share. */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "assess.h"
#include "base/compiler.h"

const char *assess_power_name(enum machine_power p)
{
	static const char *const names[] = { [MACHINE_POWER_UNKNOWN] = "unknown",
					     [MACHINE_ON] = "on",
					     [MACHINE_OFF] = "off",
					     [MACHINE_SUSPENDED] = "suspended" };

	return names[p];
}

const char *assess_firmware_name(enum machine_firmware f)
{
	static const char *const names[] = {
		[MACHINE_FIRMWARE_UNKNOWN] = "unknown", [MACHINE_BIOS] = "bios", [MACHINE_EFI] = "efi"
	};

	return names[f];
}

const char *assess_arch_name(enum os_arch a)
{
	static const char *const names[] = {
		[ARCH_UNKNOWN] = "unknown", [ARCH_X64] = "x64", [ARCH_X86] = "x86", [ARCH_ARM64] = "arm64"
	};

	return names[a];
}

const char *assess_disk_type_name(enum disk_type t)
{
	static const char *const names[] = { [DISK_PREMIUM_SSD] = "premium-ssd",
					     [DISK_STANDARD_SSD] = "standard-ssd",
					     [DISK_STANDARD_HDD] = "standard-hdd" };

	return names[t];
}

const char *assess_sizing_name(enum assess_sizing s)
{
	static const char *const names[] = {
		[SIZING_AUTO] = "auto", [SIZING_PERFORMANCE] = "performance", [SIZING_AS_IS] = "as-is"
	};

	return names[s];
}

const char *assess_choice_name(enum assess_disk_choice c)
{
	return c == CHOICE_PREMIUM_SSD    ? assess_disk_type_name(DISK_PREMIUM_SSD)
	       : c == CHOICE_STANDARD_SSD ? assess_disk_type_name(DISK_STANDARD_SSD)
	       : c == CHOICE_STANDARD_HDD ? assess_disk_type_name(DISK_STANDARD_HDD)
					  : "auto";
}

const char *assess_prices_as_of(const struct catalogue *c)
{
	size_t n;
	const struct catalogue_file *files = catalogue_files(c, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(files[i].name, "azure-prices.csv") == 0)
			return files[i].as_of;
	return "";
}

double assess_cents(double usd)
{
	return round(usd * 100) / 100;
}

/* Sums of a million machines are far below 2^53 cents. */
void assess_money(double usd, char out[ASSESS_MONEY_LEN])
{
	char digits[24], grouped[32];
	size_t len, at = 0;
	double cents = round(fabs(usd) * 100), whole = floor(cents / 100);

	if (!(cents < 1e17)) {
		snprintf(out, ASSESS_MONEY_LEN, "%.2e", usd);
		return;
	}
	snprintf(digits, sizeof(digits), "%.0f", whole);
	len = strlen(digits);
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			grouped[at++] = ',';
		grouped[at++] = digits[i];
	}
	grouped[at] = '\0';
	snprintf(out, ASSESS_MONEY_LEN, "%s%s.%02.0f", usd < 0 && cents > 0 ? "-" : "", grouped, cents - whole * 100);
}

char *assess_cut(const char *text, size_t max, struct error *err)
{
	size_t n = 0, end = 0, at = 0;
	char *out = NULL;

	for (; text[at]; at++) {
		if (((unsigned char)text[at] & 0xc0) == 0x80)
			continue;
		if (n == max - 3)
			end = at;
		if (n++ == max)
			break;
	}
	if (n <= max ? !(out = strdup(text)) : asprintf(&out, "%.*s...", (int)end, text) < 0) {
		error_set(err, ERR_NOMEM, "no memory for a text");
		return NULL;
	}
	return out;
}

void assess_put_json(const char *text, FILE *f)
{
	for (; *text; text++) {
		size_t len = strcspn(text, "<");

		fwrite(text, 1, len, f);
		text += len;
		if (!*text)
			break;
		fputs("\\u003c", f);
	}
}

void assess_size(double mib, char out[FORMAT_TEXT_LEN])
{
	double bytes = mib * 1048576;

	format_size(bytes < 1.8e19 ? (uint64_t)bytes : UINT64_MAX, out);
}
