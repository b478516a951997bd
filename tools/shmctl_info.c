/*
 * shmctl_info.c - info: everything that lfvec_stat() tells about one segment. It prints what is stored; check judges it.
 */
#include "shmctl.h"

#include <stdlib.h>
#include <string.h>

enum {
    NAME,
    UUID,
    CREATED,
    FORMAT_VERSION,
    FEATURE_COMPAT,
    FEATURE_INCOMPAT,
    FEATURE_RO_COMPAT,
    MODE,
    OWNER,
    UID,
    GROUP,
    GID,
    ELEM_SIZE,
    ELEM_TAG,
    ELEM_FORMAT,
    SIZE,
    CAPACITY,
    MAX_ELEMS,
    VERSION,
    BYTES_COMMITTED,
    BYTES_FREE,
    MAX_BYTES,
    ELEMS_PER_LEAF,
    LEAF_BYTES,
    SLAB_BYTES,
    SLABS_MAX,
    SLABS_OWNED,
    SLABS_UNOWNED,
    LEAVES_TOTAL,
    LEAVES_USED,
    MAX_SLOTS,
    SLOTS_FREE,
    SLOTS_ALIVE,
    SLOTS_STOPPED,
    SLOTS_DEAD,
    SLOTS_UNKNOWN,
    PUSHES,
    POPS,
    SETS,
    CLEARS,
    CAS_RETRIES,
    HELPS,
    RECOVERIES,
    GROWS,
    NUMA,
    NUMA_NODES,
    NUMA_IN_FORCE,
    NUMA_WHY,
    NUMA_PLACED,
    FLAGS,
    HUGEPAGES,
    BYTES_MAPPED,
    BYTES_HUGE,
    READ_ONLY
};

