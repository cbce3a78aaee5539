#include "common/domain/locale.h"
