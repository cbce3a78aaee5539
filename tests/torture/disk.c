#include "tests/torture/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/torture/fault.h"

static void *grow(void *memory, size_t byte_count) {
    fault_exempt();
    void *grown = realloc(memory, byte_count);
    fault_resume();
    if (grown == NULL) {
        (void)fprintf(stderr, "out of memory\n");
        abort();
    }
    return grown;
}

void disk_bytes_resize(struct disk_bytes *bytes, size_t size) {
    if (size > bytes->capacity) {
        bytes->capacity = 2 * size;
        bytes->data = grow(bytes->data, bytes->capacity);
    }
    if (size > bytes->size) {
        memset(bytes->data + bytes->size, 0, size - bytes->size);
    }
    bytes->size = size;
}

void disk_bytes_copy(const struct disk_bytes *bytes, struct disk_bytes *copy) {
    copy->size = 0;
    if (bytes->size > copy->capacity) {
        copy->capacity = 2 * bytes->size;
        copy->data = grow(copy->data, copy->capacity);
    }
    if (bytes->size > 0) {
        memcpy(copy->data, bytes->data, bytes->size);
    }
    copy->size = bytes->size;
}

static void bytes_release(struct disk_bytes *bytes) {
    free(bytes->data);
    *bytes = (struct disk_bytes){0};
}

void disk_release(struct disk *disk) {
    for (size_t i = 0; i < disk->file_capacity; i++) {
        bytes_release(&disk->files[i].bytes);
        bytes_release(&disk->files[i].start);
    }
    bytes_release(&disk->payloads);
    free(disk->files);
    free(disk->ops);
    *disk = (struct disk){0};
}

/* Files keep their memory when a disk is used again: images are made by the million. */
static struct disk_file *add_file(struct disk *disk, enum disk_role role) {
    if (disk->file_count == disk->file_capacity) {
        size_t capacity = disk->file_capacity + 8;
        disk->files = grow(disk->files, capacity * sizeof *disk->files);
        memset(disk->files + disk->file_capacity, 0, 8 * sizeof *disk->files);
        disk->file_capacity = capacity;
    }
    struct disk_file *file = &disk->files[disk->file_count++];
    file->role = role;
    file->is_linked = true;
    file->was_linked = false;
    file->bytes.size = 0;
    file->start.size = 0;
    return file;
}

void disk_begin_log(struct disk *disk) {
    for (size_t i = 0; i < disk->file_count; i++) {
        struct disk_file *file = &disk->files[i];
        file->was_linked = file->is_linked;
        disk_bytes_copy(&file->bytes, &file->start);
    }
    disk->op_count = 0;
    disk->payloads.size = 0;
}

void disk_copy(const struct disk *disk, struct disk *copy) {
    copy->file_count = 0;
    for (size_t i = 0; i < disk->file_count; i++) {
        if (disk->files[i].is_linked) {
            struct disk_file *file = add_file(copy, disk->files[i].role);
            disk_bytes_copy(&disk->files[i].bytes, &file->bytes);
        }
    }
    copy->tag = disk->tag;
    disk_begin_log(copy);
}

struct disk_file *disk_find(const struct disk *disk, enum disk_role role) {
    for (size_t i = 0; i < disk->file_count; i++) {
        if (disk->files[i].role == role && disk->files[i].is_linked) {
            return &disk->files[i];
        }
    }
    return NULL;
}

size_t disk_index(const struct disk *disk, const struct disk_file *file) {
    return (size_t)(file - disk->files);
}

static struct disk_op *log_op(struct disk *disk, enum disk_action action, size_t file) {
    if (disk->op_count == disk->op_capacity) {
        disk->op_capacity = disk->op_capacity == 0 ? 256 : 2 * disk->op_capacity;
        disk->ops = grow(disk->ops, disk->op_capacity * sizeof *disk->ops);
    }
    struct disk_op *op = &disk->ops[disk->op_count++];
    *op = (struct disk_op){.action = action, .file = file, .tag = disk->tag};
    return op;
}

struct disk_file *disk_create(struct disk *disk, enum disk_role role) {
    struct disk_file *file = add_file(disk, role);
    (void)log_op(disk, DISK_CREATE, disk_index(disk, file));
    return file;
}

void disk_delete(struct disk *disk, struct disk_file *file) {
    file->is_linked = false;
    (void)log_op(disk, DISK_DELETE, disk_index(disk, file));
}

void disk_write(struct disk *disk, struct disk_file *file, const void *bytes, size_t byte_count,
                size_t offset) {
    struct disk_op *op = log_op(disk, DISK_WRITE, disk_index(disk, file));
    op->offset = offset;
    op->byte_count = byte_count;
    op->payload = disk->payloads.size;
    disk_bytes_resize(&disk->payloads, disk->payloads.size + byte_count);
    memcpy(disk->payloads.data + op->payload, bytes, byte_count);
    if (offset + byte_count > file->bytes.size) {
        disk_bytes_resize(&file->bytes, offset + byte_count);
    }
    memcpy(file->bytes.data + offset, bytes, byte_count);
}

void disk_truncate(struct disk *disk, struct disk_file *file, size_t size) {
    log_op(disk, DISK_TRUNCATE, disk_index(disk, file))->offset = size;
    disk_bytes_resize(&file->bytes, size);
}

void disk_sync(struct disk *disk, struct disk_file *file) {
    (void)log_op(disk, DISK_SYNC, disk_index(disk, file));
}

void disk_fail_sync(struct disk *disk, struct disk_file *file) {
    (void)log_op(disk, DISK_SYNC_FAILED, disk_index(disk, file));
}

void disk_sync_folder(struct disk *disk) {
    (void)log_op(disk, DISK_SYNC_FOLDER, 0);
}
