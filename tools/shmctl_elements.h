/*
 * shmctl_elements.h - elements as text and back, for the commands that print or take them.
 *
 * Layers, each using only those above it:
 *   shmctl_number.c  integers and bytes in memory
 *   shmctl_fields.c  --format: which fields an element has, and how they are written
 *   shmctl_render.c  a field as text, CSV or JSON
 *   shmctl_parse.c   and back
 *   shmctl_rows.c    rows of elements to standard output, one by one, in constant memory
 *   shmctl_header.c  what a dump says of the segment that it is from
 *   shmctl_input.c   elements from standard input: raw, or from the lines and records of shmctl_lines.c, shmctl_csv.c, shmctl_jsonl.c
 */
#ifndef LFVEC_SHMCTL_ELEMENTS_H
#define LFVEC_SHMCTL_ELEMENTS_H

#include "../lib/record.h"
#include "shmctl.h"

/* ---- numbers: shmctl_number.c. Parsing returns NULL, or what is wrong ---- */

bool number_size(uint32_t size); /* 1, 2, 4 or 8 bytes */
uint64_t number_load(const unsigned char *elem, uint32_t size);
int64_t number_load_signed(const unsigned char *elem, uint32_t size);
void number_store(unsigned char *out, uint32_t size, uint64_t number);
const char *number_parse(const char *text, unsigned char *out, uint32_t size);
const char *bytes_parse(const char *text, unsigned char *out, uint32_t size);
/* Each writes at `to` and returns the end of it, which is no zero. */
char *number_put(char *to, uint64_t number);
char *hex_put(char *to, uint64_t number, uint32_t size); /* 0x00ff */
char *bytes_put(char *to, const unsigned char *elem, uint32_t size);

/* ---- formats: shmctl_fields.c ---- */

enum file_kind { FILE_TEXT, FILE_RAW, FILE_CSV, FILE_JSONL };

/* How an element is seen. Zeroed: by what the segment says, or its size. */
struct fields {
    const char *option; /* the argument of --format, or NULL */
    const char *name;   /* of a format that is one field; NULL with count 0: the default */
    enum file_kind kind;
    uint32_t size; /* bytes of an element */
    int count;
    struct record_field of[RECORD_MOST];
};

/* clang-format off */
#define FIELDS_OPTION {'f', "format", "FORMAT", "decimal, signed, hex, bytes, string, raw, or fields: u64,i32,f64,s16; csv or jsonl, alone or before one of these"}
/* clang-format on */

void fields_option(struct fields *fields, const struct call *call, const char *text); /* the argument of --format */
void fields_fit(struct fields *fields, const struct call *call, lfvec_t *v);          /* to the elements of v, or a usage error */
/* The bytes of an element that these fields are, and the text that lfvec_attr.elem_format has of it; 0 and "" if they do not tell. */
uint32_t fields_elem_size(const struct fields *fields);
const char *fields_elem_format(const struct fields *fields);
bool fields_number(const struct fields *fields, int i);
int fields_width(const struct fields *fields, int i); /* of the longest text, or so */
bool fields_heading(const char *text);                /* could be the heading of a column of dump */
void fields_refuse_terminal(const struct fields *fields, const struct call *call);

/* ---- a field: shmctl_render.c, shmctl_parse.c ---- */

/* RENDER_BARE: a string on its own, for a variable of a script. RENDER_WORD: no blanks in it. */
enum render { RENDER_TEXT, RENDER_BARE, RENDER_WORD, RENDER_CSV, RENDER_JSON };

size_t fields_room(const struct fields *fields); /* that all fields of an element need at most */
char *fields_put(char *to, const struct fields *fields, int i, const unsigned char *elem, enum render how); /* returns the end */

enum parse { PARSE_ESCAPES /* \xHH is a byte */, PARSE_EXACT };

/* NULL, or what is wrong. The text ends with a zero behind its length. */
const char *fields_parse(const struct fields *fields, int i, const char *text, size_t length, enum parse how, unsigned char *elem);

/* ---- rows of elements: shmctl_rows.c ---- */

enum { ROW_INDEX = -1, ROW_VERSION = -2 };

struct row_column {
    const char *name;
    int what; /* ROW_..., or a field */
    int width;
    bool right;
};

struct rows {
    const struct call *call;
    const struct fields *fields;
    enum { ROWS_PLAIN, ROWS_TABLE, ROWS_CSV, ROWS_JSON, ROWS_JSONL, ROWS_RAW } style;
    enum render how;
    struct row_column column[RECORD_MOST + 2];
    int columns;
    bool headings, fixed; /* fixed: widths are known */
    uint64_t rows;
    char *line; /* one row */
    char *held; /* of a table: cells of the rows whose widths are not known yet, each with a zero at its end */
    size_t used, room;
    uint64_t waiting; /* rows there */
};

