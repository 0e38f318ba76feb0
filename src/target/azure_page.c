/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A replica's single requests: properties, creation, number, metadata, size, snapshot; and reading.
 *
 * Those that change something and are conditional are sent once: after an unknown outcome (no answer, 500, 502, 504) a
 * second one would be refused for the change that the first one made, so the caller hears "unknown" and looks.
 */
#include <config.h>

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "target/azure.h"

static const char *header(const struct azure_exchange *x, const char *name)
{
	return http_reply_header(&x->req, name);
}

static int header_u64(const struct azure_exchange *x, const char *name, uint64_t *out, struct error *err)
{
	const char *value = header(x, name);

	if (!value || parse_u64(value, INT64_MAX, out, NULL) < 0)
		return error_set(err, ERR_UNSUPPORTED, "an answer with %s%s as %s", value ? "'" : "",
				 value ? value : "nothing", name);
	return 0;
}

static int take_version(const struct azure_exchange *x, char *version_out, struct error *err)
{
	const char *etag = header(x, "ETag");

	if (!etag || !*etag || strlen(etag) >= TARGET_VERSION_LEN)
		return error_set(err, ERR_UNSUPPORTED, "an answer without a usable ETag");
	memcpy(version_out, etag, strlen(etag) + 1);
	return 0;
}

static int take_meta(const struct azure_exchange *x, struct target_meta *meta, struct error *err)
{
	const char *name, *value;

	for (size_t i = 0; http_reply_header_at(&x->req, i, &name, &value); i++)
		if (strncasecmp(name, "x-ms-meta-", 10) == 0 && azure_meta_add(meta, name + 10, value, err) < 0)
			return -1;
	return 0;
}

int azure_look(struct replica *r, struct target_look *out, struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 200 };
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	struct error failed = ERROR_INIT;
	char lease[GUID_TEXT_LEN];
	const char *type, *state;

	azure_call_init(r, AZURE_LOOK, &x.call, lease);
	x.call.lease_id = NULL; /* with an id the service checks it, and a lapsed lease would refuse the look */
	if (azure_exchange(r->target, &r->counters, &x, &failed) < 0) {
		if (x.reply.status != 0 && azure_reply_missing(&x.reply))
			return 0; /* *out says that it does not exist */
		if (err)
			*err = failed;
		return -1;
	}
	type = header(&x, "x-ms-blob-type");
	if (!type || strcmp(type, "PageBlob") != 0)
		return error_set(err, ERR_CONFLICT, "a blob of type %s, not PageBlob, has the name",
				 type ? type : "unknown");
	if (header_u64(&x, "Content-Length", &look.size, err) < 0 || take_version(&x, look.version, err) < 0 ||
	    (!r->point && header_u64(&x, "x-ms-blob-sequence-number", &look.number, err) < 0) ||
	    take_meta(&x, &look.meta, err) < 0)
		return -1;
	state = header(&x, "x-ms-lease-status");
	look.leased = state && strcmp(state, "locked") == 0;
	look.exists = true;
	*out = look;
	memset(&look, 0, sizeof(look));
	return 0;
}

int azure_create(struct replica *r, uint64_t size, uint64_t number, const struct target_meta *meta, struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 201, .once = true };
	char lease[GUID_TEXT_LEN];

	azure_call_init(r, AZURE_CREATE, &x.call, lease);
	x.call.size = size;
	x.call.number = number;
	x.call.meta = meta;
	return azure_exchange(r->target, &r->counters, &x, err);
}

int azure_raise(struct replica *r, uint64_t number, const char *if_version, uint64_t *number_out, char *version_out,
		struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 200, .once = true };
	struct azure_replica *a = azure_replica(r);
	char lease[GUID_TEXT_LEN];
	uint64_t live;

	azure_call_init(r, AZURE_RAISE, &x.call, lease);
	x.call.number = number;
	x.call.if_version = if_version;
	if (azure_exchange(r->target, &r->counters, &x, err) < 0 || take_version(&x, version_out, err) < 0 ||
	    header_u64(&x, "x-ms-blob-sequence-number", &live, err) < 0)
		return -1;
	if (live < number)
		return error_set(err, ERR_UNSUPPORTED, "sequence number %" PRIu64 " after it was raised to %" PRIu64,
				 live, number);
	{
		LOCK_SCOPE(&a->lock);
		a->numbered = true;
		a->number = number;
	}
	*number_out = live;
	return 0;
}

