/*
 * record.c - lists of field types. Pure arithmetic on its arguments, which may be arbitrary bytes:
 * never reads past the end of a text.
 */
#include "record.h"

#include <string.h>

enum { BYTES_MOST = 65536 };

static bool bits_of_number(uint32_t bits, char kind)
{
    return bits == 32 || bits == 64 || ((bits == 8 || bits == 16) && kind != 'f');
}

/* Parses a number from 1 to BYTES_MOST without leading zeros. Returns 0 if there is none. */
static uint32_t parse_count(const char **at)
{
    uint32_t n = 0;
    if (**at == '0')
        return 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        n = n * 10 + (uint32_t)(**at - '0');
        if (n > BYTES_MOST)
            return 0;
    }
    return n;
}

/* Parses one type such as "u64". Returns the text behind it, or NULL. */
static const char *parse_type(const char *text, struct record_field *field)
{
    const char kind = *text;
    if (!kind || !strchr("uihfsx", kind))
        return NULL;
    text++;
    const bool bytes = kind == 's' || kind == 'x';
    const uint32_t n = parse_count(&text);
    if (!n || (!bytes && !bits_of_number(n, kind)))
        return NULL;
    *field = (struct record_field){.kind = kind, .size = bytes ? n : n / 8};
    return text;
}

int record_parse(struct record_field *of, const char *text)
{
    for (int count = 0; count < RECORD_MOST; text++) {
        text = parse_type(text, &of[count]);
        if (!text)
            return 0;
        count++;
        if (!*text)
            return count;
        if (*text != ',')
            return 0;
    }
    return 0;
}

static uint64_t alignment(const struct record_field *field)
{
    return field->kind == 's' || field->kind == 'x' ? 1 : field->size;
}

uint64_t record_lay_out(struct record_field *of, int count, bool packed)
{
    uint64_t at = 0, widest = 1;
    for (int i = 0; i < count; i++) {
        const uint64_t to = packed ? 1 : alignment(&of[i]);
        at = (at + to - 1) / to * to;
        of[i].at = at;
        at += of[i].size;
        widest = to > widest ? to : widest;
    }
    return (at + widest - 1) / widest * widest;
}

bool record_fits(struct record_field *of, int count, uint32_t elem_size)
{
    return count && (record_lay_out(of, count, false) == elem_size || record_lay_out(of, count, true) == elem_size);
}

static char kind_in_memory(char kind)
{
    return kind == 'h' ? 'u' : kind == 'x' ? 's' : kind;
}

bool record_same(const char *a, const char *b)
{
    struct record_field x[RECORD_MOST], y[RECORD_MOST];
    const int count = record_parse(x, a);
    if (record_parse(y, b) != count)
        return false;
    for (int i = 0; i < count; i++)
        if (kind_in_memory(x[i].kind) != kind_in_memory(y[i].kind) || x[i].size != y[i].size)
            return false;
    return true;
}

bool record_sound(const char *text, size_t room, uint32_t elem_size)
{
    struct record_field of[RECORD_MOST];
    if (!memchr(text, '\0', room))
        return false;
    return !*text || record_fits(of, record_parse(of, text), elem_size);
}
