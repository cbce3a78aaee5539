#include "common/store/ops.h"
