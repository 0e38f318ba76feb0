/* SPDX-License-Identifier: Apache-2.0 */
/* What an assessment may be asked. */
#include <config.h>

#include <string.h>

#include "assess/assessment.h"
#include "base/compiler.h"

void assess_options_init(struct assess_options *o)
{
	*o = (struct assess_options){
		.region = "westeurope",
		.sizing = SIZING_AUTO,
		.comfort = 1.0,
		.disk_type = CHOICE_AUTO,
		.uptime_hours = 730,
		.avs_host = "AV36P",
		.avs_ftt = 1,
		.avs_raid = 1,
		.avs_oversubscription = 4,
		.avs_cpu_limit = 1.0,
		.avs_memory_overcommit = 1.0,
		.avs_dedupe = 1.0,
		.avs_growth = 1.0,
		.avs_slack = 0.25,
		.avs_mgmt_vcpu = 77,
		.avs_mgmt_memory_gb = 269.3,
		.avs_mgmt_storage_gb = 2385,
	};
}

const char *assess_from_name(enum assess_from f)
{
	static const char *const names[] = {
		[ASSESS_ASSUMED] = "assumed",
		[ASSESS_GIVEN] = "given",
		[ASSESS_MEASURED] = "measured",
	};

	return names[f];
}

enum { /* what more is asked of a value than to lie between least and most */
       ABOVE_LEAST = 1,
       BELOW_MOST = 2,
       ONE_DECIMAL = 4,
};

struct range {
	const char *option, *allowed;
	double value, least, most;
	unsigned more;
};

static bool has_one_decimal(double v)
{
	double tenths = v * 10 + 0.5, off = tenths - (double)(uint64_t)tenths - 0.5;

	return off > -1e-9 && off < 1e-9;
}

static int check_range(const struct range *r, struct error *err)
{
	bool in = r->value >= r->least && r->value <= r->most; /* what is no number is in no range */

	if (in && (r->value > r->least || !(r->more & ABOVE_LEAST)) &&
	    (r->value < r->most || !(r->more & BELOW_MOST)) && (!(r->more & ONE_DECIMAL) || has_one_decimal(r->value)))
		return 0;
	return error_set(err, ERR_USAGE, "%s: %.10g is not %s", r->option, r->value, r->allowed);
}

static int check_ranges(const struct assess_options *o, struct error *err)
{
	const struct range ranges[] = {
		{ "--comfort", "above 0 and at most 100", o->comfort, 0, 100, ABOVE_LEAST },
		{ "--uptime-hours", "from 0 to 744, the hours of a month", o->uptime_hours, 0, 744, 0 },
		{ "--avs-oversubscription", "a whole number from 1 to 100", o->avs_oversubscription, 1, 100, 0 },
		{ "--avs-cpu-limit", "above 0 and at most 1", o->avs_cpu_limit, 0, 1, ABOVE_LEAST },
		{ "--avs-memory-overcommit", "from 0.5 to 10 with one decimal", o->avs_memory_overcommit, 0.5, 10,
		  ONE_DECIMAL },
		{ "--avs-dedupe", "from 1 to 10 with one decimal", o->avs_dedupe, 1, 10, ONE_DECIMAL },
		{ "--avs-growth", "above 0 and at most 100", o->avs_growth, 0, 100, ABOVE_LEAST },
		{ "--avs-mgmt-vcpu", "from 0 to 1000000", o->avs_mgmt_vcpu, 0, 1e6, 0 },
		{ "--avs-mgmt-memory-gb", "from 0 to 1000000", o->avs_mgmt_memory_gb, 0, 1e6, 0 },
		{ "--avs-mgmt-storage-gb", "from 0 to 1000000000", o->avs_mgmt_storage_gb, 0, 1e9, 0 },
		{ "--avs-slack", "from 0 to below 1", o->avs_slack, 0, 1, BELOW_MOST },
		{ "--avs-spare-nodes", "a whole number from 0 to 96", o->avs_spare_nodes, 0, 96, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (check_range(&ranges[i], err) < 0)
			return -1;
	return 0;
}

/* names is the caller's list of what there is, or NULL, and then err says why. */
static int not_there(const char *option, const char *value, char *names, struct error *err)
{
	CLEANUP_FREE char *owned = names;

	if (!owned)
		return -1;
	return error_set(err, ERR_USAGE, "%s: '%s' is not in the catalogue, which has %s", option, value, owned);
}

int assess_options_check(const struct assess_options *o, const struct catalogue *c, struct error *err)
{
	if (check_ranges(o, err) < 0)
		return -1;
	if (!catalogue_has_region(c, o->region))
		return not_there("--region", o->region, catalogue_region_names(c, err), err);
	for (size_t i = 0; i < o->n_series; i++)
		if (!catalogue_has_series(c, o->series[i]))
			return not_there("--series", o->series[i], catalogue_series_names(c, err), err);
	if (!catalogue_host(c, o->avs_host))
		return not_there("--avs-host", o->avs_host, catalogue_host_names(c, err), err);
	if (!catalogue_ftt(c, o->avs_ftt, o->avs_raid)) {
		CLEANUP_FREE char *names = catalogue_ftt_names(c, err);

		if (!names)
			return -1;
		return error_set(err, ERR_USAGE,
				 "--avs-ftt %u with --avs-raid %u is not in the catalogue, which has %s", o->avs_ftt,
				 o->avs_raid, names);
	}
	return 0;
}
