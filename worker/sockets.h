#pragma once
/*
 * The connections that a sender has open, so that one can be looked at before it is used again.
 *
 * A kept connection must be silent. If anything waits to be read on it, its end has come, or the
 * other side sent an answer that nobody asked for, and the next request on it would take that answer
 * for its own: an event would count as sent that never was. libcurl 7.88 does not look (tried).
 *
 * Threads: one.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct sockets_entry {
    int fd;
    bool has_served; /* a request was written to it */
    char local_ip[INET6_ADDRSTRLEN];
    int local_port; /* 0: not known yet */
};

struct sockets {
    struct sockets_entry *entries;
    size_t entry_count, entry_capacity;
};

/* ERR_FATAL: out of memory. */
CHECKED enum err_code sockets_init(struct sockets *sockets, size_t capacity, struct err *err);
void sockets_release(struct sockets *sockets); /* closes nothing; also right for a zeroed struct */

/* False if there is no room: the connection must not be opened. */
CHECKED bool sockets_add(struct sockets *sockets, int fd);
void sockets_remove(struct sockets *sockets, int fd);

/*
 * True if a request may be written to the connection with this local end, as libcurl writes it
 * ("127.0.0.1", 40213): it is in the set, and has never served or is silent. It counts as having served
 * then. The kernel gives one port to connections that go to different addresses; nobody knows which of
 * those is meant, so it takes all of them.
 */
CHECKED bool sockets_take(struct sockets *sockets, const char *local_ip, int local_port);

/* True if nothing waits to be read: no byte, no end, no error. */
bool sockets_is_silent(const struct sockets_entry *entry);
