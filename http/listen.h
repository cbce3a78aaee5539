#pragma once
/*
 * Listening sockets: "HOST:PORT" (IPv6 in brackets, port 0 for a free one) or "unix:PATH".
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum { LISTEN_ADDRESS_BYTES = 160 };

/*
 * Opens a non-blocking, close-on-exec listening socket. A left-over unix socket that nobody listens
 * on is removed first. ERR_INVALID: not an address. ERR_CONFLICT: taken by somebody. ERR_FATAL:
 * anything else (no right to it, no such interface).
 */
CHECKED enum err_code listen_open(const char *address, int *fd_out, struct err *err);

/* For the table of settings: is it an address at all? Nothing is opened. */
CHECKED enum err_code listen_check(const char *address, struct err *err);

/* Where it listens really, with the port that port 0 became: "127.0.0.1:40213" or "unix:/run/x". */
void listen_describe(int fd, char text[LISTEN_ADDRESS_BYTES]);
