/* alone.cpp - lfvec.hpp in one process: every member function, what it answers, and how it fails. */
#include "test.hpp"

#include <lfvec.h> /* first; together.cpp has it the other way round */
#include <lfvec.hpp>

#include <array>
#include <cstring>
#include <limits>
#include <numeric>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace std::chrono_literals;

struct point {
    std::int32_t x, y;
};

/* Tagged, and without a default constructor. */
struct tagged {
    explicit tagged(std::uint32_t i) : id(i)
    {
    }

    std::uint32_t id;
};

struct tagged_anew {
    std::uint32_t id;
};

template <> struct lfvec::elem_tag<tagged> : std::integral_constant<std::uint64_t, lfvec::tag("tagged/1")> {
};

template <> struct lfvec::elem_tag<tagged_anew> : std::integral_constant<std::uint64_t, lfvec::tag("tagged/2")> {
};

static_assert(lfvec::tag("tagged/1") != lfvec::tag("tagged/2") && lfvec::tag("") != 0);
static_assert(!std::is_copy_constructible_v<lfvec::vector<int>> && std::is_nothrow_move_constructible_v<lfvec::vector<int>>);
static_assert(!std::is_copy_constructible_v<lfvec::lease<int>> && std::is_nothrow_move_constructible_v<lfvec::lease<int>>);

static lfvec::vector<std::uint64_t> numbers(std::uint64_t n)
{
    lfvec::vector<std::uint64_t> v = lfvec::vector<std::uint64_t>::create(new_name());
    for (std::uint64_t i = 0; i < n; i++)
        CHECK(v.push_back(i) == i);
    return v;
}

TEST(opening)
{
    const std::string name = new_name();
    using ints = lfvec::vector<int>;
    CHECK_THROWS(std::errc::no_such_file_or_directory, ints::open(name));
    ints made = ints::create(name), same(name), attached = ints::attach(name), opened = ints::open(name);
    CHECK(made && same && attached && opened && made.name() == name && made.is_current());
    CHECK_THROWS(std::errc::file_exists, ints::create(name));
    CHECK_THROWS(std::errc::invalid_argument, ints("no slash"));
    CHECK_THROWS(std::errc::filename_too_long, ints('/' + std::string(300, 'x')));
    made.push_back(7);
    CHECK(same.at(0) == 7 && opened.size() == 1);
    CHECK(lfvec::unlink(name) && !lfvec::unlink(name));
    CHECK(!opened.is_current() && opened.pop_back() == 7);
}

TEST(opening_by_code)
{
    const std::string name = new_name();
    std::error_code ec;
    CHECK(!lfvec::vector<int>::open(name, lfvec::access::read_write, ec) && ec == std::errc::no_such_file_or_directory);
    CHECK(std::string(lfvec_last_error()).find(name) != std::string::npos);
    CHECK(lfvec::vector<int>::create(name, {}, ec) && !ec);
    CHECK(!lfvec::vector<int>::create(name, {}, ec) && ec == std::errc::file_exists);
    CHECK(lfvec::vector<int>(name, {}, ec) && !ec);
    CHECK(lfvec::unlink(name, ec) && !ec);
    CHECK(!lfvec::unlink(name, ec) && !ec);
    CHECK(!lfvec::unlink("no slash", ec) && ec == std::errc::invalid_argument);
    CHECK_THROWS(std::errc::invalid_argument, lfvec::unlink("no slash"));
}

TEST(sentences)
{
    const std::string name = new_name();
    try {
        lfvec::vector<int>::open(name);
        CHECK(false);
    } catch (const std::system_error &e) { /* an lfvec::error is one */
        CHECK(std::string(e.what()).find(name + ": no such segment") == 0);
    }
    try {
        numbers(1).at(1);
        CHECK(false);
    } catch (const std::out_of_range &e) {
        CHECK(std::string(e.what()).find(": at: beyond the size") != std::string::npos);
    }
}

