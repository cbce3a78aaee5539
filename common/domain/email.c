#include "common/domain/email.h"
