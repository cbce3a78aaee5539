#pragma once
/*
 * Standard input, output and error: whatever this process opens, it must not become one of them.
 *
 * Who starts a program may leave any of the three closed. What is opened next takes the lowest free
 * number, the gate's file or a connection, and what is printed or logged would go there.
 *
 * Threads: before any is created, and before anything is opened for long.
 */

/* Takes the places of those that are closed, so that reading and printing fail as they did. Without
   /dev/null they stay free. */
void streams_reserve(void);
