/* aim_file.c - attacks on the object, on its header, and on what people are shown of it. */
#include "aim.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Any byte of it; who has it open has a copy. */
void attack_header(struct forge *f)
{
    const uint64_t off = 8 + 8 * rng_below(&f->rng, sizeof f->h / 8 - 1);
    forge_put_64(f, off, rng_below(&f->rng, 4) ? forge_any(f) : forge_64(f, off) ^ UINT64_C(1) << rng_below(&f->rng, 64));
}

/*
 * A header that contradicts the segment, and whose checksum is right. Between two stores it is neither, which is the victims' lot as well; half
 * of the time it is the true one.
 */
void attack_header_crc(struct forge *f)
{
    enum { FROM = offsetof(struct shm_header, format_version), TO = offsetof(struct shm_header, crc32) };
    struct shm_header h = f->h;
    uint32_t word;
    unsigned char *bytes = (unsigned char *)&h;
    if (rng_below(&f->rng, 2)) {
        const uint64_t at = FROM + 4 * rng_below(&f->rng, (TO - FROM) / 4);
        memcpy(&word, bytes + at, sizeof word);
        word = rng_below(&f->rng, 2) ? (uint32_t)forge_any(f) : rng_below(&f->rng, 2) ? word * 2 : word / 2;
        memcpy(bytes + at, &word, sizeof word);
    }
    h.crc32 = (uint32_t)crc32(0, bytes + FROM, TO - FROM);
    for (uint32_t at = FROM; at <= TO; at += 4) {
        memcpy(&word, bytes + at, sizeof word);
        forge_put_32(f, at, word);
    }
    usleep((useconds_t)rng_below(&f->rng, 2000)); /* so that it can be opened */
}

void attack_magic(struct forge *f)
{
    static const uint64_t magic[] = {SHM_MAGIC_READY, SHM_MAGIC_CREATING, 0};
    forge_put_64(f, 0, rng_below(&f->rng, 8) ? magic[rng_below(&f->rng, 3)] : forge_any(f));
    usleep((useconds_t)rng_below(&f->rng, 200)); /* each value for a while, so that opens see it */
}

/* Longer, never shorter: to cut a part off that is in use is the one thing that a bus error is documented for. */
void attack_longer(struct forge *f)
{
    const uint64_t bytes = forge_bytes(f);
    if (bytes < f->h.max_bytes * 4 && ftruncate(f->fd, (off_t)(bytes + 1 + rng_below(&f->rng, 3 * f->h.slab_bytes))) != 0)
        abort();
    usleep(1000); /* the object grows by steps, through all of the round */
}

/* ---- under other names ------------------------------------------------------------------------------------------------------------------- */

/* Another's object beside it, with a lease on it: the kernel has everybody wait who opens it, most of a minute, unless he says that he will not. */
void attack_file_lease(struct forge *f)
{
    static int fd = -1; /* the end of this process closes it, or its next round */
    char name[128];
    if (!f->turn++) {
        (void)signal(SIGIO, SIG_IGN); /* somebody waits */
        snprintf(name, sizeof name, "%s-lease", f->name);
        close(fd);
        fd = shm_open(name, O_RDWR | O_CREAT, 0600);
        if (fd < 0 || ftruncate(fd, SHM_PAGE) != 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0)
            abort();
    }
    usleep(10000); /* the lease is all there is to do; the round goes on beside it */
}

/* For a moment the name is that of a FIFO, whose other end nobody opens. */
void attack_fifo(struct forge *f)
{
    char here[128], away[128];
    snprintf(here, sizeof here, "/dev/shm%s", f->name);
    snprintf(away, sizeof away, "/dev/shm%s-away", f->name);
    if (rename(here, away) != 0)
        return;
    (void)mkfifo(here, 0600);
    for (uint64_t n = rng_below(&f->rng, 20000); n; n--)
        atomic_signal_fence(memory_order_seq_cst);
    if (rename(away, here) != 0)
        abort();
    usleep((useconds_t)rng_below(&f->rng, 100)); /* the segment is back for a moment, so that there are opens that succeed */
}

/* ---- what people are shown --------------------------------------------------------------------------------------------------------------- */

static void put_names(struct forge *f, const char *const *names, uint32_t count)
{
    char name[SHM_NAME_BYTES];
    const uint64_t at = forge_slot(f) + offsetof(struct shm_slot, name);
    memset(name, 'x', sizeof name); /* without an end, too */
    const char *from = names[rng_below(&f->rng, count)];
    memcpy(name, from, strlen(from) + rng_below(&f->rng, 2));
    for (uint32_t i = 0; i < SHM_NAME_BYTES; i += 8) {
        uint64_t word;
        memcpy(&word, name + i, sizeof word);
        forge_put_64(f, at + i, word);
    }
    usleep(100); /* a name has to stay for as long as it takes to show it */
}

void attack_names(struct forge *f)
{
    static const char *const names[] = {"\033[2J\033]0;owned\007", "\a\b\r\n\t\v\f\033c", "\177\033[31m", "\"},{\"pid\":0",
                                        "\033]52;c;aGk=\a"};
    put_names(f, names, sizeof names / sizeof *names);
}

void attack_names_c1(struct forge *f)
{
    static const char *const names[] = {"\302\233"
                                        "2J",
                                        "\302\235"
                                        "0;owned\302\234",
                                        "\342\200\256"
                                        "drawkcab",
                                        "\342\201\246"
                                        "x\342\201\251",
                                        "\233"
                                        "31m",
                                        "\355\240\200",
                                        "\360\237"};
    put_names(f, names, sizeof names / sizeof *names);
}
