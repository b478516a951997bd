/*
 * linetally - counts lines with processes that know each other only through one lfvec.
 *
 * N producers read text files and push a 64-byte record for every line; M consumers pop the records and tally them. The totals must be those
 * of one sequential pass and those of wc -lc, whoever is killed meanwhile: what died with the killed is reported, and the numbers add up.
 *
 * This file owns the command line, the report and the verdict. Exit status: 0 equal, 1 not, 2 usage.
 */
#include "linetally.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void complain(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fputs("linetally: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static const char help_text[] =
    "usage: linetally [OPTION]... [FILE|DIRECTORY]...\n"
    "Counts lines, bytes and a hash of text files by producer and consumer processes that share one lfvec, and compares the totals with a\n"
    "sequential pass and with wc -lc. Default: every readable regular file below /usr/share/doc and /usr/share/common-licenses.\n\n"
    "  -p, --producers N   processes that read and push (default 4)\n"
    "  -c, --consumers M   processes that pop and tally (default 4)\n"
    "  -n, --name /NAME    name of the segment (default /linetally-PID)\n"
    "  -k, --kill[=K]      kill K producers and K consumers in mid-run (default 1), and report what died with them\n"
    "  -s, --show COMMAND  in mid-run, in slow motion, run COMMAND with the name of the segment appended; may be repeated\n"
    "      --keep          leave the segment\n"
    "  -h, --help          this text\n\n"
    "Exit status: 0 the totals are equal, 1 they are not or the run failed, 2 usage.\n";

static int count_arg(const char *text, unsigned most, unsigned *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < 1 || value > most) {
        complain("'%s' is not a number from 1 to %u", text, most);
        return -1;
    }
    *out = (unsigned)value;
    return 0;
}

static int show_arg(struct options *o, const char *command)
{
    if (o->shows == SHOWS_MOST) {
        complain("--show: at most %d times", SHOWS_MOST);
        return -1;
    }
    o->show[o->shows++] = command;
    return 0;
}

enum { OPT_KEEP = 256 };

static const struct option long_options[] = {
    {"producers", required_argument, NULL, 'p'},
    {"consumers", required_argument, NULL, 'c'},
    {"name", required_argument, NULL, 'n'},
    {"kill", optional_argument, NULL, 'k'},
    {"show", required_argument, NULL, 's'},
    {"keep", no_argument, NULL, OPT_KEEP},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int take_option(struct options *o, int key)
{
    switch (key) {
    case 'p':
        return count_arg(optarg, SEATS_MOST, &o->producers);
    case 'c':
        return count_arg(optarg, SEATS_MOST, &o->consumers);
    case 'n':
        o->name = optarg;
        return 0;
    case 'k':
        return count_arg(optarg ? optarg : "1", 1000, &o->kills);
    case 's':
        return show_arg(o, optarg);
    case OPT_KEEP:
        o->keep = true;
        return 0;
    case 'h':
        fputs(help_text, stdout);
        exit(0);
    default:
        fputs("Try 'linetally --help'.\n", stderr);
        return -1;
    }
}

static void take_options(struct options *o, int argc, char **argv)
{
    int key;
    while ((key = getopt_long(argc, argv, "p:c:n:k::s:h", long_options, NULL)) != -1)
        if (take_option(o, key) != 0)
            exit(2);
}

static int take_files(struct file_list *files, char **operands)
{
    if (!*operands) {
        if (files_add(files, "/usr/share/doc", false) != 0 || files_add(files, "/usr/share/common-licenses", false) != 0)
            return -1;
    }
    for (; *operands; operands++)
        if (files_add(files, *operands, true) != 0)
            return -1;
    if (files->count && files->count < FILE_DONE)
        return 0;
    complain("no file to read");
    return -1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void print_sums(const char *name, const struct sums *s)
{
    printf("%-12s %12" PRIu64 " lines %14" PRIu64 " bytes  hash %016" PRIx64 "\n", name, s->lines, s->bytes, s->hash);
}

static bool same(const struct sums *a, const struct sums *b)
{
    return a->records == b->records && a->lines == b->lines && a->bytes == b->bytes && a->hash == b->hash;
}

static bool judge(const struct run *run, const struct sums *pass, const struct sums *wc)
{
    struct sums pushed = run_sums(run, PRODUCER), tallied = run_sums(run, CONSUMER), all = tallied;
    sums_join(&all, &run->lost);
    print_sums("sequential", pass);
    printf("%-12s %12" PRIu64 " lines %14" PRIu64 " bytes\n", "wc -lc", wc->lines, wc->bytes);
    print_sums("tallied", &tallied);
    if (run->killed[PRODUCER] || run->killed[CONSUMER])
        print_sums("lost", &run->lost);
    bool equal = same(&all, pass) && same(&pushed, pass) && wc->lines == pass->lines && wc->bytes == pass->bytes;
    if (run->lost.records)
        printf("%s: tallied + lost (%" PRIu64 " records with the killed consumers) and sequential and wc -lc\n",
               equal ? "equal" : "NOT EQUAL", run->lost.records);
    else
        printf("%s: tallied and sequential and wc -lc\n", equal ? "equal" : "NOT EQUAL");
    if (run->unknown)
        printf("%" PRIu64 " deaths left something that cannot be told\n", run->unknown);
    return equal && !run->unknown;
}

static bool count(const struct options *options, const struct file_list *files)
{
    struct run run = {.options = options, .files = files};
    struct sums pass = {0}, wc = {0};
    if (sums_sequential(&pass, files) != 0 || wc_files(&wc, files) != 0)
        return false;
    run.total = pass.records;
    if (run_open(&run) != 0) {
        run_close(&run);
        return false;
    }
    double start = now();
    printf("%zu files, %u producers, %u consumers, segment %s\n", files->count, options->producers, options->consumers, options->name);
    bool good = run_all(&run) == 0;
    double seconds = now() - start;
    good = good && judge(&run, &pass, &wc);
    if (run.killed[PRODUCER] < options->kills || run.killed[CONSUMER] < options->kills)
        printf("the run was too short for every kill: %u producers, %u consumers killed\n", run.killed[PRODUCER], run.killed[CONSUMER]);
    printf("%.2f s, %.2f million records a second\n", seconds, (double)pass.records / seconds * 1e-6);
    return run_close(&run) == 0 && good;
}

int main(int argc, char **argv)
{
    char name[64];
    snprintf(name, sizeof name, "/linetally-%d", (int)getpid());
    struct options options = {.producers = 4, .consumers = 4, .name = name};
    struct file_list files = {0};
    take_options(&options, argc, argv);
    bool good = take_files(&files, argv + optind) == 0 && count(&options, &files);
    files_free(&files);
    return good ? 0 : 1;
}
