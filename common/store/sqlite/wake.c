#include "common/store/sqlite/wake.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    HEARD_MAX = 256, /* datagrams taken in at once: the kernel queues about ten */
    /* A folder's change time moves with the kernel's tick, 1 to 10 ms: after a change so young there
       may be another that does not show. */
    SETTLED_MS = 50,
};

/* A socket's address may have 107 characters only, a database's path more: go by the descriptor. */
static struct sockaddr_un address_of(const struct wake *wake, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s",
                   wake->folder_fd, name);
    return address;
}

enum err_code wake_init(struct wake *wake, const char *database_path, struct err *err) {
    *wake = (struct wake){.folder_fd = -1, .fd = -1};
    int length = snprintf(wake->path, sizeof wake->path, "%s-wake", database_path);
    assert(length > 0);
    if ((size_t)length >= sizeof wake->path) {
        return err_set(err, ERR_INVALID, "the database's path is too long");
    }
    return ERR_OK;
}

/* False, with errno: there is no folder, or no descriptor left. */
static bool open_both(struct wake *wake) {
    if (wake->folder_fd < 0) {
        wake->folder_fd = open(wake->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (wake->folder_fd >= 0 && wake->fd < 0) {
        wake->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    return wake->fd >= 0;
}

void wake_close(struct wake *wake) {
    if (wake->name[0] != '\0') {
        (void)unlinkat(wake->folder_fd, wake->name, 0); /* who meets it removes it */
    }
    if (wake->fd >= 0) {
        (void)close(wake->fd);
    }
    if (wake->folder_fd >= 0) {
        (void)close(wake->folder_fd);
    }
    *wake = (struct wake){.folder_fd = -1, .fd = -1};
}

static CHECKED enum err_code draw_name(char name[WAKE_NAME_BYTES], struct err *err) {
    uint64_t bytes[2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot draw a name for a socket");
    }
    (void)snprintf(name, WAKE_NAME_BYTES, "%016" PRIx64 "%016" PRIx64, bytes[0], bytes[1]);
    return ERR_OK;
}

enum err_code wake_listen(struct wake *wake, struct err *err) {
    char name[WAKE_NAME_BYTES];
    enum err_code code = draw_name(name, err);
    if (code != ERR_OK) {
        return code;
    }
    if ((mkdir(wake->path, 0770) != 0 && errno != EEXIST) || !open_both(wake)) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot use the folder %s", wake->path);
    }
    struct sockaddr_un address = address_of(wake, name);
    if (bind(wake->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot make a socket in %s", wake->path);
    }
    memcpy(wake->name, name, sizeof name);
    return ERR_OK;
}

bool wake_hear(struct wake *wake) {
    char bytes[16];
    int count = 0;
    while (count < HEARD_MAX && recv(wake->fd, bytes, sizeof bytes, 0) >= 0) {
        count++;
    }
    return count > 0;
}

static void read_names(struct wake *wake) {
    wake->name_count = 0;
    int fd = openat(wake->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    for (const struct dirent *entry = readdir(folder);
         entry != NULL && wake->name_count < WAKE_LISTENERS_MAX; entry = readdir(folder)) {
        if (strlen(entry->d_name) == WAKE_NAME_BYTES - 1) {
            memcpy(wake->names[wake->name_count++], entry->d_name, WAKE_NAME_BYTES);
        }
    }
    (void)closedir(folder);
}

static int64_t ns_of(const struct timespec *time) {
    return (int64_t)time->tv_sec * 1000000000 + (int64_t)time->tv_nsec;
}

/* One look at the folder's change time says whether a worker came or went. */
static void refresh_names(struct wake *wake) {
    struct stat status;
    if (fstat(wake->folder_fd, &status) != 0) {
        return;
    }
    int64_t changed_at_ns = ns_of(&status.st_mtim);
    if (changed_at_ns != wake->seen_at_ns) {
        struct timespec now;
        int result = clock_gettime(CLOCK_REALTIME, &now);
        assert(result == 0);
        bool is_settled = ns_of(&now) - changed_at_ns > (int64_t)SETTLED_MS * 1000000;
        wake->seen_at_ns = is_settled ? changed_at_ns : 0;
        read_names(wake);
    }
}

void wake_send(struct wake *wake) {
    if (!open_both(wake)) {
        return; /* nobody has ever listened */
    }
    refresh_names(wake);
    for (size_t i = 0; i < wake->name_count; i++) {
        struct sockaddr_un address = address_of(wake, wake->names[i]);
        ssize_t sent = sendto(wake->fd, "w", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
                              (const struct sockaddr *)&address, sizeof address);
        /* A full queue means that it was woken already; a refusal that it is dead. */
        if (sent < 0 && errno == ECONNREFUSED) {
            (void)unlinkat(wake->folder_fd, wake->names[i], 0);
        }
    }
}
