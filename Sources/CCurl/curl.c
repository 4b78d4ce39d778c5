// The checks that GCC makes of the variadic calls are of the declared functions, which are called through pointers here.
#define CURL_DISABLE_TYPECHECK
#define _GNU_SOURCE
#include "CCurl.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

// Name, and the type of its pointer.
#define FUNCTIONS(EACH)                                                                        \
    EACH(curl_global_init, CURLcode (*)(long))                                                 \
    EACH(curl_easy_init, CURL * (*)(void))                                                     \
    EACH(curl_easy_cleanup, void (*)(CURL *))                                                  \
    EACH(curl_easy_setopt, CURLcode (*)(CURL *, CURLoption, ...))                              \
    EACH(curl_easy_getinfo, CURLcode (*)(CURL *, CURLINFO, ...))                               \
    EACH(curl_easy_pause, CURLcode (*)(CURL *, int))                                           \
    EACH(curl_easy_strerror, const char *(*)(CURLcode))                                        \
    EACH(curl_slist_append, struct curl_slist *(*)(struct curl_slist *, const char *))         \
    EACH(curl_slist_free_all, void (*)(struct curl_slist *))                                   \
    EACH(curl_multi_init, CURLM * (*)(void))                                                   \
    EACH(curl_multi_cleanup, CURLMcode (*)(CURLM *))                                           \
    EACH(curl_multi_setopt, CURLMcode (*)(CURLM *, CURLMoption, ...))                          \
    EACH(curl_multi_add_handle, CURLMcode (*)(CURLM *, CURL *))                                \
    EACH(curl_multi_remove_handle, CURLMcode (*)(CURLM *, CURL *))                             \
    EACH(curl_multi_perform, CURLMcode (*)(CURLM *, int *))                                    \
    EACH(curl_multi_poll, CURLMcode (*)(CURLM *, struct curl_waitfd *, unsigned, int, int *))  \
    EACH(curl_multi_wakeup, CURLMcode (*)(CURLM *))                                            \
    EACH(curl_multi_info_read, CURLMsg * (*)(CURLM *, int *))

#define FIELD(name, type) __typeof__((type)0) name;
static struct {
    FUNCTIONS(FIELD)
} library;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void give_up(void) {
    fprintf(stderr, "%s: error while loading libcurl (package libcurl4): %s\n", program_invocation_short_name, dlerror());
    _exit(127);
}

static void load(void) {
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!handle) give_up();
#define RESOLVE(name, type)                              \
    library.name = (__typeof__((type)0))dlsym(handle, #name); \
    if (!library.name) give_up();
    FUNCTIONS(RESOLVE)
}

void starling_curl_load(void) { pthread_once(&once, load); }

CURLcode curl_global_init(long flags) { return library.curl_global_init(flags); }
CURL *curl_easy_init(void) { return library.curl_easy_init(); }
void curl_easy_cleanup(CURL *handle) { library.curl_easy_cleanup(handle); }
CURLcode curl_easy_pause(CURL *handle, int mask) { return library.curl_easy_pause(handle, mask); }
const char *curl_easy_strerror(CURLcode code) { return library.curl_easy_strerror(code); }
struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text) { return library.curl_slist_append(list, text); }
void curl_slist_free_all(struct curl_slist *list) {
    // Whoever has none may never have loaded the library.
    if (list) library.curl_slist_free_all(list);
}
CURLM *curl_multi_init(void) { return library.curl_multi_init(); }
CURLMcode curl_multi_cleanup(CURLM *multi) { return library.curl_multi_cleanup(multi); }
CURLMcode curl_multi_add_handle(CURLM *multi, CURL *handle) { return library.curl_multi_add_handle(multi, handle); }
CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *handle) { return library.curl_multi_remove_handle(multi, handle); }
CURLMcode curl_multi_perform(CURLM *multi, int *running) { return library.curl_multi_perform(multi, running); }
CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd fds[], unsigned count, int milliseconds, int *ready) {
    return library.curl_multi_poll(multi, fds, count, milliseconds, ready);
}
CURLMcode curl_multi_wakeup(CURLM *multi) { return library.curl_multi_wakeup(multi); }
CURLMsg *curl_multi_info_read(CURLM *multi, int *left) { return library.curl_multi_info_read(multi, left); }

CURLcode starling_curl_set_long(CURL *handle, CURLoption option, long value) { return library.curl_easy_setopt(handle, option, value); }
CURLcode starling_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) { return library.curl_easy_setopt(handle, option, value); }
CURLcode starling_curl_set_string(CURL *handle, CURLoption option, const char *value) { return library.curl_easy_setopt(handle, option, value); }
CURLcode starling_curl_set_pointer(CURL *handle, CURLoption option, void *value) { return library.curl_easy_setopt(handle, option, value); }
CURLcode starling_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) { return library.curl_easy_setopt(handle, option, value); }
CURLcode starling_curl_set_bytes(CURL *handle, CURLoption option, starling_curl_bytes function) { return library.curl_easy_setopt(handle, option, function); }

CURLcode starling_curl_set_blob(CURL *handle, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {.data = (void *)bytes, .len = count, .flags = CURL_BLOB_COPY};
    return library.curl_easy_setopt(handle, option, &blob);
}

CURLcode starling_curl_get_long(CURL *handle, CURLINFO info, long *value) { return library.curl_easy_getinfo(handle, info, value); }
CURLcode starling_curl_get_double(CURL *handle, CURLINFO info, double *value) { return library.curl_easy_getinfo(handle, info, value); }
CURLcode starling_curl_get_pointer(CURL *handle, CURLINFO info, void **value) { return library.curl_easy_getinfo(handle, info, value); }
CURLcode starling_curl_get_string(CURL *handle, CURLINFO info, char **value) { return library.curl_easy_getinfo(handle, info, value); }
CURLMcode starling_curl_multi_set_long(CURLM *handle, CURLMoption option, long value) { return library.curl_multi_setopt(handle, option, value); }
