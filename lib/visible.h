/*
 * visible.h - what may be shown as it is. Names of segments and threads contain arbitrary bytes and
 * may come from any user. A terminal, a browser or a log viewer must show them, not interpret them.
 * The library's sentences and the output of lfvec-shmctl follow this one rule. The tool is built
 * with this file too, so it uses nothing else of the library.
 */
#ifndef LFVEC_VISIBLE_H
#define LFVEC_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Length in bytes of the UTF-8 character at `text`, whatever it is, and its
 * number. Returns 0 if it is none.
 */
size_t visible_decode(const char *text, uint32_t *character);

/*
 * Length in bytes of the character at `text` if it may be shown. Returns 0 if its first byte
 * must not be shown as it is: at the end of the text, and for invalid UTF-8, control
 * characters (C0, DEL, C1), and characters that move or hide others (bidi controls, line
 * separators, format characters).
 */
size_t visible_length(const char *text);

/*
 * Writes the text with \xHH for each byte that must not be shown, and a NUL, if all of that
 * fits. Otherwise it writes ? for each such byte and cuts the text off at `room`, so that as
 * many shown characters fit as would without escapes. Returns the number of bytes that the form
 * with \xHH needs, without the NUL.
 *
 * exactly: a backslash before an x becomes \x5c, so that different texts look different. Such a
 * text must not be converted again.
 */
size_t visible_text(char *to, size_t room, const char *text, bool exactly);

#endif
