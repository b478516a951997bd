/*
 * full_holes.c - a segment that claims memory which it has not, in a /dev/shm of a few MiB, with room left and without: who only looks commits
 * nothing, and nobody is ended by SIGBUS. What is forged is what anyone may write who may write to the segment. And a copy without zeros, filled.
 */
#include "../../lib/format.h"
#include "full.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STRANGER = 65533 };
enum { MIB = 1 << 20, SHM_BYTES = 16 * MIB, ELEMS = 800000, SLABS = 300, CLAIMED_MOST = 3 * MIB };

/* The object, by its bytes: no mapping that could change it. */
struct object {
    int fd;
    struct shm_header h;
    struct shm_control c;
};

static void read_at(int fd, void *to, size_t n, uint64_t off)
{
    MUST(pread(fd, to, n, (off_t)off) == (ssize_t)n);
}

static void write_at(int fd, uint64_t off, uint64_t word)
{
    MUST(pwrite(fd, &word, sizeof word, (off_t)off) == (ssize_t)sizeof word);
}

static void open_object(struct object *o)
{
    char path[128];
    snprintf(path, sizeof path, "/dev/shm%s", full_name);
    o->fd = open(path, O_RDWR | O_CLOEXEC);
    MUST(o->fd >= 0);
    read_at(o->fd, &o->h, sizeof o->h, 0);
    read_at(o->fd, &o->c, sizeof o->c, SHM_PAGE);
}

static void write_control(const struct object *o, size_t field, uint64_t word)
{
    write_at(o->fd, SHM_PAGE + field, word);
}

static uint64_t word_of(const shm_u64 *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

/* ---- what is forged. No extent claims more than the object has in all: that much was noticed always. ----------------------------------- */

static void forge_directory(struct object *o)
{
    const uint64_t have = word_of(&o->c.dir_committed);
    write_control(o, offsetof(struct shm_control, dir_committed), have + CLAIMED_MOST / sizeof(struct shm_entry));
}

/* So that elements lie in what the directory claims. */
static void forge_size(struct object *o)
{
    const uint64_t entries = word_of(&o->c.dir_committed) + CLAIMED_MOST / sizeof(struct shm_entry) / 2;
    forge_directory(o);
    write_control(o, offsetof(struct shm_control, head) + offsetof(struct shm_head, packed),
                  (word_of(&o->c.head.packed) >> 40 << 40) | entries << o->h.elem_shift);
}

static void forge_table(struct object *o)
{
    const uint64_t have = word_of(&o->c.slabtab_committed) + CLAIMED_MOST / 8;
    MUST(have < o->h.slabs_max);
    write_control(o, offsetof(struct shm_control, slabtab_committed), have);
    write_control(o, offsetof(struct shm_control, slabs_high), have);
}

static void forge_slabs(struct object *o, uint64_t state, uint64_t owner)
{
    const uint64_t high = word_of(&o->c.slabs_high);
    MUST(high + SLABS < word_of(&o->c.slabtab_committed));
    for (uint64_t i = 0; i < SLABS; i++)
        write_at(o->fd, o->h.slabtab_off + (high + i) * 8, state << 56 | owner << 32);
    write_control(o, offsetof(struct shm_control, slabs_high), high + SLABS);
    MUST(ftruncate(o->fd, (off_t)(o->h.slabs_off + (high + SLABS) * o->h.slab_bytes)) == 0);
}

static void forge_owned(struct object *o)
{
    forge_slabs(o, SHM_SLAB_OWNED, 1);
}

static void forge_unowned(struct object *o)
{
    forge_slabs(o, SHM_SLAB_UNOWNED, 0);
}

/* And a leaf of it in use. */
static void forge_entry(struct object *o)
{
    const uint64_t slab = word_of(&o->c.slabs_high) + 5;
    forge_slabs(o, SHM_SLAB_OWNED, 1);
    write_at(o->fd, o->h.dir_off + offsetof(struct shm_entry, leaf_ref), (slab + 1) << 16);
    write_control(o, offsetof(struct shm_control, head) + offsetof(struct shm_head, packed), word_of(&o->c.head.packed) >> 40 << 40 | 3);
}

static void punch(struct object *o, uint64_t off, uint64_t bytes)
{
    MUST(fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)bytes) == 0);
}

static void forge_slots(struct object *o)
{
    punch(o, o->h.slots_off + SHM_PAGE, SHM_PAGE);
}

/* Of a slab that has the rest. */
static void forge_leaf(struct object *o)
{
    punch(o, o->h.slabs_off + o->h.slab_bytes - SHM_PAGE, SHM_PAGE);
}

static const struct forgery {
    const char *what;
    void (*forge)(struct object *o);
} forgeries[] = {{"directory", forge_directory}, {"size", forge_size},   {"slab table", forge_table}, {"owned slabs", forge_owned},
                 {"free slabs", forge_unowned},  {"entry", forge_entry}, {"slots", forge_slots},      {"a page of a slab", forge_leaf}};
