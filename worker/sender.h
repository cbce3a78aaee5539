#pragma once
/*
 * The transport over libcurl: posts events to Klaviyo over kept-alive HTTP/1.1 connections.
 *
 * One start is at most one request on the wire. libcurl re-sends by itself when a pooled connection
 * turns out dead; here it may not: a second request within one transfer is refused before it is
 * written. Such a transfer ends as TRANSPORT_RESET, since nobody knows whether the first one arrived.
 * Head and body leave in one piece as long as they fit into 64 KiB.
 *
 * A kept connection on which anything waits to be read is not used again (sockets.h): the request,
 * of which nothing was written, takes another.
 *
 * Never: redirects, proxies from the environment, other protocols than the URL's, TLS below 1.2. An
 * answer's body is kept up to 16 KiB; more ends the transfer, and its status counts. The key goes into
 * the header and nowhere else.
 *
 * Threads: all calls from one thread; sender_open before any other thread exists.
 * Blocking: only sender_wait.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "worker/transport.h"

struct sender;

struct sender_options {
    size_t slot_count;
    const char *base_url; /* "https://a.klaviyo.com"; http only to this machine */
    const char *api_key;
    const char *revision;
    const char *ca_file; /* "": the system's */
    int64_t request_timeout_ms;
    int64_t connect_timeout_ms;
};

enum { SENDER_KEY_BYTES_MAX = 1024, SENDER_FDS_MAX = 4 };

/* ERR_INVALID: base URL, key or revision can't be sent as they are; the text names which.
   ERR_FATAL: libcurl or memory fails. Copies what it needs. */
CHECKED enum err_code sender_open(const struct sender_options *options, struct sender **sender_out,
                                  struct err *err);
/* Ends what is in flight. NULL is fine. */
void sender_close(struct sender *sender);

/* Valid while the sender is open. */
const struct transport *sender_transport(const struct sender *sender);

/* From the next request on. ERR_INVALID: not printable ASCII, too long, or empty; the old one stays. */
CHECKED enum err_code sender_set_key(struct sender *sender, const char *api_key, struct err *err);

/*
 * Moves transfers on, after waiting until there is something to move, one of `fds` is readable or
 * timeout_ms is over. ERR_FATAL: libcurl's own state is broken.
 */
CHECKED enum err_code sender_wait(struct sender *sender, const int *fds, size_t fd_count,
                                  int64_t timeout_ms, struct err *err);
