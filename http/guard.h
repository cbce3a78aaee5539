#pragma once
/*
 * Stands between a socket and libmicrohttpd: reads what has arrived and hands on what may pass.
 *
 * A head is kept back until it is whole and judged, so libmicrohttpd sees only heads that are
 * plainly right, and one that is not never reaches it. What is kept back costs at most
 * GUARD_BYTES of memory a connection, and nothing between heads.
 */
#include <sys/types.h>

#include "http/framing.h"

enum { GUARD_BYTES = HEAD_BYTES_MAX + 1 };

/* Of one connection; zeroed at its beginning. */
struct guard {
    struct framing framing;
    char *kept; /* GUARD_BYTES of room, or NULL */
    size_t kept_bytes;
    size_t passed_bytes; /* of them: they may go on, but there was no room for them */
};

void guard_release(struct guard *guard);

/*
 * As recv(fd, bytes_out, room_bytes, 0) of a socket that does not block, but for what is kept back:
 * EAGAIN if nothing may pass now. Fewer than room_bytes mean that the socket was empty (as
 * edge-triggered polling needs it) or that guard->framing has a refusal. ENOMEM is final.
 */
ssize_t guard_read(struct guard *guard, const struct head_limits *limits,
                   struct parsed_head *scratch, int fd, char *bytes_out, size_t room_bytes);

/* Part of a head is there, which is neither whole nor refused. */
bool guard_is_amid_head(const struct guard *guard);