enum { FORGERIES = sizeof forgeries / sizeof *forgeries };

/* ---- who looks ------------------------------------------------------------------------------------------------------------------------- */

static void look_by_calls(void *unused)
{
    struct lfvec_stat st;
    struct lfvec_audit audit;
    struct lfvec_region region;
    struct lfvec_pages pages;
    struct lfvec_participant who;
    uint64_t x[64];
    lfvec_t *v = lfvec_open(full_name, LFVEC_RDONLY, NULL);
    (void)unused;
    if (!v)
        return;
    (void)lfvec_stat(v, &st);
    (void)lfvec_check(v, &audit);
    (void)lfvec_capacity(v);
    for (uint64_t i = 0; lfvec_region(v, i, &region) == 0; i++)
        (void)lfvec_region_pages(v, i, &pages);
    for (uint32_t i = 1; lfvec_participant(v, i, &who) == 0; i++)
        ;
    for (uint64_t n = lfvec_size(v), i = 0; i <= n; i += n / 1000 + 1) {
        (void)lfvec_get_n(v, i, x, 64);
        (void)lfvec_get_u64(v, n - i, x);
        (void)lfvec_snapshot(v, n - i, x, i < 64 ? i : 64, NULL);
    }
    MUST(lfvec_detach(v) == 0);
}

static void pop_and_trim(void *unused)
{
    uint64_t x[64];
    lfvec_t *v = lfvec_open(full_name, 0, NULL);
    (void)unused;
    if (!v)
        return;
    (void)lfvec_pop_u64(v, x);
    (void)lfvec_pop_n(v, x, 64);
    (void)lfvec_recover(v, NULL);
    (void)lfvec_trim(v);
    (void)lfvec_detach(v);
}

/* Not one that only looks: with no room left, it must live all the same. */
static void push_and_set(void *unused)
{
    uint64_t x[2000] = {0};
    lfvec_t *v = lfvec_open(full_name, 0, NULL);
    (void)unused;
    if (!v)
        return;
    for (int i = 0; i < 2000; i++)
        (void)lfvec_push_u64(v, 1);
    (void)lfvec_push_n(v, x, 2000, NULL);
    (void)lfvec_set_u64(v, 0, 1);
    (void)lfvec_reserve(v, 2 * ELEMS);
    (void)lfvec_detach(v);
}

static void look_by_tool(void *command)
{
    char line[512];
    snprintf(line, sizeof line, "timeout 60 ./lfvec-shmctl %s >/dev/null 2>&1", (const char *)command);
    const int status = system(line);
    MUST_MSG(WIFEXITED(status) && WEXITSTATUS(status) <= 3, "%s: status 0x%x", (const char *)command, (unsigned int)status);
}

static void look(const char *what, unit_fn *fn, void *arg)
{
    const uint64_t before = full_free_bytes();
    unit_in_child(fn, arg);
    const uint64_t after = full_free_bytes();
    MUST_MSG(after >= before, "%s: %llu bytes less in /dev/shm", what, (unsigned long long)(before - after));
}

/* Where there is room left, it can be seen what they take of it; where there is none, whether they live. */
static void look_by_commands(const char *what, bool all)
{
    static const char *const commands[] = {"list", "map", "dump", "info", "numa", "check", "ps", "get"};
    for (size_t i = 0; i < (all ? sizeof commands / sizeof *commands : 3); i++) {
        char command[256];
        snprintf(command, sizeof command, "%s %s %s", commands[i], strcmp(commands[i], "list") ? full_name : "",
                 strcmp(commands[i], "get") ? "" : "0");
        look(what, look_by_tool, command);
    }
}

static void make(void)
{
    struct lfvec_attr a;
    int err;
    unit_attr(&a, 8);
    a.max_slots = 8;
    a.max_bytes = UINT64_C(1) << 37;
    full_name = unit_name();
    lfvec_t *v = lfvec_open(full_name, LFVEC_CREATE | LFVEC_EXCL, &a);
    MUST(v && full_push(v, 0, ELEMS, 1024, &err) == ELEMS);
    MUST(lfvec_detach(v) == 0);
}

START_TEST(no_memory_for_lookers)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    const struct forgery *f = &forgeries[_i % FORGERIES];
    const bool full = _i / FORGERIES == 1, own = _i / FORGERIES == 2;
    struct object o;
    MUST(access("./lfvec-shmctl", X_OK) == 0);
    make();
    look("as it was made", look_by_calls, NULL);
    open_object(&o);
    f->forge(&o);
    if (full)
        full_ballast(0);
    else if (!own)
        MUST(fchown(o.fd, STRANGER, STRANGER) == 0);
    look(f->what, look_by_calls, NULL);
    look_by_commands(f->what, full || own);
    if (own)
        unit_in_child(pop_and_trim, NULL); /* may use what it believes to be there */
    else
        look(f->what, pop_and_trim, NULL);
    unit_in_child(push_and_set, NULL);
    look(f->what, look_by_calls, NULL);
    close(o.fd);
}
END_TEST

