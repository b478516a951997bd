/*
 * numa.c - pages are where the policy asks for them, on a machine of several memory nodes; see numa.h.
 *
 *   numa two|four|bare    two nodes, four, or three of which the last has no memory
 *
 * numa.sh emulates such machines and runs it as their process 1.
 */
#include "numa.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOCAL = LFVEC_NUMA_LOCAL, INTERLEAVE = LFVEC_NUMA_INTERLEAVE, BIND = LFVEC_NUMA_BIND };

enum { N0 = 1, N1 = 2, N2 = 4, N3 = 8, ALL = 0 };

/* What is played, under which policy, made on which node, and which is the other one. */
static const struct plan two[] = {
    {scene_work, LOCAL, ALL, 0, 1},
    {scene_work, LOCAL, ALL, 1, 0},
    {scene_work, BIND, N1, 0, 1},
    {scene_work, BIND, N1, 1, 0},
    {scene_work, INTERLEAVE, N0 | N1, 0, 1},
    {scene_work, INTERLEAVE, ALL, 1, 0},
    {scene_defaults, LOCAL, ALL, 0, 1},
    {scene_inherit, LOCAL, ALL, 0, 1},
    {scene_inherit, LOCAL, ALL, 1, 0},
    {scene_inherit, BIND, N1, 0, 1},
    {scene_inherit, INTERLEAVE, N0 | N1, 0, 1},
    {scene_move, LOCAL, ALL, 0, 1},
    {scene_move, LOCAL, ALL, 1, 0},
    {scene_slots, LOCAL, ALL, 0, 1},
    {scene_slots, LOCAL, ALL, 1, 0},
    {scene_give, LOCAL, ALL, 0, 1},
    {scene_give, LOCAL, ALL, 1, 0},
    {scene_reserve, LOCAL, ALL, 0, 1},
    {scene_reserve, BIND, N0, 1, 0},
    {scene_reserve, INTERLEAVE, N0 | N1, 0, 1},
    {scene_show, LOCAL, ALL, 0, 1},
    {0},
};

static const struct plan four[] = {
    {scene_work, LOCAL, ALL, 2, 3},          {scene_work, BIND, N0 | N3, 1, 2},
    {scene_work, INTERLEAVE, N1 | N3, 0, 1}, {scene_work, INTERLEAVE, ALL, 3, 1},
    {scene_inherit, LOCAL, ALL, 1, 3},       {scene_inherit, INTERLEAVE, N0 | N2, 1, 3},
    {scene_move, LOCAL, ALL, 3, 2},          {scene_slots, LOCAL, ALL, 2, 3},
    {scene_give, LOCAL, ALL, 3, 1},          {scene_reserve, INTERLEAVE, N0 | N1 | N3, 1, 2},
    {scene_show, INTERLEAVE, N1 | N3, 0, 2}, {0},
};

/* Node 2 has a processor and no memory. */
static const struct plan bare[] = {
    {scene_work, LOCAL, ALL, 0, 2},    {scene_work, LOCAL, ALL, 2, 0},      {scene_work, BIND, N1 | N2, 0, 2},
    {scene_work, BIND, N2, 2, 0},      {scene_work, INTERLEAVE, ALL, 2, 0}, {scene_inherit, LOCAL, ALL, 0, 2},
    {scene_inherit, LOCAL, ALL, 2, 1}, {scene_move, LOCAL, ALL, 1, 2},      {scene_slots, LOCAL, ALL, 1, 2},
    {scene_give, LOCAL, ALL, 2, 1},    {scene_reserve, LOCAL, ALL, 0, 2},   {0},
};

static const struct machine_plans {
    const char *name;
    uint32_t nodes;
    uint64_t memory;
    const struct plan *plans;
} machines[] = {{"two", 2, N0 | N1, two}, {"four", 4, N0 | N1 | N2 | N3, four}, {"bare", 3, N0 | N1, bare}};

/* The machine is what it is said to be, or nothing that is claimed of it means anything. */
static void play(const struct machine_plans *m)
{
    claim_scene("the machine");
    if (claim_that(machine.nodes == m->nodes && machine.memory == m->memory, "%u nodes, with memory 0x%llx, with processors 0x%llx",
                   machine.nodes, (unsigned long long)machine.memory, (unsigned long long)machine.cpus))
        for (const struct plan *p = m->plans; p->play; p++)
            p->play(p);
    claim_table();
}

int main(int argc, char **argv)
{
    if (getpid() == 1)
        boot(argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    look_round();
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
        if (argc == 2 && !strcmp(argv[1], machines[i].name)) {
            play(&machines[i]);
            return claims_hold() ? 0 : 1;
        }
    fputs("usage: numa two|four|bare\n", stderr);
    return 2;
}
