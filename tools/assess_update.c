/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assess/catalogue_fetch.h"
#include "assess_update.h"
#include "assess_update_show.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "connect.h"
#include "net/credentials.h"

const char *assess_update_base(void)
{
	const char *dir = tool_env("LIFTFS_CATALOGUE");

	return dir ? dir : CATALOGUEDIR;
}

int assess_update_check(const struct assess_options_of_tool *o, unsigned n_args, struct error *err)
{
	const struct {
		const char *name;
		bool given, updates;
	} options[] = {
		{ "--explain", o->explain != NULL, false },
		{ "--html", o->html != NULL, false },
		{ "--csv", o->csv != NULL, false },
		{ "--azure-migrate-csv", o->migrate_csv != NULL, false },
		{ "--subscription", o->subscription != NULL, true },
		{ "--prices-url", o->prices_url != NULL, true },
		{ "--management-url", o->management_url != NULL, true },
		{ "a second --region", o->n_regions > 1, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (options[i].given && o->update && !options[i].updates)
			return error_set(err, ERR_USAGE, "--update-catalogue assesses nothing: not with %s",
					 options[i].name);
		if (options[i].given && !o->update && options[i].updates)
			return error_set(err, ERR_USAGE, "%s is for --update-catalogue", options[i].name);
	}
	if (o->update && n_args > 0)
		return error_set(err, ERR_USAGE, "--update-catalogue takes no inventory");
	if (!o->update && n_args == 0)
		return error_set(err, ERR_USAGE, "missing argument: liftfs assess [options] INVENTORY...");
	return 0;
}

/* ---- where ---- */

/* The caller frees it. */
static char *folder(const struct assess_options_of_tool *o, struct error *err)
{
	const char *given = o->catalogue ? o->catalogue : tool_env("LIFTFS_CATALOGUE");
	const char *xdg = tool_env("XDG_DATA_HOME"), *home = tool_env("HOME");
	char *path = NULL;
	int len;

	if (!given && (!xdg || *xdg != '/') && !home) {
		error_set(err, ERR_USAGE, "no home folder for the catalogue: name one with --catalogue");
		return NULL;
	}
	if (given)
		len = asprintf(&path, "%s", given);
	else if (xdg && *xdg == '/')
		len = asprintf(&path, "%s/liftfs/catalogue", xdg);
	else
		len = asprintf(&path, "%s/.local/share/liftfs/catalogue", home);
	if (len >= 0)
		return path;
	error_errno(err, ENOMEM, "catalogue");
	return NULL;
}

/* ---- who ---- */

struct session {
	struct http *http;
	struct credentials *creds; /* NULL: nobody is asked who he is */
};

static void cleanup_session(struct session *s)
{
	if (s->creds)
		credentials_stop(s->creds);
	if (s->http)
		http_free(s->http);
	if (s->creds)
		credentials_free(s->creds);
}

static const char *look_up(void *ctx, const char *name)
{
	(void)ctx;
	return tool_env(name);
}

static int authorize(void *ctx, const char *url, char **value_out, struct error *err)
{
	const struct session *s = ctx;
	CLEANUP_FREE char *complete = NULL;
	uint64_t generation;

	return credentials_authorize(s->creds, "GET", url, NULL, 0, 0, &complete, value_out, &generation, err);
}

static int sign_in(const struct tool *t, const struct assess_options_of_tool *o, struct session *s,
		   struct cancel *cancel, struct error *err)
{
	CLEANUP(cleanup_credentials_file) struct credentials_file *file = NULL;
	const char *url = o->management_url ? o->management_url : CATALOGUE_MANAGEMENT_URL;
	CLEANUP_FREE char *resource = NULL;
	struct credentials_request request = { .lookup = look_up };
	char text[CREDENTIALS_TEXT_LEN];

	if (t->common.credentials) {
		file = credentials_file_open(t->common.credentials, err);
		if (!file)
			return error_prefix(err, "--credentials");
	}
	if (asprintf(&resource, "%s%s", url, *url && url[strlen(url) - 1] == '/' ? "" : "/") < 0) {
		resource = NULL;
		return error_errno(err, ENOMEM, "credentials");
	}
	request.file = file;
	request.resource = resource;
	s->creds = credentials_choose(&request, err);
	if (!s->creds || credentials_start(s->creds, s->http, cancel, err) < 0)
		return error_prefix(err, "--subscription");
	credentials_describe(s->creds, text);
	if (!t->common.quiet)
		output_line("credentials: %s", text);
	return 0;
}

int assess_update_run(const struct tool *t, const struct assess_options_of_tool *o, struct error *err)
{
	CLEANUP_FREE char *dir = folder(o, err);
	CLEANUP(cleanup_session) struct session s = { .http = NULL };
	CLEANUP(catalogue_update_fini) struct catalogue_update result = { .n_regions = 0 };
	struct cancel *cancel = dir ? tool_catch_signals(err) : NULL;
	struct catalogue_update_options opt = { .dir = dir,
						.base = assess_update_base(),
						.regions = o->regions,
						.n_regions = o->n_regions,
						.subscription = o->subscription,
						.prices_url = o->prices_url,
						.management_url = o->management_url,
						.cancel = cancel,
						.authorize = authorize,
						.ctx = &s,
						.now_ns = clock_realtime_ns() };
	struct assess_update_shown shown = { .dir = dir,
					     .subscription = o->subscription,
					     .now_ns = opt.now_ns,
					     .result = &result };
	struct http_config config;

	if (!cancel || catalogue_fetch_check(&opt, err) < 0)
		return -1;
	connect_http_config(t, &config);
	config.connections = 1;
	s.http = http_new(&config, err);
	if (!s.http || (o->subscription && sign_in(t, o, &s, cancel, err) < 0))
		return -1;
	opt.http = s.http;
	if (catalogue_update(&opt, &result, err) < 0)
		return -1;
	return t->common.json ? assess_update_show_json(&shown, err) : assess_update_show(t, &shown, err);
}
