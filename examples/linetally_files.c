/*
 * linetally_files.c - owns the list of files, the way from a file to records, and the sequential pass.
 *
 * Lines and bytes are those of wc -lc: a line is a newline; what follows the last newline is a record with bytes and no line.
 */
#include "linetally.h"
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int list_append(struct file_list *list, const char *path)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 1024;
        char **grown = realloc(list->path, room * sizeof *grown);
        if (!grown)
            return -1;
        list->path = grown;
        list->room = room;
    }
    list->path[list->count] = strdup(path);
    return list->path[list->count++] ? 0 : -1;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Takes one entry of a walk. What cannot be read is left out, so that wc and we see the same. */
static int take_entry(struct file_list *list, const FTSENT *entry, bool required)
{
    bool named = entry->fts_level == FTS_ROOTLEVEL;
    switch (entry->fts_info) {
    case FTS_F:
        if (access(entry->fts_accpath, R_OK) == 0)
            return list_append(list, entry->fts_path);
        complain("%s: not readable, left out", entry->fts_path);
        return named && required ? -1 : 0;
    case FTS_NS:
    case FTS_ERR:
    case FTS_DNR:
        if (!required && entry->fts_errno == ENOENT)
            return 0;
        complain("%s: %s", entry->fts_path, strerror(entry->fts_errno));
        return named && required ? -1 : 0;
    default:
        return 0;
    }
}

int files_add(struct file_list *list, const char *path, bool required)
{
    char *roots[] = {strdup(path), NULL};
    FTS *walk = roots[0] ? fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name) : NULL;
    int rc = walk ? 0 : -1;
    FTSENT *entry;
    while (rc == 0 && (entry = fts_read(walk)))
        rc = take_entry(list, entry, required);
    if (walk)
        fts_close(walk);
    free(roots[0]);
    return rc;
}

void files_free(struct file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->path[i]);
    free(list->path);
    *list = (struct file_list){0};
}

static uint64_t mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

static uint64_t hash_bytes(uint64_t h, const char *text, size_t length)
{
    for (; length >= 8; text += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        h = mix(h, word);
    }
    uint64_t rest = 0;
    memcpy(&rest, text, length);
    return mix(mix(h, rest), length);
}

uint64_t record_seal(const struct line_record *record)
{
    uint64_t h = mix(mix(mix(0, record->file), record->line), record->offset);
    return mix(mix(mix(mix(h, record->length), record->newline), record->hash), record->seat);
}

/* Opens a file behind its first `lines` records, which end at `offset`. */
int reader_open(struct line_reader *reader, const struct file_list *list, uint64_t file, uint64_t lines, uint64_t offset)
{
    *reader = (struct line_reader){.file = file, .line = lines, .offset = offset};
    reader->stream = fopen(list->path[file], "re");
    if (reader->stream && fseeko(reader->stream, (off_t)offset, SEEK_SET) == 0)
        return 0;
    complain("%s: %s", list->path[file], strerror(errno));
    reader_close(reader);
    return -1;
}

int reader_next(struct line_reader *reader, struct line_record *record)
{
    ssize_t length = getline(&reader->text, &reader->room, reader->stream);
    if (length < 0) {
        if (feof(reader->stream) && !ferror(reader->stream))
            return 0;
        complain("file %llu: %s", (unsigned long long)reader->file, strerror(errno));
        return -1;
    }
    record->file = reader->file;
    record->line = ++reader->line;
    record->offset = reader->offset;
    record->length = (uint64_t)length;
    record->newline = reader->text[length - 1] == '\n';
    record->hash = hash_bytes(mix(mix(1, record->file), record->line), reader->text, (size_t)length);
    reader->offset += (uint64_t)length;
    return 1;
}

void reader_close(struct line_reader *reader)
{
    if (reader->stream)
        fclose(reader->stream);
    free(reader->text);
    *reader = (struct line_reader){0};
}

void sums_add(struct sums *sums, const struct line_record *record)
{
    sums->records++;
    sums->lines += record->newline;
    sums->bytes += record->length;
    sums->hash += record->hash;
}

void sums_join(struct sums *sums, const struct sums *more)
{
    sums->records += more->records;
    sums->lines += more->lines;
    sums->bytes += more->bytes;
    sums->hash += more->hash;
}

int sums_file(struct sums *sums, const struct file_list *list, uint64_t file)
{
    struct line_reader reader;
    struct line_record record;
    int got;
    if (reader_open(&reader, list, file, 0, 0) != 0)
        return -1;
    while ((got = reader_next(&reader, &record)) > 0)
        sums_add(sums, &record);
    reader_close(&reader);
    return got;
}

int sums_sequential(struct sums *sums, const struct file_list *list)
{
    for (uint64_t file = 0; file < list->count; file++)
        if (sums_file(sums, list, file) != 0)
            return -1;
    return 0;
}
