/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what an inventory that is a vCenter holds: every machine with all that is known of it, and the notices. */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "assess_vcenter.h"
#include "base/cleanup.h"
#include "support/machine_text.h"

int main(int argc, char **argv)
{
	CLEANUP(cleanup_machine_list) struct machine_list machines = { .n = 0 };
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FREE char *notices = NULL;
	const char *thumbprint = NULL;
	const struct tool_option options[] = {
		{ "thumbprint", 0, "HEX", "of the vCenter's certificate", tool_set_text, &thumbprint, NULL },
		{ 0 },
	};
	struct tool t = { .verb = "assess",
			  .arguments = "URL",
			  .summary = "A vCenter's machines.",
			  .options = options,
			  .min_args = 1,
			  .max_args = 1 };
	struct error err = ERROR_INIT;
	int status = tool_begin(&t, argc, argv);

	if (status >= 0)
		return status;
	if (!assess_is_vcenter(t.args[0]))
		return tool_end(&t, tool_usage(&t, "not a vCenter"));
	if (assess_vcenter_read(&t, t.args[0], thumbprint, NULL, &machines, &err) < 0)
		return tool_end(&t, tool_fail(&t, &err));
	text = machine_list_text(&machines);
	notices = machine_notices_text(&machines.notices);
	printf("%s%s", text, notices);
	return tool_end(&t, 0);
}
