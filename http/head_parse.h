#pragma once
/*
 * A head as it came over the wire, read to the letter: RFC 9112, sections 2.1, 2.2, 3 and 5.
 *
 * Lines end with CR LF and nothing else; method, target and version have one space between them;
 * a header is name, colon, value, with blanks around the value only; no line is folded; there is no
 * NUL. Whatever another parser could understand otherwise is refused. What head_check judges (what
 * the headers say) is not looked at here.
 */
#include "http/head.h"

enum { REQUEST_LINE_BYTES_MAX = 8 * 1024 }; /* more: 414; RFC 9112, 3, asks for 8000 at least */

struct parsed_head {
    struct request request; /* points into what follows; valid until the next head_parse */
    struct header headers[HEADERS_MAX];
    char bytes[HEAD_BYTES_MAX + 1];
};

/*
 * `bytes` (NULL if there are none) begin with the request line and may end anywhere: only whole lines
 * are read, up to the empty one. Of more than HEAD_BYTES_MAX the rest is ignored. What was understood
 * up to a refusal stands in parsed_out->request ("", NULL, 0 for what was not). Pure.
 */
struct refusal head_parse(const char *bytes, size_t byte_count, struct parsed_head *parsed_out);

/* Sets path and query; cuts `target`, to which they point from then on. RFC 9112, 3.2.2: a server
   takes "http://host/path", too, and goes by the path. */
void head_set_target(struct request *request, char *target);
