/* unit_inner.c - runs the suites of the inner modules, from the head to the audit. */
#include "suites.h"
#include "support.h"

int main(void)
{
    static unit_suite *const suites[] = {head_suite,  turn_suite,   layout_suite,  shm_suite,     segment_suite, slab_suite,
                                         leaf_suite,  slot_suite,   desc_suite,    recover_suite, life_suite,    leave_suite,
                                         audit_suite, bounds_suite, visible_suite, record_suite};
    return unit_run("unit_inner", suites, sizeof suites / sizeof *suites);
}
