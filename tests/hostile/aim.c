/*
 * aim.c - usage: aim [--seconds S] [--only NAME] [--seed N] [--control NAME] [--list]
 *
 * Each attacker in turn gets rounds of about a second: a new segment, victims, and either a process that forges as fast as it can, or victims
 * that are stopped at random moments and find another segment when they go on. Errors and wrong elements are all that it may bring about.
 *
 * What is asserted of every victim (aim_judge.c): it ends by itself, and by no signal; no call takes longer than HANG_MS of the time in which
 * it was not stopped; its canaries and a second segment that it uses are what they were; the object and the victim's private memory stay
 * within bounds; a terminal is given nothing to obey. With --control a victim does by itself what one of these forbids, and the run must fail.
 */
#include "aim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct aim_board *aim_board;

/* A sanitizer's complaint has to end the process, or it would be overlooked. */
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "halt_on_error=1:print_stacktrace=1";
}

const struct attacker aim_attackers[] = {
    {"life-bytes", "any byte of a life mark and of what is written of its holder", attack_life_bytes, ALL, WORLD_SMALL, BOUND_MAX},
    {"life-tid", "numbers of threads, with and without the kernel's bits", attack_life_tid, ALL, WORLD_SMALL, BOUND_MAX},
    {"life-links", "addresses in the victims, where a list might have links", attack_life_links, ALL, WORLD_SMALL, BOUND_MAX},
    {"life-free", "a mark that is held and free by turns", attack_life_free, ALL, WORLD_SMALL, BOUND_MAX},
    {"who", "pid, thread, namespaces, times, node, stack", attack_who, ALL, WORLD_SMALL, BOUND_MAX},
    {"taking", "the count of takings, in passing", attack_taking, ALL, WORLD_SMALL, BOUND_MAX},
    {"intent", "intent, committed and attempt, near the head's version", attack_intent, ALL, WORLD_SMALL, BOUND_MAX},
    {"lease", "the lease, its return, and its element", attack_lease, ALL, WORLD_SMALL, BOUND_MAX},
    {"spares", "leaves in hand: another's, beyond, of the reserve", attack_spares, ALL, WORLD_SMALL, BOUND_MAX},
    {"work", "the slab that a slot works in", attack_work, ALL, WORLD_SMALL, BOUND_MAX},
    {"counters", "what the reports count", attack_counters, ALL, WORLD_SMALL, BOUND_MAX},
    {"desc-count", "count, first entry and version of a descriptor", attack_desc_count, ALL, WORLD_SMALL, BOUND_MAX},
    {"desc-seq", "a descriptor that is never quite written", attack_desc_seq, ALL, WORLD_SMALL, BOUND_MAX},
    {"desc-refs", "the leaves of a descriptor, new and replaced", attack_desc_refs, ALL, WORLD_SMALL, BOUND_MAX},
    {"slab-states", "states of slabs", attack_slab_states, ALL, WORLD_SMALL, BOUND_MAX},
    {"slab-owners", "owners, takers and nodes of slabs", attack_slab_owners, ALL, WORLD_SMALL, BOUND_MAX},
    {"slab-reset", "all slabs free again, all the time", attack_slab_reset, GROW, WORLD_LARGE, BOUND_MAX},
    {"slab-beyond", "slabs in use that never had memory", attack_slab_beyond, ALL, WORLD_SMALL, BOUND_MAX},
    {"hints", "the hints where slabs are free, and how many there are", attack_hints, ALL | GROW, WORLD_SMALL, BOUND_MAX},
    {"extents", "how much of directory and slab table has memory", attack_extents, ALL | GROW, WORLD_SMALL, BOUND_MAX},
    {"holes", "all of a sparse object is in use", attack_holes, LOOK | TOOL, WORLD_SMALL, BOUND_BEFORE},
    {"holes-many", "likewise, of a large one", attack_holes, LOOK | TOOL, WORLD_MANY, BOUND_BEFORE},
    {"dir-refs", "leaves of the directory", attack_dir_refs, ALL, WORLD_SMALL, BOUND_MAX},
    {"dir-stamps", "versions of the directory", attack_dir_stamps, ALL, WORLD_SMALL, BOUND_MAX},
    {"many", "2,047 slots held and a million slabs", attack_many, ALL, WORLD_MANY, BOUND_MAX},
    {"leaf-seq", "versions of leaves", attack_leaf_seq, ALL, WORLD_SMALL, BOUND_MAX},
    {"leaf-dirty", "when a leaf was overwritten", attack_leaf_dirty, ALL, WORLD_SMALL, BOUND_MAX},
    {"leaf-used", "how much of a leaf was ever stored", attack_leaf_used, ALL, WORLD_SMALL, BOUND_MAX},
    {"bitmaps", "which leaves are free", attack_bitmaps, ALL, WORLD_SMALL, BOUND_MAX},
    {"elements", "the elements", attack_elements, ALL, WORLD_SMALL, BOUND_MAX},
    {"last-leaf", "what a large snapshot copies last", attack_last_leaf, SNAP | TOOL, WORLD_LARGE, BOUND_MAX},
    {"head-size", "the size", attack_head_size, ALL, WORLD_SMALL, BOUND_MAX},
    {"head-desc", "the descriptor in effect", attack_head_desc, ALL, WORLD_SMALL, BOUND_MAX},
    {"head-last", "who made the version", attack_head_last, ALL, WORLD_SMALL, BOUND_MAX},
    {"version", "the version, forth and back", attack_version, ALL, WORLD_SMALL, BOUND_MAX},
    {"version-end", "a version next to the last there is", attack_version_end, ALL, WORLD_SMALL, BOUND_MAX},
    {"head-torn", "version and size of different heads", attack_head_torn, ALL, WORLD_SMALL, BOUND_MAX},
    {"sleepers", "the word that sleepers sleep on, all the time", attack_sleepers, SLEEP | WORK, WORLD_SMALL, BOUND_MAX},
    {"wakes", "somebody always waits, and all are woken", attack_wakes, SLEEP | WORK, WORLD_SMALL, BOUND_MAX},
    {"header", "the header", attack_header, ALL, WORLD_SMALL, BOUND_MAX},
    {"header-crc", "the header, with a checksum that is right", attack_header_crc, ALL, WORLD_SMALL, BOUND_MAX},
    {"magic", "whether it is ready", attack_magic, ALL, WORLD_SMALL, BOUND_MAX},
    {"longer", "the size of the object", attack_longer, ALL, WORLD_SMALL, BOUND_MAX},
    {"file-lease", "a lease on a file beside it", attack_file_lease, TOOL, WORLD_SMALL, BOUND_MAX},
    {"fifo", "a FIFO in its place, for a moment", attack_fifo, ALL, WORLD_SMALL, BOUND_MAX},
    {"names", "control characters in names", attack_names, WORK | TOOL | SHOWN, WORLD_SMALL, BOUND_MAX},
    {"names-c1", "C1 controls and directions in names", attack_names_c1, WORK | TOOL | SHOWN, WORLD_SMALL, BOUND_MAX},
};
const uint32_t aim_attackers_count = sizeof aim_attackers / sizeof *aim_attackers;
enum { ATTACKERS = sizeof aim_attackers / sizeof *aim_attackers };

