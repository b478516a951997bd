/*
 * shmctl_jsonl.c - elements from JSON Lines, each read by json-c: an object with the columns that dump prints, an array of the fields, or the only field
 * alone. A field is a number, a string, or {"hex": "ff00"}, the bytes of a string that is no UTF-8 (shmctl_json.c).
 */
#include "shmctl_elements.h"

#include <ctype.h>
#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- a field ---- */

static const char *take_hex(const struct fields *fields, int i, struct json_object *hex, unsigned char *elem)
{
    const struct record_field *field = &fields->of[i];
    const char *text = json_object_get_string(hex);
    const size_t bytes = strlen(text) / 2;
    if (field->kind != 's' || bytes > field->size)
        return "not for a field of its type and size";
    memset(elem + field->at, 0, field->size);
    return bytes_parse(text, elem + field->at, (uint32_t)bytes);
}

static const char *take_field(const struct fields *fields, int i, struct json_object *value, unsigned char *elem)
{
    struct json_object *hex;
    const bool text = fields->of[i].kind == 's';
    switch (json_object_get_type(value)) {
    case json_type_string:
        return fields_parse(fields, i, json_object_get_string(value), (size_t)json_object_get_string_len(value), PARSE_EXACT, elem);
    case json_type_int:
    case json_type_double: {
        const char *digits = json_object_to_json_string(value);
        return text ? "a number for a string" : fields_parse(fields, i, digits, strlen(digits), PARSE_EXACT, elem);
    }
    case json_type_object:
        if (json_object_object_get_ex(value, "hex", &hex) && json_object_is_type(hex, json_type_string) &&
            json_object_object_length(value) == 1)
            return take_hex(fields, i, hex, elem);
        return "neither a number nor a string";
    default:
        return "neither a number nor a string";
    }
}

static int bad_field(struct input *input, struct json_object *value, const char *fault)
{
    return input_bad(input, "%.60s: %s", json_object_to_json_string(value), fault);
}

/* ---- a line ---- */

/* Which field a key is; NO_FIELD if it is another column of dump, -2 if there is none such. */
static int field_of(const struct fields *fields, const char *key)
{
    if (strcasecmp(key, "index") == 0 || strcasecmp(key, "version") == 0)
        return NO_FIELD;
    if (fields->count == 1 && strcasecmp(key, "value") == 0)
        return 0;
    if (fields->count > 1 && strncasecmp(key, "field", 5) == 0)
        for (int i = 0, n = atoi(key + 5); i < fields->count; i++)
            if (n == i + 1)
                return i;
    return -2;
}

/*
 * json-c makes of a number beyond 64 bits the largest, or the least, that there is: which is what the line says only if it has these digits.
 */
static bool saturated(struct json_object *value, const char *line)
{
    const char *digits = json_object_is_type(value, json_type_int) ? json_object_to_json_string(value) : "";
    const bool limit = strcmp(digits, "18446744073709551615") == 0 || strcmp(digits, "-9223372036854775808") == 0;
    const char *at = limit ? strstr(line, digits) : line;
    return !at || (limit && isdigit((unsigned char)at[strlen(digits)]));
}

static const char *take_number_or_text(struct input *input, int i, struct json_object *value)
{
    return saturated(value, input->buf + input->at) ? "a number of more than 64 bits" : take_field(&input->fields, i, value, input->elem);
}

static int take_object(struct input *input, struct json_object *object)
{
    int taken = 0;
    json_object_object_foreach(object, key, value)
    {
        const int i = field_of(&input->fields, key);
        if (i == -2)
            return input_bad(input, "there is no column \"%.60s\"", key);
        const char *fault = i == NO_FIELD ? NULL : take_number_or_text(input, i, value);
        if (fault)
            return bad_field(input, value, fault);
        taken += i != NO_FIELD;
    }
    if (taken != input->fields.count)
        return input_bad(input, "%d of the %d fields of an element", taken, input->fields.count);
    return DONE;
}

static int take_array(struct input *input, struct json_object *array)
{
    if (json_object_array_length(array) != (size_t)input->fields.count)
        return input_bad(input, "%zu values, and an element has %d", json_object_array_length(array), input->fields.count);
    for (int i = 0; i < input->fields.count; i++) {
        struct json_object *value = json_object_array_get_idx(array, (size_t)i);
        const char *fault = take_number_or_text(input, i, value);
        if (fault)
            return bad_field(input, value, fault);
    }
    return DONE;
}

static int take_value(struct input *input, struct json_object *value)
{
    struct json_object *hex;
    memset(input->elem, 0, input->fields.size);
    if (json_object_is_type(value, json_type_array))
        return take_array(input, value);
    if (json_object_is_type(value, json_type_object) && !json_object_object_get_ex(value, "hex", &hex))
        return take_object(input, value);
    if (input->fields.count != 1)
        return input_bad(input, "one value, and an element has %d", input->fields.count);
    const char *fault = take_number_or_text(input, 0, value);
    return fault ? bad_field(input, value, fault) : DONE;
}

static int take_line(struct input *input, struct json_tokener *tokener, const char *line, size_t length)
{
    if (!length || line[strspn(line, " \t\r")] == '\0')
        return DONE;
    json_tokener_reset(tokener);
    struct json_object *value = json_tokener_parse_ex(tokener, line, (int)length + 1); /* with the zero: a number has an end */
    const enum json_tokener_error error = json_tokener_get_error(tokener);
    if (error != json_tokener_success) {
        json_object_put(value);
        return input_bad(input, "no JSON: %s", error == json_tokener_continue ? "it ends too early" : json_tokener_error_desc(error));
    }
    int status = take_value(input, value);
    json_object_put(value);
    if (status == DONE)
        input->status = status = input->take(input->context, input->elem);
    return status;
}

int jsonl_run(struct input *input)
{
    const size_t most = input_line_most(input);
    struct json_tokener *tokener = json_tokener_new();
    if (!tokener)
        out_of_memory();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    for (bool more = true; input->status == DONE && (more || input->at < input->end);) {
        char *line = input->buf + input->at, *end = memchr(line, '\n', input->end - input->at);
        const size_t have = input->end - input->at, length = end ? (size_t)(end - line) : have;
        if (!end && more && have <= most) {
            more = input_fill(input);
            continue;
        }
        input->line++;
        line[length] = '\0';
        if (!end && more)
            (void)input_bad(input, "it is longer than any element");
        else
            (void)take_line(input, tokener, line, length);
        input->at += length + (end != NULL);
    }
    json_tokener_free(tokener);
    return input->status;
}
