/* unit_memory.c - runs the suites in which private memory is refused. */
#include "suites.h"
#include "support.h"

int main(void)
{
    static unit_suite *const suites[] = {memory_suite, slabset_suite};
    return unit_run("unit_memory", suites, sizeof suites / sizeof *suites);
}
