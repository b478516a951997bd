/* proc.h - who a thread is, and whether it still lives: pid, tid, namespaces, a moment of its life, where its program's stack is. */
#ifndef LFVEC_PROC_H
#define LFVEC_PROC_H

#include <stdint.h>

struct proc_id {
    int32_t pid, tid;
    uint64_t pid_ns;   /* inode of the pid namespace; 0 = could not be told */
    uint64_t time_ns;  /* inode of the time namespace that alive_at was told in: another one's clock has another beginning; 0 = likewise */
    uint64_t alive_at; /* a moment when it lived, in clock ticks since boot: one that started later is another; 0 = could not be told */
    uint64_t stack;    /* 12 bits of where the stack of its program begins: another place after exec(); 0 = could not be told */
};

enum proc_state { PROC_ALIVE, PROC_STOPPED, PROC_DEAD, PROC_UNKNOWN };

void proc_self(struct proc_id *id);
void proc_name(char *name, uint32_t room); /* the calling thread's */

/*
 * PROC_DEAD only if that thread certainly does not run that program any more: same pid namespace, and no such thread, or another one with
 * its number, or a zombie, or gone on by exec(). PROC_UNKNOWN where it cannot be told.
 */
enum proc_state proc_look(const struct proc_id *id);

/* The thread that has this number here, in our own pid namespace. PROC_UNKNOWN if there is none: in another one there may be. */
enum proc_state proc_look_here(int32_t tid);

/* Bytes of [from, from + bytes) that this process has mapped to pages, and how many of them by huge ones. 0 if it cannot be told. */
void proc_mapped(const void *from, uint64_t bytes, uint64_t *mapped, uint64_t *huge);

#endif
