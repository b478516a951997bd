/*
 * test.hpp - what the tests of lfvec.hpp share: a list of tests, checks that go on, children, names that are gone afterwards.
 *
 * Plain code rather than Check, so that a C++ compiler is all they need.
 */
#ifndef LFVEC_TESTS_CXX_TEST_HPP
#define LFVEC_TESTS_CXX_TEST_HPP

#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include <sys/types.h>

/* One test. Defining it puts it on the list. */
struct test {
    test(const char *name, void (*run)());
};

#define TEST(name)                                                                                                                         \
    static void name();                                                                                                                    \
    static const test name##_on_the_list(#name, name);                                                                                     \
    static void name()

/* Notes a failure, and goes on. */
void check(bool holds, const char *what, const char *file, int line);
#define CHECK(...) check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)

/* The call throws a std::system_error of that code. */
void check_throws(const std::function<void()> &call, std::errc code, const char *what, const char *file, int line);
#define CHECK_THROWS(code, ...) check_throws([&] { (void)(__VA_ARGS__); }, code, #__VA_ARGS__, __FILE__, __LINE__)

/* A name that nobody had before; the segment is removed when the test ends. */
std::string new_name();

/* Runs it in a child, whose exit status says whether its checks held. */
pid_t spawn(const std::function<void()> &run);

/* The child has ended, and its checks held. */
bool ended_well(pid_t child);

/* How often this program has asked for memory by new; how often it may yet, -1 being as often as it likes: beyond it, std::bad_alloc. */
extern int allocations, allocations_left;

/* Lets the child go as far as stopped(), and kills it there. */
void stop_here();
bool killed_where_it_stopped(pid_t child);

#endif
