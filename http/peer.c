#include "http/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* What is mapped into IPv6 is IPv4: the same client is the same text on every listener. */
void peer_describe(const struct sockaddr *address, char text_out[PEER_BYTES]) {
    static const unsigned char MAPPED[] = {0, 0, 0, 0, 0,    0,
                                           0, 0, 0, 0, 0xff, 0xff}; /* RFC 4291, 2.5.5.2 */
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    text_out[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET) {
        memcpy(&in, address, sizeof in);
        (void)inet_ntop(AF_INET, &in.sin_addr, text_out, PEER_BYTES);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        memcpy(&in6, address, sizeof in6);
        bool is_mapped = memcmp(&in6.sin6_addr, MAPPED, sizeof MAPPED) == 0;
        const void *bytes = is_mapped ? &in6.sin6_addr.s6_addr[12] : &in6.sin6_addr.s6_addr[0];
        (void)inet_ntop(is_mapped ? AF_INET : AF_INET6, bytes, text_out, PEER_BYTES);
    }
}
