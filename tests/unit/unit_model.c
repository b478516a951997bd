/* unit_model.c - runs the comparison with a plain array. */
#include "suites.h"
#include "support.h"

int main(void)
{
    static unit_suite *const suites[] = {model_suite};
    return unit_run("unit_model", suites, sizeof suites / sizeof *suites);
}
