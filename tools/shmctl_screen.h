/* shmctl_screen.h - the whole terminal: shmctl_screen.c. */
#ifndef LFVEC_SHMCTL_SCREEN_H
#define LFVEC_SHMCTL_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

enum screen_style { SCREEN_PLAIN, SCREEN_TITLE, SCREEN_HEADING };
enum { SCREEN_TIME = -1, SCREEN_RESIZED = -2, SCREEN_END = -3 };

bool screen_open(void);  /* false: this terminal cannot be used */
void screen_close(void); /* does not return if a signal ended it */
int screen_columns(void);
bool screen_draws_blocks(void); /* or only ASCII */
/* A picture, from the top: screen_begin(), lines, screen_end() with the last one, which there is always room for. */
void screen_begin(void);
void screen_line(const char *text, enum screen_style style);
int screen_room(void); /* rows that are left above the last one */
void screen_end(const char *last);
/* A key, j and k for the arrows, or SCREEN_...: until the time of clock_now() */
int screen_key(uint64_t until);

#endif
