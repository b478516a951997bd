/*
 * ipc_create.c - several processes create the same segment at once, or die while they do: all get the same one, with one set of attributes,
 * and nobody waits for the dead.
 */
#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 200, KILLS = 300 };

static const char *wanted_name;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Three sets of attributes, no two of which have any of these in common. */
static void attr_of(struct lfvec_attr *attr, uint32_t which)
{
    static const uint32_t mode[] = {0600, 0660, 0666};
    ipc_attr(attr, 8);
    attr->max_slots = 5 + which;
    attr->leaf_bytes = 64u << which;
    attr->slab_bytes = 65536u << which;
    attr->elem_tag = 0;
    attr->mode = mode[which];
}

/* Which set it has; 3 if it is a mixture. */
static uint32_t attr_had(const struct lfvec_stat *stat)
{
    for (uint32_t which = 0; which < 3; which++) {
        struct lfvec_attr attr;
        attr_of(&attr, which);
        if (stat->max_slots == attr.max_slots && stat->leaf_bytes == attr.leaf_bytes && stat->slab_bytes == attr.slab_bytes &&
            stat->mode == attr.mode)
            return which;
    }
    return 3;
}

static void use(lfvec_t *v)
{
    uint64_t elem = 0;
    MUST(lfvec_push_u64(v, 7) == 0 && lfvec_pop_u64(v, &elem) == 0 && elem == 7);
}

/* ---- two at once ----------------------------------------------------------------------------------------------------------------------- */

/* What each of the two found, for the parent to compare. */
struct found {
    int err;
    struct lfvec_stat stat;
};
static struct found *found; /* [2], shared */

enum kind { BOTH, EXCLUSIVE, UNLIKE, ONE_LOOKS, KINDS };

static lfvec_t *create_as(enum kind kind, uint32_t me)
{
    struct lfvec_attr attr;
    attr_of(&attr, me);
    if (kind == UNLIKE)
        attr.elem_size = 8 + 8 * me;
    if (kind == ONE_LOOKS && me == 1)
        return lfvec_open(wanted_name, 0, NULL);
    return lfvec_open(wanted_name, kind == EXCLUSIVE ? LFVEC_CREATE | LFVEC_EXCL : LFVEC_CREATE, &attr);
}

static void racer(struct board *b, uint32_t me)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        atomic_fetch_add(&b->ready, 1);
        ipc_until(&b->go, round + 1);
        lfvec_t *v = create_as((enum kind)(round % KINDS), me);
        found[me].err = v ? 0 : errno;
        if (v) {
            CHILD_MUST(lfvec_stat(v, &found[me].stat) == 0);
            CHILD_MUST(lfvec_push(v, (uint64_t[2]){me, 0}, NULL) == 0);
            CHILD_MUST(lfvec_detach(v) == 0);
        }
        atomic_fetch_add(&b->done, 1);
    }
}

static void compare_both(void)
{
    MUST(found[0].err == 0 && found[1].err == 0);
    MUST(memcmp(found[0].stat.uuid, found[1].stat.uuid, sizeof found[0].stat.uuid) == 0);
    MUST(attr_had(&found[0].stat) < 2);
    MUST(attr_had(&found[0].stat) == attr_had(&found[1].stat));
}

static void compare(enum kind kind)
{
    const int first = found[0].err, second = found[1].err;
    switch (kind) {
    case BOTH:
        compare_both();
        break;
    case EXCLUSIVE:
        MUST((first == 0 && second == EEXIST) || (first == EEXIST && second == 0));
        break;
    case UNLIKE:
        MUST((first == 0 && second == EPROTO) || (first == EPROTO && second == 0));
        break;
    default: /* too early is no error of its own: it is not there yet */
        MUST(first == 0 && (second == 0 || second == ENOENT));
        MUST(second != 0 || memcmp(found[0].stat.uuid, found[1].stat.uuid, sizeof found[0].stat.uuid) == 0);
    }
}

START_TEST(two_create_at_once)
{
    struct board *b = ipc_board();
    uint32_t winner[2] = {0, 0};
    found = mmap(NULL, 2 * sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(found != MAP_FAILED);
    wanted_name = ipc_name();
    const pid_t one = ipc_start(racer, b, 0), other = ipc_start(racer, b, 1);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        ipc_until(&b->ready, 2 * (round + 1));
        atomic_store(&b->go, round + 1);
        ipc_until(&b->done, 2 * (round + 1));
        compare((enum kind)(round % KINDS));
        if (round % KINDS == BOTH)
            winner[attr_had(&found[0].stat)]++;
        lfvec_t *v = lfvec_open(wanted_name, 0, NULL);
        MUST(v != NULL);
        MUST(lfvec_size(v) == (uint64_t)(!found[0].err + !found[1].err));
        ipc_sound(v);
        lfvec_detach(v);
        lfvec_unlink(wanted_name);
    }
    ipc_reap(one);
    ipc_reap(other);
    printf("creations at once: %u won by the first, %u by the second\n", winner[0], winner[1]);
}
END_TEST

/* ---- creators that die ----------------------------------------------------------------------------------------------------------------- */

static uint64_t kill_within; /* ns: a little more than a creation takes */

static void creator(struct board *b, uint32_t me)
{
    struct lfvec_attr attr;
    (void)b;
    umask(077); /* which the mode asked for overrides, whoever finishes the creation */
    attr_of(&attr, me);
    ipc_kill_self_after(ipc_random(kill_within));
    lfvec_t *v = lfvec_open(wanted_name, LFVEC_CREATE, &attr);
    CHILD_MUST(v != NULL);
    CHILD_MUST(lfvec_push_u64(v, 9) == 0);
    for (;;)
        sched_yield();
}

