/*
 * check_segment.c - creating, opening and growing a segment. The header: every byte and every field spoiled, with its checksum left wrong
 * and made right; truncated, foreign and half-made objects; feature masks; extents that claim more than there is.
 */
#include "suites.h"
#include "support.h"

#include "segment.h"
#include "shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

/* A small segment, and its first pages mapped beside the library. */
static const char *name;
static struct shm_header *header;
static struct shm_control *control;
static struct shm_header good;

static void make_segment(void)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    a.elem_tag = 0x1234;
    lfvec_t *v = unit_make(&a);
    unit_fill(v, 0, 1000);
    name = strdup(lfvec_name(v));
    ck_assert_int_eq(lfvec_detach(v), 0);
    const int fd = shm_object_open(name, true);
    ck_assert_int_ge(fd, 0);
    header = mmap(NULL, 2 * SHM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(header, MAP_FAILED);
    control = (struct shm_control *)((char *)header + SHM_PAGE);
    memcpy(&good, header, sizeof good);
    close(fd);
}

static void drop_segment(void)
{
    munmap(header, 2 * SHM_PAGE);
    free((char *)name);
}

static void fix_crc(void)
{
    const size_t from = offsetof(struct shm_header, format_version);
    header->crc32 = (uint32_t)crc32(0, (const unsigned char *)header + from, offsetof(struct shm_header, crc32) - from);
}

/* The error of opening it now; 0 if it opens. A failure has a sentence that names the segment. */
static int open_error(int flags)
{
    errno = 0;
    lfvec_t *v = lfvec_open(name, flags, NULL);
    const int err = errno;
    if (v) {
        ck_assert_int_eq(lfvec_detach(v), 0);
        return 0;
    }
    MUST_MSG(strstr(lfvec_last_error(), name) != NULL, "no name in \"%s\"", lfvec_last_error());
    return err;
}

static void restore(void)
{
    memcpy(header, &good, sizeof good);
}

START_TEST(test_crc_as_written)
{
    fix_crc();
    ck_assert_uint_eq(header->crc32, good.crc32);
    ck_assert_int_eq(open_error(0), 0);
}
END_TEST

START_TEST(test_every_byte_spoiled)
{
    struct unit_rng r = unit_random("segment: every byte", 1);
    unsigned char *byte = (unsigned char *)header;
    for (size_t i = 0; i < sizeof good; i++) {
        byte[i] ^= (unsigned char)(1 + unit_below(&r, 255));
        const int err = open_error(LFVEC_CREATE); /* nor does it take the damaged one for a half-made one */
        const bool version = i - offsetof(struct shm_header, format_version) < sizeof good.format_version;
        MUST_MSG(err == (version ? EPROTONOSUPPORT : EBADMSG), "byte %zu: %d", i, err);
        restore();
    }
    ck_assert_int_eq(open_error(0), 0);
}
END_TEST

#define FIELD(f) #f, offsetof(struct shm_header, f), sizeof good.f
enum { BOUND, FREE }; /* bound: other fields contradict it, so it is rejected even with a right checksum */

static const struct field {
    const char *name;
    size_t off, bytes;
    int kind;
    uint64_t spoil[4]; /* values that make no sense with the others; 0 is tried too */
} fields[] = {
    {FIELD(header_bytes), BOUND, {247, 249, UINT32_MAX}},
    {FIELD(elem_size), BOUND, {9, 65537, UINT32_MAX}},
    {FIELD(leaf_bytes), BOUND, {1024, 500, 1u << 31}},
    {FIELD(slab_bytes), BOUND, {131072, 65535, 1u << 31}},
    {FIELD(max_slots), BOUND, {2048, 1024, UINT32_MAX}},
    {FIELD(max_elems), BOUND, {UINT64_C(1) << 40, UINT64_MAX}},
    {FIELD(max_bytes), BOUND, {4096, (UINT64_C(1) << 46) + 1, UINT64_MAX}},
    {FIELD(numa), BOUND, {3, UINT32_MAX, 3}},
    {FIELD(flags), BOUND, {4, UINT32_MAX, 4}},
    {FIELD(elem_shift), BOUND, {1, 31, 40}},
    {FIELD(elem_stride), BOUND, {1, 16, UINT32_MAX}},
    {FIELD(leaf_stride), BOUND, {64, 1024, UINT32_MAX}},
    {FIELD(slab_leaves), BOUND, {1, 65535, UINT32_MAX}},
    {FIELD(slots_off), BOUND, {4096, 8193, UINT64_MAX}},
    {FIELD(slabtab_off), BOUND, {8192, 1 << 30, UINT64_MAX}},
    {FIELD(slabs_max), BOUND, {1, UINT64_C(1) << 40, UINT64_MAX}},
    {FIELD(dir_off), BOUND, {8192, 1 << 20 | 1, UINT64_MAX - 4095}},
    {FIELD(dir_max), BOUND, {UINT64_C(1) << 40, UINT64_C(1) << 60, UINT64_MAX}},
    {FIELD(slabs_off), BOUND, {8192, (1 << 30) + 1, UINT64_MAX - 4095}},
    {FIELD(slot_bytes), BOUND, {1535, 4096, UINT32_MAX}},
    {FIELD(elem_tag), FREE, {1, 2, UINT64_MAX}},
    {FIELD(numa_nodes), FREE, {1, 2, UINT64_MAX}},
    {FIELD(created), FREE, {1, 2, UINT64_MAX}},
    {FIELD(feature_compat), FREE, {1, 2, UINT32_MAX}},
};