TEST(another_type)
{
    const std::string name = new_name();
    lfvec::vector<std::uint32_t> untagged(name);
    CHECK_THROWS(std::errc::protocol_error, lfvec::vector<std::uint64_t>::open(name));
    CHECK(lfvec::vector<tagged>::open(name).stat().elem_tag == 0); /* a segment without a tag takes any */
    const std::string other = new_name();
    lfvec::vector<tagged> v(other);
    CHECK(v.stat().elem_tag == lfvec::tag("tagged/1"));
    CHECK_THROWS(std::errc::protocol_error, lfvec::vector<tagged_anew>::open(other));
    CHECK_THROWS(std::errc::protocol_error, lfvec::vector<tagged_anew>(other));
    CHECK(lfvec::vector<std::uint32_t>::open(other)); /* who has no tag does not ask */
    lfvec::options o;
    o.elem_tag = 5;
    CHECK_THROWS(std::errc::protocol_error, lfvec::vector<tagged>(other, o));
}

enum class level : std::int16_t { low, high };

struct reading {
    std::uint64_t sensor;
    double value;
};

struct misread {
    std::uint64_t sensor, value;
};

struct unread {
    unsigned char bytes[16];
};

template <> struct lfvec::format_of<reading> {
    static constexpr std::string_view value = "u64,f64";
};

template <> struct lfvec::format_of<misread> {
    static constexpr const char *value = "u64,u64";
};

static_assert(lfvec::format_of<std::int64_t>::value == "i64" && lfvec::format_of<unsigned char>::value == "u8");
static_assert(lfvec::format_of<long long>::value == "i64" && lfvec::format_of<char32_t>::value == "u32");
static_assert(lfvec::format_of<float>::value == "f32" && lfvec::format_of<double>::value == "f64");
static_assert(lfvec::format_of<char>::value == "s1" && lfvec::format_of<std::byte>::value == "x1");
static_assert(lfvec::format_of<level>::value == "i16" && lfvec::format_of<long double>::value.empty() &&
              lfvec::format_of<point>::value.empty());

/* Of the same size, and not what the segment has. */
template <class T, class Other> static void not_taken_for(const char *format)
{
    const std::string name = new_name();
    const auto v = lfvec::vector<T>::create(name);
    CHECK(std::string(v.stat().elem_format) == format && lfvec::vector<T>::open(name) && lfvec::vector<T>(name));
    CHECK_THROWS(std::errc::protocol_error, lfvec::vector<Other>::open(name));
    CHECK_THROWS(std::errc::protocol_error, lfvec::vector<Other>::open(name, lfvec::access::read_only));
    CHECK_THROWS(std::errc::protocol_error, lfvec::vector<Other>(name));
    CHECK(std::string(lfvec_last_error()).find(format) != std::string::npos);
}

TEST(another_format)
{
    not_taken_for<double, std::uint64_t>("f64");
    not_taken_for<std::uint64_t, double>("u64");
    not_taken_for<std::int32_t, std::uint32_t>("i32");
    not_taken_for<level, char16_t>("i16");
    not_taken_for<reading, misread>("u64,f64");
}

/* Who says nothing goes with any, and finds out. */
TEST(no_format)
{
    const std::string name = new_name(), said = new_name();
    CHECK(lfvec::vector<unread>::create(name).stat().elem_format[0] == 0 && lfvec::vector<reading>::open(name) &&
          lfvec::vector<misread>(name));
    lfvec::vector<reading> v(said);
    v.push_back({1, .5});
    CHECK(std::string(lfvec::vector<unread>::open(said).stat().elem_format) == "u64,f64");
}

TEST(format_as_an_option)
{
    lfvec::options o;
    o.elem_format = std::string_view("h64;", 3);
    const std::string name = new_name();
    CHECK(std::string(lfvec::vector<std::uint64_t>::create(name, o).stat().elem_format) == "h64");
    CHECK(lfvec::vector<std::uint64_t>::open(name)); /* shown in another way, and the same */
    for (const char *wrong : {"u32", "u64,", "no", "u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,u8,x43"}) {
        o.elem_format = wrong;
        CHECK_THROWS(std::errc::invalid_argument, lfvec::vector<std::array<char, 64>>(new_name(), o));
    }
}

TEST(options)
{
    lfvec::options o;
    o.max_elems = 10;
    o.mode = 0640;
    lfvec::vector<point> v = lfvec::vector<point>::create(new_name(), o);
    const lfvec::statistics s = v.stat();
    CHECK(s.elem_size == sizeof(point) && s.max_elems == 10 && s.mode == 0640);
    o.leaf_bytes = 3;
    CHECK_THROWS(std::errc::invalid_argument, lfvec::vector<point>(new_name(), o));
}

