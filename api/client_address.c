#include "api/client_address.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum { TEXT_BYTES = INET6_ADDRSTRLEN + sizeof "[]:65535" };

/* Cuts "[ADDRESS]", "[ADDRESS]:PORT" and "IPV4:PORT" down to the address. */
static bool drop_port(char *text, char **address_out) {
    char *colon = strchr(text, ':');
    *address_out = text;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return false;
        }
        *end = '\0';
        *address_out = text + 1;
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        *colon = '\0';
    }
    return true;
}

/* One member of the list. */
static bool parse_member(const char *begin, size_t length, struct address *address_out) {
    char text[TEXT_BYTES];
    char *address = NULL;
    while (length > 0 && (*begin == ' ' || *begin == '\t')) {
        begin++;
        length--;
    }
    while (length > 0 && (begin[length - 1] == ' ' || begin[length - 1] == '\t')) {
        length--;
    }
    if (length == 0 || length >= sizeof text) {
        return false;
    }
    memcpy(text, begin, length);
    text[length] = '\0';
    return drop_port(text, &address) && address_parse(address, address_out);
}

enum reading { READ_ON, READ_CLIENT, READ_GARBAGE };

/* One header, from right to left. *address is the last one read. */
static enum reading read_list(const char *list, const struct networks *trusted,
                              struct address *address) {
    size_t end = strlen(list);
    for (;;) {
        size_t begin = end;
        while (begin > 0 && list[begin - 1] != ',') {
            begin--;
        }
        struct address member;
        if (!parse_member(list + begin, end - begin, &member)) {
            return READ_GARBAGE;
        }
        *address = member;
        if (!networks_contain(trusted, &member)) {
            return READ_CLIENT;
        }
        if (begin == 0) {
            return READ_ON;
        }
        end = begin - 1;
    }
}

struct address client_address(const struct request *request, const struct networks *trusted) {
    struct address peer = {{0}};
    bool is_trusted = false;
    if (request->peer[0] == '\0') {
        is_trusted = trusted->has_unix;
    } else {
        is_trusted = address_parse(request->peer, &peer) && networks_contain(trusted, &peer);
    }
    struct address address = peer;
    enum reading reading = READ_ON;
    for (size_t i = request->header_count; is_trusted && reading == READ_ON && i > 0; i--) {
        const struct header *header = &request->headers[i - 1];
        if (strcasecmp(header->name, "X-Forwarded-For") == 0) {
            reading = read_list(header->value, trusted, &address);
        }
    }
    return reading == READ_GARBAGE ? peer : address;
}
