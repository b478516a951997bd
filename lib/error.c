/* error.c - the calling thread's last error sentence. Private memory only; never allocates, so it works when nothing else does. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char text[512];

int error_set(int err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
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