TEST(one_element)
{
    lfvec::vector<point> v(new_name());
    CHECK(v.empty() && !v.pop_back() && !v.get(0));
    CHECK(v.push_back({1, 2}) == 0 && v.push_back({3, 4}) == 1 && v.size() == 2);
    CHECK(v.at(0).x == 1 && v[1].y == 4 && v.get(1)->x == 3 && !v.get(2));
    v.set(0, {5, 6});
    CHECK(v[0].x == 5 && v[0].y == 6);
    const std::optional<point> last = v.pop_back();
    CHECK(last && last->x == 3 && v.size() == 1);
    const std::uint64_t before = lfvec::last_version();
    v.clear();
    CHECK(v.empty() && lfvec::last_version() == before + 1);
}

TEST(beyond_the_size)
{
    lfvec::vector<std::uint64_t> v = numbers(3);
    std::uint64_t expected = 0;
    std::error_code ec;
    const auto out_of_range = [](auto call) {
        try {
            call();
        } catch (const std::out_of_range &) {
            return true;
        }
        return false;
    };
    CHECK(out_of_range([&] { (void)v.at(3); }) && out_of_range([&] { (void)v[3]; }) && out_of_range([&] { v.set(3, 1); }));
    CHECK(out_of_range([&] { v.fetch_add(3, 1); }) && out_of_range([&] { v.compare_exchange(3, expected, 1); }));
    v.set(3, 1, ec);
    CHECK(ec == std::errc::result_out_of_range);
    v.set(2, 1, ec);
    CHECK(!ec && !v.get(3, ec) && !ec);
}

TEST(eight_bytes)
{
    lfvec::vector<std::int64_t> v(new_name());
    v.push_back(-5);
    CHECK(v.fetch_add(0, -10) == -5 && v[0] == -15);
    std::int64_t expected = 1;
    CHECK(!v.compare_exchange(0, expected, 7) && expected == -15);
    CHECK(v.compare_exchange(0, expected, 7) && v[0] == 7);
    std::error_code ec;
    CHECK(!v.compare_exchange(0, expected, 8, ec) && !ec && expected == 7);
    CHECK(!v.compare_exchange(1, expected, 8, ec) && ec == std::errc::result_out_of_range);
    lfvec::vector<point> points(new_name()); /* a struct of 8 bytes without padding will do */
    points.push_back({1, 2});
    point was = {1, 2};
    CHECK(points.compare_exchange(0, was, {3, 4}) && points[0].x == 3);
}

TEST(batches)
{
    lfvec::vector<std::uint64_t> v(new_name());
    std::vector<std::uint64_t> many(v.batch_most() * 3 + 1);
    std::iota(many.begin(), many.end(), 0);
    const lfvec::pushed p = v.push_n(many);
    CHECK(p.first == 0 && p.count == many.size() && v.snapshot() == many);
    const std::array<std::uint64_t, 2> two = {1, 2};
    std::uint64_t three[] = {3, 4, 5};
    CHECK(v.push_n(two).first == many.size() && v.push_n(three).count == 3 && v.push_n({three, 2}).count == 2);
    CHECK(v.pop_n(std::size_t{4}) == (std::vector<std::uint64_t>{4, 3, 5, 4}));
    CHECK(v.pop_n(three) == 3 && three[0] == 3 && three[2] == 1);
    CHECK(v.pop_n({three, 1}) == 1 && three[0] == many.back());
    CHECK(v.get_n(10, {three, 2}) == 2 && three[1] == 11 && v.get_n(v.size(), three) == 0);
    CHECK(v.get_n(5, std::size_t{3}) == (std::vector<std::uint64_t>{5, 6, 7}));
    CHECK(v.get_n(v.size() - 1, std::size_t{3}).size() == 1 && v.get_n(v.size() + 1, std::size_t{3}).empty());
    CHECK(v.pop_n(v.size() + 100).size() == many.size() - 1 && v.empty() && v.pop_n(three) == 0 && v.pop_n(std::size_t{1}).empty());
    CHECK(v.push_n(lfvec::span<const std::uint64_t>()).count == 0 && v.push_parts(lfvec::span<const std::uint64_t>()).empty());
    const std::vector<lfvec::pushed> parts = v.push_parts(many);
    CHECK(parts.size() == 4 && parts[1].first == v.batch_most() && parts[1].count == v.batch_most() && parts[3].count == 1);
    CHECK(v.get_n(parts[3].first, three) == 1 && three[0] == many.back() && v.snapshot() == many);
    v.clear();
    CHECK(v.push_n({7, 8, 9}).count == 3 && v.push_n({0, 2}).count == 2 && v.push_n({6}).first == 5 && v.push_n({}).count == 0);
    CHECK(v.snapshot() == (std::vector<std::uint64_t>{7, 8, 9, 0, 2, 6}));
}

