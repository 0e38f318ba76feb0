/* SPDX-License-Identifier: Apache-2.0 */
/* The page-blob server as a program, for scripts: pageblob-server --help. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
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

enum {
	OPT_PORT = 256,
	OPT_ACCOUNT,
	OPT_KEY,
	OPT_BEARER,
	OPT_TENANT,
	OPT_CLIENT,
	OPT_CLIENT_SECRET,
	OPT_CLIENT_CERT,
	OPT_FEDERATED,
	OPT_TOKEN_S,
	OPT_CONTAINER,
	OPT_LOG,
	OPT_FAULTS,
	OPT_SEED,
	OPT_CERT,
	OPT_KEY_FILE,
	OPT_ANY_DATE,
	OPT_HNS,
	OPT_REFUSE_EARLY,
	OPT_LEASE_SECOND,
	OPT_STDIN_EOF,
	OPT_HELP
};

static const struct option options[] = {
	{ "port", required_argument, NULL, OPT_PORT },
	{ "account", required_argument, NULL, OPT_ACCOUNT },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "bearer", required_argument, NULL, OPT_BEARER },
	{ "tenant", required_argument, NULL, OPT_TENANT },
	{ "client", required_argument, NULL, OPT_CLIENT },
	{ "client-secret", required_argument, NULL, OPT_CLIENT_SECRET },
	{ "client-cert", required_argument, NULL, OPT_CLIENT_CERT },
	{ "federated", required_argument, NULL, OPT_FEDERATED },
	{ "token-s", required_argument, NULL, OPT_TOKEN_S },
	{ "container", required_argument, NULL, OPT_CONTAINER },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "faults", required_argument, NULL, OPT_FAULTS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "cert", required_argument, NULL, OPT_CERT },
	{ "key-file", required_argument, NULL, OPT_KEY_FILE },
	{ "any-date", no_argument, NULL, OPT_ANY_DATE },
	{ "hns", no_argument, NULL, OPT_HNS },
	{ "refuse-early", no_argument, NULL, OPT_REFUSE_EARLY },
	{ "lease-second-ms", required_argument, NULL, OPT_LEASE_SECOND },
	{ "stdin-eof", no_argument, NULL, OPT_STDIN_EOF },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

#define CONTAINERS_MAX 16

struct settings {
	struct pageblob_config config;
	char *cert, *key, *faults, *client_cert; /* read from files */
	const char *containers[CONTAINERS_MAX];
	size_t n_containers;
	bool stdin_eof, help;
};

static int read_text(const char *path, char **out, struct error *err)
{
	free(*out);
	*out = io_read_file(AT_FDCWD, path, 1 << 20, NULL, err);
	return *out ? 0 : -1;
}

static int set_option(struct settings *set, int option, const char *value, struct error *err)
{
	uint64_t n = 0;

	switch (option) {
	case OPT_PORT:
		if (parse_u64(value, UINT16_MAX, &n, err) < 0)
			return error_prefix(err, "--port");
		set->config.port = (uint16_t)n;
		return 0;
	case OPT_SEED:
		return parse_u64(value, UINT64_MAX, &set->config.seed, err) < 0 ? error_prefix(err, "--seed") : 0;
	case OPT_LEASE_SECOND:
		if (parse_u64(value, 3600000, &n, err) < 0)
			return error_prefix(err, "--lease-second-ms");
		set->config.lease_second_ms = (unsigned)n;
		return 0;
	case OPT_TOKEN_S:
		if (parse_u64(value, 86400, &n, err) < 0)
			return error_prefix(err, "--token-s");
		set->config.token_s = (unsigned)n;
		return 0;
	case OPT_CLIENT_CERT:
		return read_text(value, &set->client_cert, err);
	case OPT_TENANT:
		set->config.tenant = value;
		return 0;
	case OPT_CLIENT:
		set->config.client = value;
		return 0;
	case OPT_CLIENT_SECRET:
		set->config.client_secret = value;
		return 0;
	case OPT_FEDERATED:
		set->config.federated = value;
		return 0;
	case OPT_CONTAINER:
		if (set->n_containers == CONTAINERS_MAX)
			return error_set(err, ERR_USAGE, "--container: at most %d", CONTAINERS_MAX);
		set->containers[set->n_containers++] = value;
		return 0;
	case OPT_CERT:
		return read_text(value, &set->cert, err);
	case OPT_KEY_FILE:
		return read_text(value, &set->key, err);
	case OPT_FAULTS:
		return read_text(value, &set->faults, err);
	case OPT_ACCOUNT:
		set->config.account = value;
		return 0;
	case OPT_KEY:
		set->config.key = value;
		return 0;
	case OPT_BEARER:
		set->config.bearer = value;
		return 0;
	case OPT_LOG:
		set->config.log_path = value;
		return 0;
	case OPT_ANY_DATE:
		set->config.any_date = true;
		return 0;
	case OPT_HNS:
		set->config.hns = true;
		return 0;
	case OPT_REFUSE_EARLY:
		set->config.refuse_early = true;
		return 0;
	case OPT_STDIN_EOF:
		set->stdin_eof = true;
		return 0;
	case OPT_HELP:
		set->help = true;
		return 0;
	default:
		return error_set(err, ERR_USAGE, "see --help");
	}
}

static int parse_options(int argc, char **argv, struct settings *set, struct error *err)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (set_option(set, option, optarg, err) < 0)
			return -1;
	if (optind < argc)
		return error_set(err, ERR_USAGE, "'%s': no such argument", argv[optind]);
	if (!set->cert != !set->key)
		return error_set(err, ERR_USAGE, "--cert and --key-file go together");
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
