#pragma once
/*
 * What the api's handlers share. Included by the files of this folder only.
 */
#include "api/api.h"
#include "api/intake.h"

struct api {
    struct api_options options;
    struct intake intake;
};
