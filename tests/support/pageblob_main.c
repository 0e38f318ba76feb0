/* SPDX-License-Identifier: Apache-2.0 */
/* The page-blob server as a program, for scripts: pageblob-server --help. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "support/pageblob_server.h"

static const char help[] = "usage: pageblob-server [options]\n"
			   "A strict page-blob service on 127.0.0.1.  Prints its endpoint on one line when ready; ends "
			   "on SIGTERM or SIGINT.\n"
			   "  --port N            listen there (0: any)\n"
			   "  --account NAME      default " PAGEBLOB_ACCOUNT "\n"
			   "  --key BASE64        default: the emulator's well-known key\n"
			   "  --bearer TOKEN      accept this OAuth token\n"
			   "  --tenant NAME --client NAME --client-secret TEXT --client-cert FILE --federated TEXT\n"
			   "                      who may sign in under /_token of the endpoint's host\n"
			   "  --token-s N         how long a token lasts; default 3600\n"
			   "  --container NAME    make a container before the start; may be repeated\n"
			   "  --log FILE          append one JSON line a request\n"
			   "  --faults FILE       rules to start with; later PUT /_admin/faults\n"
			   "  --seed N            of chance in the rules\n"
			   "  --cert FILE --key-file FILE    PEM: TLS\n"
			   "  --any-date          accept a date that is more than 15 minutes off\n"
			   "  --hns               play an account with a hierarchical namespace\n"
			   "  --refuse-early      answer 413 before the body was read\n"
			   "  --lease-second-ms N how long a second of a lease lasts\n"
			   "  --stdin-eof         end also when standard input ends\n";

#define CONTAINERS_MAX 16

struct settings {
	struct pageblob_config config;
	char *cert, *key, *faults, *client_cert; /* read from files */
	const char *containers[CONTAINERS_MAX];
	size_t n_containers;
	uint64_t port, lease_second_ms, token_s;
	bool stdin_eof, help;
};

enum kind {
	FLAG,
	TEXT,
	NUMBER,
	CONTENT,   /* of a file */
	CONTAINER, /* may be repeated */
};

static const struct {
	const char *name;
	enum kind kind;
	size_t at;    /* in struct settings */
	uint64_t max; /* of a number */
} options[] = {
	{ "port", NUMBER, offsetof(struct settings, port), UINT16_MAX },
	{ "account", TEXT, offsetof(struct settings, config.account), 0 },
	{ "key", TEXT, offsetof(struct settings, config.key), 0 },
	{ "bearer", TEXT, offsetof(struct settings, config.bearer), 0 },
	{ "tenant", TEXT, offsetof(struct settings, config.tenant), 0 },
	{ "client", TEXT, offsetof(struct settings, config.client), 0 },
	{ "client-secret", TEXT, offsetof(struct settings, config.client_secret), 0 },
	{ "client-cert", CONTENT, offsetof(struct settings, client_cert), 0 },
	{ "federated", TEXT, offsetof(struct settings, config.federated), 0 },
	{ "token-s", NUMBER, offsetof(struct settings, token_s), 86400 },
	{ "container", CONTAINER, offsetof(struct settings, containers), 0 },
	{ "log", TEXT, offsetof(struct settings, config.log_path), 0 },
	{ "faults", CONTENT, offsetof(struct settings, faults), 0 },
	{ "seed", NUMBER, offsetof(struct settings, config.seed), UINT64_MAX },
	{ "cert", CONTENT, offsetof(struct settings, cert), 0 },
	{ "key-file", CONTENT, offsetof(struct settings, key), 0 },
	{ "any-date", FLAG, offsetof(struct settings, config.any_date), 0 },
	{ "hns", FLAG, offsetof(struct settings, config.hns), 0 },
	{ "refuse-early", FLAG, offsetof(struct settings, config.refuse_early), 0 },
	{ "lease-second-ms", NUMBER, offsetof(struct settings, lease_second_ms), 3600000 },
	{ "stdin-eof", FLAG, offsetof(struct settings, stdin_eof), 0 },
	{ "help", FLAG, offsetof(struct settings, help), 0 },
};

#define FIRST_OPTION 256 /* what getopt_long() returns for options[0]; above every character */

