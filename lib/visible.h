/*
 * visible.h - what may be shown as it is. Names of segments and of threads hold any bytes, and come from any user; a terminal, a browser or a
 * reader of logs is to show them, not to obey them. One rule for the library's sentences and for all that lfvec-shmctl prints; knows nothing
 * else of the library, so the tool is built with it as well.
 */
#ifndef LFVEC_VISIBLE_H
#define LFVEC_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the UTF-8 character at `text`, whatever it is, and its number; 0 if there is none. */
size_t visible_decode(const char *text, uint32_t *character);

/*
 * Bytes of the character at `text` if it shows itself. 0 if its first byte is not to be shown as it is: at the end of the text, of what is no
 * UTF-8, of a control character (C0, DEL, C1), and of what moves or hides other characters: bidi controls, line separators, format characters.
 */
size_t visible_length(const char *text);

/*
 * Writes the text with \xHH for each byte that is not to be shown, and its end, if there is room for all of that; otherwise with ? for each,
 * cut off at the room, so that what is shown as it is comes as far as it would have. Returns the bytes that \xHH needs, the end excepted.
 * Exactly: a backslash before an x becomes \x5c, so different texts look different; what was made visible must not be made so twice then.
 */
size_t visible_text(char *to, size_t room, const char *text, bool exactly);

#endif
