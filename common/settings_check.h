#pragma once
/*
 * What single settings must look like, beyond their type. Only settings.c uses this.
 *
 * Each returns ERR_INVALID with what is wrong with the value, complete but for the setting's name.
 */
#include "common/err.h"

CHECKED enum err_code settings_check_database_url(const char *text, struct err *err);
CHECKED enum err_code settings_check_host_id(const char *text, struct err *err);
CHECKED enum err_code settings_check_not_empty(const char *text, struct err *err);
CHECKED enum err_code settings_check_listen(const char *text, struct err *err);
CHECKED enum err_code settings_check_worker_listen(const char *text, struct err *err);
CHECKED enum err_code settings_check_number_prefix(const char *text, struct err *err);
CHECKED enum err_code settings_check_origins(const char *text, struct err *err);
CHECKED enum err_code settings_check_rate_limit(const char *text, struct err *err);
CHECKED enum err_code settings_check_trusted_proxies(const char *text, struct err *err);

CHECKED enum err_code settings_check_api_key(const char *text, struct err *err);
CHECKED enum err_code settings_check_base_url(const char *text, struct err *err);
CHECKED enum err_code settings_check_ca_file(const char *text, struct err *err);
CHECKED enum err_code settings_check_revision(const char *text, struct err *err);
CHECKED enum err_code settings_check_metric_prefix(const char *text, struct err *err);

CHECKED enum err_code settings_check_webhook_secret(const char *text, struct err *err);
