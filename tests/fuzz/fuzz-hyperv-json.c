/* SPDX-License-Identifier: Apache-2.0 */
/* An export of PowerShell of hostile bytes, as it is. */
#include <config.h>

#include "fuzz_config.h"
#include "inventory/hyperv_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_config_copy(&hyperv_json_format, data, len);
	return 0;
}
