/* test.cpp - see test.hpp. */
#include "test.hpp"

#include <lfvec.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct entry {
    const char *name;
    void (*run)();
};

static std::vector<entry> &list()
{
    static std::vector<entry> entries;
    return entries;
}

static std::vector<std::string> names;
static int failures; /* of the test that runs */

test::test(const char *name, void (*run)())
{
    list().push_back({name, run});
}

void check(bool holds, const char *what, const char *file, int line)
{
    if (holds)
        return;
    std::printf("  %s:%d: %s\n", file, line, what);
    failures++;
}

void check_throws(const std::function<void()> &call, std::errc code, const char *what, const char *file, int line)
{
    try {
        call();
    } catch (const lfvec::error &e) {
        if (e.code() != code)
            std::printf("  %s\n", e.what());
        check(e.code() == code, what, file, line);
        return;
    }
    check(false, what, file, line);
}

std::string new_name()
{
    names.push_back("/lfvec-test-" + std::to_string(getpid()) + "-cxx-" + std::to_string(names.size()));
    return names.back();
}

static void remove_names()
{
    for (const std::string &name : names)
        lfvec_unlink(name.c_str());
}

/* A test does not end by an exception, nor does a child. */
static void run_guarded(const std::function<void()> &run)
{
    try {
        run();
    } catch (const std::exception &e) {
        check(false, e.what(), "thrown", 0);
    }
}

pid_t spawn(const std::function<void()> &run)
{
    std::fflush(stdout);
    const pid_t child = fork();
    if (child)
        return child;
    failures = 0;
    run_guarded(run);
    std::fflush(stdout);
    _exit(failures ? 1 : 0);
}

bool ended_well(pid_t child)
{
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int allocations, allocations_left = -1;

void *operator new(std::size_t size)
{
    void *p = allocations_left ? std::malloc(size ? size : 1) : nullptr;
    if (!p)
        throw std::bad_alloc();
    allocations++;
    allocations_left -= allocations_left > 0;
    return p;
}

void operator delete(void *p) noexcept
{
    std::free(p);
}

void operator delete(void *p, std::size_t) noexcept
{
    std::free(p);
}

void stop_here()
{
    raise(SIGSTOP);
}

bool killed_where_it_stopped(pid_t child)
{
    int status = 0;
    if (child <= 0 || waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status))
        return false;
    kill(child, SIGKILL);
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status);
}

int main()
{
    int passed = 0, failed = 0;
    for (const entry &e : list()) {
        failures = 0;
        run_guarded(e.run);
        std::printf("%s - %s\n", failures ? "not ok" : "ok", e.name);
        (failures ? failed : passed)++;
    }
    remove_names();
    std::printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
