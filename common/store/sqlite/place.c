#include "common/store/sqlite/place.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

/* Numbers from linux/magic.h and statfs(2); those that these headers lack are spelled out. */
static const struct {
    int64_t type;
    const char *name;
} refused[] = {
    {0x6969, "NFS"},
    {0x517b, "SMB"},
    {0xff534d42, "CIFS"},
    {0xfe534d42, "SMB2"},
    {0x01021997, "9P"},
    {0x65735546, "FUSE"},
    {0x5346414f, "AFS"},
    {0x73757245, "Coda"},
    {0x00c36400, "Ceph"},
    {0x0bd00bd0, "Lustre"},
    {0x01161970, "GFS2"},
    {0x7461636f, "OCFS2"},
    {0x47504653, "GPFS"},
    {0x564c, "NCP"},
    {0x19830326, "FhGFS/BeeGFS"},
    {0x786f4256, "VirtualBox"},
    {0xbacbacbc, "VMware"},
    {0x013111a8, "IBRIX"},
};

const char *place_refused_name(int64_t file_system_type) {
    /* f_type is signed on some machines: compare its 32 bits. */
    uint32_t wanted = (uint32_t)file_system_type;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if ((uint32_t)refused[i].type == wanted) {
            return refused[i].name;
        }
    }
    return NULL;
}

enum err_code place_check(const char *path, struct err *err) {
    char folder[4096];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL
                     ? snprintf(folder, sizeof folder, ".")
                     : snprintf(folder, sizeof folder, "%.*s/", (int)(slash - path), path);
    if (length < 0 || (size_t)length >= sizeof folder) {
        return err_set(err, ERR_INVALID, "the database's path is too long");
    }
    struct statfs status;
    if (statfs(folder, &status) != 0) {
        return err_set_errno(err, ERR_FATAL, errno, "cannot use the folder %s of the database",
                             folder);
    }
    const char *name = place_refused_name((int64_t)status.f_type);
    if (name != NULL) {
        return err_set(err, ERR_FATAL,
                       "%s lies on a network file system (%s), where SQLite loses data: move the "
                       "database to a local disk",
                       folder, name);
    }
    return ERR_OK;
}
