/*
 * shmctl_create.c - create: makes a segment with every attribute of struct lfvec_attr.
 */
#include "shmctl_elements.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    ELEM_SIZE = LONG_ONLY,
    FORMAT,
    TAG,
    MAX_ELEMS,
    MAX_BYTES,
    SLOTS,
    LEAF_BYTES,
    SLAB_BYTES,
    MODE,
    NUMA,
    NODES,
    HUGEPAGES,
    PREFAULT,
    EXCLUSIVE,
    ANY_OWNER
};

static const struct opt options[] = {
    {ELEM_SIZE, "elem-size", "BYTES", "bytes of one element, 1 to 65536; default 8"},
    {FORMAT, "format", "TYPES", "what an element is made of, a list of types as in u64,f64,s16; gives the element size, too"},
    {TAG, "tag", "NUMBER", "type tag, compared whenever somebody opens it with one; default 0, any"},
    {MAX_ELEMS, "max-elems", "COUNT", "most elements; default 4294967296"},
    {MAX_BYTES, "max-bytes", "BYTES", "most memory in all; K, M, G and T are understood, here and below"},
    {SLOTS, "slots", "COUNT", "participant threads at one time, 1 to 2047; default 128"},
    {LEAF_BYTES, "leaf-bytes", "BYTES", "bytes copied when elements change hands, a power of two, 64 to 64K; default 512"},
    {SLAB_BYTES, "slab-bytes", "BYTES", "growth step, a power of two, 64K to 64M; default 256K"},
    {MODE, "mode", "OCTAL", "permission bits; default 0600"},
    {NUMA, "numa", "POLICY", "local, interleave or bind; default local"},
    {NODES, "nodes", "LIST", "nodes for interleave and bind, as in 0,2-3; default all"},
    {HUGEPAGES, "hugepages", NULL, "ask for transparent huge pages; a slab is then 2 MiB at least"},
    {PREFAULT, "prefault", NULL, "map memory when it is committed, not at its first use"},
    {EXCLUSIVE, "exclusive", NULL, "fail with status 1 if it exists"},
    {ANY_OWNER, "any-owner", NULL, "also accept or finish one of another user"},
    {0, NULL, NULL, NULL},
};

static uint32_t power_of_two(const struct call *call, const char *what, const char *text, uint64_t min, uint64_t max)
{
    uint64_t value = call_bytes(call, what, text, min, max);
    if (value & (value - 1))
        call_usage(call, "%s: %s is no power of two", what, text);
    return (uint32_t)value;
}

static void set_format(struct lfvec_attr *attr, const struct call *call, const char *text)
{
    struct record_field of[RECORD_MOST];
    if (!record_parse(of, text) || strlen(text) >= sizeof attr->elem_format)
        call_usage(call, "--format: \"%s\" is no list of types such as u64,i32,f64,s16, of %zu characters and %d types at most", text,
                   sizeof attr->elem_format - 1, RECORD_MOST);
    strcpy(attr->elem_format, text);
}

uint32_t create_elem_size(const char *elem_format)
{
    struct record_field of[RECORD_MOST];
    const int count = record_parse(of, elem_format);
    return count ? (uint32_t)record_lay_out(of, count, false) : 8;
}

static uint32_t octal(const struct call *call, const char *text)
{
    char *end;
    unsigned long mode = strtoul(text, &end, 8);
    if (*text < '0' || *text > '7' || *end || mode > 0777)
        call_usage(call, "--mode: \"%s\" is not octal permission bits such as 0660", text);
    return (uint32_t)mode;
}

static uint32_t numa_policy(const struct call *call, const char *text)
{
    if (strcmp(text, "local") == 0)
        return LFVEC_NUMA_LOCAL;
    if (strcmp(text, "interleave") == 0)
        return LFVEC_NUMA_INTERLEAVE;
    if (strcmp(text, "bind") == 0)
        return LFVEC_NUMA_BIND;
    call_usage(call, "--numa: \"%s\" is not local, interleave or bind", text);
}

/* "0,2-3" as a mask; nodes 0 to 63. */
static uint64_t node_mask(const struct call *call, const char *list)
{
    uint64_t mask = 0;
    for (const char *at = list;;) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;
        bool range = end != at && *end == '-';
        if (range) {
            at = end + 1;
            last = strtoul(at, &end, 10);
        }
        if (*at < '0' || *at > '9' || first > last || last > 63 || (*end && *end != ','))
            call_usage(call, "--nodes: \"%s\" is no list of nodes such as 0,2-3", list);
        for (; first <= last; first++)
            mask |= (uint64_t)1 << first;
        if (!*end)
            return mask;
        at = end + 1;
    }
}

static void set_placement(struct lfvec_attr *attr, const struct call *call, int key, const char *arg)
{
    switch (key) {
    case NUMA:
        attr->numa = numa_policy(call, arg);
        break;
    case NODES:
        attr->numa_nodes = node_mask(call, arg);
        break;
    case HUGEPAGES:
        attr->flags |= LFVEC_HUGEPAGES;
        break;
    case PREFAULT:
        attr->flags |= LFVEC_PREFAULT;
        break;
    default:
        break;
    }
}

