/*
 * shmctl_pace.c - waiting for something that the library has no call to wait for: sleeping, at intervals that grow from 1 ms to 50 ms while
 * nothing happens and begin again at 1 ms when something did. For wait and for dump --follow; a waiter costs 20 looks a second at most.
 */
#include "shmctl.h"

#include <errno.h>
#include <poll.h>

enum { SHORTEST_MS = 1, LONGEST_MS = 50 };

void pace_begin(struct pace *pace, uint64_t timeout)
{
    *pace = (struct pace){.ms = SHORTEST_MS, .end = timeout == UINT64_MAX ? UINT64_MAX : clock_now() + timeout};
}

void pace_again(struct pace *pace)
{
    pace->ms = SHORTEST_MS;
}

/* The time that is left, in ms and rounded up, if it is less. */
static int until_end(const struct pace *pace, uint64_t now)
{
    uint64_t left = pace->end == UINT64_MAX ? UINT64_MAX : (pace->end - now + 999999) / 1000000;
    return left < (uint64_t)pace->ms ? (int)left : pace->ms;
}

bool pace_rest(struct pace *pace, int output)
{
    struct pollfd reader = {.fd = output}; /* no events: only that nobody reads it any more */
    uint64_t now = clock_now();
    if (now >= pace->end)
        return false;
    if (poll(&reader, 1, until_end(pace, now)) > 0 && output >= 0)
        return false;
    pace->ms = pace->ms * 2 < LONGEST_MS ? pace->ms * 2 : LONGEST_MS;
    return true;
}
