/*
 * shmctl_json.c - strings as JSON.
 *
 * A string is one of JSON's, with JSON's own escapes, and what is not to be shown on a terminal (visible.h) as \u: the reader gets it, the terminal
 * does not. JSON is UTF-8 by definition, and names of files, of threads and bytes of elements are not: what is no UTF-8 is an object
 * instead, {"hex": "ff00"}, with two digits for each byte, so that it comes back as it was and no string can be mistaken for it.
 */
#include "shmctl.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

static char *unit_put(char *to, uint32_t unit)
{
    *to++ = '\\';
    *to++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4)
        *to++ = digits[unit >> shift & 15];
    return to;
}

/* A character that is not shown as it is. */
static char *escape_put(char *to, uint32_t c)
{
    static const char named[][2] = {{'"', '"'}, {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (c == (uint32_t)named[i][0]) {
            *to++ = '\\';
            *to++ = named[i][1];
            return to;
        }
    if (c <= 0xffff)
        return unit_put(to, c);
    return unit_put(unit_put(to, 0xd800 + ((c - 0x10000) >> 10)), 0xdc00 + (c & 0x3ff));
}

static char *hex_object(char *to, const unsigned char *bytes, size_t length)
{
    to = mempcpy(to, "{\"hex\": \"", 9);
    for (size_t i = 0; i < length; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return mempcpy(to, "\"}", 2);
}

/* Bytes of the character at `text`; a zero is one as well, and the end cuts none short. 0: it is no UTF-8. */
static size_t decode(const char *text, size_t left, uint32_t *c)
{
    char four[5] = "";
    if (*text == '\0') {
        *c = 0;
        return 1;
    }
    memcpy(four, text, left < 4 ? left : 4);
    return visible_decode(four, c);
}

char *json_string(char *to, const char *text, size_t length)
{
    char *const begin = to;
    *to++ = '"';
    for (size_t at = 0; at < length;) {
        uint32_t c = (unsigned char)text[at];
        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
            *to++ = text[at++];
            continue;
        }
        const size_t n = decode(text + at, length - at, &c);
        if (!n)
            return hex_object(begin, (const unsigned char *)text, length);
        char four[5] = "";
        memcpy(four, text + at, n);
        to = c >= 0x7f && visible_length(four) ? mempcpy(to, four, n) : escape_put(to, c);
        at += n;
    }
    *to++ = '"';
    return to;
}
