/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a FUSE program can do to show one file: its pages as they lie in the host's cache, of small reads a copy.  What
 * a mount costs at best on this machine.
 *
 *	passthrough FILE MOUNTPOINT
 *
 * FILE appears as MOUNTPOINT/disk.raw; stays in the foreground until it is unmounted.  Tuned as the mount of liftfs is:
 * reads of 512 KiB, twice as much read ahead if root, pages lent from 64 KiB on, the kernel keeps what it has read, as many threads.
 */
#include <config.h>

#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_MAX (512u << 10)
#define LEND_MIN (64u << 10)
#define READ_AHEAD_KB "1024"
#define NAME "disk.raw"
#define TIMEOUT_S 86400.0

enum { ROOT = 1, DISK = 2, TUNE_TIMES = 10, THREADS_MIN = 4 };

static int source;
static off_t size;
static const char *mount_point;
static pthread_t tuner;
static bool tuning;
static pthread_key_t buffer_key; /* a buffer of READ_MAX a thread */

static struct stat attributes(fuse_ino_t ino)
{
	struct stat st = {
		.st_ino = ino, .st_nlink = 1, .st_mode = S_IFREG | 0444, .st_size = size, .st_blocks = size / 512
	};

	if (ino == ROOT)
		st = (struct stat){ .st_ino = ino, .st_nlink = 2, .st_mode = S_IFDIR | 0555 };
	return st;
}

/* The kernel lowers the value when it has the answer to its first request: written again for a while. */
static void *raise_read_ahead(void *arg)
{
	const struct timespec pause = { .tv_nsec = 30000000 };
	struct statx st;
	char path[96];
	int fd;

	(void)arg;
	if (statx(AT_FDCWD, mount_point, AT_STATX_DONT_SYNC, 0, &st) < 0)
		return NULL;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", st.stx_dev_major, st.stx_dev_minor);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < TUNE_TIMES; i++) {
		if (pwrite(fd, READ_AHEAD_KB, strlen(READ_AHEAD_KB), 0) < 0)
			break;
		nanosleep(&pause, NULL);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->max_read = READ_MAX;
	conn->max_readahead = 2 * READ_MAX;
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_MOVE);
	conn->want |= conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_AUTO_INVAL_DATA);
	tuning = geteuid() == 0 && pthread_create(&tuner, NULL, raise_read_ahead, NULL) == 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .ino = DISK, .attr_timeout = TIMEOUT_S, .entry_timeout = TIMEOUT_S };

	if (parent != ROOT || strcmp(name, NAME) != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.attr = attributes(DISK);
	fuse_reply_entry(req, &e);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = attributes(ino);

	(void)fi;
	fuse_reply_attr(req, &st, TIMEOUT_S);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void *thread_buffer(void)
{
	void *buffer = pthread_getspecific(buffer_key);

	if (buffer || posix_memalign(&buffer, 4096, READ_MAX) != 0)
		return buffer;
	if (pthread_setspecific(buffer_key, buffer) == 0)
		return buffer;
	free(buffer);
	return NULL;
}

static void lend(fuse_req_t req, size_t len, off_t off)
{
	struct fuse_bufvec pages = FUSE_BUFVEC_INIT(len);

	pages.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	pages.buf[0].fd = source;
	pages.buf[0].pos = off;
	fuse_reply_data(req, &pages, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t len, off_t off, struct fuse_file_info *fi)
{
	void *buffer;
	ssize_t n;

	(void)ino;
	(void)fi;
	if (len >= LEND_MIN && off < size) {
		lend(req, size - off < (off_t)len ? (size_t)(size - off) : len, off);
		return;
	}
	buffer = thread_buffer();
	if (!buffer) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	n = pread(source, buffer, len < READ_MAX ? len : READ_MAX, off);
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, buffer, (size_t)n);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
};

static int serve(struct fuse_session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = cores + 1 > THREADS_MIN ? (unsigned)cores + 1 : THREADS_MIN;
	int rc;

	if (!config)
		return -1;
	fuse_loop_cfg_set_clone_fd(config, 0);
	fuse_loop_cfg_set_max_threads(config, threads);
	fuse_loop_cfg_set_idle_threads(config, threads);
	rc = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return rc;
}

int main(int argc, char **argv)
{
	char *fuse_argv[] = { argv[0], (char *)"-o",
			      (char *)"ro,default_permissions,fsname=passthrough,max_read=524288", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, fuse_argv);
	struct fuse_session *session;
	struct stat st;
	int rc;

	if (argc != 3) {
		fputs("usage: passthrough FILE MOUNTPOINT\n", stderr);
		return 2;
	}
	source = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (source < 0 || fstat(source, &st) < 0) {
		fprintf(stderr, "passthrough: %s: %s\n", argv[1], strerrordesc_np(errno));
		return 1;
	}
	size = st.st_size;
	mount_point = argv[2];
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	fuse_opt_free_args(&args);
	if (!session || pthread_key_create(&buffer_key, free) != 0 || fuse_set_signal_handlers(session) != 0 ||
	    fuse_session_mount(session, mount_point) != 0)
		return 1;
	rc = serve(session);
	fuse_session_unmount(session);
	fuse_remove_signal_handlers(session);
	fuse_session_destroy(session);
	if (tuning)
		pthread_join(tuner, NULL);
	return rc != 0;
}
