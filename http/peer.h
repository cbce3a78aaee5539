#pragma once
/* The address at the other end of a connection, as text. */
#include <sys/socket.h>

#include "http/message.h"

/* As in struct request. NULL is as a unix socket: "". */
void peer_describe(const struct sockaddr *address, char text_out[PEER_BYTES]);
