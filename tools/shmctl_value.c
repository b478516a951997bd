/*
 * shmctl_value.c - elements as text and back.
 *
 * What is printed in a format can be given back: decimal, signed and hex are numbers of 1, 2, 4 or 8 bytes in the byte order of the
 * machine; for other sizes hex is the bytes in memory order, which is also `bytes` for any size and --hex on the way in.
 */
#include "shmctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool value_number_size(uint32_t size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

/* ---- options ---- */

enum value_format value_format_option(const struct call *call, const char *text)
{
    static const char *const names[] = {
        [VALUE_DECIMAL] = "decimal", [VALUE_SIGNED] = "signed", [VALUE_HEX] = "hex",
        [VALUE_BYTES] = "bytes",     [VALUE_STRING] = "string", [VALUE_RAW] = "raw",
    };
    for (size_t i = VALUE_DECIMAL; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], text) == 0)
            return (enum value_format)i;
    call_usage(call, "there is no format \"%s\"", text);
}

bool value_input_option(int key, enum value_input *input)
{
    switch (key) {
    case OPT_HEX:
        *input = INPUT_BYTES;
        return true;
    case OPT_STRING:
        *input = INPUT_STRING;
        return true;
    case OPT_STDIN:
        *input = INPUT_STDIN;
        return true;
    default:
        return false;
    }
}

void value_init(struct value *value, const struct call *call, const lfvec_t *v, enum value_format format, enum value_input input)
{
    uint32_t size = lfvec_elem_size(v);
    if (!value_number_size(size) && (format == VALUE_DECIMAL || format == VALUE_SIGNED))
        call_usage(call, "elements of %u bytes are no numbers, use --format hex or string", size);
    if (format == VALUE_RAW && isatty(STDOUT_FILENO))
        call_usage(call, "raw bytes do not belong on a terminal, redirect the output or use --format hex");
    if (format == VALUE_DEFAULT)
        format = size == 8 ? VALUE_DECIMAL : VALUE_HEX;
    if (format == VALUE_HEX && !value_number_size(size))
        format = VALUE_BYTES;
    *value = (struct value){.size = size, .format = format, .input = input};
    value->elem = need(size);
    value->text = need(4 * (size_t)size + 32); /* a string's worst byte is \xHH */
}

void value_free(struct value *value)
{
    free(value->elem);
    free(value->text);
}

/* ---- out ---- */

uint64_t value_number(const unsigned char *elem, uint32_t size)
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

int64_t value_signed_number(const unsigned char *elem, uint32_t size)
{
    unsigned unused = 64 - 8 * size;
    return (int64_t)(value_number(elem, size) << unused) >> unused;
}

void value_bytes_text(char *to, const unsigned char *elem, uint32_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < size; i++) {
        *to++ = digits[elem[i] >> 4];
        *to++ = digits[elem[i] & 15];
    }
    *to = '\0';
}

/* Without the zeros that pad it; a zero before the last other byte, and control characters, as \xHH. */
static void string_text(char *to, const unsigned char *elem, uint32_t size)
{
    while (size && elem[size - 1] == 0)
        size--;
    for (uint32_t i = 0; i < size; i++) {
        if (elem[i] >= ' ' && elem[i] != 0x7f)
            *to++ = (char)elem[i];
        else
            to += sprintf(to, "\\x%02x", elem[i]);
    }
    *to = '\0';
}

const char *value_text(const struct value *value)
{
    switch (value->format) {
    case VALUE_DECIMAL:
        sprintf(value->text, "%" PRIu64, value_number(value->elem, value->size));
        break;
    case VALUE_SIGNED:
        sprintf(value->text, "%" PRId64, value_signed_number(value->elem, value->size));
        break;
    case VALUE_HEX:
        sprintf(value->text, "0x%0*" PRIx64, (int)(2 * value->size), value_number(value->elem, value->size));
        break;
    case VALUE_STRING:
        string_text(value->text, value->elem, value->size);
        break;
    default:
        value_bytes_text(value->text, value->elem, value->size);
        break;
    }
    return value->text;
}

bool value_is_number(const struct value *value)
{
    return value->format == VALUE_DECIMAL || value->format == VALUE_SIGNED;
}

void report_value(struct report *report, int column, const struct value *value)
{
    if (report_shows(report, column))
        report_text(report, column, value_text(value));
}

/* ---- in ---- */

static const char *wrong(const char *format, uint32_t size)
{
    static char text[160];
    snprintf(text, sizeof text, format, size);
    return text;
}

void value_store_number(unsigned char *out, uint32_t size, uint64_t number)
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

#define NO_NUMBER "not a number of at most 64 bits, decimal or hex after 0x"

static const char no_number[] = NO_NUMBER;

/* -N is stored as the two's complement, as --format signed shows it. */
const char *value_parse_integer(const char *text, unsigned char *out, uint32_t size)
{
    bool negative = *text == '-';
    uint64_t number;
    if (!value_number_size(size))
        return wrong("its elements of %u bytes are no numbers; use --hex, --string or --stdin", size);
    if (!parse_number(text + negative, &number))
        return no_number;
    if (number > (negative ? (uint64_t)1 << (8 * size - 1) : UINT64_MAX >> (64 - 8 * size)))
        return wrong("too large for its %u bytes", size);
    value_store_number(out, size, negative ? 0 - number : number);
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

const char *value_parse_bytes(const char *text, unsigned char *out, uint32_t size)
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

const char *value_parse(const struct value *value, const char *text, unsigned char *out)
{
    if (value->input == INPUT_BYTES)
        return value_parse_bytes(text, out, value->size);
    if (value->input == INPUT_NUMBER) {
        const char *fault = value_parse_integer(text, out, value->size);
        return fault == no_number ? NO_NUMBER "; --hex and --string take other things" : fault;
    }
    size_t length = strlen(text);
    if (length > value->size)
        return wrong("too long for its elements of %u bytes; shorten it", value->size);
    memset(out, 0, value->size);
    memcpy(out, text, length);
    return NULL;
}

int value_read(const struct value *value, unsigned char *out, size_t *got)
{
    *got = fread(out, 1, value->size, stdin);
    if (*got == value->size)
        return 1;
    return *got == 0 && !ferror(stdin) ? 0 : -1;
}