static void set_attribute(struct lfvec_attr *attr, const struct call *call, int key, const char *arg)
{
    switch (key) {
    case ELEM_SIZE:
        attr->elem_size = (uint32_t)call_bytes(call, "--elem-size", arg, 1, 65536);
        break;
    case FORMAT:
        set_format(attr, call, arg);
        break;
    case TAG:
        attr->elem_tag = call_number(call, "--tag", arg, 0, UINT64_MAX);
        break;
    case MAX_ELEMS:
        attr->max_elems = call_bytes(call, "--max-elems", arg, 1, ((uint64_t)1 << 40) - 1);
        break;
    case MAX_BYTES:
        attr->max_bytes = call_bytes(call, "--max-bytes", arg, 1, UINT64_MAX);
        break;
    case SLOTS:
        attr->max_slots = (uint32_t)call_number(call, "--slots", arg, 1, 2047);
        break;
    case LEAF_BYTES:
        attr->leaf_bytes = power_of_two(call, "--leaf-bytes", arg, 64, 65536);
        break;
    case SLAB_BYTES:
        attr->slab_bytes = power_of_two(call, "--slab-bytes", arg, 65536, (uint64_t)1 << 26);
        break;
    case MODE:
        attr->mode = octal(call, arg);
        break;
    default:
        set_placement(attr, call, key, arg);
        break;
    }
}

static const char *owner_of(char *buf, size_t size, const char *name)
{
    char path[sizeof SHM_DIRECTORY + 256];
    struct stat file;
    snprintf(path, sizeof path, SHM_DIRECTORY "%.255s", name);
    return lstat(path, &file) == 0 ? text_user(buf, size, file.st_uid) : "another user";
}

/* The library's sentence is for programmers. EACCES is also what a mode forbids; only the sentence tells them apart. */
static int cannot(const char *name, int error)
{
    char owner[64];
    if (error != EACCES || !strstr(lfvec_last_error(), "LFVEC_ANY_OWNER"))
        return open_failed(name, error);
    return complain(BLIND, name,
                    "belongs to %s, neither to this user nor to root, and may be a trap; choose another name, have it removed, or add "
                    "--any-owner if they are trusted",
                    owner_of(owner, sizeof owner, name));
}

lfvec_t *create_or_open(const char *name, const struct lfvec_attr *attr, int *status)
{
    lfvec_t *v = lfvec_open(name, LFVEC_CREATE, attr);
    *status = v ? judge_state(v) : cannot(name, errno);
    if (*status == DONE)
        return v;
    lfvec_detach(v);
    return NULL;
}

/* Exclusively first: only so can it be told that the segment was there already. */
static int create(const char *name, const struct lfvec_attr *attr, int flags, bool exclusive)
{
    lfvec_t *v = lfvec_open(name, flags | LFVEC_EXCL, attr);
    if (!v && errno == EEXIST && exclusive)
        return complain(
            NO, name, "exists already; choose another name, remove it (" PROGRAM " rm %s), or create without --exclusive to keep it", name);
    if (!v && errno != EEXIST)
        return cannot(name, errno);
    if (!v) {
        v = lfvec_open(name, flags, attr);
        if (!v)
            return cannot(name, errno);
        remark(name, "existed already and was left as it is; " PROGRAM " info %s shows its attributes", name);
    }
    lfvec_detach(v);
    return DONE;
}

static int run(struct call *call)
{
    struct lfvec_attr attr;
    bool exclusive = false;
    int flags = LFVEC_CREATE;
    lfvec_attr_init(&attr);
    attr.elem_size = 0;
    for (int key; (key = call_next(call)) != 0;) {
        exclusive |= key == EXCLUSIVE;
        flags |= key == ANY_OWNER ? LFVEC_ANY_OWNER : 0;
        set_attribute(&attr, call, key, optarg);
    }
    if (!attr.elem_size)
        attr.elem_size = create_elem_size(attr.elem_format);
    if (attr.numa_nodes && attr.numa == LFVEC_NUMA_LOCAL)
        call_usage(call, "--nodes needs --numa interleave or bind");
    return create(call_name(call, 0, 0), &attr, flags, exclusive);
}

const struct command command_create = {
    .name = "create",
    .group = GROUP_LIFE,
    .operands = "/NAME",
    .summary = "create a segment",
    .details =
        "A segment that exists already is left as it is (status 0) if its element size, tag and format agree and it is this user's or\n"
        "root's. One of another user may have been made to mislead those who come later: it needs --any-owner.",
    .example = PROGRAM " create --elem-size 64 --max-bytes 1G --mode 0660 /jobs",
    .options = options,
    .style = REPORT_NONE,
    .run = run,
};
