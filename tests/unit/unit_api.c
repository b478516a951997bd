/* unit_api.c - runs the suites that use lfvec.h alone. */
#include "suites.h"
#include "support.h"

int main(void)
{
    static unit_suite *const suites[] = {vector_suite, batch_suite,      lease_suite,    wait_suite,       wake_suite,
                                         region_suite, errno_open_suite, errno_suite,    errno_full_suite, edge_suite,
                                         jump_suite,   null_suite,       sentence_suite, owner_suite};
    return unit_run("unit_api", suites, sizeof suites / sizeof *suites);
}