static int read_text(const char *path, char **out, struct error *err)
{
	free(*out);
	*out = io_read_file(AT_FDCWD, path, 1 << 20, NULL, err);
	return *out ? 0 : -1;
}

static int set_option(struct settings *set, size_t i, const char *value, struct error *err)
{
	void *at = (char *)set + options[i].at;

	switch (options[i].kind) {
	case FLAG:
		*(bool *)at = true;
		return 0;
	case TEXT:
		*(const char **)at = value;
		return 0;
	case NUMBER:
		return parse_u64(value, options[i].max, at, err) < 0 ? error_prefix(err, "--%s", options[i].name) : 0;
	case CONTENT:
		return read_text(value, at, err);
	case CONTAINER:
		break;
	}
	if (set->n_containers == CONTAINERS_MAX)
		return error_set(err, ERR_USAGE, "--container: at most %d", CONTAINERS_MAX);
	set->containers[set->n_containers++] = value;
	return 0;
}

static int parse_options(int argc, char **argv, struct settings *set, struct error *err)
{
	struct option names[ARRAY_LEN(options) + 1] = { 0 };
	int option;

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		names[i] = (struct option){ .name = options[i].name,
					    .has_arg = options[i].kind == FLAG ? no_argument : required_argument,
					    .val = FIRST_OPTION + (int)i };
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option < FIRST_OPTION)
			return error_set(err, ERR_USAGE, "see --help");
		if (set_option(set, (size_t)(option - FIRST_OPTION), optarg, err) < 0)
			return -1;
	}
	if (optind < argc)
		return error_set(err, ERR_USAGE, "'%s': no such argument", argv[optind]);
	if (!set->cert != !set->key)
		return error_set(err, ERR_USAGE, "--cert and --key-file go together");
	set->config.port = (uint16_t)set->port;
	set->config.lease_second_ms = (unsigned)set->lease_second_ms;
	set->config.token_s = (unsigned)set->token_s;
	set->config.cert_pem = set->cert;
	set->config.key_pem = set->key;
	set->config.faults = set->faults;
	set->config.client_cert_pem = set->client_cert;
	return 0;
}

static int stop_pipe[2];

static void on_signal(int number)
{
	int saved = errno;
	ssize_t n = write(stop_pipe[1], "", 1);

	(void)number;
	(void)n; /* a full pipe already says it */
	errno = saved;
}

static int catch_signals(struct error *err)
{
	struct sigaction action = { .sa_handler = on_signal };

	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_errno(err, errno, "pipe");
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static void wait_for_end(bool stdin_eof)
{
	struct pollfd fds[] = { { .fd = stop_pipe[0], .events = POLLIN },
				{ .fd = stdin_eof ? STDIN_FILENO : -1, .events = POLLIN } };
	char buf[256];

	for (;;) {
		if (poll(fds, ARRAY_LEN(fds), -1) < 0)
			continue; /* EINTR: the handler has written */
		if (fds[0].revents || (fds[1].revents && read(STDIN_FILENO, buf, sizeof(buf)) <= 0))
			return;
	}
}

static int serve(const struct settings *set, struct error *err)
{
	CLEANUP(cleanup_pageblob_server) struct pageblob_server *s = NULL;

	if (catch_signals(err) < 0)
		return -1;
	s = pageblob_server_start(&set->config, err);
	if (!s)
		return -1;
	for (size_t i = 0; i < set->n_containers; i++)
		if (pageblob_server_create_container(s, set->containers[i], err) < 0)
			return -1;
	printf("%s\n", pageblob_server_endpoint(s));
	if (fflush(stdout) != 0)
		return error_errno(err, errno, "standard output");
	wait_for_end(set->stdin_eof);
	return 0;
}

int main(int argc, char **argv)
{
	struct settings set = { 0 };
	struct error err = ERROR_INIT;
	int rc = parse_options(argc, argv, &set, &err);

	if (rc == 0 && set.help)
		fputs(help, stdout);
	else if (rc == 0)
		rc = serve(&set, &err);
	if (rc < 0)
		fprintf(stderr, "pageblob-server: %s\n", err.msg);
	free(set.cert);
	free(set.key);
	free(set.faults);
	free(set.client_cert);
	return rc < 0 ? error_exit_status(&err) : 0;
}
