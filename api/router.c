#include "api/router.h"

#include <string.h>

#include "api/form.h"
#include "api/handlers.h"
#include "http/problem.h"

static const struct route routes[] = {
    {"POST", "/pre-order", NULL, BODY_JSON_OR_FORM, handle_preorder_create},
    {"GET", "/pre-order/{id}", "/pre-order/", BODY_NONE, handle_preorder_get},
    {"POST", ROUTER_WEBHOOK_PATH, NULL, BODY_JSON, handle_stripe_webhook},
    {"GET", "/openapi.json", NULL, BODY_NONE, handle_openapi_get},
};
enum { ROUTE_COUNT = sizeof routes / sizeof routes[0] };

/* Where a program that looks around finds out what is served (RFC 8631). */
static const char DESCRIPTION_LINK[] = "</openapi.json>; rel=\"service-desc\"";

/* One of those that HTTP knows, NULL for any other word. */
static const char *known_method(const char *method) {
    static const char *const known[] = {"GET",    "HEAD",  "POST",    "OPTIONS", "PUT",
                                        "DELETE", "PATCH", "CONNECT", "TRACE"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(method, known[i]) == 0) {
            return known[i];
        }
    }
    return NULL;
}

static bool matches_path(const struct route *route, const char *path) {
    if (route->prefix == NULL) {
        return strcmp(route->path, path) == 0;
    }
    size_t length = strlen(route->prefix);
    return strncmp(path, route->prefix, length) == 0 && path[length] != '\0' &&
           strchr(path + length, '/') == NULL;
}

static bool matches_method(const struct route *route, const char *method) {
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* The first route of a path. */
static const struct route *find_path(const char *path) {
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (matches_path(&routes[i], path)) {
            return &routes[i];
        }
    }
    return NULL;
}

const char *router_body_types(enum body_kind kind) {
    switch (kind) {
    case BODY_JSON_OR_FORM:
        return "application/json, " FORM_TYPE;
    case BODY_JSON:
        return "application/json";
    case BODY_NONE:
        break;
    }
    return "";
}

/* The methods of a path, as Allow wants them; "" if there is no such path. */
static const char *allowed_methods(const char *path) {
    if (strcmp(path, "*") == 0) {
        return "GET, HEAD, OPTIONS, POST";
    }
    const struct route *route = find_path(path);
    if (route == NULL) {
        return "";
    }
    return strcmp(route->method, "GET") == 0 ? "GET, HEAD, OPTIONS" : "OPTIONS, POST";
}

static struct reply tell_options(const struct route *route, const char *allowed) {
    struct reply reply = {.status = 204};
    reply_add_header(&reply, "Allow", allowed);
    reply_add_header(&reply, "Link", DESCRIPTION_LINK);
    if (route != NULL && route->body != BODY_NONE) {
        reply_add_header(&reply, "Accept-Post", router_body_types(route->body));
    }
    return reply;
}

struct reply router_refuse_path(const struct request *request) {
    struct reply reply = problem_reply(request, 404, "unknown-path", "Unknown path",
                                       "Nothing is served at this path.", NULL, 0);
    reply_add_header(&reply, "Link", DESCRIPTION_LINK);
    return reply;
}

bool router_is_webhook(const struct request *request) {
    return strcmp(request->path, ROUTER_WEBHOOK_PATH) == 0;
}

int64_t router_body_bytes_max(const struct request *request) {
    return router_is_webhook(request) ? WEBHOOK_BODY_BYTES_MAX : BODY_BYTES_MAX;
}

const struct route *router_find(const struct request *request, struct reply *reply_out) {
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (matches_path(&routes[i], request->path) &&
            matches_method(&routes[i], request->method)) {
            return &routes[i];
        }
    }
    const char *allowed = allowed_methods(request->path);
    if (known_method(request->method) == NULL) {
        *reply_out =
            problem_reply(request, 501, "unknown-method", "Unknown method",
                          "HTTP has no such method; methods are written in upper case.", NULL, 0);
    } else if (allowed[0] == '\0') {
        *reply_out = router_refuse_path(request);
    } else if (strcmp(request->method, "OPTIONS") == 0) {
        *reply_out = tell_options(find_path(request->path), allowed);
    } else {
        *reply_out = problem_reply(request, 405, "method-not-allowed", "Method not allowed",
                                   "This path is served with the methods in Allow only.", NULL, 0);
        reply_add_header(reply_out, "Allow", allowed);
    }
    return NULL;
}

const struct route *router_list(size_t *count_out) {
    *count_out = ROUTE_COUNT;
    return routes;
}

const char *router_parameter(const struct route *route, const struct request *request) {
    return route->prefix == NULL ? "" : request->path + strlen(route->prefix);
}

const char *router_label(const struct request *request) {
    const struct route *route = find_path(request->path);
    return route == NULL ? "other" : route->path;
}

const char *router_method_label(const struct request *request) {
    const char *method = known_method(request->method);
    return method == NULL ? "other" : method;
}
