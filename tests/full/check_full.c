/*
 * check_full.c - what happens when something runs out: memory, address space, file size, elements, slots. Each test is a process of its own,
 * and those that need a small /dev/shm mount one in a namespace of its own.
 */
#include "full.h"

int main(void)
{
    unit_suite *const suites[] = {full_tmpfs_suite, full_procs_suite,  full_limits_suite,
                                  full_slots_suite, full_owners_suite, full_holes_suite};
    return unit_run("check_full", suites, sizeof suites / sizeof *suites);
}
