#include "common/domain/currency.h"
