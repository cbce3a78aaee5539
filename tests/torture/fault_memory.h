#pragma once
/*
 * Puts the program's allocators under fault.h, and counts what they gave and did not get back. Works
 * in a program that is linked with --wrap for malloc, calloc, realloc, reallocarray, strdup, strndup,
 * free, open and fcntl: so it reaches the calls of our own code; libraries are asked by the hooks
 * they offer. Not reached: what the C library allocates for itself.
 */
#include <stddef.h>

/* Once, before any of the libraries is used. */
void fault_memory_install(void);

/* Pieces that are in use, SQLite's as one number of bytes. */
struct fault_memory_use {
    size_t piece_count;
    size_t sqlite_bytes;
};
struct fault_memory_use fault_memory_use(void);
