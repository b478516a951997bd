/*
 * record.h - the text that describes the type of an element, such as u64,f64,s16.
 * lfvec_attr.elem_format, the header and lfvec-shmctl --format share this grammar. The tool is
 * built with this file too, so it uses nothing else of the library.
 *
 * Types: u, i and h with 8, 16, 32 or 64 bits (unsigned, signed, and unsigned shown in hex); f32
 * and f64; sN and xN, N bytes that are a string or not. The fields lie as a C compiler lays them
 * out, or packed, whichever matches the size of an element.
 */
#ifndef LFVEC_RECORD_H
#define LFVEC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_MOST = 56 }; /* most fields of an element */

struct record_field {
    char kind;     /* u i h f s x */
    uint32_t size; /* bytes */
    uint64_t at;   /* offset in the element */
};

/*
 * Parses a text into at most RECORD_MOST fields. Returns their number, or 0 if it is no such list.
 */
int record_parse(struct record_field *of, const char *text);

/* Gives each field its offset, packed or as in a C struct. Returns the total size. */
uint64_t record_lay_out(struct record_field *of, int count, bool packed);

/* True if the fields fit an element of that size. Then they have their offsets. */
bool record_fits(struct record_field *of, int count, uint32_t elem_size);

/*
 * True if two texts have the same fields. How a field is shown (h for
 * u, x for s) makes no difference.
 */
bool record_same(const char *a, const char *b);

/* True if the `room` bytes contain a text of fields that fit, or an empty text. */
bool record_sound(const char *text, size_t room, uint32_t elem_size);

#endif
