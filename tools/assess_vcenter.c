/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "assess_vcenter.h"
#include "connect.h"
#include "inventory/vsphere.h"

#define USER "LIFTFS_VCENTER_USER"
#define PASSWORD "LIFTFS_VCENTER_PASSWORD"

bool assess_is_vcenter(const char *inventory)
{
	return vsphere_recognise(inventory);
}

static const char *look_up(const struct credentials_file *file, const char *name, struct error *err)
{
	const char *value = file ? credentials_file_get(file, name) : NULL;

	if (!value || !*value)
		value = tool_env(name);
	if (!value)
		error_set(err, ERR_REFUSED,
			  "%s is not set: a vCenter asks for " USER " and " PASSWORD
			  ", in the environment or in the file of --credentials",
			  name);
	return value;
}

int assess_vcenter_read(const struct tool *t, const char *inventory, const char *thumbprint, struct cancel *cancel,
			struct machine_list *out, struct error *err)
{
	CLEANUP(cleanup_credentials_file) struct credentials_file *file = NULL;
	CLEANUP(cleanup_secret) struct secret *password = NULL;
	struct vsphere_options opt = { .url = inventory, .thumbprint = thumbprint, .cancel = cancel };
	const char *text;

	if (t->common.credentials) {
		file = credentials_file_open(t->common.credentials, err);
		if (!file)
			return error_prefix(err, "--credentials");
	}
	opt.user = look_up(file, USER, err);
	if (!opt.user)
		return -1;
	text = look_up(file, PASSWORD, err);
	if (!text)
		return -1;
	password = secret_new(text, err);
	if (!password)
		return -1;
	opt.password = password;
	connect_http_config(t, &opt.http);
	return vsphere_read(&opt, out, err);
}
