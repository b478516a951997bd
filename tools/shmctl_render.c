/*
 * shmctl_render.c - one field of an element as text, as CSV or as JSON.
 *
 * What is printed is read back to the same bytes: floats have the digits that they need, a NaN that is not the usual one has its bits, and
 * strings end with the last byte that is not zero. In text, \xHH stands for a byte that is not to be shown, for quotes and for backslashes, and a
 * string has quotes where it could be taken for something else. CSV (RFC 4180) has a string's bytes as they are. JSON is shmctl_json.c's.
 */
#include "shmctl_elements.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_MORE = 64 }; /* for quotes, or the longest number */

size_t fields_room(const struct fields *fields)
{
    return 6 * (size_t)fields->size + (size_t)FIELD_MORE * ((size_t)fields->count + 2); /* JSON's worst byte is \u00HH */
}

/* ---- floats ---- */

/* Many floats are integers, and these need no search for digits; where %g would write an exponent, or a sign before zero, it does. */
static char *whole_put(char *to, double x, double most)
{
    if (!(x > -most && x < most) || (double)(int64_t)x != x || (x == 0 && signbit(x)))
        return NULL;
    if (x < 0)
        *to++ = '-';
    return number_put(to, (uint64_t)(x < 0 ? -x : x));
}

/* The fewest digits that are read back to the same number. */
static char *double_put(char *to, const unsigned char *from)
{
    double x;
    uint64_t bits;
    memcpy(&x, from, sizeof x);
    memcpy(&bits, from, sizeof bits);
    if (isnan(x))
        return to + sprintf(to, bits == 0x7ff8000000000000 ? "nan" : "nan:0x%" PRIx64, bits);
    char *end = whole_put(to, x, 1e15);
    if (end)
        return end;
    for (int digits = 15;; digits++) {
        const int n = sprintf(to, "%.*g", digits, x);
        if (digits == 17 || strtod(to, NULL) == x)
            return to + n;
    }
}

static char *float_put(char *to, const unsigned char *from)
{
    float x;
    uint32_t bits;
    memcpy(&x, from, sizeof x);
    memcpy(&bits, from, sizeof bits);
    if (isnan(x))
        return to + sprintf(to, bits == 0x7fc00000 ? "nan" : "nan:0x%" PRIx32, bits);
    char *end = whole_put(to, (double)x, 1e6);
    if (end)
        return end;
    for (int digits = 6;; digits++) {
        const int n = sprintf(to, "%.*g", digits, (double)x);
        if (digits == 9 || strtof(to, NULL) == x)
            return to + n;
    }
}

/* ---- strings ---- */

static size_t string_length(const unsigned char *from, uint32_t size)
{
    while (size && from[size - 1] == 0)
        size--;
    return size;
}

static char *escape_byte(char *to, unsigned char byte)
{
    to = mempcpy(to, "\\x", 2);
    return bytes_put(to, &byte, 1);
}

/* Bytes of the character at `at` that can stand as they are; 0 for an escape. */
static size_t plain_length(const char *at, const char *end, enum render how)
{
    char four[5] = "";
    if (*at == '\\')
        return how == RENDER_BARE && (at + 1 == end || at[1] != 'x');
    if ((*at == '"' && how != RENDER_BARE) || (*at == ' ' && how == RENDER_WORD))
        return 0;
    if (*at >= ' ' && *at < 0x7f)
        return 1;
    memcpy(four, at, (size_t)(end - at) < 4 ? (size_t)(end - at) : 4);
    return visible_length(four);
}

static char *escape(char *to, const char *from, size_t length, enum render how)
{
    for (const char *at = from, *end = from + length; at < end;) {
        const size_t n = plain_length(at, end, how);
        to = n ? mempcpy(to, at, n) : escape_byte(to, (unsigned char)*at);
        at += n ? n : 1;
    }
    return to;
}

/* In quotes if it could be taken for nothing, for two cells, or for a heading. */
static char *string_text(char *to, const char *from, size_t length, enum render how)
{
    char *end = escape(to + 1, from, length, how);
    *end = '\0';
    if (how == RENDER_BARE || (end > to + 1 && !strpbrk(to + 1, " ,") && !fields_heading(to + 1) && to[1] != '#')) {
        memmove(to, to + 1, (size_t)(end - to));
        return end - 1;
    }
    *to = '"';
    *end = '"';
    return end + 1;
}

/* In quotes if it has to be: a reader takes what has none as it is. A terminal is not sent what it would obey. */
static char *string_csv(char *to, const char *from, size_t length)
{
    static int terminal = -1;
    if (terminal < 0)
        terminal = isatty(STDOUT_FILENO);
    if (terminal)
        return string_text(to, from, length, RENDER_TEXT);
    bool quotes = length == 0 || from[0] == ' ' || from[0] == '#' || from[length - 1] == ' ';
    for (size_t i = 0; i < length && !quotes; i++)
        quotes = from[i] == ',' || from[i] == '"' || from[i] == '\n' || from[i] == '\r';
    if (!quotes)
        return mempcpy(to, from, length);
    *to++ = '"';
    for (size_t i = 0; i < length; i++) {
        if (from[i] == '"')
            *to++ = '"';
        *to++ = from[i];
    }
    *to++ = '"';
    return to;
}

static char *string_put(char *to, const unsigned char *from, uint32_t size, enum render how)
{
    const char *text = (const char *)from;
    const size_t length = string_length(from, size);
    if (how == RENDER_CSV)
        return string_csv(to, text, length);
    return how == RENDER_JSON ? json_string(to, text, length) : string_text(to, text, length, how);
}

/* ---- any ---- */

/* JSON has no infinity, nothing that is no number, and no hex: they are strings. */
static char *quoted(char *to, char *end)
{
    memmove(to + 1, to, (size_t)(end - to));
    to[0] = end[1] = '"';
    return end + 2;
}

static char *float_any(char *to, const struct record_field *field, const unsigned char *from, enum render how)
{
    char *end = field->size == 8 ? double_put(to, from) : float_put(to, from);
    return how == RENDER_JSON && memchr(to, 'n', (size_t)(end - to)) ? quoted(to, end) : end;
}

char *fields_put(char *to, const struct fields *fields, int i, const unsigned char *elem, enum render how)
{
    const struct record_field *field = &fields->of[i];
    const unsigned char *from = elem + field->at;
    char *end;
    switch (field->kind) {
    case 'u':
        return number_put(to, number_load(from, field->size));
    case 'i': {
        const int64_t x = number_load_signed(from, field->size);
        if (x >= 0)
            return number_put(to, (uint64_t)x);
        *to = '-';
        return number_put(to + 1, -(uint64_t)x);
    }
    case 'f':
        return float_any(to, field, from, how);
    case 's':
        return string_put(to, from, field->size, how);
    default:
        end = field->kind == 'h' ? hex_put(to, number_load(from, field->size), field->size) : bytes_put(to, from, field->size);
        return how == RENDER_JSON ? quoted(to, end) : end;
    }
}
