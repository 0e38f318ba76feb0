/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inventory/datastore_hyperv.h"
#include "inventory/datastore_pick.h"

void datastore_configured_fini(struct configured_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].label);
	}
	free(l->v);
}

void datastore_picks_fini(struct picks *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].path);
		free(p->v[i].vm);
	}
	free(p->v);
}

struct pick *datastore_pick_add(struct picks *p, struct datastore_image *image, const char *path, const char *vm,
				size_t vm_len, struct error *err)
{
	struct pick *pick;

	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 32;
		struct pick *v = reallocarray(p->v, cap, sizeof(*v));

		if (!v) {
			error_errno(err, ENOMEM, "%s", path);
			return NULL;
		}
		p->v = v;
		p->cap = cap;
	}
	pick = &p->v[p->n];
	*pick = (struct pick){ .image = image, .path = strdup(path), .vm = strndup(vm, vm_len), .config = SIZE_MAX };
	if (image)
		pick->err = image->err;
	if (!pick->path || !pick->vm) {
		free(pick->path);
		free(pick->vm);
		error_errno(err, ENOMEM, "%s", path);
		return NULL;
	}
	p->n++;
	return pick;
}

size_t datastore_folder_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

bool datastore_same_place(const char *a, const char *b)
{
	return datastore_hyperv_place_order(a, b) == 0;
}
