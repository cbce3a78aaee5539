#pragma once
/*
 * json_loadb and json_dumps for a process that may run out of memory.
 *
 * jansson (2.14, and what followed it so far) does not look whether a text it reads could grow: the
 * byte that found no room is left out and reading goes on, so that an address or a pointer comes
 * out changed, and a number ends in a failed assertion (github.com/akheron/jansson, issue 362,
 * pull request 735). Writing, it leaves out a member's name in the same way. So jansson's allocator
 * is ours: meanwhile a failed allocation is served from a small reserve, and what came of it is
 * thrown away.
 *
 * Threads: any; each has a reserve of its own.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* As json_loadb (`error` may be NULL), but right or NULL. *is_out_of_memory_out says why if it is
   memory that was wanting. */
json_t *document_load(const char *bytes, size_t byte_count, size_t flags, json_error_t *error,
                      bool *is_out_of_memory_out);

/* As json_dumps, but right or NULL. Release with free. */
char *document_dump(const json_t *document, size_t flags);
