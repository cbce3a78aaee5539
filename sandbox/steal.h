#pragma once
/*
 * Taking an accepted connection away from the server, which is to believe that its client has left.
 */

/*
 * Returns a descriptor of the connection that is the caller's own; `fd` stays open and stays the
 * server's, but is the end of a closed pipe from now on. -1: no descriptor is left, nothing has
 * changed.
 */
int steal_socket(int fd);
