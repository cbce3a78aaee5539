#pragma once
/*
 * Addresses of the internet, and lists of networks of them.
 *
 * IPv4 is kept as it is mapped into IPv6 (::ffff:192.0.2.7), so that one address has one form,
 * however it was written.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum { NETWORKS_MAX = 64, ADDRESS_BYTES = 16 };

struct address {
    uint8_t bytes[ADDRESS_BYTES];
};

/* Exactly one address, IPv4 or IPv6, without brackets, port or zone. */
CHECKED bool address_parse(const char *text, struct address *address_out);
bool address_is_ipv4(const struct address *address);

struct networks {
    struct {
        struct address address;
        int prefix_bits; /* of 128 */
    } items[NETWORKS_MAX];
    size_t count;
    bool has_unix; /* "unix" stands in the list: whoever comes by a unix socket */
};

/*
 * "127.0.0.1,10.0.0.0/8,2001:db8::/32,unix", or "" for none. ERR_INVALID, complete but for the
 * setting's name: something else; bits set behind the prefix; a prefix of 0, which is everybody;
 * more than NETWORKS_MAX.
 */
CHECKED enum err_code networks_parse(const char *text, struct networks *networks_out,
                                     struct err *err);
bool networks_contain(const struct networks *networks, const struct address *address);
