#pragma once
/*
 * The description of the checkout side, api/openapi.json, as it was when the program was built.
 * OpenAPI 3.1 in ASCII JSON without white space.
 */
#include <stddef.h>

extern const char openapi_text[]; /* openapi_bytes long, then a NUL */
extern const size_t openapi_bytes;
extern const char openapi_etag[]; /* of these bytes, with its quotes */
