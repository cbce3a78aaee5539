#pragma once
/*
 * How a server reads: libmicrohttpd's calls of recv, and GnuTLS's, end here.
 *
 * libmicrohttpd has no hook before its parser. A program's own definition of a function goes before
 * the C library's, so recv.c has one, and that is what libmicrohttpd calls. It looks at the sockets of
 * the server that is running in this thread, and leaves everybody else's alone. If it ever were not
 * called, connection_expects_head would notice and each connection would be closed.
 *
 * Threads: one table belongs to one thread.
 */
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

/* Who reads in recv's place, by descriptor. */
struct recv_table {
    /* As recv(fd, bytes_out, room_bytes, 0), errno too. */
    ssize_t (*read)(void *reader, char *bytes_out, size_t room_bytes);
    void **readers;
    size_t reader_count;
};

void recv_release(struct recv_table *table);

/* The reader is borrowed until recv_forget. False: out of memory. */
CHECKED bool recv_watch(struct recv_table *table, int fd, void *reader);
void recv_forget(struct recv_table *table, int fd);

/* One run of libmicrohttpd, in which its reads go through the table. */
void recv_run(struct recv_table *table, struct MHD_Daemon *daemon);
