/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure page blobs as a target: the table, and the place.
 *
 * Preparing asks for what can be known before the first byte: the kind of account, whether the container is there, and
 * whether these credentials may list and read.  A container SAS may not ask about the account: then the first request
 * that such an account refuses will say so.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/crc64.h"
#include "net/credentials.h"
#include "net/digest.h"
#include "target/azure.h"

#define MAX_SIZE (UINT64_C(8) << 40) /* of a page blob */

static void place_free(struct azure_place *p)
{
	if (!p)
		return;
	azure_url_fini(&p->url);
	free(p->container_url);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
DEFINE_CLEANUP(cleanup_place, struct azure_place *, place_free);

static int open_place(struct target *t, const char *url, struct error *err)
{
	CLEANUP(cleanup_place) struct azure_place *p = calloc(1, sizeof(*p));

	if (!p)
		return error_set(err, ERR_NOMEM, "target");
	pthread_mutex_init(&p->lock, NULL);
	if (azure_url_parse(url, t->config.account_hint, t->config.insecure_http, &p->url, err) < 0)
		return -1;
	if (!t->config.http || !t->config.creds)
		return error_set(err, ERR_BUG, "%s: opened without an HTTP engine or credentials", p->url.name);
	if (t->config.creds->account && strcmp(t->config.creds->account, p->url.account) != 0)
		return error_set(err, ERR_REFUSED, "%s: the credentials (%s) are of account %s", p->url.name,
				 t->config.creds->source, t->config.creds->account);
	p->container_url = azure_url_container(&p->url, err);
	if (!p->container_url || random_bytes(&p->id, sizeof(p->id), err) < 0)
		return -1;
	credentials_who(t->config.creds, p->who);
	t->name = strdup(p->url.name);
	if (!t->name)
		return error_set(err, ERR_NOMEM, "target");
	t->caps = (struct target_caps){ .points = true, .remote = true, .late = true, .max_size = MAX_SIZE };
	t->priv = steal_ptr(&p);
	return 0;
}

static void close_place(struct target *t)
{
	place_free(t->priv);
}

static int check_name(const struct target *t, const char *name, struct error *err)
{
	return azure_url_check_name(&azure_place(t)->url, name, err);
}

/* ---- preparing ---- */

static int account(struct target *t, char **note, struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 200 };
	const char *sku, *kind, *hns;
	struct error failed = ERROR_INIT;

	x.call = (struct azure_call){ .op = AZURE_ACCOUNT, .url = azure_place(t)->container_url };
	if (azure_exchange(t, NULL, &x, &failed) < 0) {
		if (x.reply.status >= 400 && x.reply.status < 500) {
			log_debug("azure", "account information: %s", failed.msg);
			return 0;
		}
		if (err)
			*err = failed;
		return -1;
	}
	sku = http_reply_header(&x.req, "x-ms-sku-name");
	kind = http_reply_header(&x.req, "x-ms-account-kind");
	hns = http_reply_header(&x.req, "x-ms-is-hns-enabled");
	if (hns && strcmp(hns, "true") == 0)
		return error_set(err, ERR_UNSUPPORTED,
				 "account %s has a hierarchical namespace, which holds no page blobs; use "
				 "an account without it",
				 azure_place(t)->url.account);
	if (kind && (strcmp(kind, "BlockBlobStorage") == 0 || strcmp(kind, "FileStorage") == 0))
		return error_set(err, ERR_UNSUPPORTED, "account %s is of kind %s, which holds no page blobs",
				 azure_place(t)->url.account, kind);
	if (!sku || strncmp(sku, "Premium", 7) != 0)
		return 0;
	*note = strdup(
		"premium account: a replica's whole size is billed, and a blob keeps at most 100 recovery points");
	return *note ? 0 : error_set(err, ERR_NOMEM, "target");
}

static int create_container(struct target *t, struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 201 };
	struct error failed = ERROR_INIT;

	x.call = (struct azure_call){ .op = AZURE_CREATE_CONTAINER, .url = azure_place(t)->container_url };
	if (azure_exchange(t, NULL, &x, &failed) == 0 || strcmp(x.reply.code, "ContainerAlreadyExists") == 0)
		return 0;
	if (err)
		*err = failed;
	return -1;
}