static const struct column columns[] = {
    [NAME] = {"NAME", COLUMN_TEXT, 0, "name it was opened by"},
    [UUID] = {"UUID", COLUMN_TEXT, 0, "identity of this very segment"},
    [CREATED] = {"CREATED", COLUMN_NUMBER, 0, "when"},
    [FORMAT_VERSION] = {"FORMAT_VERSION", COLUMN_NUMBER, 0, "of the shared bytes"},
    [FEATURE_COMPAT] = {"FEATURE_COMPAT", COLUMN_NUMBER, 0, "features that others may ignore"},
    [FEATURE_INCOMPAT] = {"FEATURE_INCOMPAT", COLUMN_NUMBER, 0, "features that all must know"},
    [FEATURE_RO_COMPAT] = {"FEATURE_RO_COMPAT", COLUMN_NUMBER, 0, "features that writers must know"},
    [MODE] = {"MODE", COLUMN_TEXT, 0, "permission bits"},
    [OWNER] = {"OWNER", COLUMN_TEXT, 0, "user who created it"},
    [UID] = {"UID", COLUMN_NUMBER, COLUMN_DETAIL, "that user's number"},
    [GROUP] = {"GROUP", COLUMN_TEXT, 0, "its group"},
    [GID] = {"GID", COLUMN_NUMBER, COLUMN_DETAIL, "that group's number"},
    [ELEM_SIZE] = {"ELEM_SIZE", COLUMN_NUMBER, 0, "bytes of one element"},
    [ELEM_TAG] = {"ELEM_TAG", COLUMN_NUMBER, 0, "type tag of the elements; 0 = any"},
    [ELEM_FORMAT] = {"ELEM_FORMAT", COLUMN_TEXT, 0, "what they are made of, as in u64,f64,s16; - = nobody said"},
    [SIZE] = {"SIZE", COLUMN_NUMBER, 0, "elements"},
    [CAPACITY] = {"CAPACITY", COLUMN_NUMBER, 0, "elements that fit without more memory"},
    [MAX_ELEMS] = {"MAX_ELEMS", COLUMN_NUMBER, 0, "most elements"},
    [VERSION] = {"VERSION", COLUMN_NUMBER, 0, "mutations so far"},
    [BYTES_COMMITTED] = {"BYTES_COMMITTED", COLUMN_NUMBER, 0, "memory that it occupies"},
    [BYTES_FREE] = {"BYTES_FREE", COLUMN_NUMBER, 0, "free memory in the file system that holds it"},
    [MAX_BYTES] = {"MAX_BYTES", COLUMN_NUMBER, 0, "address space reserved for it"},
    [ELEMS_PER_LEAF] = {"ELEMS_PER_LEAF", COLUMN_NUMBER, 0, "elements that share a leaf"},
    [LEAF_BYTES] = {"LEAF_BYTES", COLUMN_NUMBER, 0, "elements' bytes in a leaf, copied when it changes hands"},
    [SLAB_BYTES] = {"SLAB_BYTES", COLUMN_NUMBER, 0, "growth step"},
    [SLABS_MAX] = {"SLABS_MAX", COLUMN_NUMBER, 0, "slabs that fit"},
    [SLABS_OWNED] = {"SLABS_OWNED", COLUMN_NUMBER, 0, "slabs owned by a slot"},
    [SLABS_UNOWNED] = {"SLABS_UNOWNED", COLUMN_NUMBER, 0, "slabs committed and owned by none"},
    [LEAVES_TOTAL] = {"LEAVES_TOTAL", COLUMN_NUMBER, 0, "leaves in committed slabs"},
    [LEAVES_USED] = {"LEAVES_USED", COLUMN_NUMBER, 0, "leaves in use"},
    [MAX_SLOTS] = {"MAX_SLOTS", COLUMN_NUMBER, 0, "participant threads at one time"},
    [SLOTS_FREE] = {"SLOTS_FREE", COLUMN_NUMBER, 0, "slots for more of them"},
    [SLOTS_ALIVE] = {"SLOTS_ALIVE", COLUMN_NUMBER, 0, "live participants"},
    [SLOTS_STOPPED] = {"SLOTS_STOPPED", COLUMN_NUMBER, 0, "live, but stopped"},
    [SLOTS_DEAD] = {"SLOTS_DEAD", COLUMN_NUMBER, 0, "dead, not yet recovered"},
    [SLOTS_UNKNOWN] = {"SLOTS_UNKNOWN", COLUMN_NUMBER, 0, "cannot be judged: treated as alive"},
    [PUSHES] = {"PUSHES", COLUMN_NUMBER, 0, "by all participants, past ones included"},
    [POPS] = {"POPS", COLUMN_NUMBER, 0, "likewise"},
    [SETS] = {"SETS", COLUMN_NUMBER, 0, "likewise"},
    [CLEARS] = {"CLEARS", COLUMN_NUMBER, 0, "likewise"},
    [CAS_RETRIES] = {"CAS_RETRIES", COLUMN_NUMBER, 0, "attempts lost to another participant"},
    [HELPS] = {"HELPS", COLUMN_NUMBER, 0, "operations of others completed"},
    [RECOVERIES] = {"RECOVERIES", COLUMN_NUMBER, 0, "dead participants recovered"},
    [GROWS] = {"GROWS", COLUMN_NUMBER, 0, "times that memory was committed"},
    [NUMA] = {"NUMA", COLUMN_TEXT, 0, "placement asked for: local, interleave or bind"},
    [NUMA_NODES] = {"NUMA_NODES", COLUMN_NUMBER, 0, "node mask of that; 0 = all"},
    [NUMA_IN_FORCE] = {"NUMA_IN_FORCE", COLUMN_BOOL, 0, "whether this process can apply it"},
    [NUMA_WHY] = {"NUMA_WHY", COLUMN_TEXT, 0, "why it can, or cannot"},
    [NUMA_PLACED] = {"NUMA_PLACED", COLUMN_NUMBER, COLUMN_DETAIL, "mask of the nodes that pages are placed on; 0 = as the kernel likes"},
    [FLAGS] = {"FLAGS", COLUMN_TEXT, 0, "hugepages, prefault or none"},
    [HUGEPAGES] = {"HUGEPAGES", COLUMN_TEXT, 0, "what the kernel granted"},
    [BYTES_MAPPED] = {"BYTES_MAPPED", COLUMN_NUMBER, COLUMN_DETAIL, "mapped by this process, if hugepages or prefault were asked for"},
    [BYTES_HUGE] = {"BYTES_HUGE", COLUMN_NUMBER, COLUMN_DETAIL, "of that, by huge pages"},
    [READ_ONLY] = {"READ_ONLY", COLUMN_BOOL, COLUMN_ASKED, "this attachment; always for info"},
    {NULL, COLUMN_TEXT, 0, NULL},
};

static void show_identity(struct report *report, const char *name, const struct lfvec_stat *st)
{
    char text[64];
    report_text(report, NAME, name);
    report_text(report, UUID, text_uuid(text, sizeof text, st->uuid));
    report_time(report, CREATED, st->created);
    report_number(report, FORMAT_VERSION, st->format_version);
    report_hex(report, FEATURE_COMPAT, st->feature_compat);
    report_hex(report, FEATURE_INCOMPAT, st->feature_incompat);
    report_hex(report, FEATURE_RO_COMPAT, st->feature_ro_compat);
    snprintf(text, sizeof text, "%04o", st->mode);
    report_text(report, MODE, text);
    report_text(report, OWNER, text_user(text, sizeof text, st->uid));
    report_number(report, UID, st->uid);
    report_text(report, GROUP, text_group(text, sizeof text, st->gid));
    report_number(report, GID, st->gid);
}

