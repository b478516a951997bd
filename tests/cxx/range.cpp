/* range.cpp - lfvec.hpp as a range: iterators, what takes ranges and what returns them, alone and beside other processes. */
#include "test.hpp"

#include <lfvec.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <list>
#include <new>
#include <numeric>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#if __cplusplus >= 202002L
#include <ranges>
#endif

using numbers = lfvec::vector<std::uint64_t>;

struct job {
    std::uint64_t id;
    char host[8];
};

static_assert(std::is_aggregate_v<lfvec::options>);
static_assert(std::is_same_v<std::iterator_traits<numbers::iterator>::reference, std::uint64_t>);
static_assert(std::is_same_v<decltype(*std::declval<lfvec::vector<job>>().begin()), const job>);
static_assert(std::is_nothrow_copy_constructible_v<numbers::iterator> && std::is_trivially_copyable_v<numbers::iterator>);
#if __cplusplus >= 202002L
static_assert(std::random_access_iterator<numbers::iterator> && std::random_access_iterator<lfvec::vector<job>::iterator>);
static_assert(std::ranges::random_access_range<const numbers> && std::ranges::sized_range<numbers> && std::ranges::common_range<numbers>);
static_assert(!std::contiguous_iterator<numbers::iterator> && !std::ranges::borrowed_range<numbers>);
static_assert(!std::indirectly_writable<numbers::iterator, std::uint64_t> && !std::indirectly_writable<lfvec::vector<job>::iterator, job>);
#endif

static numbers up_to(std::uint64_t n)
{
    std::vector<std::uint64_t> all(n);
    std::iota(all.begin(), all.end(), 0);
    numbers v = numbers::create(new_name());
    CHECK(v.push_n(all).count == n);
    return v;
}

static bool out_of_range(const std::function<void()> &call)
{
    try {
        call();
    } catch (const std::out_of_range &) {
        return true;
    }
    return false;
}

/* ---- iterators ------------------------------------------------------------------------------------------------------------------------------ */
TEST(iterator)
{
    const numbers v = up_to(10);
    auto it = v.begin();
    CHECK(*it == 0 && *++it == 1 && *it++ == 1 && *it == 2 && *--it == 1 && *it-- == 1 && it == v.begin());
    CHECK(*(it + 7) == 7 && *(3 + it) == 3 && *(v.end() - 1) == 9 && it[4] == 4 && v.end()[-2] == 8);
    it += 5;
    CHECK(it - v.begin() == 5 && v.begin() - it == -5 && v.end() - v.begin() == 10 && it.index() == 5);
    it -= 2;
    CHECK(*it == 3 && it < v.end() && it <= it && it > v.begin() && it >= it && it != v.end() && !(it != it));
    CHECK(v.cbegin() == v.begin() && v.cend() == v.end() && numbers::iterator() == numbers::const_iterator());
    CHECK(*v.rbegin() == 9 && *(v.rend() - 1) == 0 && std::equal(v.rbegin(), v.rend(), v.snapshot().rbegin()));
    CHECK(out_of_range([&] { (void)*v.end(); }) && out_of_range([&] { (void)*(v.begin() - 1); }));
    CHECK_THROWS(std::errc::invalid_argument, *numbers::iterator());
    CHECK(numbers().begin() == numbers().end());
}

TEST(iterator_of_structs)
{
    lfvec::vector<job> v(new_name());
    CHECK(v.begin() == v.end());
    v.push_back({7, "here"});
    v.push_back({8, "there"});
    CHECK(v.begin()->id == 7 && (*v.begin()).id == 7 && v.begin()[1].id == 8 && std::string(v.rbegin()->host) == "there");
    std::uint64_t sum = 0;
    for (const job &j : v)
        sum += j.id;
    for (const auto &[id, host] : v)
        sum += id + static_cast<std::uint64_t>(host[0]);
    CHECK(sum == 30 + 'h' + 't');
}