TEST(snapshots)
{
    lfvec::vector<std::uint64_t> v = numbers(500);
    std::vector<std::uint64_t> part(100);
    const std::uint64_t version = v.snapshot(100, part);
    CHECK(version == 500 && part.front() == 100 && part.back() == 199);
    std::error_code ec;
    v.snapshot(401, part, ec);
    CHECK(ec == std::errc::result_out_of_range);
    v.clear();
    CHECK(v.snapshot().empty() && v.snapshot(ec).empty() && !ec);
}

/* The size is a word of the segment. 2^56 bytes are more than a std::vector is given: with the size believed, these throw std::bad_alloc. */
TEST(a_damaged_size)
{
    constexpr std::uint64_t forged = (std::uint64_t{1} << 40) - 1;
    lfvec::vector<std::array<unsigned char, 65536>> v(new_name());
    CHECK(v.push_back({}) == 0);
    const int fd = ::open(("/dev/shm" + v.name()).c_str(), O_RDWR | O_CLOEXEC);
    std::uint64_t packed = 0;
    CHECK(::pread(fd, &packed, sizeof packed, 4096 + 8) == static_cast<ssize_t>(sizeof packed));
    packed |= forged;
    CHECK(::pwrite(fd, &packed, sizeof packed, 4096 + 8) == static_cast<ssize_t>(sizeof packed) && v.size() == forged);
    ::close(fd);
    std::error_code ec;
    CHECK(v.snapshot(ec).empty() && ec == std::errc::bad_message);
    CHECK(v.pop_n(forged, ec).empty() && ec == std::errc::bad_message);
    CHECK(v.get_n(0, forged, ec).size() <= 1);
}

TEST(limits)
{
    lfvec::options o;
    o.max_elems = 5;
    lfvec::vector<std::uint64_t> v(new_name(), o);
    const std::vector<std::uint64_t> eight(8);
    const lfvec::pushed p = v.push_n(eight);
    CHECK(p.count == 5 && v.size() == 5); /* what fits */
    std::error_code ec;
    CHECK(v.push_n(eight, ec).count == 0 && ec == std::errc::value_too_large);
    CHECK_THROWS(std::errc::value_too_large, v.push_back(1));
    CHECK_THROWS(std::errc::value_too_large, v.reserve(6));
    v.reserve(5);
    CHECK(v.capacity() >= 5);
    v.clear();
    v.trim();
    v.leave(); // and comes back
    v.leave();
    CHECK(v.push_back(1) == 0);
}

TEST(waiting)
{
    lfvec::vector<int> v(new_name());
    std::error_code ec;
    CHECK(!v.pop_wait(-1s) && !v.pop_wait(0ns) && !v.pop_wait(2ms, ec) && !ec);
    CHECK(!v.pop_wait(std::chrono::duration<double>(0.002)) && !v.pop_wait(std::chrono::duration<float>(-1)));
    CHECK(!v.pop_wait_until(std::chrono::steady_clock::now() + 2ms) && !v.pop_wait_until(std::chrono::system_clock::now() - 1h));
    std::thread other([&v] {
        for (int i = 1; i <= 4; i++)
            v.push_back(i);
    });
    int sum = v.pop_wait() + *v.pop_wait(std::chrono::hours::max());
    sum += *v.pop_wait(std::chrono::duration<double>(std::numeric_limits<double>::infinity()));
    sum += *v.pop_wait_until(std::chrono::steady_clock::now() + 10min);
    other.join();
    CHECK(sum == 10 && v.empty());
}