static void show_elements(struct report *report, const struct lfvec_stat *st)
{
    report_bytes(report, ELEM_SIZE, st->elem_size);
    report_hex(report, ELEM_TAG, st->elem_tag);
    if (*st->elem_format)
        report_text(report, ELEM_FORMAT, st->elem_format);
    else
        report_none(report, ELEM_FORMAT);
    report_number(report, SIZE, st->size);
    report_number(report, CAPACITY, st->capacity);
    report_number(report, MAX_ELEMS, st->max_elems);
    report_number(report, VERSION, st->version);
}

static void show_memory(struct report *report, const struct lfvec_stat *st)
{
    report_bytes(report, BYTES_COMMITTED, st->bytes_committed);
    report_bytes(report, BYTES_FREE, st->bytes_free);
    report_bytes(report, MAX_BYTES, st->max_bytes);
    report_number(report, ELEMS_PER_LEAF, st->elems_per_leaf);
    report_bytes(report, LEAF_BYTES, st->leaf_bytes);
    report_bytes(report, SLAB_BYTES, st->slab_bytes);
    report_number(report, SLABS_MAX, st->slabs_max);
    report_number(report, SLABS_OWNED, st->slabs_owned);
    report_number(report, SLABS_UNOWNED, st->slabs_unowned);
    report_number(report, LEAVES_TOTAL, st->leaves_total);
    report_number(report, LEAVES_USED, st->leaves_used);
}

static void show_participants(struct report *report, const struct lfvec_stat *st)
{
    report_number(report, MAX_SLOTS, st->max_slots);
    report_number(report, SLOTS_FREE, st->slots_free);
    report_number(report, SLOTS_ALIVE, st->slots_alive);
    report_number(report, SLOTS_STOPPED, st->slots_stopped);
    report_number(report, SLOTS_DEAD, st->slots_dead);
    report_number(report, SLOTS_UNKNOWN, st->slots_unknown);
}

static void show_counters(struct report *report, const struct lfvec_stat *st)
{
    report_number(report, PUSHES, st->pushes);
    report_number(report, POPS, st->pops);
    report_number(report, SETS, st->sets);
    report_number(report, CLEARS, st->clears);
    report_number(report, CAS_RETRIES, st->cas_retries);
    report_number(report, HELPS, st->helps);
    report_number(report, RECOVERIES, st->recoveries);
    report_number(report, GROWS, st->grows);
}

static void show_placement(struct report *report, const struct lfvec_stat *st)
{
    bool huge = st->flags & LFVEC_HUGEPAGES, prefault = st->flags & LFVEC_PREFAULT;
    char text[160];
    report_text(report, NUMA, place_policy(st->numa));
    report_hex(report, NUMA_NODES, st->numa_nodes);
    report_bool(report, NUMA_IN_FORCE, st->numa_in_force);
    report_text(report, NUMA_WHY, place_why(st->numa_why));
    report_hex(report, NUMA_PLACED, st->numa_placed);
    report_text(report, FLAGS, huge ? prefault ? "hugepages,prefault" : "hugepages" : prefault ? "prefault" : "none");
    report_text(report, HUGEPAGES, place_huge(text, sizeof text, st));
    report_bytes(report, BYTES_MAPPED, st->bytes_mapped);
    report_bytes(report, BYTES_HUGE, st->bytes_huge);
    report_bool(report, READ_ONLY, st->read_only);
}

static void show(const struct call *call, const char *name, const struct lfvec_stat *st)
{
    struct report report;
    report_open(&report, call);
    report_row(&report);
    show_identity(&report, name, st);
    show_elements(&report, st);
    show_memory(&report, st);
    show_participants(&report, st);
    show_counters(&report, st);
    show_placement(&report, st);
    report_close(&report);
}

static int run(struct call *call)
{
    struct lfvec_stat st;
    int status = DONE;
    call_next(call);
    const char *name = call_name(call, 0, 0);
    lfvec_t *v = open_segment(name, LFVEC_RDONLY, &status);
    if (!v)
        return status;
    status = look_at(v, &st);
    if (status == DONE && st.flags & LFVEC_HUGEPAGES) /* of slabs, the first look has mapped what the second one tells of */
        status = look_at(v, &st);
    if (status == DONE)
        show(call, name, &st);
    if (status == DONE)
        status = judge_state(v);
    lfvec_detach(v);
    return status;
}

const struct command command_info = {
    .name = "info",
    .group = GROUP_LOOK,
    .operands = "/NAME",
    .summary = "tell everything about a segment",
    .example = PROGRAM " info --raw --noheadings -o SIZE,BYTES_COMMITTED /jobs",
    .columns = columns,
    .style = REPORT_FIELDS,
    .report = "segment",
    .run = run,
};
