/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text from a storage service or a person's settings.  The first byte of the input chooses how the rest is read; see
 * the table.  Texts end at their first NUL.
 */
#include <config.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "fuzz.h"
#include "net/connection_string.h"
#include "net/credentials.h"
#include "net/redact.h"
#include "net/retry.h"
#include "net/xml_reply.h"

static void fuzz_xml(const char *text, size_t len)
{
	CLEANUP(cleanup_xml) struct xml_doc *doc = NULL;
	const struct xml_element *at = NULL;
	struct xml_service_error said;
	struct error e = ERROR_INIT;
	struct xml_range range;
	const char *marker = NULL;
	struct xml_blob blob;
	int rc;

	xml_service_error(text, len, &said);
	FUZZ_MUST(memchr(said.code, '\0', sizeof(said.code)) && memchr(said.message, '\0', sizeof(said.message)));
	for (const char *p = said.message; *p; p++)
		FUZZ_MUST((uint8_t)*p >= 0x20 && *p != 0x7f);
	doc = xml_parse(text, len, NULL, &e);
	if (!doc) {
		FUZZ_MUST(e.code == ERR_CORRUPT);
		return;
	}
	while ((rc = xml_next_range(doc, &at, &range, &e)) > 0)
		FUZZ_MUST(range.len > 0 && range.off <= UINT64_MAX - range.len);
	FUZZ_MUST((rc < 0) == (e.code != ERR_NONE));
	e.code = ERR_NONE;
	at = NULL;
	while ((rc = xml_next_blob(doc, &at, &blob, &e)) > 0)
		FUZZ_MUST(blob.name && (xml_child_text(blob.properties, "Etag") != blob.name || !blob.name[0]));
	FUZZ_MUST((rc < 0) == (e.code != ERR_NONE));
	e.code = ERR_NONE;
	rc = xml_next_marker(doc, &marker, &e);
	FUZZ_MUST((rc < 0) == (e.code != ERR_NONE));
	FUZZ_MUST(!marker || marker[0]);
}

static void fuzz_sas(const char *text, size_t len)
{
	CLEANUP_FREE char *base = NULL, *joined = NULL, *again = NULL;
	struct secret *sas = NULL, *same = NULL;
	struct sas said;

	(void)len;
	if (sas_parse(text, &said, NULL) == 0)
		FUZZ_MUST(memchr(said.permissions, '\0', sizeof(said.permissions)));
	if (sas_split_url(text, &base, &sas, NULL) < 0)
		return;
	FUZZ_MUST(base);
	if (sas) {
		FUZZ_MUST(strstr(base, "sig=") == NULL || strchr(base, '?') == NULL ||
			  strstr(base, "sig=") < strchr(base, '?') || strstr(base, "&sig=") == NULL);
		joined = sas_join_url(base, sas, NULL);
		FUZZ_MUST(joined && sas_split_url(joined, &again, &same, NULL) == 0 && same);
		FUZZ_MUST(strcmp(base, again) == 0);
	}
	secret_free(sas);
	secret_free(same);
}

static void fuzz_connection_string(const char *text, size_t len)
{
	struct connection_string c;
	struct error e = ERROR_INIT;

	(void)len;
	if (connection_string_parse(text, &c, &e) == 0) {
		FUZZ_MUST((c.key || c.sas) && c.blob_endpoint);
		connection_string_fini(&c);
	} else {
		FUZZ_MUST(e.code == ERR_REFUSED && !c.account && !c.blob_endpoint && !c.key && !c.sas);
	}
}

static void fuzz_credentials(const char *text, size_t len)
{
	CLEANUP(cleanup_credentials_file) struct credentials_file *file = NULL;
	CLEANUP(cleanup_credentials) struct credentials *c = NULL;
	int fd = memfd_create("credentials", MFD_CLOEXEC);
	struct credentials_request request = { 0 };
	char described[CREDENTIALS_TEXT_LEN];
	CLEANUP_FREE char *url = NULL, *authorization = NULL;
	uint64_t generation;

	FUZZ_MUST(fd >= 0 && fchmod(fd, 0600) == 0 && io_pwrite(fd, text, len, 0, NULL) == 0);
	file = credentials_file_read(fd, "credentials", NULL);
	request.arc_agent = "/nonexistent";
	close(fd);
	request.file = file;
	c = file ? credentials_choose(&request, NULL) : NULL;
	if (!c)
		return;
	credentials_describe(c, described);
	if (credentials_authorize(c, "GET", "https://a.blob.core.windows.net/c/b?comp=pagelist", NULL, 0, 0, &url,
				  &authorization, &generation, NULL) == 0)
		FUZZ_MUST(url);
}

static void fuzz_times(const char *text, size_t len)
{
	struct retry_input in = { .attempt = 1, .status = 503, .retry_after = text };
	char back[CLOCK_TEXT_LEN];
	uint64_t ns, same;

	(void)len;
	FUZZ_MUST(retry_decide(&in).after_ms <= RETRY_AFTER_MAX_MS + 30000);
	if (clock_parse(text, &ns, NULL) < 0)
		return;
	clock_format_iso(ns, back);
	FUZZ_MUST(clock_parse(back, &same, NULL) == 0 && same == ns / 1000000000 * 1000000000);
	clock_format_http(ns, back);
	FUZZ_MUST(clock_parse(back, &same, NULL) == 0 && same == ns / 1000000000 * 1000000000);
}

static void fuzz_redact(const char *text, size_t len)
{
	CLEANUP_FREE char *copy = strdup(text);
	char url[REDACT_URL_LEN];

	FUZZ_MUST(copy);
	redact_text(copy);
	FUZZ_MUST(strlen(copy) <= len);
	redact_url(text, url, sizeof(url));
	FUZZ_MUST(memchr(url, '\0', sizeof(url)));
	FUZZ_MUST(strlen(url) <= len);
}

static fuzz_reader *const readers[] = {
	fuzz_xml, fuzz_sas, fuzz_connection_string, fuzz_credentials, fuzz_times, fuzz_redact,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_one_reader(data, len, readers, sizeof(readers) / sizeof(readers[0]));
	return 0;
}
