/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile bytes as what a vCenter answers: to the first call, and to one for machines, places or both. */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "fuzz.h"
#include "inventory/vsphere_devices.h"
#include "inventory/vsphere_machines.h"

static void check_number(struct machine_number number)
{
	FUZZ_MUST(!number.known || (isfinite(number.v) && number.v >= 0));
}

static void check_text(const char *text)
{
	FUZZ_MUST(!text || (strlen(text) <= MACHINE_TEXT_MAX && utf8_valid(text, strlen(text))));
}

static void check_machine(const struct machine *m)
{
	FUZZ_MUST(m->name && m->origin && m->n_disks <= MACHINE_DISKS_MAX);
	check_text(m->annotation);
	check_text(m->os_config);
	check_text(m->guest_id);
	check_number(m->vcpus);
	check_number(m->memory_mib);
	check_number(m->nics);
	check_number(m->storage_in_use_mib);
	for (size_t i = 0; i < m->n_disks; i++) {
		FUZZ_MUST(m->disks[i].label && m->disks[i].chain <= VSPHERE_CHAIN_MAX);
		check_number(m->disks[i].capacity_mib);
	}
}

static void check_error(const struct error *e)
{
	FUZZ_MUST(*e->msg && e->code != ERR_NONE && e->code != ERR_BUG && e->code != ERR_USAGE);
}

static void read_objects(const struct vsphere_session *s, const struct xml_element *page)
{
	CLEANUP(cleanup_vsphere_places) struct vsphere_places places = { .n = 0 };
	CLEANUP(cleanup_machine_list) struct machine_list l = { .n = 0 };
	struct error e = ERROR_INIT;

	for (const struct xml_element *o = xml_child(page, "objects"); o; o = xml_next(o, "objects"))
		FUZZ_MUST(vsphere_places_add(&places, o, &e) == 0);
	vsphere_places_sort(&places);
	for (const struct xml_element *o = xml_child(page, "objects"); o; o = xml_next(o, "objects"))
		if (vsphere_machine_take(s, &places, o, &l, &e) < 0) {
			check_error(&e);
			e = (struct error)ERROR_INIT;
		}
	for (size_t i = 0; i < l.n; i++)
		check_machine(&l.v[i]);
	for (size_t i = 0; i < l.notices.n; i++)
		FUZZ_MUST(*l.notices.v[i] && utf8_valid(l.notices.v[i], strlen(l.notices.v[i])));
}

static void read_reply(const char *data, size_t len, long status, const char *method)
{
	CLEANUP(cleanup_vsphere_session) struct vsphere_session s = { .soap = { .host = "vc" } };
	CLEANUP(cleanup_vsphere_reply) struct vsphere_reply reply = { .doc = NULL };
	struct error e = ERROR_INIT;

	if (vsphere_soap_parse(data, len, status, method, &reply, &e) < 0) {
		check_error(&e);
		FUZZ_MUST(!reply.doc && strlen(reply.fault) < sizeof(reply.fault));
		return;
	}
	FUZZ_MUST(e.code == ERR_NONE && reply.response && !reply.fault[0]);
	read_objects(&s, xml_child(reply.response, "returnval"));
	if (vsphere_session_take_content(&s, &reply, &e) < 0)
		check_error(&e);
	else
		FUZZ_MUST(s.soap.version[0] && !strpbrk(s.root_folder, "<>&\"'") && *s.uuid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	read_reply((const char *)data, len, 200, "RetrievePropertiesEx");
	read_reply((const char *)data, len, 200, "RetrieveServiceContent");
	read_reply((const char *)data, len, 500, "Login");
	return 0;
}
