/*
 * shmctl_text.c - numbers, sizes and times from text and for people. Integer arithmetic: the same in every locale.
 */
#include "shmctl.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Decimal or 0x hex without sign or blanks. NULL, or where it ends. No octal: 010 is ten. */
static const char *scan_number(const char *text, uint64_t *value)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    char *end;
    if (!strchr(hex ? "0123456789abcdefABCDEF" : "0123456789", *digits) || !*digits)
        return NULL;
    errno = 0;
    *value = strtoull(digits, &end, hex ? 16 : 10);
    return errno ? NULL : end;
}

bool parse_number(const char *text, uint64_t *value)
{
    const char *end = scan_number(text, value);
    return end && *end == '\0';
}

bool parse_bytes(const char *text, uint64_t *value)
{
    static const char units[] = "KMGT";
    const char *end = scan_number(text, value);
    if (!end || *end == '\0')
        return end != NULL;
    const char *unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
    if (!unit || !*unit)
        return false;
    end++;
    if (strcmp(end, "") != 0 && strcmp(end, "B") != 0 && strcmp(end, "iB") != 0)
        return false;
    unsigned shift = 10 * (unsigned)(unit - units + 1);
    if (*value > UINT64_MAX >> shift)
        return false;
    *value <<= shift;
    return true;
}

/* What a number on its own counts for, after "ms", "s", "m", "h" or nothing; 0 for anything else. */
static uint64_t unit_of_time(const char *unit)
{
    const uint64_t second = 1000000000;
    if (strcmp(unit, "") == 0 || strcmp(unit, "s") == 0)
        return second;
    if (strcmp(unit, "ms") == 0)
        return second / 1000;
    return strcmp(unit, "m") == 0 ? 60 * second : strcmp(unit, "h") == 0 ? 3600 * second : 0;
}

/* Integer arithmetic: the point is a point in every locale. At most some 11 years. */
bool parse_seconds(const char *text, uint64_t *ns)
{
    uint64_t whole = 0, part = 0, scale = 1;
    const char *end = *text == '.' ? text : scan_number(text, &whole);
    if (!end || (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')))
        return false;
    bool point = *end == '.';
    for (end += point; point && *end >= '0' && *end <= '9'; end++) {
        if (scale == 1000000)
            continue;
        part = part * 10 + (uint64_t)(*end - '0');
        scale *= 10;
    }
    uint64_t unit = unit_of_time(end);
    if (!unit || (point && scale == 1) || whole > 100000 * (3600000000000 / unit))
        return false;
    *ns = whole * unit + part * (unit / scale);
    return true;
}

/* One digit after the point, integer arithmetic: the same in every locale. Rounds to the nearest tenth. */
char *text_bytes(char *buf, size_t size, uint64_t bytes)
{
    static const char units[] = "BKMGTPE";
    unsigned unit = 0;
    while (unit < 6 && bytes >> (10 * unit) >= 1024)
        unit++;
    uint64_t whole = bytes >> (10 * unit);
    uint64_t rest = unit ? (bytes >> (10 * (unit - 1))) & 1023 : 0;
    uint64_t tenths = (rest * 10 + 512) >> 10;
    if (tenths == 10) {
        whole++;
        tenths = 0;
    }
    if (tenths)
        snprintf(buf, size, "%llu.%llu%c", (unsigned long long)whole, (unsigned long long)tenths, units[unit]);
    else
        snprintf(buf, size, "%llu%c", (unsigned long long)whole, units[unit]);
    return buf;
}

char *text_rate(char *buf, size_t size, double per_second)
{
    static const char units[] = " kMGTP";
    unsigned unit = 0;
    for (; unit < 5 && per_second >= 999.5; unit++)
        per_second /= 1000;
    if (unit == 0)
        snprintf(buf, size, "%.0f", per_second);
    else
        snprintf(buf, size, per_second < 9.95 ? "%.1f%c" : "%.0f%c", per_second, units[unit]);
    return buf;
}

/* To the millisecond, without needless zeros. */
char *text_seconds(char *buf, size_t size, uint64_t ns)
{
    uint64_t ms = (ns + 500000) / 1000000;
    snprintf(buf, size, "%.*f", ms % 1000 == 0 ? 0 : ms % 100 == 0 ? 1 : ms % 10 == 0 ? 2 : 3, (double)ms / 1000);
    return buf;
}

char *text_time(char *buf, size_t size, uint64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!localtime_r(&t, &tm) || !strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm))
        snprintf(buf, size, "%llu", (unsigned long long)seconds);
    return buf;
}

char *text_uuid(char *buf, size_t size, const uint8_t uuid[16])
{
    size_t at = 0;
    for (int i = 0; i < 16 && at + 4 < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    return buf;
}

char *text_user(char *buf, size_t size, uint32_t uid)
{
    const struct passwd *user = getpwuid((uid_t)uid);
    if (user)
        snprintf(buf, size, "%s", user->pw_name);
    else
        snprintf(buf, size, "%u", uid);
    return buf;
}

char *text_group(char *buf, size_t size, uint32_t gid)
{
    const struct group *group = getgrgid((gid_t)gid);
    if (group)
        snprintf(buf, size, "%s", group->gr_name);
    else
        snprintf(buf, size, "%u", gid);
    return buf;
}

const char *text_state(uint32_t state)
{
    static const char *const names[] = {
        [LFVEC_SLOT_FREE] = "free", [LFVEC_SLOT_ALIVE] = "alive",     [LFVEC_SLOT_STOPPED] = "stopped",
        [LFVEC_SLOT_DEAD] = "dead", [LFVEC_SLOT_UNKNOWN] = "unknown",
    };
    return state < sizeof names / sizeof names[0] ? names[state] : "?";
}
