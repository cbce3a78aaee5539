/*
 * Baseline C: the bodies of the events that are due, posted by libcurl alone, as many at once as the
 * worker has requests in flight. Prints one line of JSON.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bare.h"
#include "bench/options.h"
#include "common/clock.h"

enum { HTTP_ACCEPTED = 202, WAIT_MS = 1000, URL_BYTES = 512 };

struct bodies {
    char **texts;
    size_t count, next;
};

static void read_bodies(const char *path, size_t row_max, struct bodies *bodies) {
    struct bare bare;
    bare_open(&bare, path);
    bodies->texts = calloc(row_max, sizeof *bodies->texts);
    sqlite3_stmt *query =
        bare_prepare(&bare, "SELECT payload FROM outbox WHERE status = 'pending' ORDER BY rowid");
    while (bodies->texts != NULL && bodies->count < row_max && sqlite3_step(query) == SQLITE_ROW) {
        bodies->texts[bodies->count++] = strdup((const char *)sqlite3_column_text(query, 0));
    }
    (void)sqlite3_finalize(query);
    bare_close(&bare);
}

static size_t ignore(char *bytes, size_t size, size_t count, void *context) {
    (void)bytes;
    (void)context;
    return size * count;
}

static struct curl_slist *make_headers(void) {
    static const char *const lines[] = {
        "Expect:", "Authorization: Klaviyo-API-Key pk_test", "revision: 2026-07-15",
        "Content-Type: application/vnd.api+json", "Accept: application/vnd.api+json"};
    struct curl_slist *headers = NULL;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        headers = curl_slist_append(headers, lines[i]);
    }
    return headers;
}

static CURL *make_easy(const char *url, struct curl_slist *headers) {
    CURL *easy = curl_easy_init();
    if (easy == NULL || curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK) {
        bench_fail("libcurl does not start");
    }
    return easy;
}

static bool start(CURLM *multi, CURL *easy, struct bodies *bodies) {
    if (bodies->next == bodies->count) {
        return false;
    }
    const char *body = bodies->texts[bodies->next++];
    if (curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) != CURLE_OK ||
        curl_multi_add_handle(multi, easy) != CURLM_OK) {
        bench_fail("libcurl does not send");
    }
    return true;
}

/* What is done begins anew with the next body; how many ended for good. */
static size_t take_done(CURLM *multi, struct bodies *bodies) {
    size_t ended_count = 0;
    int left = 0;
    const CURLMsg *message = NULL;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        long status = 0;
        (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status != HTTP_ACCEPTED) {
            bench_fail("%s answered %ld", curl_easy_strerror(message->data.result), status);
        }
        (void)curl_multi_remove_handle(multi, easy);
        ended_count += start(multi, easy, bodies) ? 0 : 1;
    }
    return ended_count;
}

int main(int argc, char **argv) {
    const char *path = NULL;
    const char *address = NULL;
    int64_t concurrency = 32;
    int64_t row_max = 200000;
    const struct bench_option options[] = {
        {"database", &path, NULL},
        {"target", &address, NULL},
        {"concurrency", NULL, &concurrency},
        {"rows", NULL, &row_max},
    };
    bench_options_read(argc, argv, options, sizeof options / sizeof options[0]);
    struct bodies bodies = {0};
    read_bodies(path, (size_t)row_max, &bodies);
    if (bodies.count == 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        bench_fail("%s has nothing to send", path);
    }
    char url[URL_BYTES];
    (void)snprintf(url, sizeof url, "http://%s/api/events", address);
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = make_headers();
    const struct clock *clock = clock_system();
    int64_t start_us = clock_mono_us(clock);
    size_t up_count = 0;
    for (int64_t i = 0; i < concurrency; i++) {
        up_count += start(multi, make_easy(url, headers), &bodies) ? 1 : 0;
    }
    while (up_count > 0) {
        int running = 0;
        if (curl_multi_perform(multi, &running) != CURLM_OK) {
            bench_fail("libcurl does not go on");
        }
        up_count -= take_done(multi, &bodies);
        if (up_count > 0) {
            (void)curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL);
        }
    }
    double seconds = (double)(clock_mono_us(clock) - start_us) / (MS_PER_S * US_PER_MS);
    (void)printf("{\"rows\":%zu,\"seconds\":%.3f,\"per_second\":%.1f}\n", bodies.count, seconds,
                 (double)bodies.count / seconds);
    return 0;
}
