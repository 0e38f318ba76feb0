/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Last words: a server that refuses a long body (503, 413) answers at once and hangs up.  Its reset can make our next
 * send fail before curl has looked for an answer; then curl gives up although the answer lies in the socket.  So each
 * socket is read out before it is closed, and what it held is kept until the round's transfers are finished.
 *
 * Works without TLS only: with it the bytes are not legible here, and the request fails like any that was cut off, its
 * outcome unknown.  Network thread only.
 */
#include <config.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "net/http_private.h"

#define LAST_WORDS_MAX 16384 /* headers and the service's XML, of which the code is at the start */

struct last_words {
	struct last_words *next;
	long port; /* the connection's local one */
	size_t len;
	char bytes[];
};

static long local_port(curl_socket_t fd)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return -1;
	if (a.ss_family == AF_INET) {
		memcpy(&in, &a, sizeof(in));
		return ntohs(in.sin_port);
	}
	if (a.ss_family == AF_INET6) {
		memcpy(&in6, &a, sizeof(in6));
		return ntohs(in6.sin6_port);
	}
	return -1;
}

static void keep(struct http *h, curl_socket_t fd, const char *start, size_t start_len)
{
	struct last_words *w = malloc(sizeof(*w) + LAST_WORDS_MAX);

	if (!w)
		return; /* then nobody hears them, as with TLS */
	memcpy(w->bytes, start, start_len);
	w->len = start_len;
	while (w->len < LAST_WORDS_MAX) {
		ssize_t n = recv(fd, w->bytes + w->len, LAST_WORDS_MAX - w->len, MSG_DONTWAIT);

		if (n <= 0)
			break;
		w->len += (size_t)n;
	}
	w->port = local_port(fd);
	w->next = h->last_words;
	h->last_words = w;
}

int early_close_socket(void *http, curl_socket_t fd)
{
	char start[12];
	ssize_t n = recv(fd, start, sizeof(start), MSG_DONTWAIT);

	if (n == sizeof(start) && memcmp(start, "HTTP/1.", 7) == 0)
		keep(http, fd, start, sizeof(start));
	return close(fd);
}

static struct last_words *find(struct http *h, CURL *easy)
{
	struct last_words *w = h->last_words;
	long port = 0;

	curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &port);
	while (w && w->port != port)
		w = w->next;
	return w;
}

void early_read(struct http *h, struct http_transfer *t, CURLcode rc)
{
	struct last_words *w;
	size_t at = 0;

	if ((rc != CURLE_SEND_ERROR && rc != CURLE_RECV_ERROR) || t->header_bytes > 0)
		return;
	w = find(h, t->easy);
	while (w && at < w->len && !t->headers_done) {
		char *end = memchr(w->bytes + at, '\n', w->len - at);
		size_t len = end ? (size_t)(end - (w->bytes + at)) + 1 : 0;

		if (len == 0 || transfer_take_header(t, w->bytes + at, len) != len)
			return;
		at += len;
	}
	if (w && at < w->len)
		transfer_take_body(t, w->bytes + at, w->len - at);
}

void early_forget(struct http *h)
{
	while (h->last_words) {
		struct last_words *w = h->last_words;

		h->last_words = w->next;
		free(w);
	}
}
