/*
 * shmctl_value.c - elements on the command line: a value is a number, the bytes of an element in hex, a string, or, of several fields, a record of CSV.
 */
#include "shmctl_elements.h"

#include <stdlib.h>
#include <string.h>

bool value_option(struct value_input *input, const struct call *call, int key, const char *arg)
{
    switch (key) {
    case 'f':
        fields_option(&input->fields, call, arg);
        return true;
    case OPT_HEX:
        return input->hex = true;
    case OPT_STRING:
        return input->string = true;
    case OPT_STDIN:
        return input->from_stdin = true;
    default:
        return false;
    }
}

/* --hex and --string are older names of formats, in which every byte counts. */
void value_fit(struct value_input *input, const struct call *call, lfvec_t *v)
{
    if ((input->hex || input->string) && (input->fields.option || (input->hex && input->string)))
        call_usage(call, "one of --hex, --string and --format at a time");
    if (input->hex || input->string)
        input->fields = (struct fields){.name = input->hex ? "bytes" : "string"};
    if (input->fields.kind == FILE_JSONL || input->fields.kind == FILE_RAW)
        call_usage(call, "--format: values are text, or CSV; load takes JSON Lines, --stdin raw bytes");
    fields_fit(&input->fields, call, v);
}

static const char *parse_record(const struct fields *fields, const char *text, unsigned char *out)
{
    struct cell cell[CELLS_MOST];
    static char fault[160];
    char *room = need(strlen(text) + CELLS_MOST);
    const int cells = csv_split(text, room, cell);
    const char *bad = NULL;
    if (cells != fields->count)
        snprintf(fault, sizeof fault, "not the %d fields of an element, separated by commas, with quotes as in CSV", fields->count);
    for (int i = 0; i < cells && cells == fields->count && !bad; i++)
        bad = fields_parse(fields, i, cell[i].text, cell[i].length, PARSE_EXACT, out);
    free(room);
    return cells == fields->count ? bad : fault;
}

const char *value_parse(const struct value_input *input, const char *text, unsigned char *out)
{
    const struct fields *fields = &input->fields;
    static char fault[160];
    memset(out, 0, fields->size);
    if (fields->count > 1)
        return parse_record(fields, text, out);
    const char *bad = fields_parse(fields, 0, text, strlen(text), PARSE_EXACT, out);
    if (!bad || fields->name || fields->option)
        return bad;
    snprintf(fault, sizeof fault, "%s; --hex, --string and --format take other things", bad);
    return fault;
}

int value_read(const struct fields *fields, unsigned char *out, size_t *got)
{
    *got = fread(out, 1, fields->size, stdin);
    if (*got == fields->size)
        return 1;
    return *got == 0 && !ferror(stdin) ? 0 : -1;
}