static struct {
    double seconds;
    uint64_t seed;
    const char *only;
    uint32_t control;
} options = {.seconds = 45};

static void usage(void)
{
    fprintf(stderr, "usage: aim [--seconds S] [--only NAME] [--seed N] [--control NAME] [--list]\n");
    exit(2);
}

static void list(void)
{
    for (uint32_t i = 0; i < ATTACKERS; i++)
        printf("%-12s %s\n", aim_attackers[i].name, aim_attackers[i].forges);
    exit(0);
}

static void take_control(const char *name)
{
    static const char *const names[CONTROLS] = {
        [CONTROL_SIGNAL] = "signal", [CONTROL_HANG] = "hang",     [CONTROL_CANARY] = "canary",    [CONTROL_SECOND] = "second",
        [CONTROL_OBJECT] = "object", [CONTROL_MEMORY] = "memory", [CONTROL_TERMINAL] = "terminal"};
    options.control = 1;
    while (options.control < CONTROLS && strcmp(names[options.control], name) != 0)
        options.control++;
    if (options.control == CONTROLS)
        usage();
}

static void take_options(int argc, char **argv)
{
    options.seed = (uint64_t)time(NULL);
    for (int i = 1; i < argc; i += 2) {
        if (!strcmp(argv[i], "--list"))
            list();
        if (i + 1 == argc)
            usage();
        if (!strcmp(argv[i], "--seconds"))
            options.seconds = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--seed"))
            options.seed = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--only"))
            options.only = argv[i + 1];
        else if (!strcmp(argv[i], "--control"))
            take_control(argv[i + 1]);
        else
            usage();
    }
}

