#include "http/admin.h"
