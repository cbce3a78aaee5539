#pragma once
/*
 * The handlers of the routes. Each answers its request in the end, through the api's on_reply.
 * `parameter` is what the path has in the place of the route's parameter, "" if it has none.
 */
#include "http/message.h"

struct api;

void handle_preorder_create(struct api *api, const struct request *request, const char *parameter,
                            void *ticket);
void handle_stripe_webhook(struct api *api, const struct request *request, const char *parameter,
                           void *ticket);
void handle_preorder_get(struct api *api, const struct request *request, const char *parameter,
                         void *ticket);
void handle_openapi_get(struct api *api, const struct request *request, const char *parameter,
                        void *ticket);
