/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's configuration as Hyper-V 2008 to 2012 R2 keep it: XML, mostly in UTF-16, one VM a file.  What it says is in
 * hyperv_config.h.  XML whose root is not <configuration>, or that never says <pathname>, is something else: no VM.
 */
#ifndef LIFTFS_INVENTORY_HYPERV_XML_H
#define LIFTFS_INVENTORY_HYPERV_XML_H

#include "inventory/vm_config.h"

extern const struct vm_config_format hyperv_xml_format;

#endif
