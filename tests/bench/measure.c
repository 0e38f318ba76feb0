/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program and says what it cost:
 *
 *	measure FILE PROGRAM [ARGUMENT...]
 *
 * FILE gets one line: seconds of wall and of processor, and the peak of the resident set in KiB.  Ends with the
 * program's status. It is as small as it is because a program inherits the peak of whoever starts it: that of the
 * interpreter that runs the benchmark would hide what is measured.
 */
#include <config.h>

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct timespec from, to;
	struct rusage usage;
	int status;
	FILE *f;
	pid_t pid;

	if (argc < 3) {
		fputs("usage: measure FILE PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	pid = fork();
	if (pid == 0) {
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return 126;
	clock_gettime(CLOCK_MONOTONIC, &to);
	f = fopen(argv[1], "we");
	if (!f)
		return 126;
	fprintf(f, "%.6f %.6f %ld\n", (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
		seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss);
	if (fclose(f) != 0)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
