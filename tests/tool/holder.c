/*
 * holder.c - a participant for tests to look at: attaches, pushes, says "ready PID", and waits until it is killed.
 *
 * holder NAME [COUNT]: pushes the numbers 0 to COUNT-1 (default 1) to a vector of 8-byte elements, which must exist.
 */
#include <lfvec.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int push_all(lfvec_t *v, unsigned long count)
{
    for (uint64_t i = 0; i < count; i++) {
        int error = lfvec_push_u64(v, i);
        if (error) {
            fprintf(stderr, "holder: push: %s\n", strerror(-error));
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    lfvec_t *v = lfvec_open(argv[1], 0, NULL);
    if (!v) {
        fprintf(stderr, "holder: %s\n", lfvec_last_error());
        return 1;
    }
    if (push_all(v, argc > 2 ? strtoul(argv[2], NULL, 10) : 1) != 0)
        return 1;
    printf("ready %ld\n", (long)getpid());
    fflush(stdout);
    for (;;)
        pause();
}
