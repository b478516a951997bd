/*
 * probe.h - static probes (USDT) for bpftrace, perf and systemtap. Each is a no-op instruction, and
 * a note that says where the probe and its arguments are. Without <sys/sdt.h>, or with
 * --disable-probes, they are empty. examples/lfvec.bt shows all of them.
 *
 *   lfvec:attach(name, flags)         a segment was opened
 *   lfvec:grow(offset, bytes)         memory was committed
 *   lfvec:help(slot, version)         this slot installed another's descriptor before replacing it
 *   lfvec:recover(slot, took_effect)  a slot was taken over; 1 if its last operation took effect
 *   lfvec:cas_retry(slot, version)    this slot lost an attempt to this version
 *   lfvec:wait(name, wakes)           a blocking pop goes to sleep; wakes: pushes that woke waiters
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
