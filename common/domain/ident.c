#include "common/domain/ident.h"
