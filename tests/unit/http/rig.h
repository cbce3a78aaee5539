#pragma once
/*
 * A server and its clients in one thread, over real loopback sockets.
 *
 * The rig is the owner that server.h describes: it sleeps on server_fd for server_wait_ms and calls server_turn, and
 * nothing else wakes it. Whatever a test waits for must come true within RIG_PATIENCE_MS.
 * The server's clock is the machine's plus what rig_advance_ms added, so that deadlines pass at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/server.h"

enum { RIG_PATIENCE_MS = 20 * 1000, RIG_HELD_MAX = 512, RIG_BODY_BYTES_MAX = 1000 };

struct rig {
    struct server *server;
    int port;
    const char *address; /* to listen on instead of 127.0.0.1, with port 0 */
    char path[100];      /* of a unix socket; "" for TCP */
    struct server_options options;
    struct clock clock;
    int64_t offset_us;

    /* Requests that on_request put aside, because `holds` or because its path begins with "/hold". */
    bool holds;
    struct exchange *held[RIG_HELD_MAX];
    int32_t held_count;

    /* What on_done said last, and how often. */
    int32_t done_count;
    int done_status;
    char done_method[16], done_path[64], done_id[MESSAGE_ID_BYTES];

    int32_t request_count, connect_count;
    void (*on_request)(struct rig *rig,
                       struct exchange *exchange); /* instead of the usual answer */
};

/* Options that are 0 get the rig's own: 10 s deadline, 100 connections, bodies of at most
   RIG_BODY_BYTES_MAX. */
void rig_open(struct rig *rig);
void rig_open_unix(struct rig *rig);
void rig_close(struct rig *rig);
void rig_advance_ms(struct rig *rig, int64_t ms);

/* One sleep and one turn. `fd`, if not -1, wakes it when readable. */
void rig_step(struct rig *rig, int fd);
/* Turns until that many requests are held. */
void rig_hold(struct rig *rig, int32_t count);
void rig_wait_done(struct rig *rig, int32_t count);
void rig_wait_connections(struct rig *rig, int32_t count);
/* Answers the oldest held request with "METHOD PATH BODY". */
void rig_answer_first(struct rig *rig);
/* That answer. */
void rig_echo(struct exchange *exchange);

/* A connection of a client; all its calls are non-blocking. */
int client_open(struct rig *rig);
void client_send(int fd, const char *text);
/* Turns until one whole reply (head, and body by its Content-Length) has come. */
void client_receive(struct rig *rig, int fd, char *text, size_t text_bytes);
/* As a reply to HEAD or 1xx: without its body. */
void client_receive_head(struct rig *rig, int fd, char *text, size_t text_bytes);
/* Turns until the server has closed; returns how many bytes came, or -1 for a reset. */
int64_t client_receive_all(struct rig *rig, int fd, char *text, size_t text_bytes);
/* Sends and receives on a connection of its own, until it is closed. */
void client_ask(struct rig *rig, const char *request, char *text, size_t text_bytes);
bool client_is_closed(struct rig *rig, int fd);

/* Asserts that the reply has that status, and returns its body. */
const char *reply_body(const char *text, int status);
bool reply_has_header(const char *text, const char *line);