/* Rejected by name: the sentence says which field it is. */
static bool named(const char *field)
{
    return strstr(lfvec_last_error(), field) != NULL;
}

static void spoil(const struct field *f, uint64_t value, int flags)
{
    if (memcmp((const char *)&good + f->off, &value, f->bytes) == 0)
        return; /* it is that already */
    memcpy((char *)header + f->off, &value, f->bytes);
    MUST_MSG(open_error(flags) == EBADMSG, "%s = %llu with a wrong checksum", f->name, (unsigned long long)value);
    MUST_MSG(named(f->name) || named("crc32"), "%s: \"%s\"", f->name, lfvec_last_error());
    fix_crc();
    const int err = open_error(flags);
    MUST_MSG(err == (f->kind == BOUND ? EBADMSG : 0), "%s = %llu with a right checksum: %d", f->name, (unsigned long long)value, err);
    MUST_MSG(!err || named(f->name), "%s: \"%s\"", f->name, lfvec_last_error());
    restore();
}

START_TEST(test_every_field_spoiled)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        for (unsigned int k = 0; k < 4; k++) {
            spoil(&fields[i], fields[i].spoil[k], 0);
            spoil(&fields[i], fields[i].spoil[k], LFVEC_RDONLY);
        }
}
END_TEST

/* What the layout allows by chance (one more slot in the same page, one element less) is a segment that works. */
static void near_miss(const struct field *f, uint64_t value)
{
    memcpy((char *)header + f->off, &value, f->bytes);
    fix_crc();
    const int err = open_error(0);
    MUST_MSG(err == 0 || (err == EBADMSG && named(f->name)), "%s = %llu: %d: %s", f->name, (unsigned long long)value, err,
             lfvec_last_error());
    if (!err) {
        unsigned char elem[65536];
        struct lfvec_audit audit;
        lfvec_t *v = unit_open(name, LFVEC_RDONLY);
        MUST(lfvec_check(v, &audit) == 0 || audit.message[0]);
        MUST(lfvec_get(v, 0, elem) <= 0);
        MUST(lfvec_detach(v) == 0);
    }
    restore();
}

START_TEST(test_every_bit_of_every_field)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct field *f = &fields[i];
        uint64_t was = 0;
        memcpy(&was, (const char *)&good + f->off, f->bytes);
        for (unsigned int bit = 0; bit < 8 * f->bytes; bit++)
            near_miss(f, was ^ UINT64_C(1) << bit);
        near_miss(f, was + 1);
        near_miss(f, was - 1);
        near_miss(f, was * 2);
        near_miss(f, was / 2);
    }
}
END_TEST

