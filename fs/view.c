/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "disk/vhd_footer.h"
#include "map/blockmap.h"
#include "view.h"

static void view_free(struct view *v)
{
	disk_close(v->disk);
	replica_close(v->replica);
	replica_close(v->replica_base);
	pthread_mutex_destroy(&v->lock);
	free(v->failed);
	free(v->stamps);
	free(v->label);
	free(v);
}

struct view *view_get(struct view *v)
{
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

void view_put(struct view *v)
{
	if (v && atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) == 1)
		view_free(v);
}

static struct view *view_alloc(const char *label, struct error *err)
{
	CLEANUP(cleanup_view) struct view *v = calloc(1, sizeof(*v));

	if (!v) {
		error_errno(err, ENOMEM, "%s", label);
		return NULL;
	}
	pthread_mutex_init(&v->lock, NULL);
	atomic_init(&v->refs, 1);
	v->label = strdup(label);
	if (!v->label) {
		error_errno(err, ENOMEM, "%s", label);
		return NULL;
	}
	return steal_ptr(&v);
}

/*
 * The same image has the same id at every mount: a UUID of its own identity, or of its path if it has none.  Version 8 of
 * RFC 9562: bits of our own choice.
 */
static int derive_vhd_id(struct view *v, struct error *err)
{
	CLEANUP(cleanup_strbuf) struct strbuf text = { 0 };
	const struct disk_image_info *leaf = disk_chain_info(v->disk, 0);
	CLEANUP_FREE char *seed = NULL;
	char hex[33], uuid[GUID_TEXT_LEN];

	strbuf_addf(&text, "liftfs disk.vhd %s %s", leaf->format, *leaf->id ? leaf->id : leaf->path);
	seed = strbuf_take(&text, err);
	if (!seed)
		return -1;
	hasher_plain_hex(seed, strlen(seed), hex);
	snprintf(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
	if (guid_parse(uuid, &v->vhd_id, err) < 0)
		return -1;
	v->vhd_id.b[6] = (uint8_t)((v->vhd_id.b[6] & 0x0f) | 0x80);
	v->vhd_id.b[8] = (uint8_t)((v->vhd_id.b[8] & 0x3f) | 0x80);
	return 0;
}

static int take_stamps(struct view *v, struct error *err)
{
	size_t n = disk_file_count(v->disk);

	v->stamps = calloc(n ? n : 1, sizeof(*v->stamps));
	if (!v->stamps)
		return error_errno(err, ENOMEM, "%s", v->label);
	for (size_t i = 0; i < n; i++) {
		v->stamps[i] = disk_file(v->disk, i)->stamp;
		if (v->stamps[i].mtime_ns > v->mtime_ns)
			v->mtime_ns = v->stamps[i].mtime_ns;
	}
	return 0;
}

static bool is_within_tick(int64_t a_ns, int64_t b_ns)
{
	uint64_t d = a_ns > b_ns ? (uint64_t)a_ns - (uint64_t)b_ns : (uint64_t)b_ns - (uint64_t)a_ns;

	return d < 2 * VIEW_TICK_NS;
}

/* Before the disk is read from. */
static void begin_looking(struct view *v)
{
	v->opened_at = clock_monotonic_ns();
	atomic_store(&v->tables_at, v->opened_at);
	v->fresh_stamps = v->mtime_ns > 0 && !disk_is_verbatim(v->disk) &&
			  is_within_tick((int64_t)clock_realtime_ns(), v->mtime_ns);
}

static void derive_content_id(struct view *v)
{
	v->content_id = hasher_checksum(v->stamps, disk_file_count(v->disk) * sizeof(*v->stamps), v->size);
	if (v->fresh_stamps)
		v->content_id = hasher_checksum(&v->opened_at, sizeof(v->opened_at), v->content_id);
	v->content_id = hasher_checksum(v->version, sizeof(v->version), v->content_id) | 1;
}

static void take_sizes(struct view *v)
{
	v->size = disk_size(v->disk);
	v->content = vhd_content_size(v->size);
	v->block_size = blockmap_default_block_size(v->size);
	v->allocated = disk_file_count(v->disk) ? disk_allocated(v->disk) : v->size;
}

struct view *view_new(const char *label, struct disk *disk, struct error *err)
{
	CLEANUP(cleanup_disk) struct disk *d = disk;
	CLEANUP(cleanup_view) struct view *v = view_alloc(label, err);

	if (!v)
		return NULL;
	v->disk = steal_ptr(&d);
	take_sizes(v);
	if (take_stamps(v, err) < 0 || derive_vhd_id(v, err) < 0)
		return NULL;
	begin_looking(v);
	derive_content_id(v);
	return steal_ptr(&v);
}

static int look_at_replica(struct view *v, struct error *err)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };

	if (replica_look(v->replica, &look, err) < 0)
		return -1;
	if (!look.exists)
		return error_errno(err, ENOENT, "%s", replica_name(v->replica));
	memcpy(v->version, look.version, sizeof(v->version));
	atomic_store(&v->looked_at, clock_monotonic_ns());
	v->replica_size = look.size;
	/* The disk found a good footer at the end of what it saw: the same content, or somebody wrote in between. */
	if (look.size < VHD_FOOTER_LEN || look.size - VHD_FOOTER_LEN < v->size)
		return error_set(err, ERR_CHANGED, "%s: changed while it was opened", replica_name(v->replica));
	return 0;
}

