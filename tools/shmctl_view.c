/*
 * shmctl_view.c - watch on the whole terminal: figures, the history of the size, participants, and the keys.
 */
#include "shmctl_screen.h"
#include "shmctl_watch.h"

#include <stdlib.h>
#include <string.h>

static void draw_title(const struct watch *watch)
{
    char line[1200], seconds[24], *name = text_exact(lfvec_name(watch->v));
    const char *note = lfvec_is_current(watch->v) == 0 ? "   REMOVED, or replaced by another segment" : watch->paused ? "   PAUSED" : "";
    text_seconds(seconds, sizeof seconds, watch->interval);
    snprintf(line, sizeof line, " %s   every %s s   by %s%s%s", name, seconds, watch_sorts[watch->sort],
             watch->reverse ? ", least first" : "", note);
    screen_line(line, SCREEN_TITLE);
    free(name);
}

static void draw_figures(const struct watch *watch)
{
    const struct lfvec_stat *st = &watch->last.st;
    struct rates all = watch_totals(watch);
    char line[240], used[16], left[16], rate[5][24];
    const uint64_t counts[5] = {all.push, all.pop, all.set, all.retry, all.help};
    for (int i = 0; i < 5; i++)
        text_rate(rate[i], sizeof rate[i], watch_per_second(watch, counts[i]));
    snprintf(line, sizeof line, "push %s/s  pop %s/s  get not counted  set %s/s  retries %s/s  helps %s/s", rate[0], rate[1], rate[2],
             rate[3], rate[4]);
    screen_line(line, SCREEN_HEADING);
    snprintf(line, sizeof line, "elements %llu, room for %llu   memory %s, %s free   version %llu", (unsigned long long)st->size,
             (unsigned long long)st->capacity, text_bytes(used, sizeof used, st->bytes_committed),
             text_bytes(left, sizeof left, st->bytes_free), (unsigned long long)st->version);
    screen_line(line, SCREEN_PLAIN);
    snprintf(line, sizeof line, "participants %u alive, %u stopped, %u dead, %u unknown; %u slots free", st->slots_alive, st->slots_stopped,
             st->slots_dead, st->slots_unknown, st->slots_free);
    screen_line(line, SCREEN_PLAIN);
}

static void remember(struct watch *watch)
{
    watch->history[watch->seen++ % HISTORY] = watch->last.st.size;
}

/* The newest sizes on the right, the least at the bottom and the most at the top. */
static void draw_history(const struct watch *watch)
{
    static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const letters[] = {"_", ".", "-", "=", "+", "*", "%", "#"};
    char line[4 * HISTORY], *to = line;
    uint64_t count = watch->seen < HISTORY ? watch->seen : HISTORY, least = UINT64_MAX, most = 0;
    count = count < (uint64_t)screen_columns() ? count : (uint64_t)screen_columns();
    for (uint64_t i = watch->seen - count; i < watch->seen; i++) {
        uint64_t size = watch->history[i % HISTORY];
        least = size < least ? size : least;
        most = size > most ? size : most;
    }
    snprintf(line, sizeof line, "size of the last %llu looks: %llu to %llu", (unsigned long long)count, (unsigned long long)least,
             (unsigned long long)most);
    screen_line(line, SCREEN_PLAIN);
    for (uint64_t i = watch->seen - count; i < watch->seen; i++) {
        uint64_t above = watch->history[i % HISTORY] - least, range = most - least;
        int level = range ? (int)((double)above * 7 / (double)range + 0.5) : 3;
        to = stpcpy(to, screen_draws_blocks() ? blocks[level] : letters[level]);
    }
    *to = '\0';
    screen_line(line, SCREEN_PLAIN);
}

static void scroll_within(struct watch *watch, uint32_t room)
{
    uint32_t most = watch->count > room ? watch->count - room : 0;
    watch->top = watch->top < most ? watch->top : most;
}

/* The table as it is printed elsewhere, line by line: its heading, and as many rows as there is room for. */
static void draw_rows(struct watch *watch)
{
    struct report report;
    int room = screen_room();
    watch_open_rows(watch, &report);
    char *text = report_close_text(&report), *rest = text;
    scroll_within(watch, room > 1 ? (uint32_t)room - 1 : 1);
    for (uint32_t i = 0; rest && *rest && room > 0; i++) {
        char *line = strsep(&rest, "\n");
        if (i > 0 && i <= watch->top)
            continue;
        screen_line(line, i ? SCREEN_PLAIN : SCREEN_HEADING);
        room--;
    }
    free(text);
}

static void draw(struct watch *watch)
{
    screen_begin();
    draw_title(watch);
    draw_figures(watch);
    draw_history(watch);
    screen_line("", SCREEN_PLAIN);
    draw_rows(watch);
    screen_end(" q quit  p pause  s sort  r reverse  + - interval  up down scroll");
}

static void change_interval(struct watch *watch, bool longer)
{
    const uint64_t ms = 1000000;
    uint64_t interval = longer ? watch->interval * 2 : watch->interval / 2;
    if (interval >= 20 * ms && interval <= 3600000 * ms)
        watch->interval = interval;
}

/* False: the end. */
static bool obey(struct watch *watch, int key)
{
    switch (key) {
    case 'p':
        watch->paused = !watch->paused;
        break;
    case 's':
        watch->sort = (watch->sort + 1) % SORTS;
        watch->top = 0;
        break;
    case 'r':
        watch->reverse = !watch->reverse;
        watch->top = 0;
        break;
    case '+':
    case '-':
        change_interval(watch, key == '+');
        break;
    case 'j':
        watch->top++;
        break;
    case 'k':
        watch->top -= watch->top > 0;
        break;
    case ' ':
        watch->top += 10;
        break;
    case 'b':
        watch->top -= watch->top < 10 ? watch->top : 10;
        break;
    case 'q':
    case SCREEN_END:
        return false;
    default:
        break;
    }
    return true;
}

static int look_again(struct watch *watch)
{
    struct look oldest = watch->former;
    watch->former = watch->last;
    watch->last = oldest;
    int status = watch_look(watch, &watch->last);
    if (status == DONE)
        remember(watch);
    return status;
}

static int watch_keys(struct watch *watch)
{
    for (;;) {
        uint64_t next = watch->last.at + watch->interval;
        watch_sort(watch);
        draw(watch);
        int key = screen_key(watch->paused ? UINT64_MAX : next);
        if (!obey(watch, key))
            return DONE;
        int status = !watch->paused && clock_now() >= watch->last.at + watch->interval ? look_again(watch) : DONE;
        if (status != DONE)
            return status;
    }
}

int watch_screen(struct watch *watch)
{
    int status = watch_look(watch, &watch->last);
    if (status != DONE)
        return status;
    if (!screen_open())
        return complain(BLIND, lfvec_name(watch->v),
                        "the terminal \"%s\" is not known here, or cannot place its cursor; set TERM, or use --once", getenv("TERM") ?: "");
    remember(watch);
    status = watch_keys(watch);
    screen_close();
    return status;
}