static bool runs(const struct attacker *a)
{
    if (a->bound == BOUND_BEFORE && geteuid() != 0) /* which gives the segment to a stranger */
        return false;
    return !options.only || strcmp(options.only, a->name) == 0;
}

static uint64_t seed_of(const struct attacker *a)
{
    uint64_t seed = options.seed;
    for (const char *c = a->name; *c; c++) /* FNV-1a: the same with --only, and whatever is added to the table */
        seed = (seed ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return seed;
}

static int run_round(const struct attacker *a, uint64_t number, double seconds)
{
    struct aim_round r = {.attacker = a, .seed = options.seed, .number = number, .seconds = seconds};
    struct rng rng = {seed_of(a)};
    r.stop = (rng_next(&rng) + number) % 2;
    rng.state += number;
    r.choices = rng_next(&rng);
    snprintf(r.name, sizeof r.name, "/lfvec-test-%ld-aim", (long)getpid());
    snprintf(r.second, sizeof r.second, "/lfvec-test-%ld-aim2", (long)getpid());
    return aim_run_round(&r);
}

struct result {
    uint64_t rounds;
    int faults;
};

static int report(const struct result *result)
{
    int passed = 0, failed = 0, skipped = 0;
    for (uint32_t i = 0; i < ATTACKERS; i++) {
        const struct attacker *a = &aim_attackers[i];
        if (result[i].rounds)
            printf("%s - %s: %s: %llu rounds, %d faults\n", result[i].faults ? "not ok" : "ok", a->name, a->forges,
                   (unsigned long long)result[i].rounds, result[i].faults);
        else if (!options.only)
            printf("skip - %s: %s\n", a->name, a->bound == BOUND_BEFORE && geteuid() != 0 ? "needs root" : "no time was left");
        passed += result[i].rounds && !result[i].faults;
        failed += result[i].faults != 0;
        skipped += !result[i].rounds && !options.only;
    }
    printf("aim: seed %llu, %llu stores, the longest call took %lld ms: %s, beside %s\n", (unsigned long long)options.seed,
           (unsigned long long)atomic_load(&aim_board->stores), (long long)(atomic_load(&aim_board->longest) / 1000000),
           aim_board->longest_call == UINT32_MAX ? "lfvec-shmctl" : operation_name(aim_board->longest_call),
           aim_board->longest_beside ? aim_board->longest_beside : "none");
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed ? 1 : passed ? 0 : 77;
}

int main(int argc, char **argv)
{
    static struct result result[ATTACKERS];
    uint32_t count = 0;
    take_options(argc, argv);
    printf("aim: --seed %llu\n", (unsigned long long)options.seed);
    if (!tool_is_there())
        printf("# no lfvec-shmctl here: it is not among the victims\n");
    aim_board = mmap(NULL, sizeof *aim_board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (aim_board == MAP_FAILED) {
        perror("aim");
        return 2;
    }
    aim_board->control = options.control;
    aim_canaries_new();
    for (uint32_t i = 0; i < ATTACKERS; i++)
        count += runs(&aim_attackers[i]);
    if (!count)
        usage();
    const double share = options.seconds / count, each = share < 2 ? share * 0.7 : 1.4; /* a round's beginning and end take time as well */
    const int64_t end = aim_now() + (int64_t)(options.seconds * 1e9);
    for (uint64_t number = 0; number < 1 || aim_now() < end; number++)
        for (uint32_t i = 0; i < ATTACKERS && (!number || aim_now() < end); i++)
            if (runs(&aim_attackers[i])) {
                result[i].faults += run_round(&aim_attackers[i], number, each < 0.2 ? 0.2 : each);
                result[i].rounds++;
            }
    return report(result);
}
