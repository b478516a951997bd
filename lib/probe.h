/*
 * probe.h - static probes (USDT) for bpftrace, perf and systemtap: a no-op instruction each, and a note that says where it is and where its
 * arguments are. Without <sys/sdt.h>, or with --disable-probes, nothing. examples/lfvec.bt shows them all.
 *
 *   lfvec:attach(name, flags)         a segment was opened
 *   lfvec:grow(offset, bytes)         memory was committed
 *   lfvec:help(slot, version)         another's descriptor was carried into the directory before it was replaced, by this slot
 *   lfvec:recover(slot, took_effect)  a slot was taken over; 1 if its unfinished operation had taken effect
 *   lfvec:cas_retry(slot, version)    an attempt was lost to this version, by this slot
 *   lfvec:wait(name, wakes)           a blocking pop goes to sleep; how many pushes have woken somebody so far
 */
#ifndef LFVEC_PROBE_H
#define LFVEC_PROBE_H

#ifdef LFVEC_PROBES
#include <sys/sdt.h>
#define PROBE(name, a, b) DTRACE_PROBE2(lfvec, name, a, b)
#else
#define PROBE(name, a, b) ((void)(a), (void)(b))
#endif

#endif
