#include "common/domain/catalog.h"
