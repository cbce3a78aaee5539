#include "common/domain/preorder.h"