TEST(algorithms)
{
    const numbers v = up_to(1000);
    CHECK(std::accumulate(v.begin(), v.end(), UINT64_C(0)) == 499500 && std::is_sorted(v.begin(), v.end()));
    CHECK(std::distance(v.begin(), v.end()) == 1000 && *std::next(v.begin(), 5) == 5 && *std::prev(v.end()) == 999);
    CHECK(std::lower_bound(v.begin(), v.end(), 333) - v.begin() == 333 && std::binary_search(v.begin(), v.end(), 7));
    CHECK(*std::max_element(v.begin(), v.end()) == 999 && *std::find(v.begin(), v.end(), 12) == 12);
    CHECK(std::count_if(v.begin(), v.end(), [](std::uint64_t x) { return x % 2; }) == 500 &&
          std::find(v.begin(), v.end(), 1000) == v.end());
    CHECK(std::vector<std::uint64_t>(v.begin(), v.end()) == v.snapshot() && std::set<std::uint64_t>(v.begin(), v.end()).size() == 1000);
}

#if __cplusplus >= 202002L
TEST(ranges)
{
    const numbers v = up_to(1000);
    CHECK(std::ranges::find(v, 12u).index() == 12 && std::ranges::lower_bound(v, 333u) - v.begin() == 333);
    CHECK(std::ranges::is_sorted(v) && std::ranges::max(v) == 999 && std::ranges::distance(v) == 1000 && std::ranges::size(v) == 1000);
    CHECK(std::ranges::equal(v, v.snapshot()));
#if !defined __clang__ || __clang_major__ >= 16 /* before, clang cannot compile the views of libstdc++, whatever their range */
    numbers w(new_name());
    CHECK(w.push_n(std::views::iota(UINT64_C(0), UINT64_C(1000))).count == 1000 && std::ranges::equal(v, w));
    auto odd = v | std::views::filter([](std::uint64_t x) { return x % 2; }) | std::views::take(3);
    CHECK(std::ranges::equal(odd, std::array{1, 3, 5}) && *std::ranges::begin(v | std::views::reverse) == 999);
    CHECK(w.push_n(v | std::views::drop(990)).first == 1000 && w.size() == 1010 && w.back() == 999u);
#endif
}

TEST(designated_options)
{
    const auto v = numbers::create(new_name(), {.elem_tag = 5, .max_elems = 10, .max_slots = 7, .mode = 0640});
    const lfvec::statistics s = v.stat();
    CHECK(s.elem_tag == 5 && s.max_elems == 10 && s.max_slots == 7 && s.mode == 0640);
    CHECK(numbers(v.name(), {.any_owner = true}).stat().mode == 0640);
}
#endif

/* It goes with the attachment, to whichever object that moves. */
TEST(iterator_of_what_moved)
{
    numbers v = up_to(3);
    const auto it = v.begin() + 2;
    const numbers moved = std::move(v);
    CHECK(*it == 2 && it < moved.end());
}

/* Another process changes what lies ahead. */
static std::vector<std::uint64_t> seen_while(numbers &v, const std::function<void(numbers &)> &change, bool &thrown)
{
    std::vector<std::uint64_t> seen;
    thrown = out_of_range([&] {
        for (const std::uint64_t x : v) {
            seen.push_back(x);
            if (seen.size() == 3)
                CHECK(ended_well(spawn([&] { change(v); })));
        }
    });
    return seen;
}

