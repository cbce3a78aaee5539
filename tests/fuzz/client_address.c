/*
 * Lists of networks, and whose request it is: a list means the same however it is written, and nobody becomes
 * somebody else by writing X-Forwarded-For.
 *
 * The first line of the input is the list of trusted proxies, the second the address at the other end of the
 * connection; each further one is an X-Forwarded-For.
 */
#include "api/client_address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/lines.h"
#include "tests/fuzz/target.h"

enum {
    HEADERS = 8,
    TEXT_BYTES = NETWORKS_MAX * (INET6_ADDRSTRLEN + sizeof "/128,") + sizeof "unix"
};

static bool are_same(const struct address *a, const struct address *b) {
    return memcmp(a->bytes, b->bytes, ADDRESS_BYTES) == 0;
}

/* As IPv6 throughout, the other way to write every network. */
static void write_networks(const struct networks *networks, char text[TEXT_BYTES]) {
    size_t length = (size_t)snprintf(text, TEXT_BYTES, "%s", networks->has_unix ? "unix," : "");
    for (size_t i = 0; i < networks->count; i++) {
        char address[INET6_ADDRSTRLEN];
        assert(inet_ntop(AF_INET6, networks->items[i].address.bytes, address, sizeof address));
        length += (size_t)snprintf(text + length, TEXT_BYTES - length, "%s/%d,", address,
                                   networks->items[i].prefix_bits);
        assert(length < TEXT_BYTES);
    }
}

static void check_networks(const struct networks *networks) {
    char text[TEXT_BYTES];
    struct networks again;
    struct err err = {0};
    write_networks(networks, text);
    enum err_code code = networks_parse(text, &again, &err);
    assert(code == ERR_OK && again.count == networks->count);
    assert(again.has_unix == networks->has_unix);
    for (size_t i = 0; i < networks->count; i++) {
        assert(are_same(&again.items[i].address, &networks->items[i].address));
        assert(again.items[i].prefix_bits == networks->items[i].prefix_bits);
        assert(networks->items[i].prefix_bits >= 1 && networks->items[i].prefix_bits <= 128);
        assert(networks_contain(networks, &networks->items[i].address));
    }
}

/* By other means than the reader's: is the address written anywhere in this header? */
static bool is_named(const char *list, const struct address *address) {
    bool is_found = false;
    char *copy = strdup(list);
    assert(copy != NULL);
    char *rest = copy;
    for (char *word = strsep(&rest, ", \t"); word != NULL && !is_found;
         word = strsep(&rest, ", \t")) {
        struct address found;
        char *bracket = strchr(word, ']');
        char *colon = strchr(word, ':');
        if (word[0] == '[' && bracket != NULL) {
            word++;
            *bracket = '\0';
        } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
            *colon = '\0';
        }
        is_found = address_parse(word, &found) && are_same(&found, address);
    }
    free(copy);
    return is_found;
}

static void check_client(const struct request *request, const struct networks *trusted) {
    struct address peer = {{0}};
    bool has_peer = request->peer[0] != '\0';
    bool is_trusted = trusted->has_unix;
    if (has_peer) {
        is_trusted = address_parse(request->peer, &peer) && networks_contain(trusted, &peer);
    }
    struct address client = client_address(request, trusted);
    if (!is_trusted) {
        assert(are_same(&client, &peer));
        return;
    }
    bool is_said = are_same(&client, &peer);
    for (size_t i = 0; i < request->header_count && !is_said; i++) {
        is_said = is_named(request->headers[i].value, &client);
    }
    assert(is_said);
}

/* What a client writes before the part that proxies appended changes nothing once there is a stranger in that. */
static void check_forgery(struct request *request, struct header *headers,
                          const struct networks *trusted) {
    struct address stranger = client_address(request, trusted);
    if (request->header_count == 0 || networks_contain(trusted, &stranger)) {
        return;
    }
    struct address peer;
    bool is_peer = address_parse(request->peer, &peer) && are_same(&stranger, &peer);
    size_t room = strlen(headers[0].value) + sizeof "203.0.113.9, ";
    char *forged = malloc(room);
    assert(forged != NULL);
    (void)snprintf(forged, room, "203.0.113.9, %s", headers[0].value);
    headers[0].value = forged;
    struct address again = client_address(request, trusted);
    assert(is_peer || are_same(&again, &stranger) || request->peer[0] == '\0');
    free(forged);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct lines lines;
    struct networks trusted;
    struct err err = {0};
    lines_cut(&lines, bytes, byte_count);
    if (lines.count >= 1) {
        enum err_code code = networks_parse(lines.texts[0], &trusted, &err);
        assert(code == ERR_OK || code == ERR_INVALID);
        if (code == ERR_INVALID) {
            lines_check_message(err.text);
        } else {
            check_networks(&trusted);
        }
    }
    if (lines.count >= 2 && err.code == ERR_OK && strlen(lines.texts[1]) < PEER_BYTES) {
        struct header headers[HEADERS];
        struct request request = {.headers = headers};
        (void)snprintf(request.peer, sizeof request.peer, "%s", lines.texts[1]);
        for (size_t i = 2; i < lines.count && request.header_count < HEADERS; i++) {
            const char *name = i % 2 == 0 ? "X-Forwarded-For" : "x-forwarded-for";
            headers[request.header_count++] = (struct header){name, lines.texts[i]};
        }
        check_client(&request, &trusted);
        check_forgery(&request, headers, &trusted);
    }
    lines_release(&lines);
    return 0;
}
