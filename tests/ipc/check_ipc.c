/* check_ipc.c - runs the tests with real processes; each test in a process group of its own, which Check kills if it does not end. */
#include "ipc.h"

int main(void)
{
    SRunner *runner = srunner_create(ipc_create_suite());
    srunner_add_suite(runner, ipc_load_suite());
    srunner_add_suite(runner, ipc_check_suite());
    srunner_add_suite(runner, ipc_life_suite());
    srunner_add_suite(runner, ipc_death_suite());
    srunner_set_fork_status(runner, CK_FORK); /* a failed test must not take the others with it, whatever CK_FORK says */
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    ipc_clean();
    return failed ? 1 : 0;
}