TEST(others_change_it_meanwhile)
{
    numbers v = up_to(5);
    bool thrown;
    CHECK(seen_while(
              v, [](numbers &w) { w.push_back(99); }, thrown) == (std::vector<std::uint64_t>{0, 1, 2, 3, 4}) &&
          !thrown);
    CHECK(v.pop_back() == 99u);
    CHECK(seen_while(
              v, [](numbers &w) { w.set(3, 33); }, thrown) == (std::vector<std::uint64_t>{0, 1, 2, 33, 4}) &&
          !thrown);
    CHECK(seen_while(
              v, [](numbers &w) { CHECK(w.pop_back() == 4u); }, thrown) == (std::vector<std::uint64_t>{0, 1, 2, 33}) &&
          thrown);
    v.push_back(4);
    const auto pop_and_push = [](numbers &w) { CHECK(w.pop_back() == 4u && w.push_back(44) == 4); };
    CHECK(seen_while(v, pop_and_push, thrown) == (std::vector<std::uint64_t>{0, 1, 2, 33, 44}) && !thrown);
    CHECK(seen_while(
              v, [](numbers &w) { w.clear(); }, thrown)
                  .size() == 3 &&
          thrown);
}

/* ---- the first and the last ----------------------------------------------------------------------------------------------------------------- */
TEST(front_and_back)
{
    numbers v(new_name());
    std::error_code ec;
    CHECK(!v.front() && !v.back() && !v.front(ec) && !ec && !v.back(ec) && !ec);
    v.push_back(1);
    CHECK(v.front() == 1u && v.back() == 1u);
    v.push_back(2);
    CHECK(v.front() == 1u && v.back() == 2u && v.size() == 2);
    CHECK(numbers::open(v.name(), lfvec::access::read_only).back() == 2u);
    CHECK(!numbers().back(ec) && ec == std::errc::invalid_argument && !numbers().front(ec) && ec == std::errc::invalid_argument);
    CHECK_THROWS(std::errc::invalid_argument, numbers().back());
}

/* What was never at the end is never seen there; nor is an end that another process takes away an error. */
TEST(back_beside_others)
{
    numbers v = up_to(1);
    const pid_t other = spawn([&v] {
        for (std::uint64_t i = 1; i < 20000; i++) {
            v.push_n({i, i + 1000000});
            CHECK(v.pop_n(std::size_t{2}).size() == 2);
        }
    });
    for (int i = 0; i < 20000; i++) {
        const std::optional<std::uint64_t> x = v.back();
        CHECK(x && (*x == 0 || *x > 1000000));
    }
    CHECK(ended_well(other));
}

TEST(emplace)
{
    struct made {
        made(std::uint32_t x, std::uint32_t y) : sum(x + y)
        {
        }
        std::uint32_t sum;
    };
    lfvec::vector<made> v(new_name());
    CHECK(v.emplace_back(1u, 2u) == 0 && v.emplace_back(3u, 4u) == 1 && v.back()->sum == 7);
    lfvec::vector<std::array<std::uint64_t, 2>> aggregates(new_name());
    CHECK(aggregates.emplace_back(UINT64_C(5), UINT64_C(6)) == 0 && aggregates[0][1] == 6);
    CHECK(aggregates.emplace_back() == 1 && aggregates[1][0] == 0 && aggregates.emplace_back(aggregates[0]) == 2);
    numbers empty;
    CHECK_THROWS(std::errc::invalid_argument, empty.emplace_back(1u));
}

/* ---- ranges that are pushed ------------------------------------------------------------------------------------------------------------------ */

/* A range that can be read once, and has an end of another type; it may throw there. */
struct countdown {
    struct until {
    };
    struct iterator {
        std::uint64_t left;
        bool throws;

        std::uint64_t operator*() const
        {
            return left;
        }
        iterator &operator++()
        {
            if (--left == 0 && throws)
                throw std::runtime_error("end of the line");
            return *this;
        }
        bool operator!=(until) const
        {
            return left != 0;
        }
    };
    std::uint64_t from;
    bool throws = false;

    iterator begin() const
    {
        return {from, throws};
    }
    until end() const
    {
        return {};
    }
};

