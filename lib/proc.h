/*
 * proc.h - identifies a thread and checks whether it lives: pid, tid, namespaces, a moment of its
 * life, and where its program's stack starts.
 */
#ifndef LFVEC_PROC_H
#define LFVEC_PROC_H

#include <stdint.h>

struct proc_id {
    int32_t pid, tid;
    uint64_t pid_ns; /* inode of the pid namespace; 0 = unknown */
    /*
     * Inode of the time namespace of alive_at, because the clock of another one starts
     * at another moment; 0 = unknown.
     */
    uint64_t time_ns;
    /*
     * A moment when it lived, in clock ticks since boot: a thread that started
     * later is another one; 0 = unknown.
     */
    uint64_t alive_at;
    uint64_t stack; /* 12 bits of its stack's start address: they change on exec(); 0 = unknown */
};

enum proc_state { PROC_ALIVE, PROC_STOPPED, PROC_DEAD, PROC_UNKNOWN };

void proc_self(struct proc_id *id);
void proc_name(char *name, uint32_t room); /* the calling thread's */

/*
 * PROC_DEAD only if that thread certainly no longer runs that program: the pid namespace is the
 * same, and the thread does not exist, is a zombie, has called exec(), or its number belongs to
 * another. PROC_UNKNOWN if that cannot be decided.
 */
enum proc_state proc_look(const struct proc_id *id);

/*
 * The thread with this number in our own pid namespace. PROC_UNKNOWN if there is none, because
 * another namespace may have one.
 */
enum proc_state proc_look_here(int32_t tid);

/*
 * Bytes of [from, from + bytes) that this process has mapped to pages, and how many of
 * them by huge pages. 0 if unknown.
 */
void proc_mapped(const void *from, uint64_t bytes, uint64_t *mapped, uint64_t *huge);

#endif