START_TEST(test_magic_and_checksum)
{
    static const uint64_t magic[] = {0, 1, UINT64_MAX, SHM_MAGIC_READY + 1, SHM_MAGIC_READY ^ 1};
    for (unsigned int i = 0; i < sizeof magic / sizeof *magic; i++) {
        atomic_store(&header->magic, magic[i]);
        MUST(open_error(0) == EBADMSG && named("not an lfvec segment"));
        MUST(open_error(LFVEC_CREATE) == EBADMSG && atomic_load(&header->magic) == magic[i]); /* it is left as it is */
        restore();
    }
    for (unsigned int bit = 0; bit < 32; bit++) {
        header->crc32 ^= UINT32_C(1) << bit;
        MUST(open_error(LFVEC_RDONLY) == EBADMSG && named("crc32"));
        restore();
    }
    for (unsigned int i = 0; i < sizeof good.uuid; i++) {
        header->uuid[i] ^= 0xff;
        MUST(open_error(0) == EBADMSG && named("crc32"));
        fix_crc();
        MUST(open_error(0) == 0);
        restore();
    }
}
END_TEST

/* Zero is a default in an attribute, and in a header a divisor: leaves and slabs of no size that go with each other are none. */
START_TEST(test_sizes_of_zero)
{
    header->slab_bytes = header->slab_leaves = 0;
    fix_crc();
    MUST(open_error(0) == EBADMSG && named("slab_bytes"));
    restore();
    header->leaf_bytes = header->elem_shift = 0;
    header->leaf_stride = 64;
    fix_crc();
    MUST(open_error(0) == EBADMSG && named("leaf_bytes"));
    restore();
}
END_TEST

START_TEST(test_other_version_and_byte_order)
{
    header->format_version = SHM_FORMAT_VERSION + 1; /* whatever else is there may mean something else */
    ck_assert_int_eq(open_error(0), EPROTONOSUPPORT);
    fix_crc();
    ck_assert_int_eq(open_error(LFVEC_RDONLY), EPROTONOSUPPORT);
    char versions[64]; /* both, the segment's and ours, which have nothing to do with that of the library */
    snprintf(versions, sizeof versions, "format version %u, this lfvec knows %u", SHM_FORMAT_VERSION + 1, SHM_FORMAT_VERSION);
    ck_assert(named(versions));
    restore();
    header->byte_order = __builtin_bswap32(SHM_BYTE_ORDER);
    ck_assert_int_eq(open_error(0), EPROTONOSUPPORT);
    fix_crc();
    ck_assert_int_eq(open_error(0), EPROTONOSUPPORT);
    ck_assert(named("byte order"));
    header->byte_order = 0x01030204;
    fix_crc();
    ck_assert_int_eq(open_error(0), EBADMSG);
    ck_assert(named("byte_order"));
}
END_TEST

/* The sentence has both masks: the segment's and this library's. */
static bool named_masks(uint32_t segment, uint32_t known)
{
    char text[64];
    snprintf(text, sizeof text, "features 0x%x, this lfvec knows 0x%x", segment, known);
    return named(text);
}

/* Opened read-only, it can be read and nothing else; otherwise, written to as well. */
static void works(int flags)
{
    uint64_t x;
    lfvec_t *v = unit_open(name, flags);
    const uint64_t n = lfvec_size(v);
    MUST(lfvec_get_u64(v, n - 1, &x) == 0 && x == n - 1);
    MUST(lfvec_push_u64(v, n) == (flags & LFVEC_RDONLY ? -EBADF : 0));
    unit_sound(v);
    MUST(lfvec_detach(v) == 0);
}

/* Made by a newer library, which uses one feature more than we know. */
static void newer(uint32_t *mask, uint32_t known, bool for_reading, bool for_writing)
{
    for (unsigned int bit = 0; bit < 32; bit++) {
        const uint32_t feature = UINT32_C(1) << bit;
        if (known & feature)
            continue;
        *mask = feature;
        fix_crc();
        MUST(open_error(0) == (for_writing ? 0 : EPROTONOSUPPORT) && (for_writing || named_masks(feature, known)));
        MUST(open_error(LFVEC_CREATE) == (for_writing ? 0 : EPROTONOSUPPORT)); /* nor is it taken over */
        MUST(open_error(LFVEC_RDONLY) == (for_reading ? 0 : EPROTONOSUPPORT) && (for_reading || named_masks(feature, known)));
        if (for_reading)
            works(LFVEC_RDONLY);
        if (for_writing)
            works(0);
        restore();
    }
}

START_TEST(test_newer_features)
{
    newer(&header->feature_compat, SHM_COMPAT_KNOWN, true, true);
    newer(&header->feature_ro_compat, SHM_RO_COMPAT_KNOWN, true, false);
    newer(&header->feature_incompat, SHM_INCOMPAT_KNOWN, false, false);
    header->feature_compat = header->feature_ro_compat = header->feature_incompat = UINT32_MAX; /* what forbids most is what counts */
    fix_crc();
    MUST(open_error(0) == EPROTONOSUPPORT && named("incompatible") && named_masks(UINT32_MAX, SHM_INCOMPAT_KNOWN));
}
END_TEST