TEST(push_any_range)
{
    numbers v(new_name());
    CHECK(v.push_n(std::list<std::uint64_t>{1, 2, 3}).count == 3 && v.push_n(std::deque<int>{4, 5}).first == 3);
    CHECK(v.push_n(std::set<unsigned char>{7, 6}).count == 2 && v.push_n(countdown{3}).first == 7);
    CHECK(v.snapshot() == (std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 3, 2, 1}));
    CHECK(v.push_n(v).count == 10 && v.size() == 20 && v[19] == 1); /* its end is as of the beginning */
    CHECK(v.push_n(std::list<std::uint64_t>()).count == 0 && v.push_n(countdown{0}).count == 0 && v.size() == 20);
    lfvec::vector<unsigned char> flags(new_name());
    CHECK(flags.push_n(std::vector<bool>{true, false, true}).count == 3 && flags.snapshot() == (std::vector<unsigned char>{1, 0, 1}));
    lfvec::vector<double> reals(new_name());
    CHECK(reals.push_n(std::vector<float>{.5, .25}).count == 2 && reals[1] == .25 && reals.push_n(std::vector<int>{3}).count == 1);
    lfvec::vector<std::string_view::value_type> text(new_name());
    CHECK(text.push_n(std::string("abc")).count == 3 && text.push_n(std::string_view("de")).first == 3 && text.back() == 'e');
}

TEST(push_many_of_any_range)
{
    numbers v(new_name());
    const std::uint64_t many = v.batch_most() * 3 + 1;
    CHECK(v.push_n(countdown{many}).count == many && v.size() == many && v.front() == many && v.back() == 1u);
    CHECK(v.push_n(countdown{v.batch_most()}).count == v.batch_most() && v.size() == many + v.batch_most()); /* none is left over */
}

TEST(push_without_a_copy)
{
    numbers v(new_name());
    const std::vector<std::uint64_t> near(3000, 1);
    const std::list<std::uint64_t> scattered(3000, 1);
    v.reserve(6000);
    int before = allocations;
    v.push_n(near);
    CHECK(allocations == before);
    before = allocations;
    v.push_n(scattered);
    CHECK(allocations == before + 1);
}

/* What was pushed before stays, and is counted. */
TEST(push_range_in_part)
{
    lfvec::options o;
    o.max_elems = 1500;
    std::error_code ec;
    numbers v(new_name(), o);
    CHECK(v.push_n(countdown{4000}).count == 1500 && v.front() == 4000u && v.back() == 2501u);
    CHECK(v.push_n(countdown{1}, ec).count == 0 && ec == std::errc::value_too_large);
    CHECK_THROWS(std::errc::value_too_large, v.push_n(countdown{1}));
    CHECK(numbers().push_n(countdown{1}, ec).count == 0 && ec == std::errc::invalid_argument);
    numbers w(new_name());
    try {
        w.push_n(countdown{w.batch_most() + 5, true});
        CHECK(false);
    } catch (const std::runtime_error &) {
    }
    CHECK(w.size() == w.batch_most());
}

/* ---- everything -------------------------------------------------------------------------------------------------------------------------------- */
TEST(consume_all)
{
    numbers v = up_to(5000);
    std::vector<std::uint64_t> all = v.snapshot();
    std::reverse(all.begin(), all.end());
    CHECK(v.consume_all() == all && v.empty());
    std::error_code ec;
    CHECK(v.consume_all().empty() && v.consume_all(ec).empty() && !ec);
    v.push_back(1);
    CHECK(v.consume_all(ec) == std::vector<std::uint64_t>{1} && !ec);
    CHECK(numbers().consume_all(ec).empty() && ec == std::errc::invalid_argument);
    numbers read_only = numbers::open(v.name(), lfvec::access::read_only);
    CHECK(read_only.consume_all(ec).empty() && ec == std::errc::bad_file_descriptor);
    CHECK_THROWS(std::errc::bad_file_descriptor, read_only.consume_all());
}

