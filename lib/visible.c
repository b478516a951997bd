/*
 * visible.c - the one table of characters that must not be shown as they are.
 * Stateless; independent of the locale.
 */
#include "visible.h"

#include <string.h>

/*
 * In ascending order. These characters are invisible, or visible only by
 * their effect on their neighbors.
 */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x0000, 0x001f},  /* C0 */
    {0x007f, 0x009f},  /* DEL, C1 */
    {0x00ad, 0x00ad},  /* soft hyphen */
    {0x061c, 0x061c},  /* Arabic letter mark */
    {0x180e, 0x180e},  /* Mongolian vowel separator */
    {0x200b, 0x200f},  /* zero width; left-to-right and right-to-left marks */
    {0x2028, 0x202e},  /* line and paragraph separator, bidi embeddings and overrides */
    {0x2060, 0x206f},  /* word joiner, bidi isolates, other format characters */
    {0xfeff, 0xfeff},  /* byte order mark */
    {0xfff9, 0xfffb},  /* interlinear annotation */
    {0xfffe, 0xffff},  /* not characters, and not allowed in XML */
    {0xe0000, 0xe0fff} /* tags, variation selectors */
};

static bool is_hidden(uint32_t c)
{
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (c <= hidden[i].last)
            return c >= hidden[i].first;
    return false;
}

/*
 * From the first byte: the length of the character, the bits of it in this byte, and the
 * lowest character of that length.
 */
static size_t lead(unsigned char byte, uint32_t *bits, uint32_t *least)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if ((byte & forms[i].mask) == forms[i].lead) {
            *bits = byte & (unsigned char)~forms[i].mask;
            *least = forms[i].least;
            return i + 1;
        }
    return 0;
}

size_t visible_decode(const char *text, uint32_t *character)
{
    uint32_t c = 0, least = 0;
    const size_t n = lead((unsigned char)*text, &c, &least);
    for (size_t i = 1; i < n; i++) { /* stops at the end: a NUL is no continuation byte */
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | ((unsigned char)text[i] & 0x3f);
    }
    if (c < least || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
        return 0;
    *character = c;
    return n;
}

size_t visible_length(const char *text)
{
    uint32_t c = 0;
    const size_t n = visible_decode(text, &c);
    return is_hidden(c) ? 0 : n;
}

static bool looks_escaped(const char *text)
{
    return text[0] == '\\' && text[1] == 'x';
}

/* Writes four characters for each byte that is not shown, or one if not in_full. */
static size_t write_text(char *to, size_t room, const char *text, bool exactly, bool in_full)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    while (*text) {
        const size_t shown = exactly && looks_escaped(text) ? 0 : visible_length(text), n = shown ? shown : in_full ? 4 : 1;
        const unsigned char byte = (unsigned char)*text;
        const char escaped[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        if (at + n < room)
            memcpy(to + at, shown ? text : in_full ? escaped : "?", n);
        else if (!in_full)
            break;
        at += n;
        text += shown ? shown : 1;
    }
    if (room)
        to[at < room ? at : room - 1] = '\0';
    return at;
}

size_t visible_text(char *to, size_t room, const char *text, bool exactly)
{
    const size_t n = write_text(to, room, text, exactly, true);
    if (n >= room && room)
        (void)write_text(to, room, text, exactly, false);
    return n;
}
