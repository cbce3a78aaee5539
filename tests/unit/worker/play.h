#pragma once
/*
 * Ways for a peer to behave and misbehave, for peer_open: each is called for every connection, with
 * its number from 1.
 */
#include "tests/unit/worker/peer.h"

void play_accept_all(struct peer *peer, int fd, int connection);
void play_die_at_second_request(struct peer *peer, int fd, int connection);
void play_die_at_second_head(struct peer *peer, int fd, int connection);
void play_close_politely_at_second_request(struct peer *peer, int fd, int connection);
void play_close_after_each(struct peer *peer, int fd, int connection);
void play_reset_after_request(struct peer *peer, int fd, int connection);
void play_never_answer(struct peer *peer, int fd, int connection);
void play_slow_head(struct peer *peer, int fd, int connection);
void play_endless_head(struct peer *peer, int fd, int connection);
void play_endless_header_line(struct peer *peer, int fd, int connection);
void play_endless_body(struct peer *peer, int fd, int connection);
void play_trickling_body(struct peer *peer, int fd, int connection);
void play_wrong_length(struct peer *peer, int fd, int connection);
void play_broken_chunks(struct peer *peer, int fd, int connection);
void play_garbage(struct peer *peer, int fd, int connection);
void play_half_a_head(struct peer *peer, int fd, int connection);
void play_redirect(struct peer *peer, int fd, int connection);
void play_go_on_first(struct peer *peer, int fd, int connection);
/* 202 with what is left of the minute, and with nonsense in its place. */
void play_count_down(struct peer *peer, int fd, int connection);
void play_count_nonsense(struct peer *peer, int fd, int connection);
void play_throttle(struct peer *peer, int fd, int connection);
void play_compressed(struct peer *peer, int fd, int connection);
void play_answer_twice_at_once(struct peer *peer, int fd, int connection);
void play_answer_twice(struct peer *peer, int fd, int connection);
