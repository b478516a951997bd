/*
 * shmctl_header.c - what a dump says, in lines that begin with #, of the segment that it is from: what load --create needs to make another like it, and what
 * load compares with the segment that it is to fill.
 *
 *   # lfvec-dump 1
 *   # elem_size 8
 *   # elem_format u64          and so on, in any order; what a reader does not know it leaves out
 *   # end
 */
#include "shmctl_elements.h"

#include <string.h>

enum { SLAB_LEAST = 65536, SLAB_MOST = 1 << 26 };

void header_put(const struct lfvec_stat *st, const struct fields *fields)
{
    fputs(HEADER_BEGIN, stdout);
    printf("# elem_size %u\n", st->elem_size);
    if (st->elem_tag)
        printf("# elem_tag 0x%llx\n", (unsigned long long)st->elem_tag);
    if (*st->elem_format)
        printf("# elem_format %s\n", st->elem_format);
    if (fields->option)
        printf("# format %s\n", fields->option);
    printf("# max_elems %llu\n# max_bytes %llu\n# max_slots %u\n# leaf_bytes %u\n# slab_bytes %u\n", (unsigned long long)st->max_elems,
           (unsigned long long)st->max_bytes, st->max_slots, st->leaf_bytes, st->slab_bytes);
    fputs(HEADER_END, stdout);
}

/* What was asked for when the slabs were made, of which they fill as many pages as they need. */
static uint64_t slab_bytes_asked(uint64_t bytes)
{
    uint64_t asked = SLAB_LEAST;
    while (asked < bytes && asked < SLAB_MOST)
        asked *= 2;
    return asked;
}

static bool take_number(struct lfvec_attr *attr, const char *key, uint64_t number)
{
    if (strcmp(key, "elem_size") == 0)
        attr->elem_size = number <= 65536 ? (uint32_t)number : 0;
    else if (strcmp(key, "elem_tag") == 0)
        attr->elem_tag = number;
    else if (strcmp(key, "max_elems") == 0)
        attr->max_elems = number;
    else if (strcmp(key, "max_bytes") == 0)
        attr->max_bytes = number;
    else if (strcmp(key, "max_slots") == 0)
        attr->max_slots = (uint32_t)number;
    else if (strcmp(key, "leaf_bytes") == 0)
        attr->leaf_bytes = (uint32_t)number;
    else if (strcmp(key, "slab_bytes") == 0)
        attr->slab_bytes = (uint32_t)slab_bytes_asked(number);
    else
        return true;
    return number <= UINT32_MAX || strstr("elem_tag max_elems max_bytes", key);
}

/* The library judges whether attributes can be. */
static bool take(struct header *header, const char *key, const char *value)
{
    uint64_t number;
    if (strcmp(key, "format") == 0)
        return snprintf(header->format, sizeof header->format, "%s", value) < (int)sizeof header->format;
    if (strcmp(key, "elem_format") == 0)
        return snprintf(header->attr.elem_format, LFVEC_FORMAT_BYTES, "%s", value) < LFVEC_FORMAT_BYTES;
    return !parse_number(value, &number) || take_number(&header->attr, key, number);
}

const char *header_parse(struct header *header, char *text)
{
    header->present = true;
    lfvec_attr_init(&header->attr);
    header->attr.elem_size = 0;
    for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *key = line + strspn(line, "# "), *value = key + strcspn(key, " ");
        if (*value)
            *value++ = '\0';
        if (!take(header, key, value))
            return key;
    }
    return header->attr.elem_size ? NULL : "elem_size";
}

/* The fields of two formats; of one that nobody said anything is true. */
static bool same_format(const char *a, const char *b)
{
    return !*a || !*b || record_same(a, b);
}

int header_check(const struct header *header, lfvec_t *v)
{
    struct lfvec_stat st;
    const char *name = lfvec_name(v);
    const int status = look_at(v, &st);
    if (status != DONE || !header->present)
        return status;
    if (header->attr.elem_size != st.elem_size)
        return complain(NO, name,
                        "has elements of %u bytes, and the input is a dump of elements of %u; nothing was loaded, choose another segment",
                        st.elem_size, header->attr.elem_size);
    if (header->attr.elem_tag && st.elem_tag && header->attr.elem_tag != st.elem_tag)
        return complain(NO, name,
                        "has the tag 0x%llx, and the input is a dump of elements with 0x%llx; nothing was loaded, choose another segment",
                        (unsigned long long)st.elem_tag, (unsigned long long)header->attr.elem_tag);
    if (!same_format(header->attr.elem_format, st.elem_format))
        return complain(NO, name, "has elements of type %s, and the input is a dump of %s; nothing was loaded, choose another segment",
                        st.elem_format, header->attr.elem_format);
    return DONE;
}
