/* aim_tool.c - lfvec-shmctl as a victim: it looks at, audits and recovers the segment, by the user who runs the tests, on a terminal of its own. */
#include "aim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *arg[4]; /* "@" is the segment's name */
} commands[] = {
    {{"ps", "@"}},      {{"ps", "--json", "@"}}, {{"list"}},     {{"list", "--json"}}, {{"check", "@"}}, {{"check", "--json", "@"}},
    {{"recover", "@"}}, {{"info", "@"}},         {{"map", "@"}}, {{"export", "@"}},    {{"export"}},     {{"info", "--json", "@"}},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const char *program(void)
{
    static char path[4096];
    const char *build = getenv("LFVEC_BUILD");
    snprintf(path, sizeof path, "%s/lfvec-shmctl", build ? build : ".");
    return path;
}

bool tool_is_there(void)
{
    return access(program(), X_OK) == 0;
}

const char *tool_command(uint32_t command)
{
    static char text[128];
    text[0] = '\0';
    for (int i = 0; i < 4 && commands[command].arg[i]; i++) {
        strncat(text, i ? " " : "", sizeof text - strlen(text) - 1);
        strncat(text, commands[command].arg[i], sizeof text - strlen(text) - 1);
    }
    return text;
}

static void run(const struct tool *t, const char *name, const char *terminal) __attribute__((noreturn));
static void run(const struct tool *t, const char *name, const char *terminal)
{
    char *argv[6] = {(char *)(uintptr_t)program()};
    const int out = open(terminal, O_RDWR | O_NOCTTY), in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0)
        _exit(2);
    (void)dup2(in, STDIN_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(out, STDERR_FILENO);
    for (int i = 0; i < 4 && commands[t->command].arg[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)(strcmp(commands[t->command].arg[i], "@") ? commands[t->command].arg[i] : name);
    (void)setpgid(0, 0);
    (void)setenv("NO_COLOR", "1", 1); /* colours are the tool's own, and would be taken for the attacker's */
    (void)setenv("TERM", "dumb", 1);
    (void)setenv("ASAN_OPTIONS", "exitcode=99:detect_leaks=1", 1);
    (void)setenv("UBSAN_OPTIONS", "halt_on_error=1:exitcode=99:print_stacktrace=1", 1);
    (void)execv(argv[0], argv);
    _exit(2);
}

pid_t tool_start(struct tool *t, const char *name, struct rng *rng)
{
    char terminal[64];
    t->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    t->command = (uint32_t)rng_below(rng, COMMANDS);
    t->length = 0;
    if (aim_board->control == CONTROL_TERMINAL)
        t->said[t->length++] = '\033';
    if (t->terminal < 0 || grantpt(t->terminal) != 0 || unlockpt(t->terminal) != 0 ||
        ptsname_r(t->terminal, terminal, sizeof terminal) != 0)
        return -1;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0)
        run(t, name, terminal);
    return pid;
}

/* What is beyond the room is read, too, so that the tool comes to its end; of the text, the newest counts then. */
void tool_listen(struct tool *t)
{
    ssize_t n;
    do {
        if (t->length > sizeof t->said / 2)
            t->length = 0;
        n = read(t->terminal, t->said + t->length, sizeof t->said - t->length);
        t->length += n > 0 ? (size_t)n : 0;
    } while (n > 0);
}

/* A byte that a terminal obeys, in UTF-8 or alone: C0 but for ends of lines, DEL, C1, and what changes the direction of the text. */
static bool obeyed(const unsigned char *at, size_t left)
{
    if ((*at < ' ' && *at != '\n' && *at != '\r') || *at == 0x7f)
        return true;
    if (left > 1 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
        return true;
    if (left < 3 || at[0] != 0xe2)
        return false;
    return (at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xaa && at[2] <= 0xae))) ||
           (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

static const char *judge_text(const struct tool *t)
{
    static char text[160];
    for (size_t i = 0; i < t->length; i++) {
        const unsigned char *at = (const unsigned char *)t->said + i;
        if (!obeyed(at, t->length - i))
            continue;
        snprintf(text, sizeof text, "gives a terminal %02x %02x %02x to obey, after \"%.60s\"", at[0], i + 1 < t->length ? at[1] : 0,
                 i + 2 < t->length ? at[2] : 0, t->said + (i > 60 ? i - 60 : 0));
        return text;
    }
    return NULL;
}

const char *tool_judge(struct tool *t, int status, bool shown)
{
    static char text[80];
    tool_listen(t);
    close(t->terminal);
    if (WIFSIGNALED(status) || WEXITSTATUS(status) == 99)
        printf("# lfvec-shmctl said:\n%.*s\n", (int)t->length, t->said); /* a sanitizer's word */
    if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "was ended by signal %d", WTERMSIG(status));
        return text;
    }
    if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 1 && WEXITSTATUS(status) != 3) {
        snprintf(text, sizeof text, "ended with status %d", WEXITSTATUS(status));
        return text;
    }
    return shown ? judge_text(t) : NULL;
}
