#pragma once
/*
 * The shapes of the five request bodies in Klaviyo's OpenAPI file, revision 2026-07-15: required
 * members, types, nullability and enumerations. What the file leaves to prose stands in limits.h.
 */
#include "sandbox/endpoint.h"
#include "sandbox/shape.h"

const struct shape *klaviyo_shape(enum endpoint endpoint);
