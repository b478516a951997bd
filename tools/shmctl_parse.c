/*
 * shmctl_parse.c - one field of an element from text. What shmctl_render.c writes gives the same bytes.
 */
#include "shmctl_elements.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_byte(const char *at)
{
    char two[3] = {at[0], at[0] ? at[1] : '\0', '\0'};
    if (!isxdigit((unsigned char)two[0]) || !isxdigit((unsigned char)two[1]))
        return -1;
    return (int)strtol(two, NULL, 16);
}

/* Takes one character of a string back from its escape. Returns what is behind it. */
static const char *unescape(const char *at, unsigned char *byte)
{
    *byte = (unsigned char)*at;
    if (at[0] != '\\' || at[1] != 'x' || hex_byte(at + 2) < 0)
        return at + 1;
    *byte = (unsigned char)hex_byte(at + 2);
    return at + 4;
}

static const char *parse_string(const char *text, size_t length, enum parse how, unsigned char *out, uint32_t size)
{
    uint32_t n = 0;
    memset(out, 0, size);
    for (const char *end = text + length; text < end;) {
        unsigned char byte = (unsigned char)*text;
        text = how == PARSE_ESCAPES ? unescape(text, &byte) : text + 1;
        if (n == size)
            return "longer than its field";
        out[n++] = byte;
    }
    return NULL;
}

static bool parse_nan(const char *text, uint64_t usual, uint64_t *bits)
{
    *bits = usual;
    return strcmp(text, "nan") == 0 || (strncmp(text, "nan:", 4) == 0 && parse_number(text + 4, bits));
}

static const char *parse_float(const char *text, unsigned char *out, uint32_t size)
{
    uint64_t bits;
    char *end;
    if (parse_nan(text, size == 8 ? 0x7ff8000000000000 : 0x7fc00000, &bits))
        return number_store(out, size, bits), NULL;
    errno = 0;
    double x = size == 8 ? strtod(text, &end) : (double)strtof(text, &end);
    if (end == text || *end || strncasecmp(text + (*text == '-'), "nan", 3) == 0)
        return "not a number such as 1.5, -2e10, inf or nan";
    if (errno == ERANGE && isinf(x))
        return "beyond what a float of this size holds";
    float narrow = (float)x;
    if (size == 8)
        memcpy(out, &x, sizeof x);
    else
        memcpy(out, &narrow, sizeof narrow);
    return NULL;
}

/* What an i32 shows as negative must not have come from a large decimal number. */
static const char *parse_signed(const char *text, unsigned char *out, uint32_t size)
{
    const char *fault = number_parse(text, out, size);
    bool hex = text[0] == '0' && text[1];
    if (!fault && *text != '-' && !hex && number_load_signed(out, size) < 0)
        return "too large for a signed number of its size";
    return fault;
}

const char *fields_parse(const struct fields *fields, int i, const char *text, size_t length, enum parse how, unsigned char *elem)
{
    const struct record_field *field = &fields->of[i];
    unsigned char *out = elem + field->at;
    if (field->kind == 's')
        return parse_string(text, length, how, out, field->size);
    if (strlen(text) != length)
        return "a zero byte is in it";
    switch (field->kind) {
    case 'i':
        return parse_signed(text, out, field->size);
    case 'f':
        return parse_float(text, out, field->size);
    case 'x':
        return bytes_parse(text, out, field->size);
    default:
        return number_parse(text, out, field->size);
    }
}
