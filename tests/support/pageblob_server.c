/* SPDX-License-Identifier: Apache-2.0 */
/* Start and end of a page-blob server; what it does between is in pageblob_core.c. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/pageblob_codec.h"
#include "support/pageblob_core.h"

static int set_account(struct pageblob_server *s, const struct pageblob_config *config, struct error *err)
{
	const char *key = config->key ? config->key : PAGEBLOB_KEY;
	int len = pageblob_base64_decode(key, s->account.key, sizeof(s->account.key));

	if (len <= 0)
		return error_set(err, ERR_USAGE, "the account's key is not base64 of at most %zu bytes",
				 sizeof(s->account.key));
	s->account.key_len = (size_t)len;
	s->account.name = pageblob_strdup(config->account ? config->account : PAGEBLOB_ACCOUNT);
	s->account.bearer = config->bearer ? pageblob_strdup(config->bearer) : NULL;
	s->account.any_date = config->any_date;
	s->account.tokens = &s->tokens;
	return 0;
}

static void server_free(struct pageblob_server *s)
{
	pageblob_store_fini(&s->store);
	pageblob_faults_fini(&s->faults);
	pageblob_journal_fini(&s->journal);
	pageblob_tokens_fini(&s->tokens);
	for (size_t i = 0; i < s->n_late; i++)
		pageblob_request_free(s->late[i].req);
	free(s->late);
	free(s->account.name);
	free(s->account.bearer);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int server_init(struct pageblob_server *s, const struct pageblob_config *config, struct error *err)
{
	pageblob_tokens_init(&s->tokens, config);
	s->hns = config->hns;
	s->refuse_early = config->refuse_early;
	s->tls = config->cert_pem != NULL;
	s->seed = config->seed;
	s->lease_second_ms = config->lease_second_ms ? config->lease_second_ms : 1000;
	if (set_account(s, config, err) < 0)
		return -1;
	if (config->faults && pageblob_faults_parse(&s->faults, config->faults, s->seed, err) < 0)
		return -1;
	if (config->log_path) {
		s->journal.log = fopen(config->log_path, "ae");
		if (!s->journal.log)
			return error_errno(err, errno, "%s", config->log_path);
	}
	return 0;
}

/* Where an audience has the same scheme and port as the endpoint. */
void pageblob_core_token(struct pageblob_server *s, struct pageblob_request *req, struct pageblob_reply *r)
{
	char base[64];

	snprintf(base, sizeof(base), "%s://127.0.0.1:%u", s->tls ? "https" : "http", s->port);
	LOCK_SCOPE(&s->lock);
	pageblob_tokens_answer(&s->tokens, req, base, r);
}

void pageblob_server_tokens(struct pageblob_server *s, uint64_t *asked_out, uint64_t *issued_out, char *form, size_t len)
{
	LOCK_SCOPE(&s->lock);
	*asked_out = s->tokens.asked;
	*issued_out = s->tokens.issued;
	if (form)
		snprintf(form, len, "%s", s->tokens.last_form);
}

void pageblob_server_tokens_down(struct pageblob_server *s, unsigned n)
{
	LOCK_SCOPE(&s->lock);
	s->tokens.down = n;
}

void pageblob_server_tokens_revoke(struct pageblob_server *s)
{
	LOCK_SCOPE(&s->lock);
	pageblob_tokens_revoke(&s->tokens);
}

void pageblob_server_federated(struct pageblob_server *s, const char *text)
{
	LOCK_SCOPE(&s->lock);
	free(s->tokens.federated);
	s->tokens.federated = pageblob_strdup(text);
}

struct pageblob_server *pageblob_server_start(const struct pageblob_config *config, struct error *err)
{
	struct pageblob_server *s = pageblob_alloc(1, sizeof(*s));
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&s->lock, NULL);
	if (server_init(s, config, err) < 0 || pageblob_http_start(s, config, err) < 0) {
		server_free(s);
		return NULL;
	}
	snprintf(s->endpoint, sizeof(s->endpoint), "%s://127.0.0.1:%u/%s", s->tls ? "https" : "http", s->port,
		 s->account.name);
	return s;
}

void pageblob_server_stop(struct pageblob_server *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pageblob_http_stop(s);
	server_free(s);
}

uint16_t pageblob_server_port(const struct pageblob_server *s)
{
	return s->port;
}

const char *pageblob_server_endpoint(const struct pageblob_server *s)
{
	return s->endpoint;
}
