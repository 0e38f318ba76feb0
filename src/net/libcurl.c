/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>

#include "net/libcurl.h"

/* What we ask for: curl_multi_wakeup() and, where the headers have it, CURLOPT_PROTOCOLS_STR. */
#define OLDEST (LIBCURL_VERSION_NUM >= 0x075500 ? 0x075500 : 0x074400)

struct libcurl libcurl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct error load_error;

/* ---- what packagers read from the program: .note.dlopen, https://systemd.io/ELF_DLOPEN_METADATA/ ---- */

#define NOTE                                                                                        \
	"[{\"feature\":\"http\",\"description\":\"Replicas and inventories that a service holds\"," \
	"\"priority\":\"recommended\",\"soname\":[\"" LIBCURL_SONAME "\"]}]"

struct dlopen_note {
	uint32_t owner_len, text_len, type;
	char owner[4];
	char text[(sizeof(NOTE) + 3) & ~3U];
};
__attribute__((used, section(".note.dlopen"), aligned(4))) static const struct dlopen_note note = {
	.owner_len = 4, .text_len = sizeof(NOTE), .type = 0x407c0c0a, .owner = "FDO", .text = NOTE
};

/* ---- loading ---- */

static const char *first_missing(void *library, struct libcurl *out)
{
#define LOOK_UP(name)                                                     \
	out->name = (__typeof__(out->name))dlsym(library, "curl_" #name); \
	if (!out->name)                                                   \
		return "curl_" #name;
	LIBCURL_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
	return NULL;
}

static int check(void *library, const char *soname, unsigned oldest, struct libcurl *out, struct error *err)
{
	const char *missing = first_missing(library, out);
	const curl_version_info_data *info;

	if (missing)
		return error_set(err, ERR_UNSUPPORTED, "%s: no %s() in it", soname, missing);
	info = out->version_info(CURLVERSION_NOW);
	if (info->version_num < oldest)
		return error_set(err, ERR_UNSUPPORTED, "%s: version %s", soname, info->version);
	return 0;
}

int libcurl_open(const char *soname, unsigned oldest, struct libcurl *out, struct error *err)
{
	struct libcurl found;
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	int rc = library ? check(library, soname, oldest, &found, err)
			 : error_set(err, ERR_UNSUPPORTED, "%s", dlerror());

	if (rc < 0)
		return error_prefix(err, "libcurl %u.%u.%u or newer is needed (Debian: libcurl4)", oldest >> 16,
				    oldest >> 8 & 0xff, oldest & 0xff);
	*out = found;
	return 0;
}

static void load(void)
{
	CURLcode rc;

	if (libcurl_open(LIBCURL_SONAME, OLDEST, &libcurl, &load_error) < 0)
		return;
	rc = curl_global_init(CURL_GLOBAL_ALL);
	if (rc != CURLE_OK)
		error_set(&load_error, ERR_SYSTEM, "HTTP: %s", curl_easy_strerror(rc));
}

int libcurl_load(struct error *err)
{
	pthread_once(&once, load);
	if (load_error.code == ERR_NONE)
		return 0;
	if (err)
		*err = load_error;
	return -1;
}

/* ---- the two whose macros, which check types, call a function by its name ---- */

#undef curl_easy_setopt
#undef curl_easy_getinfo

/* As curl reads it: the option's number says which type follows. */
__attribute__((visibility("hidden"))) CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
	va_list args;
	CURLcode rc;

	va_start(args, option);
	switch (option / 10000 * 10000) {
	case CURLOPTTYPE_LONG:
		rc = libcurl.easy_setopt(easy, option, va_arg(args, long));
		break;
	case CURLOPTTYPE_OFF_T:
		rc = libcurl.easy_setopt(easy, option, va_arg(args, curl_off_t));
		break;
	case CURLOPTTYPE_FUNCTIONPOINT:
		rc = libcurl.easy_setopt(easy, option, va_arg(args, void (*)(void)));
		break;
	default:
		rc = libcurl.easy_setopt(easy, option, va_arg(args, void *));
	}
	va_end(args);
	return rc;
}

__attribute__((visibility("hidden"))) CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
	va_list args;
	CURLcode rc;

	va_start(args, info);
	rc = libcurl.easy_getinfo(easy, info, va_arg(args, void *));
	va_end(args);
	return rc;
}