int azure_set_meta(struct replica *r, const char *if_version, const struct target_meta *meta, char *version_out,
		   struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 200, .once = true };
	char lease[GUID_TEXT_LEN];

	azure_call_init(r, AZURE_SET_META, &x.call, lease);
	x.call.meta = meta;
	x.call.if_version = if_version;
	if (azure_exchange(r->target, &r->counters, &x, err) < 0)
		return -1;
	return take_version(&x, version_out, err);
}

int azure_resize(struct replica *r, uint64_t size, const char *if_version, char *version_out, struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 200, .once = true };
	char lease[GUID_TEXT_LEN];

	azure_call_init(r, AZURE_RESIZE, &x.call, lease);
	x.call.size = size;
	x.call.if_version = if_version;
	if (azure_exchange(r->target, &r->counters, &x, err) < 0)
		return -1;
	return take_version(&x, version_out, err);
}

int azure_snapshot(struct replica *r, const char *if_version, const char *name, const struct target_meta *meta,
		   char *id_out, struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 201, .once = true };
	char lease[GUID_TEXT_LEN];
	const char *id;

	(void)name; /* the service names it by its time */
	azure_call_init(r, AZURE_SNAPSHOT, &x.call, lease);
	x.call.meta = meta;
	x.call.if_version = if_version;
	if (azure_exchange(r->target, &r->counters, &x, err) < 0)
		return -1;
	id = header(&x, "x-ms-snapshot");
	if (!id || !*id || strlen(id) >= TARGET_POINT_LEN)
		return error_set(err, ERR_UNSUPPORTED, "an answer without a usable x-ms-snapshot");
	memcpy(id_out, id, strlen(id) + 1);
	return 0;
}

/* ---- reading ---- */

enum read_result { READ_OK, READ_FAILED, READ_DAMAGED, READ_NO_SUM };

/* One range of at most TARGET_WRITE_MAX, with the service's checksum of it.  err is set unless all is well. */
static enum read_result read_part(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version,
				  struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 206 };
	char lease[GUID_TEXT_LEN], sum[AZURE_SUM_TEXT_LEN];
	const char *theirs;

	azure_call_init(r, AZURE_READ, &x.call, lease);
	x.call.lease_id = NULL;
	x.call.off = off;
	x.call.len = len;
	x.call.if_version = if_version;
	x.reply_buf = buf;
	x.reply_cap = len;
	if (azure_exchange(r->target, &r->counters, &x, err) < 0)
		return READ_FAILED;
	if (x.req.reply_len != len) {
		error_set(err, ERR_NETWORK, "read of %zu bytes at %#" PRIx64 ": %zu came", len, off, x.req.reply_len);
		return READ_DAMAGED;
	}
	theirs = header(&x, azure_sum_header(x.call.checksum));
	if (!theirs) {
		error_set(err, ERR_UNSUPPORTED, "read of %zu bytes at %#" PRIx64 ": no checksum in the answer", len,
			  off);
		return x.call.checksum == AZURE_CRC64 ? READ_NO_SUM : READ_FAILED;
	}
	if (azure_sum(x.call.checksum, buf, len, sum, err) < 0)
		return READ_FAILED;
	if (strcmp(theirs, sum) == 0)
		return READ_OK;
	error_set(err, ERR_NETWORK,
		  "read of %zu bytes at %#" PRIx64 ": checksum %s, the service's is %s: the bytes were "
		  "damaged on their way",
		  len, off, sum, theirs);
	return READ_DAMAGED;
}

int azure_read(struct replica *r, void *buf, size_t len, uint64_t off, const char *if_version, struct error *err)
{
	enum { DAMAGED_MAX = 3 };
	unsigned damaged = 0;

	for (size_t done = 0; done < len;) {
		size_t part = len - done < TARGET_WRITE_MAX ? len - done : TARGET_WRITE_MAX;
		struct error failed = ERROR_INIT;

		if (cancel_check(r->target->config.cancel, err) < 0)
			return -1;
		switch (read_part(r, (char *)buf + done, part, off + done, if_version, &failed)) {
		case READ_OK:
			done += part;
			damaged = 0;
			continue;
		case READ_NO_SUM:
			azure_fall_back(r->target);
			continue;
		case READ_DAMAGED:
			if (++damaged < DAMAGED_MAX)
				continue;
			break;
		case READ_FAILED:
			break;
		}
		if (err)
			*err = failed;
		return -1;
	}
	return 0;
}
