/*
 * shmctl_screen.c - the terminal as a whole: the only file that knows ncurses. For watch.
 *
 * The terminal is put back however the program ends: by return, by exit() from anywhere, or by a signal that would end it. Of such a signal
 * the handler only takes note; whoever waits for a key hears of it, and screen_close() ends the program by it, as its parent expects.
 */
#include "shmctl.h"
#include "shmctl_screen.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>

static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2};
enum { ENDING = sizeof ending / sizeof ending[0] };

static volatile sig_atomic_t ended_by;
static SCREEN *terminal;
static sigset_t before;
static int next_row;

/* ---- signals ---- */

static void take_note(int signal)
{
    ended_by = signal;
}

/* They are blocked except while a key is waited for, so none comes between the look at ended_by and the wait. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = take_note}, former;
    sigset_t block;
    sigemptyset(&block);
    for (int i = 0; i < ENDING; i++) {
        sigaddset(&block, ending[i]);
        if (sigaction(ending[i], NULL, &former) == 0 && former.sa_handler != SIG_IGN)
            sigaction(ending[i], &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &block, &before);
}

static void end_by_signal(void)
{
    signal(ended_by, SIG_DFL);
    raise(ended_by);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, ended_by);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
}

/* ---- the terminal ---- */

static void restore(void)
{
    if (terminal && !isendwin())
        endwin();
}

bool screen_open(void)
{
    int unknown;
    if (setupterm(NULL, STDOUT_FILENO, &unknown) != OK || !tigetstr("cup") || tigetstr("cup") == (char *)-1)
        return false;
    catch_signals();
    terminal = newterm(NULL, stdout, stdin);
    if (!terminal)
        return false;
    atexit(restore);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    leaveok(stdscr, TRUE);
    curs_set(0);
    return true;
}

void screen_close(void)
{
    restore();
    if (ended_by)
        end_by_signal();
}

bool screen_draws_blocks(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int screen_columns(void)
{
    return COLS;
}

/* ---- what is on it ---- */

void screen_begin(void)
{
    next_row = 0;
}

/* A line that is too long goes on in the next row, and is overwritten by the next line. */
static void put_line(const char *text, enum screen_style style)
{
    attr_t attr = style == SCREEN_TITLE ? A_REVERSE : style == SCREEN_HEADING ? A_BOLD : A_NORMAL;
    move(next_row++, 0);
    attrset((int)attr);
    addstr(text);
    for (int y = getcury(stdscr); style == SCREEN_TITLE && y == next_row - 1 && getcurx(stdscr) < COLS - 1;)
        addch(' ');
    attrset(A_NORMAL);
    if (getcury(stdscr) == next_row - 1)
        clrtoeol();
}

int screen_room(void)
{
    return LINES - 1 > next_row ? LINES - 1 - next_row : 0;
}

void screen_line(const char *text, enum screen_style style)
{
    if (screen_room() > 0)
        put_line(text, style);
}

void screen_end(const char *last)
{
    while (screen_room() > 0)
        put_line("", SCREEN_PLAIN);
    put_line(last, SCREEN_TITLE);
    refresh();
}

/* ---- keys ---- */

/* Waits for input: 1, 0 when the time has come or the window has changed, -1 when a signal or a hang-up ends it. */
static int wait_for_input(uint64_t until)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    uint64_t now = clock_now(), left = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
    int n = ended_by ? -1 : ppoll(&input, 1, &timeout, &before);
    if (ended_by || (n < 0 && errno != EINTR))
        return -1;
    if (n > 0)
        return input.revents & (POLLHUP | POLLERR | POLLNVAL) ? -1 : 1;
    return 0;
}

static int plain_key(int key)
{
    switch (key) {
    case KEY_UP:
        return 'k';
    case KEY_DOWN:
        return 'j';
    case KEY_NPAGE:
        return ' ';
    case KEY_PPAGE:
        return 'b';
    case 3: /* Ctrl-C and Ctrl-D, where they make no signal */
    case 4:
        return 'q';
    default:
        return key;
    }
}

int screen_key(uint64_t until)
{
    int ready = wait_for_input(until);
    if (ready < 0)
        return SCREEN_END;
    int key = getch();
    if (key == KEY_RESIZE) {
        clear();
        return SCREEN_RESIZED;
    }
    if (key == ERR)
        return ready ? SCREEN_END : SCREEN_TIME; /* input without a character is the end of it */
    return plain_key(key);
}
