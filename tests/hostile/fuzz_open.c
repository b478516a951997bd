/*
 * fuzz_open.c - a libFuzzer target: attaching to, auditing and using an arbitrary image of a segment. fuzz.sh runs it under libFuzzer,
 * replay.c runs it over a corpus with any compiler.
 *
 * The input is a list of patches on a small valid image that is built here: byte 0 says whether the header's checksum is repaired (1), how
 * many of the patches wait until somebody is attached (2..14), and whether the first attachment is read-only (16); byte 1 is a new size in
 * pages, 0 for the right one; byte 2 chooses the operations. A patch is three bytes, which say where and how many bytes (1..16) follow: a
 * byte of a page that holds something, or, if the first is 128 or more, a word of a table of those that decide something. So mutations get
 * beyond the checksum and to the words that matter, and inputs stay small.
 */
#include "hostile.h"

#include "format.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

enum { PAGES_MOST = 128, PATCHES_MOST = 64, OPERATIONS_EACH = 12, INPUT_HEAD = 3 };
#define BYTES_MOST (UINT64_C(4) << 20)

static struct {
    unsigned char *bytes;
    uint64_t size;
    struct shm_header h;
    uint32_t pages[PAGES_MOST], count; /* those that hold something */
    char name[64];
    struct board board;
    unsigned char room[SOME * ELEM_MOST];
} base;

struct patch {
    uint64_t off;
    uint32_t len;
    const uint8_t *bytes;
};

