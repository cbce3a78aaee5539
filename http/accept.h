#pragma once
/*
 * What a client would rather have: the header Accept (RFC 9110, section 12.5.1).
 *
 * Threads: any.
 */
#include <stdbool.h>

#include "http/message.h"

/*
 * Whether HTML is what the client asks for: text/html, or all of text, is named with a weight above 0 and
 * not below that of JSON. Browsers name it; a program that takes anything, by the wildcard for all
 * types or by saying nothing, gets JSON. The most specific range counts for each; ranges
 * with a malformed weight count as not said, parameters other than the weight are not looked at.
 */
bool accept_prefers_html(const struct request *request);
