/*
 * error.c - the calling thread's last error sentence. Uses private memory and never allocates, so
 * it works when nothing else does. Sentences contain names, which are arbitrary bytes, and are
 * shown on terminals. So they are converted to visible text.
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
