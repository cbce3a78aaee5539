#pragma once
/*
 * The other side of the wire, played on a thread: accepts connections one after the other and does
 * with each what the test's script says, byte by byte.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { PEER_TEXT_BYTES = 64 * 1024, PEER_URL_BYTES = 64 };

struct peer {
    /* Called for each connection, numbered from 1; the peer closes it afterwards. */
    void (*serve)(struct peer *peer, int fd, int connection);
    int listen_fd;
    char url[PEER_URL_BYTES];
    pthread_t thread;
    atomic_bool is_stopping;
    atomic_bool is_done; /* what the script wanted to do before it waits */
    atomic_int connection_count;
    atomic_int closed_count;        /* connections that the peer has closed */
    atomic_int head_count;          /* complete heads of requests that arrived, on any connection */
    atomic_int request_count;       /* complete requests, body included */
    char incoming[PEER_TEXT_BYTES]; /* the thread's own */
    char request[PEER_TEXT_BYTES];  /* the last whole one, head and body; NUL-terminated */
};

void peer_open(struct peer *peer, void (*serve)(struct peer *, int, int));
void peer_close(struct peer *peer);

/* Reads one request; false when the connection ended before it was whole. */
bool peer_read_request(struct peer *peer, int fd);
/* Reads up to the end of the head only. */
bool peer_read_head(struct peer *peer, int fd);
void peer_send(int fd, const char *text);
/* Sends `text` again and again until the other side goes away. */
void peer_send_for_ever(struct peer *peer, int fd, const char *text, int pause_us);
/* Ends the connection with a RST. */
void peer_reset(int fd);
/* Waits until the other side goes away. */
void peer_hold(struct peer *peer, int fd);
