/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when the first request is near and never unloaded.  With the libraries that it brings (Kerberos,
 * LDAP, SSH) it costs more than half of the start of a program, and has no business beside the parsers of images in one
 * that makes no request.
 *
 * Include this instead of <curl/curl.h>.  Its functions keep their names and types; each call goes through a pointer,
 * and curl_easy_setopt() and curl_easy_getinfo() through functions of libcurl.c, since only with a function can curl's
 * own macros check the type of their last argument.  A function that is not in the list does not link.
 *
 * None may be called before libcurl_load() was once successful in the process.
 */
#ifndef LIFTFS_NET_LIBCURL_H
#define LIFTFS_NET_LIBCURL_H

#include <curl/curl.h>

#include "base/compiler.h"
#include "base/error.h"

#define LIBCURL_FUNCTIONS(X)   \
	X(easy_cleanup)        \
	X(easy_getinfo)        \
	X(easy_init)           \
	X(easy_perform)        \
	X(easy_reset)          \
	X(easy_setopt)         \
	X(easy_strerror)       \
	X(free)                \
	X(global_init)         \
	X(multi_add_handle)    \
	X(multi_cleanup)       \
	X(multi_info_read)     \
	X(multi_init)          \
	X(multi_perform)       \
	X(multi_poll)          \
	X(multi_remove_handle) \
	X(multi_setopt)        \
	X(multi_wakeup)        \
	X(slist_append)        \
	X(slist_free_all)      \
	X(url)                 \
	X(url_cleanup)         \
	X(url_get)             \
	X(url_set)             \
	X(version_info)

struct libcurl {
#define LIBCURL_POINTER(name) __typeof__(curl_##name) *name;
	LIBCURL_FUNCTIONS(LIBCURL_POINTER)
#undef LIBCURL_POINTER
};
extern struct libcurl libcurl; /* constant from the first success on */

/* Loads the library and sets it up, once in the process; later calls repeat what the first one found.  Any thread.
 * ERR_UNSUPPORTED if it is missing or too old; the message says what to install. */
int libcurl_load(struct error *err) MUST_CHECK;

/* The pointers of the library that the loader finds as soname, of version `oldest` (as LIBCURL_VERSION_NUM) or newer.
 * Errors as above.  For libcurl_load() and tests. */
int libcurl_open(const char *soname, unsigned oldest, struct libcurl *out, struct error *err) MUST_CHECK;

#undef curl_multi_setopt /* curl's macro, which only counts arguments */
#define curl_easy_cleanup (libcurl.easy_cleanup)
#define curl_easy_init (libcurl.easy_init)
#define curl_easy_perform (libcurl.easy_perform)
#define curl_easy_reset (libcurl.easy_reset)
#define curl_easy_strerror (libcurl.easy_strerror)
#define curl_free (libcurl.free)
#define curl_global_init (libcurl.global_init)
#define curl_multi_add_handle (libcurl.multi_add_handle)
#define curl_multi_cleanup (libcurl.multi_cleanup)
#define curl_multi_info_read (libcurl.multi_info_read)
#define curl_multi_init (libcurl.multi_init)
#define curl_multi_perform (libcurl.multi_perform)
#define curl_multi_poll (libcurl.multi_poll)
#define curl_multi_remove_handle (libcurl.multi_remove_handle)
#define curl_multi_setopt (libcurl.multi_setopt)
#define curl_multi_wakeup (libcurl.multi_wakeup)
#define curl_slist_append (libcurl.slist_append)
#define curl_slist_free_all (libcurl.slist_free_all)
#define curl_url (libcurl.url)
#define curl_url_cleanup (libcurl.url_cleanup)
#define curl_url_get (libcurl.url_get)
#define curl_url_set (libcurl.url_set)
#define curl_version_info (libcurl.version_info)

#endif
