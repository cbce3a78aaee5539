#include "common/signals.h"
