#include "worker/sockets.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum err_code sockets_init(struct sockets *sockets, size_t capacity, struct err *err) {
    *sockets = (struct sockets){.entries = calloc(capacity, sizeof(struct sockets_entry)),
                                .entry_capacity = capacity};
    return sockets->entries == NULL ? err_set(err, ERR_FATAL, "out of memory") : ERR_OK;
}

void sockets_release(struct sockets *sockets) {
    free(sockets->entries);
    *sockets = (struct sockets){0};
}

bool sockets_add(struct sockets *sockets, int fd) {
    if (sockets->entry_count == sockets->entry_capacity) {
        return false;
    }
    sockets->entries[sockets->entry_count++] = (struct sockets_entry){.fd = fd};
    return true;
}

void sockets_remove(struct sockets *sockets, int fd) {
    for (size_t i = 0; i < sockets->entry_count; i++) {
        if (sockets->entries[i].fd == fd) {
            sockets->entries[i] = sockets->entries[--sockets->entry_count];
            return;
        }
    }
}

/* Learns where the connection begins; before it stands, the port is 0. */
static void learn_local_end(struct sockets_entry *entry) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.any = {0}};
    socklen_t address_bytes = sizeof address;
    if (getsockname(entry->fd, &address.any, &address_bytes) != 0) {
        return;
    }
    bool is_v4 = address.any.sa_family == AF_INET;
    const void *bytes = is_v4 ? (const void *)&address.v4.sin_addr : &address.v6.sin6_addr;
    if (is_v4 || address.any.sa_family == AF_INET6) {
        (void)inet_ntop(address.any.sa_family, bytes, entry->local_ip, sizeof entry->local_ip);
        entry->local_port = ntohs(is_v4 ? address.v4.sin_port : address.v6.sin6_port);
    }
}

static bool is_at(struct sockets_entry *entry, const char *local_ip, int local_port) {
    if (entry->local_port == 0) {
        learn_local_end(entry);
    }
    return entry->local_port == local_port && strcmp(entry->local_ip, local_ip) == 0;
}

bool sockets_take(struct sockets *sockets, const char *local_ip, int local_port) {
    bool is_there = false;
    bool is_silent = true;
    for (size_t i = 0; i < sockets->entry_count; i++) {
        struct sockets_entry *entry = &sockets->entries[i];
        if (is_at(entry, local_ip, local_port)) {
            is_there = true;
            is_silent = is_silent && (!entry->has_served || sockets_is_silent(entry));
            entry->has_served = true;
        }
    }
    return is_there && is_silent;
}

bool sockets_is_silent(const struct sockets_entry *entry) {
    struct pollfd look = {.fd = entry->fd, .events = POLLIN | POLLPRI | POLLRDHUP};
    return poll(&look, 1, 0) == 0;
}
