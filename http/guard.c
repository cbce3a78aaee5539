#include "http/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void guard_release(struct guard *guard) {
    free(guard->kept);
    guard->kept = NULL;
    guard->kept_bytes = guard->passed_bytes = 0;
}

bool guard_is_amid_head(const struct guard *guard) {
    return guard->kept_bytes > guard->passed_bytes && guard->framing.refusal.status == 0;
}

/* Gives out of what was kept what may pass. */
static size_t give(struct guard *guard, char *bytes_out, size_t room_bytes) {
    size_t byte_count = guard->passed_bytes < room_bytes ? guard->passed_bytes : room_bytes;
    if (byte_count == 0) {
        return 0;
    }
    memcpy(bytes_out, guard->kept, byte_count);
    guard->passed_bytes -= byte_count;
    guard->kept_bytes -= byte_count;
    memmove(guard->kept, guard->kept + byte_count, guard->kept_bytes);
    if (guard->kept_bytes == 0) {
        guard_release(guard);
    }
    return byte_count;
}

/* Of a refused head as much is kept as anybody will want to read. */
static bool keep(struct guard *guard, const char *bytes, size_t byte_count) {
    if (byte_count == 0) {
        return true;
    }
    guard->kept = malloc(GUARD_BYTES);
    if (guard->kept == NULL) {
        errno = ENOMEM;
        return false;
    }
    guard->kept_bytes = byte_count < GUARD_BYTES ? byte_count : GUARD_BYTES;
    memcpy(guard->kept, bytes, guard->kept_bytes);
    return true;
}

/* recvfrom, because recv is ours (recv.c). */
static ssize_t read_socket(int fd, char *bytes_out, size_t room_bytes) {
    return recvfrom(fd, bytes_out, room_bytes, 0, NULL, NULL);
}

ssize_t guard_read(struct guard *guard, const struct head_limits *limits,
                   struct parsed_head *scratch, int fd, char *bytes_out, size_t room_bytes) {
    size_t given_bytes = give(guard, bytes_out, room_bytes);
    ssize_t read_bytes = 0;
    bool may_have_more = true;
    while (given_bytes < room_bytes && may_have_more && guard->framing.refusal.status == 0) {
        /* What continues a head goes behind its beginning, all else straight to its place. */
        bool continues = guard->kept_bytes > 0;
        char *place = continues ? guard->kept + guard->kept_bytes : bytes_out + given_bytes;
        size_t place_bytes = continues ? GUARD_BYTES - guard->kept_bytes : room_bytes - given_bytes;
        read_bytes = read_socket(fd, place, place_bytes);
        if (read_bytes <= 0) {
            break;
        }
        size_t byte_count = (size_t)read_bytes;
        may_have_more = byte_count == place_bytes;
        if (continues) {
            guard->kept_bytes += byte_count;
            guard->passed_bytes =
                framing_scan(&guard->framing, limits, guard->kept, guard->kept_bytes, scratch);
            given_bytes += give(guard, bytes_out + given_bytes, room_bytes - given_bytes);
            continue;
        }
        size_t passed_bytes = framing_scan(&guard->framing, limits, place, byte_count, scratch);
        given_bytes += passed_bytes;
        if (!keep(guard, place + passed_bytes, byte_count - passed_bytes)) {
            return -1;
        }
    }
    if (given_bytes > 0) {
        return (ssize_t)given_bytes;
    }
    if (read_bytes > 0 || guard->framing.refusal.status != 0) {
        errno = EAGAIN;
        return -1;
    }
    return read_bytes;
}
