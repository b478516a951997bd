/* proc.h - who a thread is, and whether it still lives: pid, tid, pid namespace, start time. */
#ifndef LFVEC_PROC_H
#define LFVEC_PROC_H

#include <stdint.h>

struct proc_id {
    int32_t pid, tid;
    uint64_t pid_ns;     /* inode of the pid namespace; 0 = could not be told */
    uint64_t start_time; /* clock ticks since boot; 0 = could not be told */
};

enum proc_state { PROC_ALIVE, PROC_STOPPED, PROC_DEAD, PROC_UNKNOWN };

void proc_self(struct proc_id *id);
void proc_name(char *name, uint32_t room); /* the calling thread's */

/*
 * PROC_DEAD only if that thread certainly does not run any more: same pid namespace, and no such thread, or another one with its number,
 * or a zombie. PROC_UNKNOWN where it cannot be told.
 */
enum proc_state proc_look(const struct proc_id *id);

/* Bytes of [from, from + bytes) that this process has mapped to pages, and how many of them by huge ones. 0 if it cannot be told. */
void proc_mapped(const void *from, uint64_t bytes, uint64_t *mapped, uint64_t *huge);

#endif