/* The first error of a look at all regions. */
static int fill_all(lfvec_t *v)
{
    struct lfvec_region region;
    uint64_t i = 0;
    int err;
    while ((err = lfvec_region(v, i, &region)) == 0)
        i++;
    return err;
}

/* What is claimed fits, or it does not; then all that was there is left, and nobody is ended by SIGBUS. */
START_TEST(fill_holes)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    struct object o;
    make();
    open_object(&o);
    const uint64_t before = full_free_bytes();
    (_i ? forge_owned : forge_slots)(&o);
    lfvec_t *v = lfvec_open(full_name, LFVEC_FILL_HOLES, NULL);
    MUST_MSG(v != NULL, "%s", lfvec_last_error());
    const int err = fill_all(v);
    MUST_MSG(err == (_i ? -ENOSPC : -ERANGE), "%d", err);
    if (_i)
        MUST_MSG(strstr(lfvec_last_error(), "no space"), "%s", lfvec_last_error());
    else {
        MUST(full_free_bytes() <= before);
        unit_sound(v);
    }
    full_expect(v, ELEMS);
    MUST(lfvec_detach(v) == 0);
    close(o.fd);
}
END_TEST

/* As cp does: what is zeros has no memory afterwards. */
static uint64_t leave_zeros_out(const struct object *o)
{
    static const unsigned char zeros[SHM_PAGE];
    unsigned char page[SHM_PAGE];
    uint64_t left_out = 0;
    for (off_t at = 0; (at = lseek(o->fd, at, SEEK_DATA)) >= 0; at += SHM_PAGE) {
        read_at(o->fd, page, SHM_PAGE, (uint64_t)at);
        if (memcmp(page, zeros, SHM_PAGE) == 0) {
            punch((struct object *)o, (uint64_t)at, SHM_PAGE);
            left_out++;
        }
    }
    return left_out;
}

static lfvec_t *make_zeros(uint64_t n)
{
    static const uint64_t zeros[1024];
    struct lfvec_attr a;
    unit_attr(&a, 8);
    full_name = unit_name();
    lfvec_t *v = lfvec_open(full_name, LFVEC_CREATE | LFVEC_EXCL, &a);
    MUST(v != NULL);
    for (uint64_t i = 0; i < n; i += 1024)
        MUST(lfvec_push_n(v, zeros, 1024, NULL) == 1024);
    return v;
}

/* A reader of a copy sees zeros where there is no memory, gives them none, and sees what is stored there afterwards. */
START_TEST(zeros_that_get_memory)
{
    FULL_SHM_OR_SKIP(SHM_BYTES);
    enum { N = 40960, STEP = 777 };
    struct object o;
    uint64_t x, some[64];
    MUST(lfvec_detach(make_zeros(N)) == 0);
    open_object(&o);
    MUST(leave_zeros_out(&o) > 100);
    const uint64_t before = full_free_bytes();
    lfvec_t *reader = lfvec_open(full_name, LFVEC_RDONLY, NULL);
    MUST_MSG(reader != NULL, "%s", lfvec_last_error());
    for (uint64_t i = 0; i < N; i += STEP)
        MUST(lfvec_get_u64(reader, i, &x) == 0 && x == 0);
    unit_sound(reader);
    MUST(full_free_bytes() == before);
    lfvec_t *writer = lfvec_open(full_name, 0, NULL);
    for (uint64_t i = 0; i < N; i += STEP) {
        MUST(lfvec_set_u64(writer, i, i + 1) == 0);
        MUST(lfvec_get_u64(reader, i, &x) == 0);
        MUST_MSG(x == i + 1, "element %llu is %llu", (unsigned long long)i, (unsigned long long)x);
        MUST(lfvec_get_n(reader, i / 64 * 64, some, 64) == 64 && some[i % 64] == i + 1);
    }
    MUST(unit_stat(reader).slots_alive == 1);
    for (uint64_t i = 0; i < 100000; i++)
        MUST(lfvec_push_u64(writer, i) == 0);
    for (uint64_t i = 0; i < 100000; i += STEP)
        MUST(lfvec_get_u64(reader, N + i, &x) == 0 && x == i);
    unit_sound(reader);
    MUST(lfvec_detach(reader) == 0 && lfvec_detach(writer) == 0);
    close(o.fd);
}
END_TEST

Suite *full_holes_suite(void)
{
    Suite *s = suite_create("holes");
    TCase *tc = unit_case(s, "holes", 120);
    tcase_add_loop_test(tc, no_memory_for_lookers, 0, 3 * FORGERIES);
    tcase_add_test(tc, zeros_that_get_memory);
    tcase_add_loop_test(tc, fill_holes, 0, 2);
    suite_add_tcase(s, tc);
    return s;
}