struct view *view_new_replica(const char *label, struct disk *disk, struct replica *raw, struct replica *base,
			      struct error *err)
{
	CLEANUP(cleanup_replica) struct replica *own_base = base, *own_raw = raw;
	CLEANUP(cleanup_disk) struct disk *d = disk;
	CLEANUP(cleanup_view) struct view *v = view_alloc(label, err);

	if (!v)
		return NULL;
	v->disk = steal_ptr(&d);
	v->replica = steal_ptr(&own_raw);
	v->replica_base = steal_ptr(&own_base);
	take_sizes(v);
	if (take_stamps(v, err) < 0 || look_at_replica(v, err) < 0)
		return NULL;
	derive_content_id(v);
	return steal_ptr(&v);
}

/* A recovery point stays as it is. */
static bool replica_changed(struct view *v)
{
	CLEANUP(cleanup_target_look) struct target_look look = { 0 };
	uint64_t now = clock_monotonic_ns();

	if (!v->replica || v->replica_base || now - atomic_load(&v->looked_at) < VIEW_LOOK_NS)
		return false;
	atomic_store(&v->looked_at, now); /* of a failure too: who waits for a dead network does so once */
	if (replica_look(v->replica, &look, NULL) < 0)
		return false;
	return !look.exists || strcmp(look.version, v->version) != 0;
}

/* Opened within a tick of a write, a view is opened once more when the tick is over. */
static bool stamps_tell(const struct view *v)
{
	return !v->fresh_stamps || clock_monotonic_ns() - v->opened_at < 2 * VIEW_TICK_NS;
}

bool view_tables_hold(struct view *v)
{
	uint64_t now_ns = clock_monotonic_ns();
	struct backing_stamp now;

	if (atomic_load(&v->tables_old))
		return false;
	if (now_ns - atomic_load(&v->tables_at) < VIEW_TICK_NS || disk_is_verbatim(v->disk))
		return true;
	if (!stamps_tell(v))
		atomic_store(&v->tables_old, true);
	for (size_t i = 0; i < disk_file_count(v->disk) && !atomic_load(&v->tables_old); i++)
		if (backing_restat(disk_file(v->disk, i), &now, NULL) < 0 || now.size != v->stamps[i].size ||
		    now.mtime_ns != v->stamps[i].mtime_ns)
			atomic_store(&v->tables_old, true);
	atomic_store(&v->tables_at, now_ns);
	return !atomic_load(&v->tables_old);
}

bool view_is_same_disk(const struct view *now, const struct view *then)
{
	size_t n = disk_file_count(then->disk);

	if (disk_file_count(now->disk) != n || now->size != then->size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (now->stamps[i].inode != then->stamps[i].inode)
			return false;
	return true;
}

bool view_is_current(struct view *v)
{
	struct backing_stamp now;

	if (!atomic_load(&v->stale) && (replica_changed(v) || !stamps_tell(v)))
		atomic_store(&v->stale, true);
	for (size_t i = 0; i < disk_file_count(v->disk) && !atomic_load(&v->stale); i++)
		if (backing_restat(disk_file(v->disk, i), &now, NULL) < 0 || !backing_stamp_equal(&now, &v->stamps[i]))
			atomic_store(&v->stale, true);
	return !atomic_load(&v->stale);
}

void view_note_stale(struct view *v, const struct error *why)
{
	if (why->code == ERR_CONFLICT || why->code == ERR_CHANGED)
		atomic_store(&v->stale, true);
}

bool view_note_failure(struct view *v, uint64_t off, uint64_t len, const struct error *why)
{
	LOCK_SCOPE(&v->lock);
	struct view_failed *f;

	for (size_t i = 0; i < v->n_failed; i++) {
		f = &v->failed[i];
		if (off >= f->off && range_ok(off - f->off, len, f->len))
			return false;
		/* The system first reads ahead, then the page that somebody wants: the smaller range is the better one. */
		if (f->off >= off && range_ok(f->off - off, f->len, len))
			return false;
	}
	if (v->n_failed == VIEW_FAILED_MAX) {
		v->failed_more++;
		return false;
	}
	if (v->n_failed == v->cap_failed) {
		size_t cap = v->cap_failed ? 2 * v->cap_failed : 8;

		f = reallocarray(v->failed, cap, sizeof(*f));
		if (!f)
			return true;
		v->failed = f;
		v->cap_failed = cap;
	}
	f = &v->failed[v->n_failed++];
	*f = (struct view_failed){ .off = off, .len = len };
	memcpy(f->msg, why->msg, sizeof(f->msg));
	return true;
}

int view_read(struct view *v, void *buf, size_t len, uint64_t off, struct error *err)
{
	struct error why = ERROR_INIT;

	if (disk_read(v->disk, buf, len, off, &why) == 0)
		return 0;
	view_note_stale(v, &why);
	if (view_note_failure(v, off, len, &why))
		log_warn("mount", "%s: %zu bytes at %#" PRIx64 " of the disk: %s", v->label, len, off, why.msg);
	if (err)
		*err = why;
	return -1;
}