static void survivor(struct board *b, uint32_t me)
{
    struct lfvec_attr attr;
    (void)b;
    attr_of(&attr, me);
    lfvec_t *v = lfvec_open(wanted_name, LFVEC_CREATE, &attr);
    CHILD_MUST(v != NULL);
    CHILD_MUST(lfvec_push_u64(v, 10) == 0);
    CHILD_MUST(lfvec_detach(v) == 0);
}

static void measure_creation(void)
{
    struct lfvec_attr attr;
    attr_of(&attr, 0);
    kill_within = UINT64_MAX;
    for (uint32_t i = 0; i < 5; i++) {
        const char *name = ipc_name();
        const double t = seconds();
        lfvec_t *v = lfvec_open(name, LFVEC_CREATE, &attr);
        const uint64_t ns = (uint64_t)((seconds() - t) * 1e9);
        MUST(v != NULL);
        lfvec_detach(v);
        kill_within = ns < kill_within ? ns : kill_within;
    }
    kill_within *= 3; /* the first creation by a process takes longer */
}

/* What the dead left; the parent attaches, creating if need be, at once. */
enum left { LEFT_NOTHING, LEFT_HALF, LEFT_WHOLE, LEFTS };

static enum left what_is_left(void)
{
    lfvec_t *v = lfvec_open(wanted_name, LFVEC_RDONLY, NULL);
    const int err = errno;
    if (v) {
        lfvec_detach(v);
        return LEFT_WHOLE;
    }
    MUST(err == ENOENT);
    const int fd = shm_open(wanted_name, O_RDONLY, 0);
    if (fd < 0)
        return LEFT_NOTHING;
    close(fd);
    return LEFT_HALF;
}

static void attach_after_death(uint32_t others)
{
    struct lfvec_attr attr;
    struct lfvec_stat stat;
    attr_of(&attr, 2);
    const double t = seconds();
    lfvec_t *v = lfvec_open(wanted_name, LFVEC_CREATE, &attr);
    MUST(v != NULL);
    MUST(seconds() - t < 30); /* nobody is waited for; a busy machine may still take its time */
    MUST(lfvec_stat(v, &stat) == 0);
    MUST(attr_had(&stat) == 2 || attr_had(&stat) < others);
    ipc_sound(v);
    use(v);
    ipc_sound(v);
    lfvec_detach(v);
}

START_TEST(creator_killed)
{
    struct board *b = ipc_board();
    uint32_t count[LEFTS] = {0};
    measure_creation();
    for (uint32_t i = 0; i < KILLS; i++) {
        wanted_name = ipc_name();
        ipc_reap_killed(ipc_start(creator, b, 0));
        count[what_is_left()]++;
        attach_after_death(1);
    }
    printf("creators killed: %u before there was anything, %u half-way, %u afterwards\n", count[LEFT_NOTHING], count[LEFT_HALF],
           count[LEFT_WHOLE]);
}
END_TEST

START_TEST(creator_killed_beside_another)
{
    struct board *b = ipc_board();
    measure_creation();
    for (uint32_t i = 0; i < KILLS / 3; i++) {
        wanted_name = ipc_name();
        const pid_t doomed = ipc_start(creator, b, 0), other = ipc_start(survivor, b, 1);
        ipc_reap_killed(doomed);
        ipc_reap(other);
        attach_after_death(2);
    }
}
END_TEST

/* ---- waiting for the lock -------------------------------------------------------------------------------------------------------------- */

/* A creator as far as the lock, and no farther. */
static void hold_lock(struct board *b, uint32_t half)
{
    const int fd = shm_open(wanted_name, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHILD_MUST(fd >= 0);
    CHILD_MUST(flock(fd, LOCK_EX) == 0);
    if (half) /* SHM_MAGIC_CREATING of lib/format.h, and some of what comes next */
        CHILD_MUST(pwrite(fd, "LFVEC_??", 8, 0) == 8 && fallocate(fd, 0, 0, 8192) == 0 && pwrite(fd, "\377\377\377\377", 4, 5000) == 4);
    atomic_store(&b->ready, 1);
    for (;;)
        pause();
}

/* As the kernel lists it: "N: -> FLOCK ADVISORY WRITE PID ...". */
static bool waits_for_lock(pid_t pid)
{
    char line[256], found_in[32];
    bool waits = false;
    FILE *f = fopen("/proc/locks", "r");
    MUST(f != NULL);
    snprintf(found_in, sizeof found_in, " %d ", (int)pid);
    while (fgets(line, sizeof line, f))
        waits |= strstr(line, "-> FLOCK") && strstr(line, found_in);
    fclose(f);
    return waits;
}

START_TEST(creator_killed_holding_the_lock)
{
    for (uint32_t i = 0; i < 10; i++) {
        struct board *b = ipc_board();
        wanted_name = ipc_name();
        const pid_t holder = ipc_start(hold_lock, b, i % 2);
        ipc_until(&b->ready, 1);
        const pid_t one = ipc_start(survivor, b, 0), other = ipc_start(survivor, b, 1);
        while (!waits_for_lock(one) || !waits_for_lock(other))
            sched_yield();
        ipc_kill(holder);
        ipc_reap(one);
        ipc_reap(other);
        attach_after_death(2);
    }
}
END_TEST

Suite *ipc_create_suite(void)
{
    Suite *s = suite_create("create");
    TCase *t = tcase_create("create");
    tcase_set_timeout(t, IPC_TIMEOUT);
    tcase_add_test(t, two_create_at_once);
    tcase_add_test(t, creator_killed);
    tcase_add_test(t, creator_killed_beside_another);
    tcase_add_test(t, creator_killed_holding_the_lock);
    suite_add_tcase(s, t);
    return s;
}
