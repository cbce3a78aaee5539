/* What single settings must look like: tables of what is taken and what is not. */
#include "common/settings_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef enum err_code (*check_function)(const char *text, struct err *err);

static void assert_all(check_function check, const char *const *texts, enum err_code expected) {
    for (size_t i = 0; texts[i] != NULL; i++) {
        struct err err;
        if (check(texts[i], &err) != expected) {
            fail_msg("wrong for \"%s\"", texts[i]);
        }
    }
}

#define TAKES(check, ...) assert_all((check), (const char *const[]){__VA_ARGS__, NULL}, ERR_OK)
#define REFUSES(check, ...)                                                                        \
    assert_all((check), (const char *const[]){__VA_ARGS__, NULL}, ERR_INVALID)

static void database_urls(void **state) {
    (void)state;
    struct err err;
    TAKES(settings_check_database_url, "sqlite:var/preorder.db", "sqlite:/x y");
    REFUSES(settings_check_database_url, "", "sqlite:", "sqlite", "var/preorder.db", "mysql://x",
            "SQLITE:x");
    REFUSES(settings_check_database_url, "postgresql://u:secret@h/d", "postgres://h/d");
    assert_int_equal(settings_check_database_url("postgresql://u:secret@h/d", &err), ERR_INVALID);
    assert_string_equal(err.text, "this build has no PostgreSQL engine: use sqlite:PATH");
    assert_int_equal(settings_check_database_url("mysql://u:secret@h/d", &err), ERR_INVALID);
    assert_null(strstr(err.text, "secret"));
}

static void host_ids(void **state) {
    (void)state;
    TAKES(settings_check_host_id, "", "a", "b95a8a00-7bb5-4b82-b090-67aeafa6f6dc", "Host_1.local",
          "1234567890123456789012345678901234567890123456789012345678901234");
    REFUSES(settings_check_host_id, " ", "a b", "a/b", "a:1", "\xC3\xA4", "a\n",
            "12345678901234567890123456789012345678901234567890123456789012345");
}

static void what_must_not_be_empty(void **state) {
    (void)state;
    TAKES(settings_check_not_empty, "x");
    REFUSES(settings_check_not_empty, "");
}

static void number_prefixes(void **state) {
    (void)state;
    TAKES(settings_check_number_prefix, "P", "PRE", "2026", "ABCDEFGHIJKL");
    REFUSES(settings_check_number_prefix, "", "pre", "PRE-", "P E", "ABCDEFGHIJKLM", "\xC3\x84");
}

static void api_keys(void **state) {
    (void)state;
    TAKES(settings_check_api_key, "pk_abc123", "!~");
    REFUSES(settings_check_api_key, "", "pk abc", "pk\r\nX-Evil: 1", "pk\x7F", "pk\xC3\xA4",
            "pk\t");
}

static void a_key_has_at_most_1024_characters(void **state) {
    (void)state;
    char key[1024 + 2] = "";
    memset(key, 'k', 1024);
    TAKES(settings_check_api_key, key);
    key[1024] = 'k';
    REFUSES(settings_check_api_key, key);
}

static void webhook_secrets(void **state) {
    (void)state;
    TAKES(settings_check_webhook_secret, "whsec_abc", "whsec_a,whsec_b", " whsec_a ,\twhsec_b\n",
          "a,b,c,d,e,f,g,h", ",a,");
    REFUSES(settings_check_webhook_secret, "", " ", ",", "a,b,c,d,e,f,g,h,i", "whsec_\x7F",
            "whsec_\xC3\xA4", "whsec_\x01");
}

static void certificate_files(void **state) {
    (void)state;
    TAKES(settings_check_ca_file, "", "/proc/self/status");
    REFUSES(settings_check_ca_file, "/nowhere/ca.pem");
}

static void revisions(void **state) {
    (void)state;
    TAKES(settings_check_revision, "2026-07-15", "2024-10-15.pre");
    REFUSES(settings_check_revision, "", "2026-07-1", "2026-07-155", "2026/07/15", "26-07-15",
            "2026-07-15.", "2026-07-15.beta", "2026-07-15\r\n", " 2026-07-15", "dddd-dd-dd");
}

static void metric_prefixes(void **state) {
    (void)state;
    TAKES(settings_check_metric_prefix, "", "Shop",
          "My shop:", "1234567890123456789012345678901234567890123456789012345678901234");
    REFUSES(settings_check_metric_prefix, "a\nb", "\xC3\x84", "\x7F",
            "12345678901234567890123456789012345678901234567890123456789012345");
}

static void base_urls(void **state) {
    (void)state;
    TAKES(settings_check_base_url, "https://a.klaviyo.com", "https://a.klaviyo.com/",
          "https://proxy.example:8443/klaviyo", "https://[2001:db8::1]:443", "https://10.0.0.1",
          "https://my-proxy.example");
    REFUSES(settings_check_base_url, "", "a.klaviyo.com", "ftp://a.klaviyo.com", "https://",
            "https:///x", "https://:443", "https://a b", "https://a.com:", "https://a.com:0",
            "https://a.com:65536", "https://a.com:123456", "https://a.com:8x", "https://u@a.com",
            "https://a.com/@", "https://a.com?x", "https://a.com/?x", "https://a.com/#x",
            "https://a.com\r\n", "https://a_b.com", "https://\xC3\xA4.com", "https://[::1",
            "https://[::x]", "https://[]", "HTTPS://a.com");
}

