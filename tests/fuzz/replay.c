/* Gives every file of a folder to the target, in the order of their names: usage: replay FOLDER. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/target.h"

enum { INPUT_BYTES_MAX = 1 << 20, PATH_BYTES = 4096 };

/* A block of exactly the right size, so that a sanitizer sees a read behind its end. */
static bool replay(const char *path) {
    static uint8_t bytes[INPUT_BYTES_MAX];
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    size_t byte_count = fread(bytes, 1, sizeof bytes, file);
    bool is_whole = feof(file) != 0 && ferror(file) == 0;
    (void)fclose(file);
    uint8_t *copy = malloc(byte_count > 0 ? byte_count : 1);
    if (!is_whole || copy == NULL) {
        fprintf(stderr, "%s: too large or not readable\n", path);
        free(copy);
        return false;
    }
    memcpy(copy, bytes, byte_count);
    /* Before the call: the last name that is printed is the one that broke it. */
    printf("%s\n", path);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(copy, byte_count);
    free(copy);
    return true;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    struct dirent **entries;
    int entry_count = scandir(argv[1], &entries, NULL, alphasort);
    if (entry_count < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    int replayed_count = 0;
    bool is_fine = true;
    for (int i = 0; i < entry_count; i++) {
        char path[PATH_BYTES];
        bool is_file = entries[i]->d_name[0] != '.';
        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        free(entries[i]);
        if (is_file) {
            is_fine = replay(path) && is_fine;
            replayed_count++;
        }
    }
    free(entries);
    printf("%d inputs\n", replayed_count);
    return is_fine && replayed_count > 0 ? 0 : 1;
}
