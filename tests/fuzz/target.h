#pragma once
/*
 * What a fuzz target is: a function that takes any bytes. It returns 0, and stops the program (assert, sanitizer)
 * when something is wrong with how they were taken. Built twice: with replay.c, to run what is kept in corpus/ in
 * every test run, and with libFuzzer, to search (./dev fuzz).
 */
#include <stddef.h>
#include <stdint.h>

/* libFuzzer's name for it: https://llvm.org/docs/LibFuzzer.html, "Fuzz Target". */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);