static void endless_hosts(void **state) {
    (void)state;
    char url[400] = "https://";
    memset(url + 8, 'a', sizeof url - 9);
    REFUSES(settings_check_base_url, url);
    url[8 + 253] = '\0';
    TAKES(settings_check_base_url, url);
}

static void plain_http_goes_only_to_this_machine(void **state) {
    (void)state;
    struct err err;
    TAKES(settings_check_base_url, "http://127.0.0.1", "http://127.0.0.1:9000/x",
          "http://127.255.0.9", "http://[::1]:9000", "http://localhost", "http://localhost:9000",
          "http://[0:0:0:0:0:0:0:1]");
    REFUSES(settings_check_base_url, "http://a.klaviyo.com", "http://128.0.0.1", "http://10.0.0.1",
            "http://localhost.example", "http://127.0.0.1.example", "http://127.1",
            "http://[2001:db8::1]", "http://[::1:0:1]", "http://[0:0:1::1]", "http://[::2]",
            "http://localhost@a.com", "http://LOCALHOST.");
    assert_int_equal(settings_check_base_url("http://a.klaviyo.com", &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "would send the key unencrypted"));
}

static void origins(void **state) {
    (void)state;
    TAKES(settings_check_origins, "", "https://shop.example", "http://localhost:3000",
          "https://a.example,https://b.example:8443,http://[::1]:1");
    REFUSES(settings_check_origins, "*", "null", "shop.example", "https://shop.example/",
            "https://Shop.example", "https://a.example, https://b.example",
            "https://a.example,,https://b.example", ",https://a.example",
            "https://a.example;https://b.example", "https://a.example:443", "http://a.example:80");
    TAKES(settings_check_origins, "https://a.example:80", "http://a.example:443");
}

static void limits_and_proxies(void **state) {
    (void)state;
    TAKES(settings_check_rate_limit, "off", "5/s", "100/m");
    REFUSES(settings_check_rate_limit, "", "100", "0/m", "100/h");
    TAKES(settings_check_trusted_proxies, "", "127.0.0.1", "10.0.0.0/8,::1,unix");
    REFUSES(settings_check_trusted_proxies, "*", "10.0.0.1/8", "0.0.0.0/0", "127.0.0.1 ::1");
}

static void addresses_to_listen_on(void **state) {
    (void)state;
    TAKES(settings_check_listen, "127.0.0.1:8080", "localhost:0", "[::1]:65535", "*_x:1",
          "unix:/run/preorder.sock", "unix:x");
    REFUSES(settings_check_listen, "", "8080", ":8080", "127.0.0.1",
            "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:008080", "127.0.0.1:80x", "::1:80", "[::1]",
            "[]:80", "[::1:80", "unix:", "none");
    TAKES(settings_check_worker_listen, "none", "127.0.0.1:8082");
    REFUSES(settings_check_worker_listen, "", "None", "8082");
}

/* The longest that http/listen.c has room for. */
static void a_host_to_listen_on_has_at_most_255_characters(void **state) {
    (void)state;
    char address[256 + sizeof ":80"];
    memset(address, 'h', 256);
    memcpy(address + 255, ":80", sizeof ":80");
    TAKES(settings_check_listen, address);
    address[255] = 'h';
    memcpy(address + 256, ":80", sizeof ":80");
    REFUSES(settings_check_listen, address);
}

static void the_path_of_a_socket_has_its_limit(void **state) {
    (void)state;
    char address[200] = "unix:";
    memset(address + 5, 'x', sizeof address - 6);
    REFUSES(settings_check_listen, address);
    address[5 + 107] = '\0';
    TAKES(settings_check_listen, address);
}

static void the_host_to_listen_on_has_its_limit(void **state) {
    (void)state;
    char host[400];
    char address[420];
    memset(host, '1', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    (void)snprintf(address, sizeof address, "%s:1", host);
    REFUSES(settings_check_listen, address);
    (void)snprintf(address, sizeof address, "[%s]:1", host);
    REFUSES(settings_check_listen, address);
}

static void endless_origins(void **state) {
    (void)state;
    char origin[1000] = "https://";
    memset(origin + 8, 'a', sizeof origin - 9);
    REFUSES(settings_check_origins, origin);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(database_urls),
        cmocka_unit_test(host_ids),
        cmocka_unit_test(what_must_not_be_empty),
        cmocka_unit_test(number_prefixes),
        cmocka_unit_test(api_keys),
        cmocka_unit_test(a_key_has_at_most_1024_characters),
        cmocka_unit_test(webhook_secrets),
        cmocka_unit_test(certificate_files),
        cmocka_unit_test(revisions),
        cmocka_unit_test(metric_prefixes),
        cmocka_unit_test(base_urls),
        cmocka_unit_test(endless_hosts),
        cmocka_unit_test(plain_http_goes_only_to_this_machine),
        cmocka_unit_test(origins),
        cmocka_unit_test(the_host_to_listen_on_has_its_limit),
        cmocka_unit_test(endless_origins),
        cmocka_unit_test(limits_and_proxies),
        cmocka_unit_test(addresses_to_listen_on),
        cmocka_unit_test(a_host_to_listen_on_has_at_most_255_characters),
        cmocka_unit_test(the_path_of_a_socket_has_its_limit),
    };
    return cmocka_run_group_tests_name("common/settings_check", tests, NULL, NULL);
}
