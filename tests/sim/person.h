#pragma once
/* A person with preorderctl: looks for trouble and gives orders, at any moment. */
#include "tests/sim/world.h"

/* Perhaps gives an order. */
void person_turn(struct world *world);
/* Leaves everything in order: whatever was paused by hand goes on. */
void person_leave(struct world *world);
