#pragma once
/* The inside of a server, for server.c and its tests: what it owns. */
#include "http/door.h"
#include "http/exchange_impl.h"
#include "http/server.h"

struct server {
    struct server_options options;
    struct MHD_Daemon *daemon;
    int epoll_fd; /* libmicrohttpd's and the door */
    struct door door;
    bool is_busy;
    bool is_quiesced; /* nobody is let in any more */
    struct connections connections;
    struct exchanges exchanges;
};
