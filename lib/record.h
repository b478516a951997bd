/*
 * record.h - the text that says what an element is made of, such as u64,f64,s16. One grammar for lfvec_attr.elem_format, the header and
 * lfvec-shmctl --format, which is built with this as well. Knows nothing else of the library.
 *
 * Types: u, i and h with 8, 16, 32 or 64 bits (unsigned, signed, unsigned and shown in hex); f32 and f64; sN and xN, N bytes that are a
 * string or not. The fields lie as a C compiler lays them out, or one behind the other, whichever has the size of an element.
 */
#ifndef LFVEC_RECORD_H
#define LFVEC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_MOST = 56 }; /* fields of an element */

struct record_field {
    char kind;     /* u i h f s x */
    uint32_t size; /* bytes */
    uint64_t at;   /* offset in the element */
};

/* Parses a text into at most RECORD_MOST fields. How many there are; 0 if it is no such list. */
int record_parse(struct record_field *of, const char *text);

/* Gives every field its place, without gaps or as in a C struct. The size of the whole. */
uint64_t record_lay_out(struct record_field *of, int count, bool packed);

/* Whether they fit an element of that size, and then they have their places. */
bool record_fits(struct record_field *of, int count, uint32_t elem_size);

/* Whether two texts are of the same fields: how a field is shown (h for u, x for s) makes no difference. */
bool record_same(const char *a, const char *b);

/* Whether what fills `room` bytes is a text of fields that fit, or empty. */
bool record_sound(const char *text, size_t room, uint32_t elem_size);

#endif
