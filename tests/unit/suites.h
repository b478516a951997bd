/* suites.h - the suites, one a module. */
#ifndef LFVEC_TESTS_UNIT_SUITES_H
#define LFVEC_TESTS_UNIT_SUITES_H

#include <check.h>

Suite *head_suite(void);
Suite *turn_suite(void);
Suite *visible_suite(void);
Suite *record_suite(void);
Suite *layout_suite(void);
Suite *shm_suite(void);
Suite *segment_suite(void);
Suite *slab_suite(void);
Suite *leaf_suite(void);
Suite *slot_suite(void);
Suite *life_suite(void);
Suite *desc_suite(void);
Suite *recover_suite(void);
Suite *history_suite(void);
Suite *audit_suite(void);
Suite *oracle_suite(void);
Suite *bounds_suite(void);
Suite *parties_suite(void);
Suite *vector_suite(void);
Suite *batch_suite(void);
Suite *lease_suite(void);
Suite *wait_suite(void);
Suite *wake_suite(void);
Suite *errno_suite(void);
Suite *errno_open_suite(void);
Suite *errno_full_suite(void);
Suite *edge_suite(void);
Suite *memory_suite(void);
Suite *slabset_suite(void);
Suite *jump_suite(void);
Suite *leave_suite(void);
Suite *null_suite(void);
Suite *sentence_suite(void);
Suite *owner_suite(void);
Suite *model_suite(void);
Suite *region_suite(void);

#endif
