/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ranges of a replica hold data: Get Page Ranges, window by window.
 *
 * A list of a fragmented blob can time out inside the service, so it is asked for in windows of 64 GiB, halved when one
 * fails, and a window's list may come in pages (NextMarker).  Ranges are sorted; neighbours need not be merged, and
 * some services list one for each write that was made.  What is not listed is zero, so a list that is not sorted is an
 * error: data would be taken for zeros.
 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "net/xml_reply.h"
#include "target/azure.h"

#define WINDOW_MAX (UINT64_C(64) << 30)
#define WINDOW_MIN (UINT64_C(64) << 20)

struct window {
	uint64_t off, end; /* what is asked for */
	uint64_t at;       /* up to here `out` is filled */
	uint64_t last;     /* where the last range began */
	struct extent_list *out;
};

static int add_run(struct window *w, uint64_t end, enum extent_kind kind, struct error *err)
{
	uint64_t len = end - w->at;

	if (len == 0)
		return 0;
	if (extent_list_add_run(w->out, w->at, len, kind, 0, err) < 0)
		return -1;
	w->at = end;
	return 0;
}

/* What lies outside of the window is cut, what was listed before is not listed again. */
static int add_range(struct window *w, const struct xml_range *range, struct error *err)
{
	uint64_t start = range->off < w->at ? w->at : range->off, end;

	if (!checked_add(range->off, range->len, &end))
		return error_set(err, ERR_UNSUPPORTED, "page ranges: %#" PRIx64 " bytes at %#" PRIx64, range->len,
				 range->off);
	if (range->off < w->last)
		return error_set(err, ERR_UNSUPPORTED, "page ranges: one at %#" PRIx64 " after one at %#" PRIx64,
				 range->off, w->last);
	w->last = range->off;
	if (end > w->end)
		end = w->end;
	if (start >= end)
		return 0;
	if (add_run(w, start, EXTENT_ZERO, err) < 0)
		return -1;
	return add_run(w, end, EXTENT_DATA, err);
}

/* One page of the list; *marker_out, the next one's, is NULL at the end. */
static int add_page(struct window *w, const struct http_request *req, char **marker_out, struct error *err)
{
	CLEANUP(cleanup_xml)
	struct xml_doc *doc = xml_parse(req->reply ? req->reply : "", req->reply_len, "PageList", err);
	const struct xml_element *at = NULL;
	struct xml_range range;
	const char *marker;
	int more;

	if (!doc)
		return error_prefix(err, "page ranges");
	for (more = xml_next_range(doc, &at, &range, err); more > 0; more = xml_next_range(doc, &at, &range, err))
		if (!range.clear && add_range(w, &range, err) < 0)
			return -1;
	if (more < 0)
		return error_prefix(err, "page ranges");
	if (xml_next_marker(doc, &marker, err) < 0)
		return error_prefix(err, "page ranges");
	if (!marker)
		return 0;
	*marker_out = strdup(marker);
	return *marker_out ? 0 : error_set(err, ERR_NOMEM, "page ranges");
}

static int ask(struct replica *r, struct window *w, const char *if_version, struct error *err)
{
	CLEANUP_FREE char *marker = NULL;

	do {
		CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 200, .reply_max = XML_MAX };
		CLEANUP_FREE char *last = steal_ptr(&marker);
		char lease[GUID_TEXT_LEN];

		if (cancel_check(r->target->config.cancel, err) < 0)
			return -1;
		azure_call_init(r, AZURE_RANGES, &x.call, lease);
		x.call.lease_id = NULL;
		x.call.off = w->off;
		x.call.len = w->end - w->off;
		x.call.if_version = if_version;
		x.call.marker = last;
		x.once = w->end - w->off >
			 WINDOW_MIN; /* a time-out is answered with a smaller window, not with patience */
		if (azure_exchange(r->target, &r->counters, &x, err) < 0 || add_page(w, &x.req, &marker, err) < 0)
			return -1;
		if (marker && last && strcmp(marker, last) == 0)
			return error_set(err, ERR_UNSUPPORTED,
					 "page ranges: the list goes on with the page it ended with");
	} while (marker);
	return add_run(w, w->end, EXTENT_ZERO, err);
}

/* Takes back what a failed window added. */
static void cut(struct extent_list *list, uint64_t at)
{
	while (list->n > 0 && list->v[list->n - 1].off >= at)
		list->n--;
	if (list->n > 0 && list->v[list->n - 1].off + list->v[list->n - 1].len > at)
		list->v[list->n - 1].len = at - list->v[list->n - 1].off;
}

int azure_extents(struct replica *r, uint64_t len, uint64_t off, const char *if_version, struct extent_list *out,
		  struct error *err)
{
	uint64_t window = WINDOW_MAX, end = off + len;

	for (uint64_t at = off; at < end;) {
		struct window w = { .off = at, .end = at, .at = at, .out = out };
		struct error failed = ERROR_INIT;

		/* Windows end where they would without this beginning, so that a range is asked for once. */
		w.end = align_down(at, window) + window < end ? align_down(at, window) + window : end;
		if (ask(r, &w, if_version, &failed) == 0) {
			at = w.end;
			continue;
		}
		if (failed.code != ERR_NETWORK || window <= WINDOW_MIN) {
			if (err)
				*err = failed;
			return -1;
		}
		window /= 2;
		log_info("azure", "%s: page ranges by %" PRIu64 " MiB: %s", replica_name(r), window >> 20, failed.msg);
		cut(out, at);
	}
	return 0;
}