/* Is the container there, and may we list it?  1: it is not there. */
static int try_list(struct target *t, struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 200 };
	struct error failed = ERROR_INIT;

	x.call = (struct azure_call){ .op = AZURE_LIST,
				      .url = azure_place(t)->container_url,
				      .prefix = azure_place(t)->url.prefix,
				      .max_results = 1 };
	if (azure_exchange(t, NULL, &x, &failed) == 0)
		return 0;
	if (x.reply.status != 0 && azure_reply_no_container(&x.reply))
		return 1;
	if (err)
		*err = failed;
	return -1;
}

/* Looks at a name that nobody has: an answer of "not found" needs the right to read. */
static int try_read(struct target *t, struct error *err)
{
	CLEANUP(cleanup_azure_exchange) struct azure_exchange x = { .expect = 200 };
	CLEANUP_FREE char *url = azure_url_blob(&azure_place(t)->url, ".liftfs/rights", err);
	struct error failed = ERROR_INIT;

	if (!url)
		return -1;
	x.call = (struct azure_call){ .op = AZURE_LOOK, .url = url };
	if (azure_exchange(t, NULL, &x, &failed) == 0 || (x.reply.status != 0 && azure_reply_missing(&x.reply)))
		return 0;
	if (err)
		*err = failed;
	return -1;
}

/* What a SAS says of itself; one that leaves its rights to a stored policy says nothing. */
static int check_sas(const struct credentials *creds, struct error *err)
{
	const struct sas *sas = &creds->sas;

	if (creds->kind != CREDENTIALS_SAS)
		return 0;
	if (strcmp(sas->resource, "b") == 0 || strcmp(sas->resource, "bs") == 0)
		return error_set(err, ERR_REFUSED,
				 "the SAS of %s is for a single blob; needed: one for the container, sp=rcwl",
				 creds->source);
	if (sas->policy[0] == '\0' &&
	    !(strchr(sas->permissions, 'r') && strchr(sas->permissions, 'w') && strchr(sas->permissions, 'l')))
		return error_set(err, ERR_REFUSED, "the SAS of %s grants sp=%s; needed: sp=rcwl", creds->source,
				 sas->permissions);
	return sas_check_time(sas, clock_realtime_ns(), err);
}

/* Leaves a note about the account as it is: it tells more. */
static int note_container(struct target *t, char **note, struct error *err)
{
	if (!*note && asprintf(note, "container %s: would be created", azure_place(t)->url.container) < 0) {
		*note = NULL;
		return error_set(err, ERR_NOMEM, "target");
	}
	return 0;
}

static int prepare(struct target *t, bool dry_run, char **note, struct error *err)
{
	int missing;

	if (check_sas(t->config.creds, err) < 0 || account(t, note, err) < 0)
		return -1;
	missing = try_list(t, err);
	if (missing < 0)
		return -1;
	if (missing && !t->config.create)
		return error_set(err, ERR_REFUSED, "container %s does not exist; create it, or name one that exists",
				 azure_place(t)->url.container);
	if (missing && t->config.creds->kind == CREDENTIALS_SAS && strcmp(t->config.creds->sas.resource, "c") == 0)
		return error_set(err, ERR_REFUSED,
				 "container %s does not exist, and a SAS for a container cannot create it; create it first",
				 azure_place(t)->url.container);
	if (missing && dry_run)
		return note_container(t, note, err);
	if (missing && create_container(t, err) < 0)
		return error_prefix(err, "container %s", azure_place(t)->url.container);
	return try_read(t, err);
}

/* ---- a replica ---- */

