/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <stdio.h>

#include "base/cleanup.h"
#include "document.h"
#include "inventory/disk_info.h"

int document_print(const json_t *doc, struct error *err)
{
	CLEANUP_FREE char *text = disk_info_text(doc, err);

	if (!text)
		return -1;
	document_write(text);
	return 0;
}

void document_write(const char *text)
{
	fputs(text, stdout);
}
