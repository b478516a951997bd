/*
 * shmctl_fields.c - elements as the fields of a C struct, as text and back: the formats of dump and load.
 *
 * A format is a name for one field that is the whole element (decimal, hex, ...), or a list of types such as u64,i32,f64,s16. The fields lie
 * as a C compiler lays them out, or one behind the other, whichever has the size of an element; both have it only if they are the same.
 *
 * What is printed is read back to the same bytes: floats have the digits that they need, a NaN that is not the usual one has its bits, and
 * strings have quotes where they could be taken for something else. Only padding between fields is not printed; load makes it zero.
 *
 * An escape is \xHH. Nothing prints a backslash and then "x5cx" of its own, because the x behind a literal backslash is escaped, too: so that
 * is always libsmartcols' escape of one of ours, and is taken back to it.
 */
#include "shmctl.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MORE = 48 }; /* for quotes, or the longest number */

/* ---- the format ---- */

static bool bits_of_number(uint64_t bits, char kind)
{
    return bits == 32 || bits == 64 || ((bits == 8 || bits == 16) && kind != 'f');
}

/* "u64" into a field. Returns what is behind it, or NULL. */
static const char *parse_type(const char *text, struct field *field)
{
    char *end;
    bool bytes = *text == 's' || *text == 'x';
    if (!*text || !strchr("uihfsx", *text) || text[1] < '1' || text[1] > '9')
        return NULL;
    unsigned long n = strtoul(text + 1, &end, 10);
    if (bytes ? n > 65536 : !bits_of_number(n, *text))
        return NULL;
    *field = (struct field){.kind = *text, .size = (uint32_t)(bytes ? n : n / 8)};
    return end;
}

static bool parse_list(struct fields *fields, const char *text)
{
    for (;; text++) {
        if (fields->count == FIELDS_MOST)
            return false;
        text = parse_type(text, &fields->of[fields->count++]);
        if (!text || !*text)
            return text != NULL;
        if (*text != ',')
            return false;
    }
}

static bool is_name(const char *text)
{
    static const char *const names[] = {"decimal", "signed", "hex", "bytes", "string", "raw"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0)
            return true;
    return false;
}

void fields_option(struct fields *fields, const struct call *call, const char *text)
{
    const char *list = text;
    *fields = (struct fields){.csv = strncmp(text, "csv", 3) == 0 && (text[3] == ',' || text[3] == '\0')};
    if (fields->csv)
        list += text[3] ? 4 : 3;
    if (fields->csv && !*list && !text[3])
        return;
    fields->raw = strcmp(list, "raw") == 0;
    if (fields->csv && fields->raw)
        call_usage(call, "--format: csv and raw exclude each other");
    if (is_name(list))
        fields->name = list;
    else if (!parse_list(fields, list))
        call_usage(call, "--format: \"%s\" is neither a format nor a list of at most %d fields such as u64,i32,f64,s16", text, FIELDS_MOST);
}

/* ---- how it fits the elements ---- */

static char kind_of(const char *name, uint32_t size)
{
    const bool number = value_number_size(size);
    if (!name)
        return size == 8 ? 'u' : number ? 'h' : 'x';
    if (strcmp(name, "decimal") == 0)
        return 'u';
    if (strcmp(name, "signed") == 0)
        return 'i';
    if (strcmp(name, "string") == 0)
        return 's';
    return strcmp(name, "hex") == 0 && number ? 'h' : 'x';
}

static uint32_t alignment(const struct field *field)
{
    return field->kind == 's' || field->kind == 'x' ? 1 : field->size;
}

/* Gives every field its place. Returns the size of the struct. */
static uint64_t lay_out(struct fields *fields, bool packed)
{
    uint64_t at = 0, widest = 1;
    for (int i = 0; i < fields->count; i++) {
        uint64_t to = packed ? 1 : alignment(&fields->of[i]);
        at = (at + to - 1) / to * to;
        fields->of[i].at = at;
        at += fields->of[i].size;
        widest = to > widest ? to : widest;
    }
    return (at + widest - 1) / widest * widest;
}

static void fit_one(struct fields *fields, const struct call *call, uint32_t size)
{
    char kind = kind_of(fields->name, size);
    if ((kind == 'u' || kind == 'i') && !value_number_size(size))
        call_usage(call, "elements of %u bytes are no numbers, use --format hex or string, or a list of fields", size);
    fields->of[0] = (struct field){.kind = kind, .size = size};
    fields->count = 1;
}

void fields_fit(struct fields *fields, const struct call *call, const lfvec_t *v)
{
    uint32_t size = lfvec_elem_size(v);
    fields->size = size;
    fields->text = need(4 * (size_t)size + TEXT_MORE); /* a string's worst byte is \xHH */
    if (fields->count == 0) {
        fit_one(fields, call, size);
        return;
    }
    uint64_t loose = lay_out(fields, false);
    if (loose == size)
        return;
    uint64_t tight = lay_out(fields, true);
    if (tight != size)
        call_usage(
            call,
            "--format: these fields take %llu bytes, or %llu as a C struct, and the elements of %s have %u; add what is missing, x%u say",
            (unsigned long long)tight, (unsigned long long)loose, lfvec_name(v), size, size > tight ? (unsigned)(size - tight) : 1);
}

void fields_free(struct fields *fields)
{
    free(fields->text);
    fields->text = NULL;
}

/* ---- out ---- */

/* The fewest digits that are read back to the same number. */
static void double_text(char *to, const unsigned char *from)
{
    double x;
    uint64_t bits;
    memcpy(&x, from, sizeof x);
    memcpy(&bits, from, sizeof bits);
    if (isnan(x)) {
        sprintf(to, bits == 0x7ff8000000000000 ? "nan" : "nan:0x%" PRIx64, bits);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        sprintf(to, "%.*g", digits, x);
        if (strtod(to, NULL) == x)
            return;
    }
}

