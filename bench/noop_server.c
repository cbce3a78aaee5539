/*
 * Baseline H: libmicrohttpd with two threads that reads each request and answers it with as many
 * bytes as the API does, and does nothing else. Prints its address, ends with its parent.
 */
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/options.h"

enum { THREADS = 2, CONNECTIONS_MAX = 1024 };

static const char answer[] =
    "{\"id\":\"019c0000-0000-7000-8000-000000000000\",\"number\":\"PRE-00000000\","
    "\"status\":\"initiated\",\"payment_url\":\"https://buy.stripe.com/test_lamp_black?"
    "client_reference_id=019c0000-0000-7000-8000-000000000000&prefilled_email="
    "customer-123456789%40klaviyo-demo.com&locale=en\",\"created_at\":\"2026-11-22T00:00:00."
    "000Z\"}";

/* Called first for the head, then for what came of the body, then for the end. */
static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_bytes, void **request) {
    static int seen;
    (void)url, (void)method, (void)version, (void)upload;
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        *upload_bytes = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_CREATED, context);
}

int main(void) {
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
        sizeof answer - 1, (void *)(uintptr_t)answer, NULL);
    if (response == NULL || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        bench_fail("cannot start");
    }
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_access, response, //
        MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)&address,           //
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned int)THREADS,                //
        MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        daemon == NULL ? NULL : MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    if (info == NULL) {
        bench_fail("libmicrohttpd does not start");
    }
    (void)printf("listening on 127.0.0.1:%u\n", (unsigned int)info->port);
    (void)fflush(stdout);
    return pause();
}
