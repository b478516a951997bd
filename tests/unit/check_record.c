/*
 * check_record.c - what an element is made of, as a text: the grammar, the creator's check, the opener's comparison, and what a stranger
 * writes into the header, its checksum made right.
 */
#include "suites.h"
#include "support.h"

#include "format.h"
#include "record.h"
#include "shm.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

static const struct {
    const char *text;
    uint32_t loose, tight; /* sizes of the element; 0: it is no format */
} texts[] = {
    {"u8", 1, 1},
    {"u64,i32,f64,s16", 40, 36},
    {"h8,h16,h32,h64", 16, 15},
    {"u8,u32", 8, 5},
    {"f32,f64,f32", 24, 16},
    {"s65536", 65536, 65536},
    {"x1,s3", 4, 4},
    {"u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8", 21, 21}, /* 62 characters */
    {"u", 0, 0},
    {"u7", 0, 0},
    {"u128", 0, 0},
    {"f16", 0, 0},
    {"u064", 0, 0},
    {"s0", 0, 0},
    {"s65537", 0, 0},
    {"x99999999999999999999", 0, 0},
    {"s-1", 0, 0},
    {"u64,", 0, 0},
    {",u64", 0, 0},
    {"u64,,u64", 0, 0},
    {"u64 ", 0, 0},
    {"u64;u64", 0, 0},
    {"U64", 0, 0},
    {"csv,u64", 0, 0},
    {"\x1b[2J", 0, 0},
};

START_TEST(test_grammar)
{
    struct record_field of[RECORD_MOST];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char room[SHM_FORMAT_BYTES] = "";
        const char *text = texts[i].text;
        strcpy(room, text);
        MUST_MSG((record_parse(of, text) != 0) == (texts[i].loose != 0), "%s", text);
        for (uint32_t size = 1; size < 60; size++)
            MUST_MSG(record_sound(room, sizeof room, size) == (size == texts[i].loose || size == texts[i].tight), "%s in %u bytes", text,
                     size);
    }
    char most[4 * RECORD_MOST + 8] = "u8";
    for (int i = 1; i < RECORD_MOST; i++)
        strcat(most, ",u8");
    ck_assert_int_eq(record_parse(of, most), RECORD_MOST);
    strcat(most, ",u8");
    ck_assert_int_eq(record_parse(of, most), 0);
}
END_TEST

START_TEST(test_end_of_the_room)
{
    char room[SHM_FORMAT_BYTES];
    memset(room, 'u', sizeof room);
    ck_assert(!record_sound(room, sizeof room, 8));
    memset(room, 0, sizeof room);
    ck_assert(record_sound(room, sizeof room, 8)); /* nobody said */
}
END_TEST

START_TEST(test_same)
{
    ck_assert(record_same("u64,x8", "h64,s8"));
    ck_assert(!record_same("u64", "i64"));
    ck_assert(!record_same("u64", "f64"));
    ck_assert(!record_same("u64", "u64,u64"));
    ck_assert(!record_same("u32,u32", "u64"));
    ck_assert(!record_same("s8", "s9"));
}
END_TEST

/* The error of opening it as that, 0 if it opens. */
static int open_as(const char *name, int flags, uint32_t size, const char *text)
{
    struct lfvec_attr a;
    unit_attr(&a, size);
    memcpy(a.elem_format, text, strlen(text) + 1);
    errno = 0;
    lfvec_t *v = lfvec_open(name, flags, &a);
    const int err = errno;
    if (v)
        MUST(lfvec_detach(v) == 0);
    return v ? 0 : err;
}

static bool said(const char *what)
{
    return strstr(lfvec_last_error(), what) != NULL;
}

START_TEST(test_created_and_compared)
{
    struct lfvec_attr a;
    unit_attr(&a, 24);
    strcpy(a.elem_format, "u64,f64,s8");
    lfvec_t *v = unit_make(&a);
    const char *name = lfvec_name(v);
    ck_assert_str_eq(unit_stat(v).elem_format, "u64,f64,s8");
    static const int flags[] = {0, LFVEC_RDONLY, LFVEC_CREATE};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        ck_assert_int_eq(open_as(name, flags[i], 24, "u64,f64,s8"), 0);
        ck_assert_int_eq(open_as(name, flags[i], 24, "h64,f64,x8"), 0);
        ck_assert_int_eq(open_as(name, flags[i], 24, ""), 0);
        ck_assert_int_eq(open_as(name, flags[i], 24, "u64,u64,u64"), EPROTO);
        ck_assert(said("u64,f64,s8") && said("u64,u64,u64") && said(name)); /* both are named */
        ck_assert_int_eq(open_as(name, flags[i], 16, "u64,f64"), EPROTO);
        ck_assert(said("elements of 24 bytes"));
    }
    lfvec_t *w = unit_open(name, 0); /* without attributes, whatever it is */
    ck_assert_str_eq(unit_stat(w).elem_format, "u64,f64,s8");
    RETURNS(0, lfvec_detach(w));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