struct input {
    bool repair, look_first;
    uint32_t later; /* patches */
    uint64_t size;  /* of the object */
    uint64_t seed;
    struct patch patch[PATCHES_MOST];
    uint32_t count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the image ------------------------------------------------------------------------------------------------------------------------- */

/* Works a little, and dies with a lease and spares in its hand. */
static void leave_a_dead_one(void)
{
    uint64_t x = 0;
    lfvec_t *v = lfvec_open(base.name, 0, NULL);
    for (uint64_t i = 0; v && i < 20; i++)
        (void)lfvec_push_u64(v, i);
    if (!v || lfvec_set_u64(v, 3, 33) != 0 || lfvec_pop_lease(v, &x) != 0)
        _exit(1);
    (void)raise(SIGKILL);
}

static void make_segment(void)
{
    struct lfvec_attr a;
    uint64_t elems[100];
    lfvec_attr_init(&a);
    a.leaf_bytes = 64;
    a.slab_bytes = 65536;
    a.max_slots = 3;
    a.max_elems = 4096;
    a.max_bytes = 1 << 20;
    (void)lfvec_unlink(base.name);
    lfvec_t *v = lfvec_open(base.name, LFVEC_CREATE | LFVEC_EXCL, &a);
    if (!v) {
        fprintf(stderr, "%s\n", lfvec_last_error());
        exit(2);
    }
    for (uint64_t i = 0; i < 100; i++)
        elems[i] = i;
    if (lfvec_push_n(v, elems, 100, NULL) != 100 || lfvec_pop_n(v, elems, 30) != 30)
        exit(2);
    const pid_t pid = fork();
    if (pid == 0)
        leave_a_dead_one();
    if (pid < 0 || waitpid(pid, NULL, 0) != pid || lfvec_detach(v) != 0)
        exit(2);
}

static void find_pages(void)
{
    static const unsigned char zeros[SHM_PAGE];
    for (uint32_t page = 0; page < base.size / SHM_PAGE && base.count < PAGES_MOST; page++)
        if (memcmp(base.bytes + (uint64_t)page * SHM_PAGE, zeros, SHM_PAGE) != 0)
            base.pages[base.count++] = page;
}

static void make_base(void)
{
    struct stat st;
    snprintf(base.name, sizeof base.name, "/lfvec-test-%ld-fuzz", (long)getpid());
    make_segment();
    const int fd = shm_open(base.name, O_RDWR, 0);
    if (fd < 0 || fstat(fd, &st) != 0)
        exit(2);
    base.size = (uint64_t)st.st_size;
    base.bytes = malloc(base.size);
    if (!base.bytes || pread(fd, base.bytes, base.size, 0) != (ssize_t)base.size)
        exit(2);
    memcpy(&base.h, base.bytes, sizeof base.h);
    find_pages();
    close(fd);
    (void)lfvec_unlink(base.name);
}

static int write_image(uint64_t size)
{
    const int fd = shm_open(base.name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
        abort();
    for (uint32_t i = 0; i < base.count; i++) {
        const uint64_t off = (uint64_t)base.pages[i] * SHM_PAGE;
        const uint64_t len = off + SHM_PAGE <= size ? SHM_PAGE : off < size ? size - off : 0;
        if (pwrite(fd, base.bytes + off, len, (off_t)off) != (ssize_t)len)
            abort();
    }
    return fd;
}

/* ---- the input ------------------------------------------------------------------------------------------------------------------------- */

/* Words that decide something. */
static uint64_t deciding_word(uint8_t which, uint8_t index)
{
    const uint64_t slots = base.h.slots_off, slot = base.h.slot_bytes;
    const uint64_t meta = base.h.slabs_off + ((base.h.slab_leaves + 63) / 64 * 8 + 63) / 64 * 64;
    const struct {
        uint64_t off, stride, count;
    } at[] = {
        {0, 4, sizeof base.h / 4},
        {SHM_PAGE + offsetof(struct shm_control, head), 8, 2},
        {SHM_PAGE + offsetof(struct shm_control, wait_futex), 4, 2},
        {SHM_PAGE + offsetof(struct shm_control, dir_committed), 8, 5},
        {slots + slot, 8, 48},
        {slots + 2 * slot, 8, 48},
        {slots + slot + sizeof(struct shm_desc), 8, 48},
        {slots + 2 * slot + sizeof(struct shm_desc), 8, 48},
        {slots + slot + offsetof(struct shm_slot, committed), 8, 48},
        {slots + 2 * slot + offsetof(struct shm_slot, committed), 8, 48},
        {slots + slot + offsetof(struct shm_slot, pid), 4, 32},
        {slots + 2 * slot + offsetof(struct shm_slot, pid), 4, 32},
        {slots + SHM_PAGE - SHM_LIFE_MARKS, 4, 6},
        {slots + 2 * SHM_PAGE - SHM_LIFE_MARKS, 4, 6},
        {base.h.slabtab_off, 8, 16},
        {base.h.dir_off, 8, 64},
        {base.h.slabs_off, 8, 16},
        {meta, 8, 128},
        {base.h.slabs_off + base.h.slab_bytes, 8, 16},
        {meta + base.h.slab_bytes, 8, 128},
    };
    const uint32_t i = which % (sizeof at / sizeof *at);
    return at[i].off + index % at[i].count * at[i].stride;
}

static void read_input(struct input *in, const uint8_t *data, size_t size)
{
    *in = (struct input){.repair = data[0] & 1, .later = data[0] >> 1 & 7, .look_first = data[0] & 16, .seed = data[2]};
    in->size = data[1] ? (uint64_t)data[1] * SHM_PAGE : base.size;
    for (size_t at = INPUT_HEAD; at + 4 <= size && in->count < PATCHES_MOST;) {
        struct patch *p = &in->patch[in->count++];
        p->off = data[at] >= 128 ? deciding_word(data[at] - 128, data[at + 1])
                                 : (uint64_t)base.pages[data[at] % base.count] * SHM_PAGE + data[at + 1] + (data[at + 2] & 15) * 256u;
        p->len = (data[at + 2] >> 4) + 1u;
        p->bytes = data + at + 3;
        if (p->len > size - at - 3)
            p->len = (uint32_t)(size - at - 3);
        at += 3 + p->len;
    }
    in->later = in->later < in->count ? in->later : in->count;
}

static void apply(int fd, const struct input *in, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        const struct patch *p = &in->patch[i];
        if (p->off + p->len <= in->size && pwrite(fd, p->bytes, p->len, (off_t)p->off) != (ssize_t)p->len)
            abort();
    }
}

/* False: a segment of that size would take too long. */
static bool repair(int fd, const struct input *in)
{
    struct shm_header h;
    const size_t from = offsetof(struct shm_header, format_version);
    if (pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h)
        return true;
    if (in->repair)
        h.crc32 = (uint32_t)crc32(0, (const unsigned char *)&h + from, (uInt)(offsetof(struct shm_header, crc32) - from));
    return pwrite(fd, &h.crc32, sizeof h.crc32, offsetof(struct shm_header, crc32)) == (ssize_t)sizeof h.crc32 && h.max_bytes <= BYTES_MOST;
}

/* ---- the target ------------------------------------------------------------------------------------------------------------------------ */

static void operate(struct hand *h)
{
    for (int i = 0; i < OPERATIONS_EACH; i++)
        (void)hand_operate(h);
}

static void use(int fd, const struct input *in)
{
    struct hand h = {.board = &base.board, .rng = {in->seed}, .room = base.room};
    if (in->look_first && hand_open(&h, base.name, LFVEC_RDONLY)) {
        operate(&h);
        (void)lfvec_detach(h.v);
    }
    if (!hand_open(&h, base.name, 0))
        return;
    if (h.elem_size <= ELEM_MOST) { /* a repaired checksum makes other sizes possible, and the room is for these */
        operate(&h);
        apply(fd, in, in->count - in->later, in->count);
        operate(&h);
        struct lfvec_audit a;
        struct lfvec_recovery r;
        (void)lfvec_check(h.v, &a);
        (void)lfvec_recover(h.v, &r);
    }
    (void)lfvec_detach(h.v);
    if (h.elem_size <= ELEM_MOST && hand_open(&h, base.name, 0)) {
        hand_recover_forced(&h);
        operate(&h);
        (void)lfvec_detach(h.v);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in;
    if (!base.bytes)
        make_base();
    if (size < INPUT_HEAD)
        return 0;
    read_input(&in, data, size);
    const int fd = write_image(in.size);
    apply(fd, &in, 0, in.count - in.later);
    if (repair(fd, &in))
        use(fd, &in);
    close(fd);
    (void)lfvec_unlink(base.name);
    return 0;
}
