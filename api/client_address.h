#pragma once
/*
 * Whose request it is: the address that a budget is kept for.
 *
 * Anybody can write X-Forwarded-For, so it is believed only as far as trusted proxies wrote it: each
 * of them appends the address it was called from, so it is read from the right, past addresses of
 * trusted proxies, to the first that is none. What stands further left came from that client and is
 * not looked at. If all are trusted, the request began at the leftmost. Where something that is no
 * address stands in the way, or there is no such header, it is the address at the other end of the
 * connection.
 *
 * A unix socket has no address: whoever comes by it is "::", and its X-Forwarded-For is believed if
 * the list has "unix". A port behind an address ("192.0.2.7:443", "[2001:db8::7]:443") is dropped:
 * some proxies write it.
 */
#include "common/network.h"
#include "http/message.h"

struct address client_address(const struct request *request, const struct networks *trusted);
