#pragma once
/*
 * The handlers of the routes. Each answers its request in the end, through the api's on_reply.
 */
#include "api/api.h"

void handle_preorder_create(struct api *api, const struct request *request, void *ticket);
void handle_preorder_get(struct api *api, const struct request *request, void *ticket);