static int open_at(struct replica *r, struct error *err)
{
	struct azure_place *p = azure_place(r->target);
	CLEANUP_FREE char *name = r->map_copy ? target_map_copy_path(r->name, err) : strdup(r->name);
	struct azure_replica *a = calloc(1, sizeof(*a));

	if (!a || !name) {
		free(a);
		return error_set(err, ERR_NOMEM, "%s", r->name);
	}
	pthread_mutex_init(&a->lock, NULL);
	r->priv = a;
	if (r->map_copy && azure_url_check_name(&p->url, name, err) < 0)
		return -1;
	if (asprintf(&a->blob, "%s%s", p->url.prefix, name) < 0) {
		a->blob = NULL;
		return error_set(err, ERR_NOMEM, "%s", r->name);
	}
	a->url = azure_url_blob(&p->url, name, err);
	return a->url ? 0 : -1;
}

static void close_replica(struct replica *r)
{
	struct azure_replica *a = r->priv;

	if (!a)
		return;
	azure_writer_free(a->writer);
	pthread_mutex_destroy(&a->lock);
	free(a->blob);
	free(a->url);
	free(a);
}

static int at_point(struct replica *r, const char *point_id, struct replica *point, struct error *err)
{
	(void)r;
	(void)point_id; /* the wrapper has it in point->point */
	return open_at(point, err);
}

/* ---- what all requests share ---- */

int azure_build(struct target *t, struct azure_call *call, size_t body_len, struct azure_text *text, struct error *err)
{
	struct azure_place *p = azure_place(t);
	char id[48];

	snprintf(id, sizeof(id), "liftfs-%016" PRIx64 "-%" PRIu64, p->id,
		 atomic_fetch_add_explicit(&p->requests, 1, memory_order_relaxed));
	call->now_ns = clock_realtime_ns();
	call->request_id = id;
	if (azure_request_build(call, text, err) < 0)
		return -1;
	call->request_id = NULL;
	if (azure_request_sign(text, t->config.creds, body_len, err) < 0)
		return -1;
	call->generation = text->generation;
	return 0;
}

bool azure_fall_back(struct target *t)
{
	int crc64 = AZURE_CRC64;

	if (!atomic_compare_exchange_strong(&azure_place(t)->checksum, &crc64, AZURE_MD5))
		return false;
	log_warn("azure", "%s: the service does not know CRC-64 checksums: MD5 from now on, which costs more time",
		 target_name(t));
	return true;
}

void azure_answer(const struct http_request *req, struct azure_reply *out)
{
	bool failed = req->status >= 300;

	azure_reply_read(req->status, http_reply_header(req, "x-ms-error-code"),
			 http_reply_header(req, "x-ms-request-id"), failed ? req->reply : NULL,
			 failed ? req->reply_len : 0, out);
}

int azure_sum(enum azure_checksum kind, const void *data, size_t len, char out[AZURE_SUM_TEXT_LEN], struct error *err)
{
	if (kind == AZURE_CRC64) {
		crc64_format(crc64(0, data, len), out);
		return 0;
	}
	return digest_md5_header(data, len, out, err);
}

int azure_sum_op(struct target *t, struct target_op *op, struct error *err)
{
	_Static_assert(sizeof(op->sum) == AZURE_SUM_TEXT_LEN, "a target_op has room for a checksum's text");

	op->sum[0] = '\0';
	op->sum_kind = atomic_load(&azure_place(t)->checksum);
	return op->data && op->sum_kind == AZURE_CRC64 ? azure_sum(AZURE_CRC64, op->data, op->len, op->sum, err) : 0;
}

const char *azure_sum_header(enum azure_checksum kind)
{
	return kind == AZURE_MD5 ? "Content-MD5" : "x-ms-content-crc64";
}

const struct target_ops target_azure_ops = {
	.scheme = "azure",
	.map_copies = true,
	.counts_requests = true,
	.match = azure_url_match,
	.open = open_place,
	.close = close_place,
	.prepare = prepare,
	.check_name = check_name,
	.list = azure_list,
	.replica_open = open_at,
	.replica_close = close_replica,
	.look = azure_look,
	.create = azure_create,
	.lease = azure_lease,
	.raise = azure_raise,
	.set_meta = azure_set_meta,
	.resize = azure_resize,
	.submit = azure_submit,
	.read = azure_read,
	.extents = azure_extents,
	.snapshot = azure_snapshot,
	.points = azure_points,
	.list_points = azure_list_points,
	.delete_point = azure_delete_point,
	.at_point = at_point,
};