/* Opens rows of the call's report, with INDEX, the fields and VERSION, as far as they are there and asked for. fields: NULL, or fitted. */
void rows_open(struct rows *rows, const struct call *call, const struct fields *fields);
void rows_fix(struct rows *rows, uint64_t last_index); /* there are many: widths are those of the widest */
void rows_put(struct rows *rows, uint64_t index, const unsigned char *elem, uint64_t version);
void rows_flush(struct rows *rows); /* all that was put is with stdio */
void rows_close(struct rows *rows);
bool rows_show(const struct rows *rows, int what);

/* ---- what a dump says of its segment: shmctl_header.c ---- */

#define HEADER_BEGIN "# lfvec-dump 1\n"
#define HEADER_END "# end\n"
enum { HEADER_MOST = 4096 };

struct header {
    bool present;
    char format[256]; /* --format of the dump */
    struct lfvec_attr attr;
};

void header_put(const struct lfvec_stat *st, const struct fields *fields);
/* Reads one from a text that begins with HEADER_BEGIN and has HEADER_END. NULL, or what is wrong. */
const char *header_parse(struct header *header, char *text);
/* DONE, or a complaint that v has other elements than the segment that was dumped. */
int header_check(const struct header *header, lfvec_t *v);

/* ---- elements from standard input: shmctl_input.c ---- */

enum { CELLS_MOST = RECORD_MOST + 2, NO_FIELD = -1 };

struct input;
typedef int input_taker(void *context, const unsigned char *elem); /* a status */

struct input {
    const char *name; /* of the segment */
    struct fields fields;
    bool indexed;    /* the first column is an index */
    bool noheadings; /* the first line is none */
    input_taker *take;
    void *context;
    uint64_t (*done)(void *context); /* elements that are in by now, for a message: puts in what waits */
    /* shmctl_input.c's own */
    struct header header;
    char *buf;
    size_t at, end, room;
    uint64_t bytes, line;
    int cells;             /* of a line; 0 = none seen yet */
    int field[CELLS_MOST]; /* that each cell is, or NO_FIELD */
    unsigned char *elem;
    int status;
};

/* A cell of a line or record. */
struct cell {
    char *text;
    size_t length;
    bool quoted;
};

/* Looks at the beginning: a header, if there is one. DONE or a status. */
int input_open(struct input *input);
/* All of it, once fields are fitted. DONE or a status. */
int input_run(struct input *input);
void input_close(struct input *input);

/* For the readers of each kind of file. */
bool input_fill(struct input *input);              /* more behind `end`; false at the end of the file */
size_t input_line_most(const struct input *input); /* bytes that a line can have at most, if it makes sense */
int input_bad(struct input *input, const char *format, ...) __attribute__((format(printf, 2, 3))); /* complains about the line */
int input_cells(struct input *input, struct cell *cell, int cells, enum parse how);                /* one line, or record */
int lines_run(struct input *input);
int csv_run(struct input *input);
int jsonl_run(struct input *input);
/* One record of CSV without a line end, into cells in `room`, of text's length + CELLS_MOST. How many; -1 if it is none. */
int csv_split(const char *text, char *room, struct cell *cell);

/* ---- values on the command line: shmctl_value.c ---- */

enum { OPT_HEX = 900, OPT_STRING, OPT_STDIN };
/* clang-format off */
#define VALUE_INPUT_OPTIONS \
    FIELDS_OPTION, \
    {OPT_HEX, "hex", NULL, "values are the bytes of elements in hex, in memory order"}, \
    {OPT_STRING, "string", NULL, "values are strings, padded with zeros"}, \
    {OPT_STDIN, "stdin", NULL, "read the raw bytes of elements from standard input"}
/* clang-format on */

struct value_input {
    struct fields fields;
    bool from_stdin, hex, string;
};

bool value_option(struct value_input *input, const struct call *call, int key, const char *arg); /* true if it was one of those */
void value_fit(struct value_input *input, const struct call *call, lfvec_t *v);
/* Parses a value. NULL, or what is wrong, in a static buffer. */
const char *value_parse(const struct value_input *input, const char *text, unsigned char *out);
/* Reads one element from standard input: 1, 0 at the end, or -1 with *got bytes of a part of one. */
int value_read(const struct fields *fields, unsigned char *out, size_t *got);

/* ---- segments that are created on the way: shmctl_create.c ---- */

/* Bytes of an element of this format, or those of the library's default. */
uint32_t create_elem_size(const char *elem_format);
/* Creates it, or opens the one that is there. NULL after a complaint. */
lfvec_t *create_or_open(const char *name, const struct lfvec_attr *attr, int *status);

#endif