/* One process pushes between the look at the size and the end: the memory for more is refused, and what was taken is there. */
TEST(consume_all_without_memory)
{
    numbers v = up_to(1024);
    allocations_left = 0;
    try {
        (void)v.consume_all();
        allocations_left = -1;
        CHECK(false);
    } catch (const std::bad_alloc &) {
        allocations_left = -1;
    }
    CHECK(v.size() == 1024);
    allocations_left = 1; /* the vector is not known to be empty when these are full */
    const std::vector<std::uint64_t> taken = v.consume_all();
    allocations_left = -1;
    CHECK(taken.size() == 1024 && taken.front() == 1023 && v.empty());
}

TEST(consume_all_of_a_damaged_size)
{
    lfvec::vector<std::array<unsigned char, 65536>> v(new_name());
    v.push_back({});
    const int fd = ::open(("/dev/shm" + v.name()).c_str(), O_RDWR | O_CLOEXEC);
    std::uint64_t packed = 0;
    CHECK(::pread(fd, &packed, sizeof packed, 4096 + 8) == static_cast<ssize_t>(sizeof packed));
    packed |= (std::uint64_t{1} << 40) - 1;
    CHECK(::pwrite(fd, &packed, sizeof packed, 4096 + 8) == static_cast<ssize_t>(sizeof packed));
    ::close(fd);
    std::error_code ec;
    CHECK(v.consume_all(ec).empty() && ec == std::errc::bad_message && !v.back(ec) && ec == std::errc::bad_message);
}

/* Each element goes to one of those who take everything. */
TEST(consume_all_beside_others)
{
    enum { PRODUCERS = 2, CONSUMERS = 2, EACH = 20000 };
    numbers jobs(new_name()), seen(new_name()), over(new_name());
    CHECK(seen.push_n(std::vector<std::uint64_t>(PRODUCERS * EACH)).count == PRODUCERS * EACH);
    over.push_back(0);
    std::vector<pid_t> consumers, producers;
    for (int i = 0; i < CONSUMERS; i++)
        consumers.push_back(spawn([&] {
            for (bool last = false; !last;) {
                last = over[0] == 1; /* then nothing more comes */
                for (const std::uint64_t job : jobs.consume_all())
                    seen.fetch_add(job, 1);
            }
        }));
    for (std::uint64_t who = 0; who < PRODUCERS; who++)
        producers.push_back(spawn([&jobs, who] {
            for (std::uint64_t i = 0; i < EACH; i++)
                jobs.push_back(who * EACH + i);
        }));
    for (const pid_t p : producers)
        CHECK(ended_well(p));
    over.set(0, 1);
    for (const pid_t c : consumers)
        CHECK(ended_well(c));
    CHECK(jobs.empty() && std::all_of(seen.begin(), seen.end(), [](std::uint64_t n) { return n == 1; }));
}

/* ---- names ---------------------------------------------------------------------------------------------------------------------------------- */
TEST(names_that_are_views)
{
    const std::string name = new_name(), list = name + ",/another";
    const std::string_view view = std::string_view(list).substr(0, name.size());
    numbers v = numbers::create(view);
    v.push_back(3);
    CHECK(v.name() == name && numbers(view).size() == 1 && numbers::open(view).size() == 1 && numbers::attach(view).size() == 1);
    CHECK(lfvec::unlink(view) && !lfvec::unlink(view));
}

/* A name ends with its view, and not before, at a null character: that would be another segment. */
TEST(names_with_a_null_character)
{
    const numbers v(new_name());
    const std::string name = v.name() + std::string(1, '\0') + "x";
    std::error_code ec;
    CHECK_THROWS(std::errc::invalid_argument, numbers(name));
    CHECK_THROWS(std::errc::invalid_argument, numbers::open(name));
    CHECK(!numbers::attach(name, {}, ec) && ec == std::errc::invalid_argument);
    CHECK(std::string(lfvec_last_error()).find("null character after " + v.name()) != std::string::npos);
    CHECK(!lfvec::unlink(name, ec) && ec == std::errc::invalid_argument && v.is_current());
}
