/*
 * shmctl_fields.c - the argument of --format: which fields an element has, and in which kind of file they stand.
 *
 * A format is a name for one field that is the whole element (decimal, hex, ...), or a list of types such as u64,i32,f64,s16 (record.h). If
 * none is given it is that which the segment has of itself, or follows from the size of its elements.
 */
#include "shmctl_elements.h"

#include <errno.h>
#include <string.h>

static bool is_name(const char *text)
{
    static const char *const names[] = {"decimal", "signed", "hex", "bytes", "string", "raw"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i]) == 0)
            return true;
    return false;
}

/* "csv" or "csv,FORMAT" of the kind of that name: the format, which may be empty; NULL if it is none. */
static const char *behind(const char *text, const char *kind)
{
    const size_t n = strlen(kind);
    if (strncmp(text, kind, n) != 0 || (text[n] != ',' && text[n] != '\0'))
        return NULL;
    return text + n;
}

void fields_option(struct fields *fields, const struct call *call, const char *text)
{
    const char *csv = behind(text, "csv"), *jsonl = behind(text, "jsonl"), *list = csv ? csv : jsonl ? jsonl : text;
    *fields = (struct fields){.option = text, .kind = csv ? FILE_CSV : jsonl ? FILE_JSONL : FILE_TEXT};
    if (fields->kind != FILE_TEXT && !*list)
        return;
    list += list != text;
    if (strcmp(list, "raw") == 0 && fields->kind != FILE_TEXT)
        call_usage(call, "--format: %s and raw exclude each other", csv ? "csv" : "jsonl");
    if (strcmp(list, "raw") == 0)
        fields->kind = FILE_RAW;
    if (is_name(list))
        fields->name = list;
    else if (!(fields->count = record_parse(fields->of, list)))
        call_usage(call, "--format: \"%s\" is neither a format nor a list of at most %d fields such as u64,i32,f64,s16", text, RECORD_MOST);
}

uint32_t fields_elem_size(const struct fields *fields)
{
    struct fields copy = *fields;
    const uint64_t size = copy.count ? record_lay_out(copy.of, copy.count, false) : 0;
    return size <= 65536 ? (uint32_t)size : 0;
}

const char *fields_elem_format(const struct fields *fields)
{
    const char *list = fields->option;
    if (!list || fields->name || !fields->count)
        return "";
    if (fields->kind != FILE_TEXT)
        list = strchr(list, ',') + 1;
    return strlen(list) < LFVEC_FORMAT_BYTES ? list : "";
}

/* ---- how it fits the elements ---- */

static char kind_of(const char *name, uint32_t size)
{
    const bool number = number_size(size);
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

static void fit_one(struct fields *fields, const struct call *call, uint32_t size)
{
    char kind = kind_of(fields->name, size);
    if ((kind == 'u' || kind == 'i') && !number_size(size))
        call_usage(call, "elements of %u bytes are no numbers, use --format hex or string, or a list of fields", size);
    fields->of[0] = (struct record_field){.kind = kind, .size = size};
    fields->count = 1;
}

/* What the segment itself says that its elements are, if nothing else was asked for. */
static void take_own(struct fields *fields, lfvec_t *v)
{
    struct lfvec_stat st;
    if (!fields->name && !fields->count && lfvec_stat(v, &st) != -EINVAL)
        fields->count = record_parse(fields->of, st.elem_format);
}

void fields_fit(struct fields *fields, const struct call *call, lfvec_t *v)
{
    uint32_t size = lfvec_elem_size(v);
    fields->size = size;
    take_own(fields, v);
    if (fields->count == 0) {
        fit_one(fields, call, size);
        return;
    }
    if (record_fits(fields->of, fields->count, size))
        return;
    const uint64_t loose = record_lay_out(fields->of, fields->count, false), tight = record_lay_out(fields->of, fields->count, true);
    call_usage(
        call, "--format: these fields take %llu bytes, or %llu as a C struct, and the elements of %s have %u; add what is missing, x%u say",
        (unsigned long long)tight, (unsigned long long)loose, lfvec_name(v), size, size > tight ? (unsigned)(size - tight) : 1);
}

void fields_refuse_terminal(const struct fields *fields, const struct call *call)
{
    if (fields->kind == FILE_RAW && isatty(STDOUT_FILENO))
        call_usage(call, "raw bytes do not belong on a terminal, redirect the output or use --format hex");
}

/* ---- how it looks ---- */

bool fields_heading(const char *text)
{
    if (strncmp(text, "FIELD", 5) == 0)
        return text[5] && text[5 + strspn(text + 5, "0123456789")] == '\0';
    return strcmp(text, "INDEX") == 0 || strcmp(text, "VALUE") == 0 || strcmp(text, "VERSION") == 0;
}

bool fields_number(const struct fields *fields, int i)
{
    return strchr("uif", fields->of[i].kind) != NULL;
}

int fields_width(const struct fields *fields, int i)
{
    const struct record_field *field = &fields->of[i];
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