static void float_text(char *to, const unsigned char *from)
{
    float x;
    uint32_t bits;
    memcpy(&x, from, sizeof x);
    memcpy(&bits, from, sizeof bits);
    if (isnan(x)) {
        sprintf(to, bits == 0x7fc00000 ? "nan" : "nan:0x%" PRIx32, bits);
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        sprintf(to, "%.*g", digits, (double)x);
        if (strtof(to, NULL) == x)
            return;
    }
}

static bool must_escape(const char *at, const char *begin)
{
    unsigned char c = (unsigned char)*at;
    return c == '"' || c == '\\' || (c == 'x' && at > begin && at[-1] == '\\');
}

/* `from` ends with a zero, after the length of the string. */
static char *escape(char *to, const char *from, size_t length)
{
    for (const char *at = from; at < from + length;) {
        size_t n = must_escape(at, from) ? 0 : visible_length(at);
        if (n)
            to = mempcpy(to, at, n);
        else
            to += sprintf(to, "\\x%02x", (unsigned char)*at);
        at += n ? n : 1;
    }
    *to = '\0';
    return to;
}

bool fields_heading(const char *text)
{
    return strcmp(text, "INDEX") == 0 || strcmp(text, "VALUE") == 0 || strcmp(text, "VERSION") == 0 || strncmp(text, "FIELD", 5) == 0;
}

/* In quotes if it could be taken for nothing, for two cells, or for a heading. */
static void string_text(char *to, const unsigned char *from, uint32_t size, bool bare)
{
    while (size && from[size - 1] == 0)
        size--;
    char *copy = need(size + (size_t)1);
    memcpy(copy, from, size);
    char *end = escape(to + 1, copy, size);
    bool quotes = !bare && (to[1] == '\0' || strpbrk(to + 1, " ,") || fields_heading(to + 1));
    free(copy);
    if (quotes) {
        *to = '"';
        strcpy(end, "\"");
    } else {
        memmove(to, to + 1, (size_t)(end - to));
    }
}

const char *fields_text(const struct fields *fields, int i, const unsigned char *elem, bool bare)
{
    const struct field *field = &fields->of[i];
    const unsigned char *from = elem + field->at;
    char *to = fields->text;
    if (field->kind == 'u')
        sprintf(to, "%" PRIu64, value_number(from, field->size));
    else if (field->kind == 'i')
        sprintf(to, "%" PRId64, value_signed_number(from, field->size));
    else if (field->kind == 'h')
        sprintf(to, "0x%0*" PRIx64, (int)(2 * field->size), value_number(from, field->size));
    else if (field->kind == 'f' && field->size == 8)
        double_text(to, from);
    else if (field->kind == 'f')
        float_text(to, from);
    else if (field->kind == 's')
        string_text(to, from, field->size, bare);
    else
        value_bytes_text(to, from, field->size);
    return to;
}

bool fields_number(const struct fields *fields, int i)
{
    return strchr("uif", fields->of[i].kind) != NULL;
}

int fields_width(const struct fields *fields, int i)
{
    const struct field *field = &fields->of[i];
    switch (field->kind) {
    case 'u':
    case 'i':
        return field->size == 8 ? 20 : field->size == 4 ? 11 : 6;
    case 'f':
        return field->size == 8 ? 24 : 16;
    case 's':
        return (int)field->size + 2;
    default:
        return 2 * (int)field->size + 2;
    }
}

/* ---- in: one field ---- */

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
    if (*byte != '\\' || at[4] != 'x' || hex_byte(at + 5) < 0)
        return at + 4;
    *byte = (unsigned char)hex_byte(at + 5); /* the escape of an escape: see the top */
    return at + 7;
}

static const char *parse_string(const char *text, unsigned char *out, uint32_t size)
{
    uint32_t n = 0;
    memset(out, 0, size);
    while (*text) {
        unsigned char byte;
        text = unescape(text, &byte);
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
        return value_store_number(out, size, bits), NULL;
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
    const char *fault = value_parse_integer(text, out, size);
    bool hex = text[0] == '0' && text[1];
    if (!fault && *text != '-' && !hex && value_signed_number(out, size) < 0)
        return "too large for a signed number of its size";
    return fault;
}

const char *fields_parse(const struct fields *fields, int i, const char *text, unsigned char *elem)
{
    const struct field *field = &fields->of[i];
    unsigned char *out = elem + field->at;
    switch (field->kind) {
    case 'i':
        return parse_signed(text, out, field->size);
    case 'f':
        return parse_float(text, out, field->size);
    case 's':
        return parse_string(text, out, field->size);
    case 'x':
        return value_parse_bytes(text, out, field->size);
    default:
        return value_parse_integer(text, out, field->size);
    }
}

/* ---- in: a line ---- */

static char *quoted_cell(char **at)
{
    char *from = *at + 1, *to = from, *cell = from;
    for (; *from && (*from != '"' || from[1] == '"'); *to++ = *from++)
        from += *from == '"'; /* two quotes are one, as spreadsheets have it */
    *at = *from ? from + 1 : from;
    *to = '\0';
    return cell;
}

char *fields_cell(char **at, bool *quoted)
{
    char *cell = *at + strspn(*at, " \t");
    *at = cell;
    *quoted = *cell == '"';
    if (!*cell)
        return NULL;
    if (*quoted)
        cell = quoted_cell(at);
    else
        *at += strcspn(*at, " \t,");
    char *end = *at;
    *at += strspn(*at, " \t");
    *at += **at == ',';
    if (!*quoted)
        *end = '\0';
    return cell;
}
