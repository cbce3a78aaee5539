#include "common/network.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "common/config.h"

enum {
    ADDRESS_BITS = 128,
    MAPPED_BYTES = 12, /* before an IPv4 address: RFC 4291, 2.5.5.2 */
    MAPPED_BITS = 96,
    ITEM_BYTES = INET6_ADDRSTRLEN + sizeof "/128",
    PREFIX_DIGITS_MAX = 3,
};

static const uint8_t MAPPED[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

bool address_parse(const char *text, struct address *address_out) {
    struct address address;
    if (inet_pton(AF_INET6, text, address.bytes) == 1) {
        *address_out = address;
        return true;
    }
    memcpy(address.bytes, MAPPED, sizeof MAPPED);
    if (inet_pton(AF_INET, text, address.bytes + MAPPED_BYTES) == 1) {
        *address_out = address;
        return true;
    }
    return false;
}

bool address_is_ipv4(const struct address *address) {
    return memcmp(address->bytes, MAPPED, sizeof MAPPED) == 0;
}

/* The bits of byte `i` that belong to the network. */
static uint8_t mask(int prefix_bits, int i) {
    int bits = prefix_bits - 8 * i;
    return (uint8_t)(bits >= 8 ? 0xff : bits <= 0 ? 0 : 0xff00 >> bits);
}

static enum err_code parse_prefix(const char *digits, bool is_ipv4, int *bits_out,
                                  struct err *err) {
    int64_t prefix = 0;
    int64_t most = is_ipv4 ? ADDRESS_BITS - MAPPED_BITS : ADDRESS_BITS;
    size_t length = strspn(digits, "0123456789");
    bool is_number = length >= 1 && length <= PREFIX_DIGITS_MAX && digits[length] == '\0';
    if (is_number) {
        enum err_code code = config_parse_integer(digits, &prefix, err);
        assert(code == ERR_OK); /* so few digits are a number */
    }
    if (!is_number || prefix > most) {
        return err_set(err, ERR_INVALID, "a network ends in / and a number up to %d", (int)most);
    }
    if (prefix == 0) {
        return err_set(err, ERR_INVALID, "/0 would be everybody");
    }
    *bits_out = (int)prefix + (is_ipv4 ? MAPPED_BITS : 0);
    return ERR_OK;
}

static enum err_code parse_item(char *text, struct networks *networks, struct err *err) {
    if (strcmp(text, "unix") == 0) {
        networks->has_unix = true;
        return ERR_OK;
    }
    if (networks->count == NETWORKS_MAX) {
        return err_set(err, ERR_INVALID, "there are more than %d of them", NETWORKS_MAX);
    }
    struct address address;
    int prefix_bits = ADDRESS_BITS;
    char *slash = strchr(text, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    if (!address_parse(text, &address)) {
        return err_set(err, ERR_INVALID,
                       "this is no address: write them like 10.0.0.0/8,2001:db8::1 (or unix), with "
                       "commas and no spaces between them");
    }
    if (slash != NULL &&
        parse_prefix(slash + 1, strchr(text, ':') == NULL, &prefix_bits, err) != ERR_OK) {
        return err->code;
    }
    for (int i = 0; i < ADDRESS_BYTES; i++) {
        if ((address.bytes[i] & ~mask(prefix_bits, i)) != 0) {
            return err_set(err, ERR_INVALID,
                           "the address has bits behind its prefix: write the network's first "
                           "address, or leave the prefix out");
        }
    }
    networks->items[networks->count].address = address;
    networks->items[networks->count].prefix_bits = prefix_bits;
    networks->count++;
    return ERR_OK;
}

enum err_code networks_parse(const char *text, struct networks *networks_out, struct err *err) {
    struct networks networks = {0};
    const char *next = text;
    while (*next != '\0') {
        char item[ITEM_BYTES];
        size_t length = strcspn(next, ",");
        size_t copied = length < sizeof item ? length : sizeof item - 1;
        memcpy(item, next, copied);
        item[copied] = '\0';
        enum err_code code = copied < length ? err_set(err, ERR_INVALID, "too long for an address")
                                             : parse_item(item, &networks, err);
        if (code != ERR_OK) {
            return err_wrap(err, "\"%.*s\"", (int)copied, next);
        }
        next += length;
        next += *next == ',';
    }
    *networks_out = networks;
    return ERR_OK;
}

static bool is_inside(const struct address *address, const struct address *network,
                      int prefix_bits) {
    for (int i = 0; i < ADDRESS_BYTES; i++) {
        if (((address->bytes[i] ^ network->bytes[i]) & mask(prefix_bits, i)) != 0) {
            return false;
        }
    }
    return true;
}

bool networks_contain(const struct networks *networks, const struct address *address) {
    for (size_t i = 0; i < networks->count; i++) {
        if (is_inside(address, &networks->items[i].address, networks->items[i].prefix_bits)) {
            return true;
        }
    }
    return false;
}
