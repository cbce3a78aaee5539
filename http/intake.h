#pragma once
/*
 * How a request comes in: libmicrohttpd's callbacks. Each request becomes an exchange, is judged, and goes
 * to the owner once it is complete.
 *
 * `context` is a struct exchanges, `*exchange_pointer` what intake_on_target returned.
 */
#include "http/exchange_impl.h"

void *intake_on_target(void *context, const char *target, struct MHD_Connection *mhd);
enum MHD_Result intake_on_access(void *context, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_bytes, void **exchange_pointer);
void intake_on_completed(void *context, struct MHD_Connection *mhd, void **exchange_pointer,
                         enum MHD_RequestTerminationCode code);

/* The connection closes: the end of what is under way on it. */
void intake_end(struct exchange *exchange);
