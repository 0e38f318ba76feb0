/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/support/loopback_http.h"

#define HEAD_MAX 65536

struct connection {
	struct connection *next;
	struct loopback *server;
	pthread_t thread;
	unsigned number;
	int fd;
	char *in; /* what is read and not used */
	size_t in_len;
};

struct loopback {
	loopback_fn *handle;
	void *ctx;
	int fd;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_mutex_t handling;
	struct connection *connections;
	unsigned n_connections, n_requests, busy, peak;
	bool stop;
	char *body;
	size_t body_len;
};

static bool wait_ms(struct connection *c, unsigned ms)
{
	for (unsigned waited = 0; waited < ms; waited += 5) {
		{
			LOCK_SCOPE(&c->server->lock);
			if (c->server->stop)
				return false;
		}
		usleep(ms - waited < 5 ? (ms - waited) * 1000 : 5000);
	}
	return true;
}

static bool send_all(struct connection *c, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* More bytes into c->in; false at the end. */
static bool fill(struct connection *c, size_t max)
{
	ssize_t n;

	c->in = realloc(c->in, max + 1);
	assert(c->in);
	n = recv(c->fd, c->in + c->in_len, max - c->in_len, 0);
	if (n <= 0)
		return false;
	c->in_len += (size_t)n;
	c->in[c->in_len] = '\0';
	return true;
}

static void consume(struct connection *c, size_t len)
{
	memmove(c->in, c->in + len, c->in_len - len + 1);
	c->in_len -= len;
}

bool loopback_header(const struct loopback_request *req, const char *name, char *out, size_t len)
{
	size_t name_len = strlen(name);

	out[0] = '\0';
	for (const char *line = req->headers; *line; line = strstr(line, "\r\n") + 2) {
		const char *value = line + name_len;

		if (strncasecmp(line, name, name_len) != 0 || *value != ':')
			continue;
		for (value++; *value == ' '; value++)
			;
		snprintf(out, len, "%.*s", (int)strcspn(value, "\r"), value);
		return true;
	}
	return false;
}

static void reset(struct connection *c)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static bool read_body(struct connection *c, size_t len, bool keep)
{
	char *body = malloc(len + 1);
	size_t got = c->in_len < len ? c->in_len : len;

	assert(body);
	memcpy(body, c->in, got);
	consume(c, got);
	while (got < len) {
		ssize_t n = recv(c->fd, body + got, len - got, 0);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (keep && got == len) {
		LOCK_SCOPE(&c->server->lock);
		free(c->server->body);
		c->server->body = body;
		c->server->body_len = len;
		return true;
	}
	free(body);
	return got == len;
}

static bool give(struct connection *c, const struct loopback_answer *a)
{
	const char *raw = a->raw ? a->raw : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	size_t len = a->raw_len ? a->raw_len : strlen(raw);

	if (!wait_ms(c, a->delay_ms))
		return false;
	if (a->cut) {
		send_all(c, raw, a->cut);
		wait_ms(c, 20); /* a reset at once would overtake what was sent */
		reset(c);
		return false;
	}
	if (!a->drip_ms)
		return send_all(c, raw, len);
	for (size_t i = 0; i < len; i++)
		if (!send_all(c, raw + i, 1) || !wait_ms(c, a->drip_ms))
			return false;
	return true;
}

static bool answer(struct connection *c, const struct loopback_request *req)
{
	struct loopback *s = c->server;
	struct loopback_answer a = { .raw = NULL };
	bool more;

	{
		LOCK_SCOPE(&s->handling);
		if (s->handle)
			s->handle(s->ctx, req, &a);
	}
	if (a.drop)
		return false;
	if (a.early) {
		if (a.early_after && !read_body(c, a.early_after, false))
			return false;
		give(c, &a);
		return false;
	}
	if (!read_body(c, req->body_len, true))
		return false;
	{
		LOCK_SCOPE(&s->lock);
		if (++s->busy > s->peak)
			s->peak = s->busy;
	}
	more = give(c, &a);
	LOCK_SCOPE(&s->lock);
	s->busy--;
	return more && !a.close_after;
}

static bool one_request(struct connection *c, unsigned on_connection)
{
	struct loopback *s = c->server;
	struct loopback_request req = { .connection = c->number, .on_connection = on_connection };
	char *head, *end = NULL, *save, length[32];
	bool more;

	while (c->in_len == 0 || !(end = strstr(c->in, "\r\n\r\n")))
		if (c->in_len >= HEAD_MAX || !fill(c, HEAD_MAX))
			return false;
	head = strndup(c->in, (size_t)(end - c->in) + 2);
	assert(head);
	consume(c, (size_t)(end - c->in) + 4);
	req.method = head;
	req.headers = strstr(head, "\r\n") + 2;
	*strchr(head, '\r') = '\0';
	save = strchr(head, ' ');
	assert(save);
	*save = '\0';
	req.target = save + 1;
	*strchr(save + 1, ' ') = '\0';
	if (loopback_header(&req, "Content-Length", length, sizeof(length)))
		for (const char *p = length; isdigit((unsigned char)*p); p++)
			req.body_len = req.body_len * 10 + (size_t)(*p - '0');
	{
		LOCK_SCOPE(&s->lock);
		req.number = s->n_requests++;
	}
	more = answer(c, &req);
	free(head);
	return more;
}

static void *serve(void *connection)
{
	struct connection *c = connection;
	unsigned n = 0;

	while (one_request(c, n))
		n++;
	LOCK_SCOPE(&c->server->lock);
	close(c->fd);
	c->fd = -1;
	return NULL;
}

static void *accept_all(void *server)
{
	struct loopback *s = server;

	for (;;) {
		int fd = accept(s->fd, NULL, NULL), one = 1;
		struct connection *c;

		LOCK_SCOPE(&s->lock);
		if (fd < 0 || s->stop) {
			if (fd >= 0)
				close(fd);
			return NULL;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c = calloc(1, sizeof(*c));
		assert(c);
		c->fd = fd;
		c->server = s;
		c->number = s->n_connections++;
		c->next = s->connections;
		s->connections = c;
		if (pthread_create(&c->thread, NULL, serve, c) != 0)
			abort();
	}
}

struct loopback *loopback_start(loopback_fn *handle, void *ctx)
{
	struct loopback *s = calloc(1, sizeof(*s));
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	assert(s);
	s->handle = handle;
	s->ctx = ctx;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->handling, NULL);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, len) < 0 || listen(s->fd, 64) < 0 ||
	    getsockname(s->fd, (struct sockaddr *)&a, &len) < 0 || pthread_create(&s->thread, NULL, accept_all, s) != 0)
		abort();
	s->port = ntohs(a.sin_port);
	return s;
}

