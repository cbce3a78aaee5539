#pragma once
/*
 * Reading UTF-8 one character at a time.
 *
 * Threads: any.
 */
#include <stddef.h>
#include <stdint.h>

/*
 * The first character of `byte_count` bytes. Returns how many bytes it takes (1 to 4) and its number
 * in *code_point_out; 0 if the bytes begin with none: over-long forms, surrogates, numbers above
 * U+10FFFF, cut characters (RFC 3629), or no bytes at all.
 */
size_t utf8_decode(const char *bytes, size_t byte_count, uint32_t *code_point_out);
