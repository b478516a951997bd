/* error.h - the calling thread's last error sentence, for lfvec_last_error(). */
#ifndef LFVEC_ERROR_H
#define LFVEC_ERROR_H

/*
 * Records the sentence and returns `err`, a negative errno, so that `return
 * error_set(-EBADMSG, ...)` reads well.
 */
int error_set(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void error_clear(void);
const char *error_text(void);

#endif
