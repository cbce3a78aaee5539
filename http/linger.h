#pragma once
/*
 * Closing a connection without losing the answer that was just sent on it.
 *
 * A socket that is closed while bytes of the client are unread, or still on their way, is reset,
 * and the reset may overtake the answer: a client that sends too large a body would see "connection
 * reset" in place of our 413. So such a socket stays open for a moment, and what it receives is
 * thrown away.
 */
#include <stdint.h>

enum {
    LINGER_MAX = 64,    /* sockets at once; more are closed without waiting */
    LINGER_MS = 2000,   /* a client that still sends after this is reset */
    LINGER_LOOK_MS = 20 /* between looks while there are any */
};

struct linger_set {
    struct {
        int fd;
        int64_t until_mono_us;
    } sockets[LINGER_MAX];
    int32_t count;
};

/* Keeps the connection of `fd` open by a descriptor of its own; `fd` stays the caller's. */
void linger_add(struct linger_set *set, int fd, int64_t now_mono_us);
void linger_turn(struct linger_set *set, int64_t now_mono_us);
void linger_close(struct linger_set *set);
