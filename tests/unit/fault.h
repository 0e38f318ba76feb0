/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system call that fails, by a seccomp filter: independent of which symbol the C library gives it.  For a child of
 * the test, since a filter stays for the life of the process.
 */
#ifndef LIFTFS_TESTS_FAULT_H
#define LIFTFS_TESTS_FAULT_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAULT_SKIP 77 /* the child's exit status where filters are not allowed */

/* From now on system call nr fails with errnum when the low half of argument `arg` (0 to 5; -1: always) has this value. */
static inline bool fault_arm(long nr, int arg, uint32_t value, int errnum)
{
	uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) + 8 * (uint32_t)(arg < 0 ? 0 : arg);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at), /* little-endian: the low half */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)errnum),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = ARRAY_LEN(code), .filter = code };

	if (arg < 0) /* whatever the value, go on to the errno */
		code[3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* Runs fn(ctx) in a child; its return value, or -1 if it died. */
static inline int fault_child(int (*fn)(void *ctx), void *ctx)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(fn(ctx));
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
