/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "lent.h"

struct lent_pipe {
	int ends[2];
	size_t slots; /* of a page, or a part of one, each */
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool key_made;

static void close_pipe(void *p)
{
	struct lent_pipe *mine = p;

	close(mine->ends[0]);
	close(mine->ends[1]);
	free(mine);
}

static void make_key(void)
{
	key_made = pthread_key_create(&key, close_pipe) == 0;
}

static struct lent_pipe *thread_pipe(size_t page)
{
	struct lent_pipe *mine;
	int size;

	pthread_once(&once, make_key);
	if (!key_made)
		return NULL;
	mine = pthread_getspecific(key);
	if (mine)
		return mine;
	mine = calloc(1, sizeof(*mine));
	if (!mine || pipe2(mine->ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(mine);
		return NULL;
	}
	/* Who may not have so much has a smaller one, for what fits. */
	(void)fcntl(mine->ends[0], F_SETPIPE_SZ, (int)(LENT_MAX + page));
	size = fcntl(mine->ends[0], F_GETPIPE_SZ);
	mine->slots = size > 0 ? (size_t)size / page : 0;
	if (pthread_setspecific(key, mine) == 0)
		return mine;
	close_pipe(mine);
	return NULL;
}

void lent_drop(void)
{
	struct lent_pipe *mine = key_made ? pthread_getspecific(key) : NULL;

	if (!mine)
		return;
	pthread_setspecific(key, NULL);
	close_pipe(mine);
}

int lent_take(int fd, size_t len, uint64_t off)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), taken = 0;
	struct lent_pipe *mine = thread_pipe(page);
	off_t at = (off_t)off;
	ssize_t n;

	if (!mine || len > LENT_MAX || (len + off % page + page - 1) / page > mine->slots)
		return -1;
	while (taken < len) {
		n = splice(fd, &at, mine->ends[1], NULL, len - taken, SPLICE_F_NONBLOCK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			lent_drop();
			return -1;
		}
		taken += (size_t)n;
	}
	return mine->ends[0];
}
