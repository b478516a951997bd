/*
 * shmctl_call.c - one command line: getopt_long() arrays and the help text are both made from the command's tables, so that neither
 * can know an option that the other does not.
 */
#include "shmctl.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_NOHEADINGS = OPT_COMMON, OPT_DRY_RUN };

static const struct opt report_options[] = {
    {'J', "json", NULL, "print JSON"},
    {'r', "raw", NULL, "print for programs: no padding, blanks escaped, numbers in full"},
    {OPT_NOHEADINGS, "noheadings", NULL, "print no headings"},
    {'o', "output", "COLUMNS", "print these columns, separated by commas; +COLUMNS adds to the usual ones"},
    {'b', "bytes", NULL, "print sizes in bytes, times in seconds since 1970"},
    {0, NULL, NULL, NULL},
};

static const struct opt ask_options[] = {
    {'y', "yes", NULL, "do not ask"},
    {OPT_DRY_RUN, "dry-run", NULL, "only say what would be done"},
    {'f', "force", NULL, "go on although others might still use it"},
    {0, NULL, NULL, NULL},
};

static const struct opt help_options[] = {
    {'h', "help", NULL, "print this"},
    {0, NULL, NULL, NULL},
};

struct options {
    struct option longs[MAX_OPTIONS];
    char shorts[2 * MAX_OPTIONS + 2];
    size_t nlongs, nshorts;
};

static void add_options(struct options *all, const struct opt *opts)
{
    for (; opts && opts->key && all->nlongs < MAX_OPTIONS - 1; opts++) {
        all->longs[all->nlongs++] = (struct option){opts->name, opts->arg ? required_argument : no_argument, NULL, opts->key};
        if (opts->key >= LONG_ONLY)
            continue;
        all->shorts[all->nshorts++] = (char)opts->key;
        if (opts->arg)
            all->shorts[all->nshorts++] = ':';
    }
}

static const struct opt *report_options_of(const struct command *command)
{
    return command->style == REPORT_NONE ? NULL : report_options;
}

static const struct opt *ask_options_of(const struct command *command)
{
    return command->flags & COMMAND_ASKS ? ask_options : NULL;
}

static void gather_options(struct options *all, const struct command *command)
{
    memset(all, 0, sizeof *all);
    all->shorts[all->nshorts++] = ':'; /* a missing argument is ':', an unknown option '?' */
    add_options(all, command->options);
    add_options(all, ask_options_of(command));
    add_options(all, report_options_of(command));
    add_options(all, help_options);
}

/* ---- help ---- */

static void help_option(const struct opt *opt, FILE *out)
{
    char left[64];
    char letter[8] = "    ";
    if (opt->key < LONG_ONLY)
        snprintf(letter, sizeof letter, "-%c, ", opt->key);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, opt->name, opt->arg ? " " : "", opt->arg ? opt->arg : "");
    fprintf(out, "  %-26s %s\n", left, opt->help);
}

static void help_options_of(const struct command *command, FILE *out)
{
    const struct opt *const lists[] = {command->options, ask_options_of(command), report_options_of(command), help_options};
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (const struct opt *opt = lists[i]; opt && opt->key; opt++)
            help_option(opt, out);
}

static void help_columns(const char *heading, const struct column *columns, FILE *out)
{
    if (!columns)
        return;
    fprintf(out, "\n%s (* only in JSON or with -o):\n", heading);
    for (; columns->name; columns++)
        fprintf(out, "  %c %-22s %s\n", columns->flags ? '*' : ' ', columns->name, columns->help);
}

void call_help(const struct command *command, FILE *out)
{
    fprintf(out, "Usage: " PROGRAM " %s [options]%s%s\n", command->name, *command->operands ? " " : "", command->operands);
    fprintf(out, "%c%s.\n", toupper(*command->summary), command->summary + 1);
    if (command->details)
        fprintf(out, "%s\n", command->details);
    help_options_of(command, out);
    help_columns("Columns", command->columns, out);
    help_columns("Columns of parts, one row each", command->parts, out);
    help_columns("Columns of slots, one row each", command->slots, out);
    fprintf(out, "\nExample:\n  %s\n", command->example);
}

/* ---- one call ---- */

void call_usage(const struct call *call, const char *format, ...)
{
    char text[1200];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    exit(complain(USAGE, call->command->name, "%s; see " PROGRAM " %s --help", text, call->command->name));
}

