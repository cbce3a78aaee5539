#pragma once
/*
 * What the api's handlers share. Included by the files of this folder only.
 */
#include "api/intake.h"
#include "api/limits.h"
#include "api/options.h"
#include "api/overload.h"
#include "api/payments.h"
#include "api/stripe_mode.h"

struct api {
    struct api_options options;
    struct intake intake;
    struct payments payments;
    enum stripe_mode stripe_mode;  /* goes by the catalog: api_set_catalog */
    bool stripe_version_was_noted; /* the log says once that it is not the tested one */
    struct limits *limits;
    struct overload overload;
};
