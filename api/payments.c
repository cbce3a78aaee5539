#include "api/payments.h"

#include <assert.h>
#include <stdlib.h>

void payments_init(struct payments *payments) {
    *payments = (struct payments){.last_next = &payments->first};
}

struct payments_item *payments_pop(struct payments *payments) {
    struct payments_item *item = payments->first;
    if (item == NULL) {
        return NULL;
    }
    payments->first = item->next;
    if (payments->first == NULL) {
        payments->last_next = &payments->first;
    }
    payments->count--;
    return item;
}

void payments_release(struct payments *payments) {
    for (struct payments_item *item = payments_pop(payments); item != NULL;
         item = payments_pop(payments)) {
        free(item);
    }
}

void payments_push(struct payments *payments, struct payments_item *item) {
    assert(item->next == NULL);
    *payments->last_next = item;
    payments->last_next = &item->next;
    payments->count++;
}
