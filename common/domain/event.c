#include "common/domain/event.h"
