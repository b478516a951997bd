/* take.cpp - in C++: takes what put.c appended, the newest first, and removes the segment. */
#include "reading.h"

#include <iostream>
#include <lfvec.hpp>

template <> struct lfvec::elem_tag<reading> : std::integral_constant<std::uint64_t, READING_TAG> {
};

template <> struct lfvec::format_of<reading> {
    static constexpr std::string_view value = READING_FORMAT;
};

static int take(const char *name)
{
    auto readings = lfvec::vector<reading>::open(name);
    while (const std::optional<reading> r = readings.pop_back())
        std::cout << r->sensor << ": " << r->value << '\n';
    lfvec::unlink(name);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " /NAME\n";
        return 2;
    }
    try {
        return take(argv[1]);
    } catch (const std::exception &e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
}