/* Made by an older library, which knew none of the features, or only some. */
START_TEST(test_older_features)
{
    for (unsigned int bit = 0; bit <= 32; bit++) {
        const uint32_t feature = bit < 32 ? UINT32_C(1) << bit : 0;
        header->feature_compat = SHM_COMPAT_KNOWN & feature;
        header->feature_ro_compat = SHM_RO_COMPAT_KNOWN & feature;
        header->feature_incompat = SHM_INCOMPAT_KNOWN & feature;
        fix_crc();
        works(0);
        works(LFVEC_RDONLY);
    }
}
END_TEST

/* A new segment asks of its users no more than this library knows, and lfvec_stat() has the masks as they are. */
START_TEST(test_own_features)
{
    header->feature_compat = 1u << 31;
    fix_crc();
    lfvec_t *v = unit_open(name, 0);
    const struct lfvec_stat st = unit_stat(v);
    ck_assert_uint_eq(st.format_version, SHM_FORMAT_VERSION);
    ck_assert_uint_eq(st.feature_compat, 1u << 31);
    ck_assert_uint_eq(st.feature_ro_compat & ~SHM_RO_COMPAT_KNOWN, 0);
    ck_assert_uint_eq(st.feature_incompat & ~SHM_INCOMPAT_KNOWN, 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

static void cut(off_t bytes)
{
    const int fd = shm_object_open(name, true);
    ck_assert_int_eq(ftruncate(fd, bytes), 0);
    close(fd);
}

START_TEST(test_truncated)
{
    static const off_t at[] = {1, 7, 8, 100, 183, 184, 4095, 4096, 8192};
    ck_assert_uint_gt(good.slabtab_off, 8192);
    cut((off_t)good.slabtab_off - 1);
    ck_assert_int_eq(open_error(0), EBADMSG);
    for (int i = sizeof at / sizeof *at - 1; i >= 0; i--) {
        cut(at[i]);
        ck_assert_msg(open_error(0) == EBADMSG, "cut to %lld", (long long)at[i]);
        ck_assert_msg(open_error(LFVEC_RDONLY) == EBADMSG, "cut to %lld", (long long)at[i]);
        ck_assert_msg(open_error(LFVEC_CREATE) == EBADMSG, "cut to %lld", (long long)at[i]);
    }
}
END_TEST

/* What is gone is -EBADMSG at its first use, not SIGBUS. */
START_TEST(test_truncated_elements)
{
    struct lfvec_audit audit;
    uint64_t x = 0;
    cut((off_t)good.slabtab_off);
    lfvec_t *v = unit_open(name, 0);
    ck_assert_int_eq(lfvec_get_u64(v, 0, &x), -EBADMSG);
    ck_assert_int_eq(lfvec_pop_u64(v, &x), -EBADMSG);
    ck_assert_int_eq(lfvec_set_u64(v, 5, 6), -EBADMSG);
    ck_assert_int_lt(lfvec_push_u64(v, 7), 0);
    ck_assert_int_eq(lfvec_check(v, &audit), -EBADMSG);
    ck_assert_uint_eq(audit.fault, LFVEC_FAULT_RANGE);
    ck_assert(audit.message[0]);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_foreign)
{
    struct unit_rng r = unit_random("segment: foreign", 2);
    for (size_t bytes = 1; bytes <= 8192; bytes *= 2) {
        char *text = malloc(bytes);
        unit_bytes(&r, text, bytes);
        text[0] = '#';
        name = (free((char *)name), strdup(unit_name()));
        const int fd = shm_object_create(name, 0600);
        ck_assert_int_eq(write(fd, text, bytes), (ssize_t)bytes);
        ck_assert_int_eq(open_error(0), EBADMSG);
        ck_assert_int_eq(open_error(LFVEC_CREATE), EBADMSG);
        ck_assert_int_eq(open_error(LFVEC_CREATE | LFVEC_EXCL), EBADMSG);
        struct stat st;
        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_int_eq(st.st_size, (off_t)bytes); /* untouched */
        close(fd);
        free(text);
    }
}
END_TEST

/* Left by a creator that died: the CREATING magic, then anything. */
static void leave_half_made(struct unit_rng *r, size_t bytes)
{
    const uint64_t magic = SHM_MAGIC_CREATING;
    name = (free((char *)name), strdup(unit_name()));
    const int fd = shm_object_create(name, 0600);
    unsigned char *made = malloc(bytes + sizeof magic);
    unit_bytes(r, made, bytes + sizeof magic);
    memcpy(made, &magic, sizeof magic);
    ck_assert_int_eq(write(fd, made, bytes), (ssize_t)bytes);
    free(made);
    close(fd);
}

START_TEST(test_half_made)
{
    static const size_t bytes[] = {0, 8, 9, 4096, 5000, 8192, 100000};
    struct unit_rng r = unit_random("segment: half made", 3);
    for (int i = 0; i < 7; i++) {
        leave_half_made(&r, bytes[i]);
        ck_assert_int_eq(open_error(0), ENOENT);
        ck_assert_int_eq(open_error(LFVEC_RDONLY), ENOENT);
        lfvec_t *v = unit_open(name, LFVEC_CREATE | LFVEC_EXCL);
        ck_assert_uint_eq(lfvec_size(v), 0);
        unit_fill(v, 0, 200);
        unit_expect(v, 200);
        unit_sound(v);
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
}
END_TEST

/* What a killed creator of a larger segment left may be longer than all of the next one's. */
START_TEST(test_half_made_larger)
{
    struct lfvec_attr a;
    const uint64_t marker = SHM_MAGIC_CREATING;
    lfvec_attr_init(&a);
    a.max_bytes = 8 << 20;
    const char *const n = unit_name();
    const int fd = shm_object_create(n, 0600);
    ck_assert_int_eq(shm_object_write(fd, 0, &marker, sizeof marker), 0);
    ck_assert_int_eq(shm_object_commit(fd, (UINT64_C(1) << 30) + 65536, 65536), 0);
    close(fd);
    lfvec_t *v = lfvec_open(n, LFVEC_CREATE, &a);
    ck_assert_msg(v != NULL, "%s", lfvec_last_error());
    ck_assert_uint_le(unit_stat(v).bytes_committed, 1 << 20);
    unit_fill(v, 0, 1000);
    unit_expect(v, 1000);
    unit_sound(v);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* Extents and high-water marks are believed only as far as the object and the layout go. */
START_TEST(test_control_spoiled)
{
    static const uint64_t value[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 40};
    shm_u64 *word[] = {&control->dir_committed, &control->slabtab_committed, &control->slabs_high};
    for (int w = 0; w < 3; w++)
        for (int k = 0; k < 3; k++) {
            struct lfvec_audit audit;
            uint64_t x;
            const uint64_t was = atomic_exchange(word[w], value[k]);
            lfvec_t *v = unit_open(name, 0);
            ck_assert_int_eq(lfvec_check(v, &audit), -EBADMSG);
            ck_assert_uint_eq(audit.fault, LFVEC_FAULT_RANGE);
            const int err = lfvec_get_u64(v, 999, &x);
            ck_assert(err == -EBADMSG || (err == 0 && x == 999));
            (void)lfvec_push_u64(v, 1); /* must return */
            atomic_store(word[w], was);
            ck_assert_int_eq(lfvec_detach(v), 0);
        }
}
END_TEST

/* A size that nobody can have reached does not make the directory grow to it. */
START_TEST(test_size_spoiled)
{
    struct lfvec_audit audit;
    uint64_t x, elems[100] = {0};
    lfvec_t *v = unit_open(name, 0);
    struct lfvec_stat st;
    struct lfvec_region region;
    struct lfvec_pages pages;
    const uint64_t before = unit_stat(v).bytes_committed, was = atomic_load(&control->head.packed);
    atomic_store(&control->head.packed, was + (UINT64_C(1) << 30));
    ck_assert_int_eq(lfvec_push_u64(v, 1), -EBADMSG);
    ck_assert_int_eq(lfvec_push_n(v, elems, 100, NULL), -EBADMSG);
    ck_assert_int_eq(lfvec_pop_u64(v, &x), -EBADMSG);
    ck_assert_int_eq(lfvec_get_u64(v, 1 << 29, &x), -EBADMSG);
    ck_assert_int_eq(lfvec_check(v, &audit), -EBADMSG);
    ck_assert_uint_eq(audit.fault, LFVEC_FAULT_HEAD);
    ck_assert_int_eq(lfvec_stat(v, &st), -EBADMSG);            /* and says what it can */
    ck_assert_uint_le(st.bytes_committed, before + (1 << 18)); /* a slab for the slot at most */
    ck_assert_uint_gt(st.max_slots, 0);
    ck_assert_int_eq(lfvec_region(v, 0, &region), -EBADMSG);
    ck_assert_int_eq(lfvec_region_pages(v, 0, &pages), -EBADMSG);
    ck_assert_int_eq(lfvec_clear(v), -EBADMSG);
    ck_assert_int_eq(lfvec_trim(v), -EBADMSG);
    ck_assert_int_eq(lfvec_reserve(v, 2000), -EBADMSG);
    ck_assert_int_eq(lfvec_recover(v, NULL), -EBADMSG);
    ck_assert_int_eq(lfvec_recover_slot(v, 1, NULL), -EBADMSG);
    ck_assert_int_eq(lfvec_recover_forced(v, 1, NULL), -EBADMSG);
    ck_assert_uint_eq(lfvec_size(v), was % (UINT64_C(1) << 40) + (UINT64_C(1) << 30)); /* what it says, and no more than 2^40 */
    ck_assert_uint_le(lfvec_capacity(v), st.bytes_committed / 8);                      /* and this what can be */
    atomic_store(&control->head.packed, was);
    unit_expect(v, 1000);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

/* A free slot whose life mark is spoilt is left out: the vector is sound, and force frees the slot. */
START_TEST(test_mark_spoiled)
{
    unsigned char spoilt[8];
    memset(spoilt, 0x40, sizeof spoilt);
    const int fd = shm_object_open(name, true);
    const off_t at = (off_t)(good.slots_off + SHM_PAGE - SHM_LIFE_MARKS + 8); /* of slot 1, beside slot 0's */
    ck_assert_uint_eq(good.slot_bytes, SHM_PAGE / 2);
    ck_assert_int_eq(pwrite(fd, spoilt, sizeof spoilt, at), (ssize_t)sizeof spoilt);
    close(fd);
    lfvec_t *v = unit_open(name, 0);
    unit_sound(v);
    ck_assert_uint_eq(unit_stat(v).slots_unknown, 1);
    ck_assert_int_eq(lfvec_recover_forced(v, 1, NULL), 0);
    ck_assert_uint_eq(unit_stat(v).slots_unknown, 0);
    unit_expect(v, 1000);
    unit_fill(v, 1000, 1100);
    unit_expect(v, 1100);
    ck_assert_int_eq(lfvec_detach(v), 0);
}
END_TEST

START_TEST(test_extend)
{
    struct lfvec_attr a;
    struct segment s;
    unit_attr(&a, 8);
    a.max_bytes = 8 << 20;
    a.slab_bytes = 2 << 20; /* too large to be reserved at creation */
    ck_assert_int_eq(segment_open(&s, unit_name(), LFVEC_CREATE, &a), 0);
    ck_assert_uint_eq(s.l.max_bytes, s.mapped);
    ck_assert_int_eq(segment_extend_known(&s, &s.dir, 1), -EBADMSG); /* nobody has */
    ck_assert(!extent_covers(&s.dir, 0));
    ck_assert_int_eq(segment_extend(&s, &s.dir, 1), 0);
    ck_assert(extent_covers(&s.dir, 0));
    const uint64_t first = atomic_load(s.dir.shared);
    ck_assert_uint_ge(first, 1);
    ck_assert_uint_eq(first * s.dir.unit % SHM_PAGE, 0);
    ck_assert_int_eq(segment_extend(&s, &s.dir, 1), 0); /* nothing to do */
    ck_assert_uint_eq(atomic_load(s.dir.shared), first);
    ck_assert_int_eq(segment_extend(&s, &s.dir, first + 1), 0);
    ck_assert_uint_eq(atomic_load(s.dir.shared), 2 * first); /* doubling steps */
    ck_assert_int_eq(segment_extend(&s, &s.dir, s.dir.max), 0);
    ck_assert_int_eq(segment_extend(&s, &s.dir, s.dir.max + 1), -EOVERFLOW);
    ck_assert_uint_eq(atomic_load(s.dir.shared), s.dir.max);
    ck_assert_int_eq(segment_commit(&s, s.mapped - 4096, 8192), -EOVERFLOW);
    ck_assert_int_eq(segment_reaches(&s, s.mapped + 1), -EBADMSG);
    segment_close(&s);
}
END_TEST

static void attach_once(void *arg)
{
    struct lfvec_attr a;
    unit_attr(&a, 8);
    lfvec_t *v = lfvec_open(arg, LFVEC_CREATE, &a);
    ck_assert_msg(v != NULL, "%s", lfvec_last_error());
    ck_assert_int_eq(lfvec_push_u64(v, 1), 0);
    ck_assert_int_eq(lfvec_detach(v), 0);
}

enum { CREATORS = 8 };

/* Whoever is first creates it; all end up with the same one. */
START_TEST(test_creation_race)
{
    for (int round = 0; round < 10; round++) {
        pid_t pid[CREATORS];
        const char *fresh = unit_name();
        for (int i = 0; i < CREATORS; i++)
            if ((pid[i] = check_fork()) == 0) {
                attach_once((void *)fresh);
                exit(0);
            }
        for (int i = 0; i < CREATORS; i++) {
            int status;
            ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
            ck_assert_int_eq(status, 0);
        }
        lfvec_t *v = unit_open(fresh, 0);
        ck_assert_uint_eq(lfvec_size(v), CREATORS);
        unit_sound(v);
        ck_assert_int_eq(lfvec_detach(v), 0);
    }
}
END_TEST

/* Whoever compares segments by their uuid, or has it read by a library, counts on a random one of RFC 4122: each other bit may be 0 or 1. */
START_TEST(test_uuid_is_random)
{
    enum { SEGMENTS = 48 };
    uint8_t ones[16] = {0}, zeros[16] = {0};
    for (int i = 0; i < SEGMENTS; i++) {
        struct lfvec_stat st;
        lfvec_t *v = unit_make(NULL);
        ck_assert_int_eq(lfvec_stat(v, &st), 0);
        ck_assert_int_eq(lfvec_unlink(lfvec_name(v)), 0);
        ck_assert_int_eq(lfvec_detach(v), 0);
        for (unsigned int k = 0; k < sizeof ones; k++) {
            ones[k] |= st.uuid[k];
            zeros[k] |= (uint8_t)~st.uuid[k];
        }
    }
    for (unsigned int k = 0; k < sizeof ones; k++) {
        const uint8_t fixed = k == 6 ? 0xf0 : k == 8 ? 0xc0 : 0, as = k == 6 ? 0x40 : k == 8 ? 0x80 : 0;
        ck_assert_msg((ones[k] & fixed) == as && (zeros[k] & fixed) == (fixed ^ as), "byte %u: version or variant", k);
        ck_assert_msg((ones[k] | fixed) == 0xff && (zeros[k] | fixed) == 0xff, "byte %u has a bit that is always the same", k);
    }
}
END_TEST

Suite *segment_suite(void)
{
    Suite *s = suite_create("segment");
    TCase *tc = unit_case(s, "header", 60);
    tcase_add_checked_fixture(tc, make_segment, drop_segment);
    tcase_add_test(tc, test_crc_as_written);
    tcase_add_test(tc, test_every_byte_spoiled);
    tcase_add_test(tc, test_every_field_spoiled);
    tcase_add_test(tc, test_every_bit_of_every_field);
    tcase_add_test(tc, test_magic_and_checksum);
    tcase_add_test(tc, test_uuid_is_random);
    tcase_add_test(tc, test_sizes_of_zero);
    tcase_add_test(tc, test_other_version_and_byte_order);
    tcase_add_test(tc, test_newer_features);
    tcase_add_test(tc, test_older_features);
    tcase_add_test(tc, test_own_features);
    tcase_add_test(tc, test_truncated);
    tcase_add_test(tc, test_truncated_elements);
    tcase_add_test(tc, test_foreign);
    tcase_add_test(tc, test_half_made);
    tcase_add_test(tc, test_half_made_larger);
    tcase_add_test(tc, test_control_spoiled);
    tcase_add_test(tc, test_size_spoiled);
    tcase_add_test(tc, test_mark_spoiled);
    tc = unit_case(s, "segment", 60);
    tcase_add_test(tc, test_extend);
    tcase_add_test(tc, test_creation_race);
    return s;
}
