#pragma once
/*
 * Where in a client's bytes each head begins and ends, and whether it may go on.
 *
 * A connection is a row of heads, each followed by as many bytes of body as its Content-Length says
 * and by nothing else: Transfer-Encoding is refused. Heads pass whole, once they are judged
 * (head_parse, head_check); bodies pass as they come. At the first head that is not plainly right
 * the row ends: nothing after it has a meaning that everybody agrees on. A part of a head is
 * refused as soon as it cannot become right any more.
 */
#include "http/head_parse.h"

/* Of libmicrohttpd, a connection. It drops a connection without an answer once there is no more; no
   head that may need more reaches it. */
enum { HEAD_MEMORY_BYTES = 32 * 1024 };

/* Of one connection; zeroed at its beginning. */
struct framing {
    size_t checked_bytes;    /* of the head that is arriving: no end of it among them */
    size_t line_at;          /* where its unfinished line begins */
    int64_t body_bytes_left; /* of the body that is arriving */
    int64_t head_count;      /* heads that have passed */
    struct refusal refusal;  /* of the head that now begins; final */
};

/*
 * `bytes` are what has arrived and not passed yet: what did not pass last time, and more behind it.
 * Returns how many may pass. What does not is part of a head, or begins with the refused one. Pure
 * but for *framing; `scratch` holds nothing afterwards.
 */
size_t framing_scan(struct framing *framing, const struct head_limits *limits, const char *bytes,
                    size_t byte_count, struct parsed_head *scratch);
