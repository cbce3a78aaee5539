#include "api/stripe_amount.h"

#include <stdbool.h>
#include <string.h>

#include "common/domain/payment.h"

enum { HUNDREDTHS = 100 };

int64_t stripe_amount_minor(int64_t amount, const char *currency) {
    bool is_in_hundredths = strcmp(currency, "ISK") == 0 || strcmp(currency, "UGX") == 0;
    if (amount == PAYMENT_AMOUNT_UNKNOWN) {
        return PAYMENT_AMOUNT_UNKNOWN;
    }
    if (is_in_hundredths) {
        return amount % HUNDREDTHS == 0 ? amount / HUNDREDTHS : PAYMENT_AMOUNT_UNKNOWN;
    }
    if (strcmp(currency, "MGA") == 0) {
        return amount <= INT64_MAX / HUNDREDTHS ? amount * HUNDREDTHS : PAYMENT_AMOUNT_UNKNOWN;
    }
    return amount;
}
