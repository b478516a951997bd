/* check_visible.c - what may be shown as it is: one table, and what it makes of the library's sentences. */
#include "suites.h"
#include "support.h"

#include "error.h"
#include "visible.h"

#include <stdio.h>

/* A text, and what is shown of it; shown NULL: the text itself. */
static const struct {
    const char *text, *shown;
} rows[] = {
    {"", NULL},
    {"/plain name", NULL},
    {"/\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8c\xb3", NULL},
    {"\xc2\xa0\xc2\xae\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf0\x90\x80\x80\xf4\x8f\xbf\xbd", NULL}, /* next to the bounds */
    {"a\\b\\", NULL},
    {"a\tb\nc\r", "a\\x09b\\x0ac\\x0d"},
    {"\x1b[31m\a\x7f\x1f", "\\x1b[31m\\x07\\x7f\\x1f"},
    {"\xc2\x80\xc2\x9b"
     "2J\xc2\x9f",
     "\\xc2\\x80\\xc2\\x9b2J\\xc2\\x9f"}, /* C1: CSI in two bytes */
    {"\x9b"
     "2J\x80",
     "\\x9b2J\\x80"},                                                                 /* and in one */
    {"a\xe2\x80\xaa\xe2\x80\xae", "a\\xe2\\x80\\xaa\\xe2\\x80\\xae"},                 /* bidi embedding, override */
    {"\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9"},                   /* isolates */
    {"\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f\\xd8\\x9c"}, /* marks */
    {"\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"},                   /* line, paragraph separator */
    {"\xe2\x80\x8b\xef\xbb\xbf\xc2\xad", "\\xe2\\x80\\x8b\\xef\\xbb\\xbf\\xc2\\xad"}, /* nothing to be seen */
    {"\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81"},                                     /* a tag */
    {"\xef\xbf\xbe\xef\xbf\xbf", "\\xef\\xbf\\xbe\\xef\\xbf\\xbf"},                   /* no characters */
    {"\xff\xfe\xc3", "\\xff\\xfe\\xc3"},                                              /* no UTF-8; cut off */
    {"\xe2\x82", "\\xe2\\x82"},
    {"\xc0\x9b\xc1\xbf", "\\xc0\\x9b\\xc1\\xbf"}, /* too long */
    {"\xe0\x82\x9b\xf0\x80\x80\x9b", "\\xe0\\x82\\x9b\\xf0\\x80\\x80\\x9b"},
    {"\xed\xa0\x80\xed\xbf\xbf", "\\xed\\xa0\\x80\\xed\\xbf\\xbf"}, /* surrogates */
    {"\xf4\x90\x80\x80\xf8\x88\x80\x80\x80", "\\xf4\\x90\\x80\\x80\\xf8\\x88\\x80\\x80\\x80"},
};

static void shows(const char *text, const char *want, bool exactly)
{
    char got[256];
    const size_t n = visible_text(got, sizeof got, text, exactly);
    MUST_MSG(strcmp(got, want) == 0 && n == strlen(want), "\"%s\" in place of \"%s\"", got, want);
}

START_TEST(test_table)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *want = rows[i].shown ? rows[i].shown : rows[i].text;
        shows(rows[i].text, want, false);
        shows(rows[i].text, want, true);
        shows(want, want, false); /* twice is as good as once */
    }
}
END_TEST

/* What is named like an escape is told from one. */
START_TEST(test_exactly)
{
    shows("/a\\x1b", "/a\\x5cx1b", true);
    shows("/a\x1b", "/a\\x1b", true);
    shows("\\\\x\\", "\\\\x5cx\\", true);
    shows("/a\\x1b", "/a\\x1b", false);
}
END_TEST

/* Every character there is: shown as it is, or in ASCII alone. */
START_TEST(test_all)
{
    uint32_t shown = 0;
    for (uint32_t c = 1; c < 0x110000; c++) {
        const char text[] = {(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)), (char)(0x80 | (c >> 6 & 0x3f)),
                             (char)(0x80 | (c & 0x3f)), 0};
        char shorter[5] = {0};
        uint32_t decoded = 0;
        if (c < 0x80)
            shorter[0] = (char)c;
        else if (c < 0x800)
            snprintf(shorter, sizeof shorter, "%c%c", (int)(0xc0 | c >> 6), text[3]);
        else if (c < 0x10000)
            snprintf(shorter, sizeof shorter, "%c%c%c", (int)(0xe0 | c >> 12), text[2], text[3]);
        const char *best = c < 0x10000 ? shorter : text;
        const size_t n = visible_decode(best, &decoded);
        MUST_MSG(n == (c >= 0xd800 && c < 0xe000 ? 0 : strlen(best)) && (!n || decoded == c), "U+%04X", c);
        MUST_MSG(c >= 0x10000 || visible_decode(text, &decoded) == 0, "U+%04X in four bytes", c);
        shown += visible_length(best) != 0;
    }
    ck_assert_uint_eq(shown, 0x10ffff - 2048 - (31 + 33 + 1 + 1 + 1 + 5 + 7 + 16 + 1 + 3 + 2 + 4096));
}
END_TEST

/* In a room that is too small: as much as is shown as it is, and nothing beyond it. */
START_TEST(test_room)
{
    char got[8] = "#######";
    ck_assert_uint_eq(visible_text(got, 5,
                                   "a\x1b"
                                   "b",
                                   false),
                      6);
    ck_assert_str_eq(got, "a?b");
    ck_assert_uint_eq(visible_text(got, 4, "\xc3\xa4\xc3\xa4", false), 4);
    ck_assert_str_eq(got, "\xc3\xa4"); /* no half of a character */
    ck_assert_uint_eq(visible_text(got, 1, "abc", false), 3);
    ck_assert_str_eq(got, "");
    ck_assert_mem_eq(got + 5, "##", 2);
    got[0] = '#';
    ck_assert_uint_eq(visible_text(got, 0, "abc", false), 3);
    ck_assert_int_eq(got[0], '#');
}
END_TEST

START_TEST(test_sentences)
{
    char name[255] = "/", want[64];
    ck_assert_ptr_null(lfvec_open("/a\x1b[2J\xc2\x9b\xe2\x80\xae\n", 0, NULL));
    ck_assert_ptr_nonnull(strstr(lfvec_last_error(), "/a\\x1b[2J\\xc2\\x9b\\xe2\\x80\\xae\\x0a: no such segment; "));
    ck_assert_int_eq(lfvec_unlink("/\x7f"), -ENOENT);
    ck_assert_ptr_nonnull(strstr(lfvec_last_error(), "/\\x7f: cannot remove it"));
    memset(name + 1, '\a', 253);
    ck_assert_ptr_null(lfvec_open(name, 0, NULL)); /* the remedy is still there */
    snprintf(want, sizeof want, "??: no such segment; `lfvec-shmctl list`");
    ck_assert_ptr_nonnull(strstr(lfvec_last_error(), want));
}
END_TEST

Suite *visible_suite(void)
{
    Suite *s = suite_create("visible");
    TCase *tc = unit_case(s, "visible", 30);
    tcase_add_test(tc, test_table);
    tcase_add_test(tc, test_exactly);
    tcase_add_test(tc, test_all);
    tcase_add_test(tc, test_room);
    tcase_add_test(tc, test_sentences);
    return s;
}
