/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/cleanup.h"
#include "base/fault.h"

struct guard {
	uintptr_t start;
	size_t len;
	sigjmp_buf back;
};

static _Thread_local struct guard *volatile guarded; /* NULL: this thread looks at nothing */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of changes */
static struct sigaction before;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *interrupted = context;
	struct guard *g = guarded;

	if (g && (uintptr_t)info->si_addr - g->start < g->len) {
		pthread_sigmask(SIG_SETMASK, &interrupted->uc_sigmask, NULL); /* as returning would; saving it each time costs */
		siglongjmp(g->back, 1);
	}
	sigaction(sig, &before, NULL); /* the access fails again, and then it is theirs */
}

/* Whoever installs a handler of his own afterwards is found out at the next look. */
static void install(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }, now;

	LOCK_SCOPE(&lock);
	if (sigaction(SIGBUS, NULL, &now) < 0 || ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_fault))
		return;
	before = now;
	sigemptyset(&action.sa_mask);
	sigaction(SIGBUS, &action, NULL);
}

bool fault_guard(const void *start, size_t len, void (*look)(void *ctx), void *ctx)
{
	struct guard g = { .start = (uintptr_t)start, .len = len };

	assert(!guarded);
	install();
	if (sigsetjmp(g.back, 0) != 0) {
		guarded = NULL;
		return false;
	}
	guarded = &g;
	atomic_signal_fence(memory_order_seq_cst); /* what is inlined stays between */
	look(ctx);
	atomic_signal_fence(memory_order_seq_cst);
	guarded = NULL;
	return true;
}
