#include "common/store/sqlite/engine.h"