static void set_columns(struct call *call, const char *list)
{
    char known[1000];
    const char *bad = report_bad_column(call->command, list);
    if (bad)
        call_usage(call, "there is no column \"%s\", but %s", bad, report_known_columns(call->command, known, sizeof known));
    call->columns = list;
}

/* True if key was one of the options that many commands have. */
static bool common_option(struct call *call, int key)
{
    bool asks = call->command->flags & COMMAND_ASKS;
    bool reports = call->command->style != REPORT_NONE;
    switch (key) {
    case 'h':
        call_help(call->command, stdout);
        exit(written(DONE));
    case 'y':
        return asks && (call->yes = true);
    case 'f':
        return asks && (call->force = true);
    case OPT_DRY_RUN:
        return call->dry_run = true;
    case 'J':
        return reports && (call->json = true);
    case 'r':
        return reports && (call->raw = true);
    case 'b':
        return reports && (call->bytes = true);
    case OPT_NOHEADINGS:
        return call->noheadings = true;
    case 'o':
        if (reports)
            set_columns(call, optarg);
        return reports;
    default:
        return false;
    }
}

static _Noreturn void bad_option(const struct call *call, int key)
{
    const char *word = call->argv[optind - 1];
    if (key == ':')
        call_usage(call, "option %s needs an argument", word);
    if (optopt > 0 && optopt < LONG_ONLY && strncmp(word, "--", 2) != 0)
        call_usage(call, "unknown option -%c (values that begin with - come after --)", optopt);
    call_usage(call, optopt ? "option %s takes no argument" : "unknown option %s", word);
}

int call_next(struct call *call)
{
    struct options *all = call->getopt;
    for (;;) {
        int key = getopt_long(call->argc, call->argv, all->shorts, all->longs, NULL);
        if (key == -1)
            break;
        if (key == '?' || key == ':')
            bad_option(call, key);
        if (!common_option(call, key))
            return key;
    }
    call->argc -= optind;
    call->argv += optind;
    return 0;
}

const char *call_name(struct call *call, int min, int max)
{
    if (call->argc == 0)
        call_usage(call, "which segment? Expected: %s", call->command->operands);
    const char *name = *call->argv++;
    const char *fault = name_fault(name);
    call->argc--;
    if (fault) {
        complain(USAGE, *name ? name : "\"\"", "%s", fault);
        exit(USAGE);
    }
    if (call->argc < min || call->argc > max)
        call_usage(call, "too %s operands. Expected: %s", call->argc < min ? "few" : "many", call->command->operands);
    return name;
}

/* `units`: what may be behind the number. */
static uint64_t within(const struct call *call, const char *what, const char *text, const char *units, bool parsed, uint64_t value,
                       const uint64_t range[2])
{
    if (!parsed)
        call_usage(call, "%s: \"%s\" is not a number from %llu to %llu%s", what, text, (unsigned long long)range[0],
                   (unsigned long long)range[1], units);
    if (value < range[0] || value > range[1])
        call_usage(call, "%s: %s is outside %llu to %llu", what, text, (unsigned long long)range[0], (unsigned long long)range[1]);
    return value;
}

uint64_t call_number(const struct call *call, const char *what, const char *text, uint64_t min, uint64_t max)
{
    uint64_t value = 0;
    bool parsed = parse_number(text, &value);
    return within(call, what, text, "", parsed, value, (const uint64_t[2]){min, max});
}

uint64_t call_bytes(const struct call *call, const char *what, const char *text, uint64_t min, uint64_t max)
{
    uint64_t value = 0;
    bool parsed = parse_bytes(text, &value);
    return within(call, what, text, ", which may end in K, M, G or T", parsed, value, (const uint64_t[2]){min, max});
}

uint64_t call_seconds(const struct call *call, const char *what, const char *text)
{
    uint64_t ns = 0;
    if (!parse_seconds(text, &ns))
        call_usage(call, "%s: \"%s\" is no time such as 2, 0.5, 250ms, 5m or 1h", what, text);
    return ns;
}

int call_run(const struct command *command, int argc, char **argv)
{
    struct options all;
    struct call call = {.command = command, .argc = argc, .argv = argv, .getopt = &all};
    gather_options(&all, command);
    opterr = 0; /* the messages are ours */
    return command->run(&call);
}
