/*
 * shmctl.c - the lfvec-shmctl program: the table of commands, the help about all of them, and the way to one.
 *
 * A new command is a file shmctl_NAME.c that exports a struct command, a line in shmctl.h, and a line in the table here.
 */
#include <config.h>

#include "shmctl.h"

#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_list, &command_info,    &command_ps,    &command_dump, &command_check,   &command_wait,   &command_watch, &command_numa,
    &command_map,  &command_export,  &command_push,  &command_pop,  &command_get,     &command_set,    &command_cas,   &command_add,
    &command_load, &command_recover, &command_reset, &command_trim, &command_reserve, &command_create, &command_rm,
};

static const char *const group_titles[GROUPS] = {
    [GROUP_LOOK] = "Looking (read-only, takes no slot)",
    [GROUP_ELEMENTS] = "Elements",
    [GROUP_CARE] = "Care",
    [GROUP_LIFE] = "Life of a segment",
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void help(FILE *out)
{
    fprintf(out, "Usage: " PROGRAM " COMMAND [options] [/NAME] ...\n"
                 "Looks at and looks after lfvec vectors in shared memory.\n");
    for (int group = 0; group < GROUPS; group++) {
        fprintf(out, "\n%s:\n", group_titles[group]);
        for (size_t i = 0; i < COMMANDS; i++)
            if (commands[i]->group == (enum command_group)group)
                fprintf(out, "  %-9s %-28s %s\n", commands[i]->name, commands[i]->operands, commands[i]->summary);
    }
    fputs("\n" PROGRAM " COMMAND --help tells the options and gives an example; " PROGRAM " --version the version.\n"
          "Exit status: 0 sound or done, 1 a fault was found or the answer is no, 2 usage, 3 could not look.\n",
          out);
}

static int help_on(const char *name)
{
    const struct command *command = name ? find_command(name) : NULL;
    if (name && !command)
        return complain(USAGE, *name ? name : "\"\"", "no such command; " PROGRAM " --help lists them");
    if (command)
        call_help(command, stdout);
    else
        help(stdout);
    return DONE;
}

static int version(void)
{
    puts(PROGRAM " " PACKAGE_VERSION);
    return DONE;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return help_on(argv[2]);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return version();
    const struct command *command = find_command(argv[1]);
    if (!command)
        return help_on(argv[1]);
    return call_run(command, argc - 1, argv + 1);
}

/*
 * A standard descriptor that is closed would be the number of the next thing opened: a segment, which would then be read as input, or
 * overwritten by a report. What takes its place cannot be used, so that the use of it is an error as before.
 */
static void keep_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            exit(BLIND);
}

int main(int argc, char **argv)
{
    keep_descriptors();
    setlocale(LC_CTYPE, ""); /* widths of characters; numbers stay in the C locale */
    return written(dispatch(argc, argv));
}