TEST(leases)
{
    lfvec::vector<std::uint64_t> v = numbers(3);
    std::error_code ec;
    {
        std::optional<lfvec::lease<std::uint64_t>> l = v.pop_lease();
        CHECK(l && **l == 2 && l->held() && v.size() == 2 && !v.pop_lease(ec) && ec == std::errc::device_or_resource_busy);
        l->ack();
        CHECK(!l->held());
        l->ack(ec);
        CHECK(ec == std::errc::invalid_argument);
    }
    CHECK(v.size() == 2);
    {
        const std::optional<lfvec::lease<std::uint64_t>> l = v.pop_lease();
        CHECK(l && **l == 1 && v.size() == 1);
    }
    CHECK(v.size() == 2 && v[1] == 1); /* not acknowledged: given back */
    std::optional<lfvec::lease<std::uint64_t>> l = v.pop_lease();
    lfvec::lease<std::uint64_t> moved = std::move(*l);
    CHECK(!l->held() && moved.held() && *moved == 1);
    l.reset();
    CHECK(v.size() == 1);
    moved.give_back();
    CHECK(!moved.held() && v.size() == 2);
    v.clear();
    CHECK(!v.pop_lease());
}

/* What cannot be given back stays on lease, until there is room. */
TEST(lease_without_room)
{
    lfvec::options o;
    std::error_code ec;
    o.max_elems = 1;
    lfvec::vector<int> v(new_name(), o);
    v.push_back(1);
    auto l = v.pop_lease();
    v.push_back(2);
    CHECK_THROWS(std::errc::value_too_large, l->give_back());
    l->give_back(ec);
    CHECK(ec == std::errc::value_too_large && l->held() && v.size() == 1);
    CHECK(v.pop_back() == 2);
    l->give_back(ec);
    CHECK(!ec && !l->held() && v.size() == 1 && v[0] == 1);
}

/* The functions of lfvec.h on the same handle, and its types beside the namespace. */
TEST(the_header_of_c)
{
    lfvec::vector<std::uint64_t> v = numbers(3);
    lfvec_t *handle = v.native_handle();
    std::uint64_t x = 0;
    struct ::lfvec_stat st;
    CHECK(lfvec_size(handle) == 3 && lfvec_pop_u64(handle, &x) == 0 && x == 2 && lfvec_stat(handle, &st) == 0 && st.size == 2);
}

TEST(lease_when_thrown)
{
    lfvec::vector<point> v(new_name());
    v.push_back({8, 9});
    try {
        const std::optional<lfvec::lease<point>> l = v.pop_lease();
        CHECK((*l)->y == 9 && v.empty());
        throw std::runtime_error("work failed");
    } catch (const std::runtime_error &) {
    }
    CHECK(v.size() == 1 && v[0].x == 8);
}

/* Its thread is what a lease belongs to. */
TEST(lease_of_another_thread)
{
    lfvec::vector<int> v(new_name());
    v.push_back(1);
    std::optional<lfvec::lease<int>> l;
    std::thread([&v, &l] { l = v.pop_lease(); }).join();
    CHECK(l && l->held() && **l == 1);
    CHECK(v.size() == 1); /* the thread is gone, and the element is back */
    std::error_code ec;
    l->ack(ec);
    CHECK(ec == std::errc::invalid_argument);
    std::thread([&l] { l.reset(); }).join(); /* it may have the stack and the id of the first one */
    CHECK(v.size() == 1);
}

TEST(moving)
{
    lfvec::vector<std::uint64_t> a = numbers(3), b = std::move(a);
    CHECK(!a && b.size() == 3 && a.size() == 0 && a.name().empty());
    a = numbers(1);
    swap(a, b);
    CHECK(a.size() == 3 && b.size() == 1);
    std::swap(a, b);
    lfvec::swap(a, b);
    b = std::move(a);
    CHECK(!a && b.size() == 3);
    lfvec::vector<std::uint64_t> &self = b;
    b = std::move(self);
    CHECK(b && b.size() == 3 && lfvec_size(b.native_handle()) == 3);
    b.detach();
    b.detach();
    CHECK(!b && !b.native_handle());
}

