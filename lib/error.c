/*
 * error.c - the calling thread's last error sentence. Private memory only; never allocates, so it works when nothing else does. Sentences have
 * names in them, which are any bytes, and are shown on terminals: so they are visible text.
 */
#include "error.h"

#include "visible.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char text[512];

int error_set(int err, const char *format, ...)
{
    char raw[sizeof text];
    va_list ap;
    va_start(ap, format);
    vsnprintf(raw, sizeof raw, format, ap);
    va_end(ap);
    (void)visible_text(text, sizeof text, raw, false);
    return err;
}

void error_clear(void)
{
    text[0] = '\0';
}

const char *error_text(void)
{
    return text;
}
