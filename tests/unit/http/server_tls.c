/* A server that speaks TLS itself, as the sandbox's does: what the guard cannot judge for it. */
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/server_impl.h"
#include "tests/unit/http/rig.h"

#define HOST "Host: a.example\r\n"

enum { PEM_BYTES = 4096, A_DAY_S = 86400 };

static char certificate_pem[PEM_BYTES], key_pem[PEM_BYTES];
static char text[70000];

/* ---- Certificate and client ---- */

static void take_text(BIO *bio, char pem[PEM_BYTES]) {
    int length = BIO_read(bio, pem, PEM_BYTES - 1);
    assert_true(length > 0);
    pem[length] = '\0';
    BIO_free(bio);
}

static int make_certificate(void **state) {
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_non_null(key);
    assert_non_null(certificate);
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), A_DAY_S));
    assert_true(X509_set_pubkey(certificate, key));
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_X509(bio, certificate));
    take_text(bio, certificate_pem);
    bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    take_text(bio, key_pem);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

static void open_with_tls(struct rig *rig) {
    rig->options.tls_certificate_pem = certificate_pem;
    rig->options.tls_key_pem = key_pem;
    rig_open(rig);
}

struct client {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
};

/* One turn if the last call only has to wait. */
static void turn(struct rig *rig, struct client *client, int result) {
    assert_int_equal(SSL_get_error(client->ssl, result), SSL_ERROR_WANT_READ);
    rig_step(rig, client->fd);
}

static struct client shake_hands(struct rig *rig) {
    struct client client = {.context = SSL_CTX_new(TLS_client_method()), .fd = client_open(rig)};
    assert_non_null(client.context);
    client.ssl = SSL_new(client.context);
    assert_non_null(client.ssl);
    assert_true(SSL_set_fd(client.ssl, client.fd));
    int result;
    while ((result = SSL_connect(client.ssl)) != 1) {
        turn(rig, &client, result);
    }
    return client;
}

static void say(struct client *client, const char *request) {
    int length = (int)strlen(request);
    assert_int_equal(SSL_write(client->ssl, request, length), length);
}

/* Until the server closes: all it said, in `text`. */
static size_t hear_all(struct rig *rig, struct client *client) {
    size_t length = 0;
    for (;;) {
        int count = SSL_read(client->ssl, text + length, (int)(sizeof text - 1 - length));
        text[length + (size_t)(count > 0 ? count : 0)] = '\0';
        if (count > 0) {
            length += (size_t)count;
        } else if (SSL_get_error(client->ssl, count) != SSL_ERROR_WANT_READ) {
            return length;
        } else {
            turn(rig, client, count);
        }
    }
}

static void leave(struct client *client) {
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    close(client->fd);
}

/* ---- Tests ---- */

static void a_request_over_tls_is_answered(void **state) {
    (void)state;
    struct rig rig = {0};
    open_with_tls(&rig);
    struct client client = shake_hands(&rig);
    say(&client, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 2\r\nConnection: close\r\n\r\nab");
    assert_true(hear_all(&rig, &client) > 0);
    assert_string_equal(reply_body(text, 200), "POST /x ab");
    leave(&client);
    rig_wait_connections(&rig, 0);
    rig_close(&rig);
}

static void a_head_over_tls_is_judged_all_the_same(void **state) {
    (void)state;
    struct rig rig = {0};
    open_with_tls(&rig);
    struct client client = shake_hands(&rig);
    say(&client, "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_true(hear_all(&rig, &client) > 0);
    (void)reply_body(text, 411);
    assert_true(reply_has_header(text, "Connection: close\r\n"));
    assert_int_equal(rig.request_count, 0);
    leave(&client);
    rig_wait_connections(&rig, 0);
    rig_close(&rig);
}

static void wait_for_phase(struct rig *rig, enum exchange_phase phase) {
    int64_t until_ms = clock_mono_ms(clock_system()) + RIG_PATIENCE_MS;
    const struct exchange *exchange;
    while ((exchange = TAILQ_FIRST(&rig->server->exchanges.all)) == NULL ||
           exchange->phase != phase) {
        assert_true(clock_mono_ms(clock_system()) < until_ms);
        rig_step(rig, -1);
    }
}

/* Past libmicrohttpd there is no way to say why: what is not encrypted would be no reply. */
static void a_slow_request_over_tls_is_cut_without_a_word(void **state) {
    (void)state;
    static const char *const begins[] = {
        "POST /x HTTP/1.1\r\nHo",
        "POST /x HTTP/1.1\r\n" HOST "Content-Length: 100\r\nX-Request-Id: mine\r\n\r\nabc",
    };
    struct rig rig = {0};
    open_with_tls(&rig);
    for (int32_t i = 0; i < 2; i++) {
        struct client client = shake_hands(&rig);
        say(&client, begins[i]);
        wait_for_phase(&rig, i == 0 ? EXCHANGE_BEGUN : EXCHANGE_READING);
        rig_advance_ms(&rig, 10001);
        assert_int_equal(hear_all(&rig, &client), 0);
        rig_wait_done(&rig, i + 1);
        assert_int_equal(rig.done_status, 408);
        assert_string_equal(rig.done_path, "/x");
        if (i == 0) {
            assert_int_equal(strlen(rig.done_id), 32);
        } else {
            assert_string_equal(rig.done_id, "mine");
        }
        leave(&client);
        rig_wait_connections(&rig, 0);
    }
    assert_int_equal(rig.request_count, 0);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_over_tls_is_answered),
        cmocka_unit_test(a_head_over_tls_is_judged_all_the_same),
        cmocka_unit_test(a_slow_request_over_tls_is_cut_without_a_word),
    };
    return cmocka_run_group_tests_name("http/server_tls", tests, make_certificate, NULL);
}