TEST(not_attached)
{
    lfvec::vector<std::uint64_t> v;
    std::error_code ec;
    const auto invalid = [&ec] { return ec == std::errc::invalid_argument; };
    CHECK(v.size() == 0 && v.empty() && v.capacity() == 0 && v.batch_most() == 0);
    v.push_back(1, ec);
    CHECK(invalid() && !v.pop_back(ec) && invalid() && !v.get(0, ec) && invalid());
    CHECK(v.push_n(std::vector<std::uint64_t>(2), ec).count == 0 && invalid() && v.snapshot(ec).empty() && invalid());
    CHECK(!v.pop_wait(1ms, ec) && invalid() && !v.pop_lease(ec) && invalid() && !v.is_current(ec) && invalid());
    v.recover(ec);
    CHECK(invalid() && v.check(ec).elements == 0 && invalid() && v.stat(ec).size == 0 && invalid());
    CHECK_THROWS(std::errc::invalid_argument, v.push_back(1));
    CHECK_THROWS(std::errc::invalid_argument, v.at(0));
}

TEST(read_only)
{
    lfvec::vector<std::uint64_t> v = numbers(100);
    lfvec::vector<std::uint64_t> reader = lfvec::vector<std::uint64_t>::open(v.name(), lfvec::access::read_only);
    CHECK(reader[7] == 7 && reader.snapshot().size() == 100 && reader.stat().read_only == 1);
    CHECK(reader.check().fault == LFVEC_FAULT_NONE);
    CHECK_THROWS(std::errc::bad_file_descriptor, reader.push_back(1));
    CHECK_THROWS(std::errc::bad_file_descriptor, reader.pop_back());
    CHECK_THROWS(std::errc::bad_file_descriptor, reader.recover());
}

/* Sizes and kinds of elements that a cell has to hold. */
template <class T> static void round_trip(const T &a, const T &b)
{
    const auto same = [](const T &x, const T &y) { return std::memcmp(&x, &y, sizeof x) == 0; };
    lfvec::vector<T> v(new_name());
    v.push_back(a);
    v.push_back(b);
    CHECK(v.stat().elem_size == sizeof(T) && same(v[0], a) && same(*v.get(1), b));
    v.set(0, b);
    CHECK(same(*v.pop_back(), b) && same(v.at(0), b) && same(**v.pop_lease(), b));
    CHECK(v.size() == 1 && same(v.at(0), b)); /* the lease ended where it was taken */
}

enum class colour : unsigned char { red, green };

struct alignas(64) wide {
    std::uint64_t word[16];
};

TEST(types)
{
    static std::array<unsigned char, 65536> large, larger;
    larger.fill(0xa5);
    round_trip<char>('a', 'b');
    round_trip<double>(0.5, -1e300);
    round_trip<colour>(colour::red, colour::green);
    round_trip<std::array<char, 3>>({'x', 'y', 'z'}, {'a', 'b', 'c'});
    round_trip<wide>({{1, 2, 3}}, {{4, 5}});
    round_trip<tagged>(tagged(1), tagged(2));
    round_trip(large, larger);
    alignas(tagged) unsigned char raw[2 * sizeof(tagged)]; /* batches without a default constructor, into a span */
    lfvec::vector<tagged> v(new_name());
    v.push_back(tagged(6));
    v.push_back(tagged(7));
    tagged *room = reinterpret_cast<tagged *>(raw);
    CHECK(v.get_n(0, {room, 2}) == 2 && room[0].id == 6 && v.pop_n({room, 2}) == 2 && room[0].id == 7);
}

/* A size that nobody can have reached, put where the head is. */
TEST(damage)
{
    lfvec::vector<std::uint64_t> v = numbers(100);
    CHECK(v.check().fault == LFVEC_FAULT_NONE && v.check().elements == 100);
    const int fd = shm_open(v.name().c_str(), O_RDWR, 0);
    void *at = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
    close(fd);
    CHECK(at != MAP_FAILED);
    std::uint64_t *packed = static_cast<std::uint64_t *>(at) + 1;
    *packed += UINT64_C(1) << 30;
    std::error_code ec;
    const lfvec::audit a = v.check(ec);
    CHECK(!ec && a.fault == LFVEC_FAULT_HEAD && a.message[0]);
    CHECK_THROWS(std::errc::bad_message, v.push_back(1));
    *packed -= UINT64_C(1) << 30;
    CHECK(v.check().fault == LFVEC_FAULT_NONE && v.recover().slots_recovered == 0);
    munmap(at, 4096);
}