START_TEST(test_nobody_said)
{
    lfvec_t *v = unit_make(NULL);
    ck_assert_str_eq(unit_stat(v).elem_format, "");
    ck_assert_int_eq(open_as(lfvec_name(v), 0, 8, "f64"), 0);
    RETURNS(0, lfvec_detach(v));
}
END_TEST

/* Refused by a sentence that names the text and what is wrong with it; nothing is created. */
START_TEST(test_refused)
{
    const char *name = unit_name();
    ck_assert_int_eq(open_as(name, LFVEC_CREATE, 8, "u64,"), EINVAL);
    ck_assert(said("elem_format") && said("\"u64,\"") && said("list of types"));
    ck_assert_int_eq(open_as(name, LFVEC_CREATE, 8, "u\x1b[2J"), EINVAL);
    ck_assert(said("u\\x1b[2J"));
    ck_assert_int_eq(open_as(name, LFVEC_CREATE, 8, "u8,u64"), EINVAL);
    ck_assert(said("fields of 9 bytes, or 16 as a C struct") && said("elem_size is 8"));
    struct lfvec_attr a;
    unit_attr(&a, 8);
    memset(a.elem_format, 'u', sizeof a.elem_format); /* no end */
    ck_assert_ptr_null(lfvec_open(name, LFVEC_CREATE, &a));
    ck_assert(errno == EINVAL && said("63 characters"));
    ck_assert_int_eq(open_as(name, 0, 8, "u64"), ENOENT);
}
END_TEST

/* ---- what a stranger wrote into the header ---- */

static void forge(const char *name, const void *text, size_t bytes)
{
    const int fd = shm_object_open(name, true);
    struct shm_header *h = mmap(NULL, SHM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    const size_t from = offsetof(struct shm_header, format_version);
    MUST(h != MAP_FAILED);
    memcpy(h->elem_format, text, bytes);
    h->crc32 = (uint32_t)crc32(0, (const unsigned char *)h + from, offsetof(struct shm_header, crc32) - from);
    munmap(h, SHM_PAGE);
    close(fd);
}

START_TEST(test_forged)
{
    static const char *const bad[] = {"u64,u64", "\x1b]0;owned\a", "u64,", "s9", "decimal"};
    char endless[SHM_FORMAT_BYTES];
    lfvec_t *v = unit_make(NULL);
    const char *name = lfvec_name(v);
    memset(endless, '1', sizeof endless);
    endless[0] = 's';
    for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
        if (i < sizeof bad / sizeof *bad)
            forge(name, bad[i], strlen(bad[i]) + 1);
        else
            forge(name, endless, sizeof endless);
        ck_assert_ptr_null(lfvec_open(name, LFVEC_RDONLY, NULL));
        ck_assert(errno == EBADMSG && said("elem_format"));
        ck_assert_str_eq(unit_stat(v).elem_format, ""); /* an attachment has its own */
    }
    forge(name, "f64", 4);
    lfvec_t *w = unit_open(name, 0);
    ck_assert_str_eq(unit_stat(w).elem_format, "f64");
    RETURNS(0, lfvec_detach(w));
    RETURNS(0, lfvec_detach(v));
}
END_TEST

Suite *record_suite(void)
{
    Suite *s = suite_create("record");
    TCase *tc = unit_case(s, "record", 30);
    tcase_add_test(tc, test_grammar);
    tcase_add_test(tc, test_end_of_the_room);
    tcase_add_test(tc, test_same);
    tcase_add_test(tc, test_created_and_compared);
    tcase_add_test(tc, test_nobody_said);
    tcase_add_test(tc, test_refused);
    tcase_add_test(tc, test_forged);
    return s;
}
