#include "worker/transport.h"

static const char *const names[TRANSPORT_CODES] = {
    [TRANSPORT_OK] = "ok",
    [TRANSPORT_TIMEOUT] = "timeout",
    [TRANSPORT_DNS] = "name not resolved",
    [TRANSPORT_CONNECT] = "no connection",
    [TRANSPORT_TLS_HANDSHAKE] = "TLS handshake failed",
    [TRANSPORT_CERTIFICATE] = "certificate not trusted",
    [TRANSPORT_RESET] = "connection lost",
    [TRANSPORT_PROTOCOL] = "broken answer",
    [TRANSPORT_TOO_LARGE] = "answer too large",
    [TRANSPORT_LOCAL] = "could not send from here",
    [TRANSPORT_STOPPED] = "worker stopped before the answer",
    [TRANSPORT_OTHER] = "unexpected failure",
};

const char *transport_code_name(enum transport_code code) {
    return names[code];
}
