/*
 * shmctl_number.c - integers of 1, 2, 4 and 8 bytes in memory, in the byte order of the machine, and bytes in memory order.
 */
#include "shmctl_elements.h"

#include <string.h>

bool number_size(uint32_t size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

uint64_t number_load(const unsigned char *elem, uint32_t size)
{
    uint64_t eight;
    uint32_t four;
    uint16_t two;
    switch (size) {
    case 1:
        return *elem;
    case 2:
        memcpy(&two, elem, 2);
        return two;
    case 4:
        memcpy(&four, elem, 4);
        return four;
    default:
        memcpy(&eight, elem, 8);
        return eight;
    }
}

int64_t number_load_signed(const unsigned char *elem, uint32_t size)
{
    unsigned unused = 64 - 8 * size;
    return (int64_t)(number_load(elem, size) << unused) >> unused;
}

/* ---- out ---- */

char *number_put(char *to, uint64_t number)
{
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    while (n)
        *to++ = digits[--n];
    return to;
}

static const char hex_digits[] = "0123456789abcdef";

char *hex_put(char *to, uint64_t number, uint32_t size)
{
    *to++ = '0';
    *to++ = 'x';
    for (int shift = 8 * (int)size - 4; shift >= 0; shift -= 4)
        *to++ = hex_digits[number >> shift & 15];
    return to;
}

char *bytes_put(char *to, const unsigned char *elem, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        *to++ = hex_digits[elem[i] >> 4];
        *to++ = hex_digits[elem[i] & 15];
    }
    return to;
}

/* ---- in ---- */

static const char *wrong(const char *format, uint32_t size)
{
    static char text[160];
    snprintf(text, sizeof text, format, size);
    return text;
}

void number_store(unsigned char *out, uint32_t size, uint64_t number)
{
    uint8_t one = (uint8_t)number;
    uint16_t two = (uint16_t)number;
    uint32_t four = (uint32_t)number;
    switch (size) {
    case 1:
        memcpy(out, &one, 1);
        break;
    case 2:
        memcpy(out, &two, 2);
        break;
    case 4:
        memcpy(out, &four, 4);
        break;
    default:
        memcpy(out, &number, 8);
        break;
    }
}

/* -N is stored as the two's complement, as --format signed shows it. */
const char *number_parse(const char *text, unsigned char *out, uint32_t size)
{
    bool negative = *text == '-';
    uint64_t number;
    if (!number_size(size))
        return wrong("its elements of %u bytes are no numbers; use --hex, --string or --stdin", size);
    if (!parse_number(text + negative, &number))
        return "not a number of at most 64 bits, decimal or hex after 0x";
    if (number > (negative ? (uint64_t)1 << (8 * size - 1) : UINT64_MAX >> (64 - 8 * size)))
        return wrong("too large for its %u bytes", size);
    number_store(out, size, negative ? 0 - number : number);
    return NULL;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

const char *bytes_parse(const char *text, unsigned char *out, uint32_t size)
{
    if (strlen(text) != 2 * (size_t)size)
        return wrong("its %u bytes need two hex digits each, as in 00ff", size);
    for (uint32_t i = 0; i < size; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return "not hex digits only; give two for each byte, as in 00ff";
        out[i] = (unsigned char)(high << 4 | low);
    }
    return NULL;
}
