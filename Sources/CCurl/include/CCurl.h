#pragma once
// libcurl, which is loaded when it is first used: it brings thirty libraries with it, and most commands ask no registry. Its functions are here
// under their own names (curl.c); the program is not linked with it.
#include <stddef.h>
#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift does not import: one function per argument type.
CURLcode starling_curl_set_long(CURL *handle, CURLoption option, long value);
CURLcode starling_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value);
CURLcode starling_curl_set_string(CURL *handle, CURLoption option, const char *value);
CURLcode starling_curl_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode starling_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);

/// Certificates and keys in memory, PEM; curl keeps a copy.
CURLcode starling_curl_set_blob(CURL *handle, CURLoption option, const void *bytes, size_t count);

typedef size_t (*starling_curl_bytes)(char *bytes, size_t size, size_t count, void *context);
CURLcode starling_curl_set_bytes(CURL *handle, CURLoption option, starling_curl_bytes function);

CURLcode starling_curl_get_long(CURL *handle, CURLINFO info, long *value);
CURLcode starling_curl_get_double(CURL *handle, CURLINFO info, double *value);
CURLcode starling_curl_get_pointer(CURL *handle, CURLINFO info, void **value);
CURLcode starling_curl_get_string(CURL *handle, CURLINFO info, char **value);
CURLMcode starling_curl_multi_set_long(CURLM *handle, CURLMoption option, long value);

/// CURLMsg keeps the result in a union, which Swift imports awkwardly.
static inline CURLcode starling_curl_message_result(const CURLMsg *message) { return message->data.result; }

/// Loads the library, once, from any thread; every function needs that to have been done. Without the library the process ends as it would if it
/// were linked with it: one line, and 127.
void starling_curl_load(void);