void loopback_stop(struct loopback *s)
{
	{
		LOCK_SCOPE(&s->lock);
		s->stop = true;
		for (struct connection *c = s->connections; c; c = c->next)
			if (c->fd >= 0)
				shutdown(c->fd, SHUT_RDWR);
	}
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	while (s->connections) {
		struct connection *c = s->connections;

		s->connections = c->next;
		pthread_join(c->thread, NULL);
		free(c->in);
		free(c);
	}
	close(s->fd);
	free(s->body);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->handling);
	free(s);
}

unsigned loopback_port(const struct loopback *s)
{
	return s->port;
}

unsigned loopback_requests(struct loopback *s)
{
	LOCK_SCOPE(&s->lock);

	return s->n_requests;
}

unsigned loopback_connections(struct loopback *s)
{
	LOCK_SCOPE(&s->lock);

	return s->n_connections;
}

unsigned loopback_peak(struct loopback *s)
{
	LOCK_SCOPE(&s->lock);

	return s->peak;
}

void *loopback_last_body(struct loopback *s, size_t *len_out)
{
	LOCK_SCOPE(&s->lock);
	void *copy = malloc(s->body_len + 1);

	assert(copy);
	if (s->body_len)
		memcpy(copy, s->body, s->body_len);
	*len_out = s->body_len;
	return copy;
}
