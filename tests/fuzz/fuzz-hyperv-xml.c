/* SPDX-License-Identifier: Apache-2.0 */
/* A Hyper-V configuration in XML of hostile bytes, as it is. */
#include <config.h>

#include "fuzz_config.h"
#include "inventory/hyperv_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_config_copy(&hyperv_xml_format, data, len);
	return 0;
}
