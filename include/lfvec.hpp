/*
 * lfvec.hpp - lfvec.h for C++17 and later: lfvec::vector<T>, a growing array in POSIX shared
 * memory, shared by processes, lock-free.
 *
 *     struct job { std::uint64_t id; char host[24]; };
 *
 *     lfvec::vector<job> jobs("/jobs");                // attaches; the first caller creates it
 *     jobs.push_back({1, "here"});
 *     if (std::optional<job> j = jobs.pop_back())      // std::nullopt if it is empty
 *         work_on(*j);
 *
 * READ lfvec.h FIRST: everything that it says applies here, too: the guarantees G1 to G5, which
 * calls may overlap, the memory order. Each function is an inline wrapper around the function of
 * lfvec.h that it names, with the same errors, progress and order. Link with -llfvec.
 *
 * ELEMENTS
 *
 *  An element is a copy of the bytes of a T, so T must be trivially copyable; this is checked at
 *  compile time. Other programs, perhaps built by another compiler, read these bytes: give T
 *  members of fixed width, and no pointers or references, which mean nothing in another process.
 *  Padding is copied too.
 *
 *  Opening a segment compares sizeof(T) with its element size; the tag, if T has one (elem_tag),
 *  with the tag that the segment was created with; and the format: that of a number, and that of a
 *  struct which declares one (format_of). std::errc::protocol_error if any of them differs; so a
 *  double is never read as an integer. Every access is a copy: there are no references to elements,
 *  so none can dangle.
 *
 *  bool is not an element type: other programs may store a byte that is neither 0 nor 1, which a
 *  bool must not hold. Use std::uint8_t.
 *
 * ITERATORS
 *
 *      for (const job &j : jobs)
 *          std::cout << j.id << '\n';
 *      const auto it = std::find_if(jobs.begin(), jobs.end(),
 *                                   [](const job &j) { return j.id == 7; });
 *
 *  Iterators only read, and by value: dereferencing one is a get() of its index, at that moment.
 *  end() is the size at the time of its call. So in a loop over a vector that others change:
 *
 *   - elements that others push after the call of end() are not visited;
 *   - values that others set are seen if they set them before the iterator arrives: the elements
 *     need not be of one moment;
 *   - if others pop an element that lies ahead, dereferencing its iterator throws
 *     std::out_of_range, as at() does, unless another element has been pushed in its place; then
 *     that element is read.
 *
 *  For a loop that others cannot affect, iterate over snapshot(). Replace elements with set(); an
 *  iterator cannot change them.
 *
 *  In C++20 the iterator models std::random_access_iterator, whose reference may be a value, but
 *  not std::contiguous_iterator; a vector is a std::ranges::random_access_range and a sized_range.
 *  In C++17, a Cpp17ForwardIterator must return a reference to an object, and there is none; so the
 *  iterator meets Cpp17InputIterator, with all operations of a random-access iterator. Its
 *  iterator_category is random access, like that of std::vector<bool>, so that std::prev(),
 *  std::distance() and std::lower_bound() take no more steps than necessary.
 *
 * ERRORS
 *
 *  An expected outcome is a result, not an error: on an empty vector, pop_back() and similar
 *  functions return std::nullopt; so does pop_wait() when its time is over; compare_exchange()
 *  returns false; get() beyond the size returns std::nullopt.
 *
 *  An error is thrown as lfvec::error, which is a std::system_error with a code of
 *  std::generic_category(). If a std::error_code is passed as the last argument, it is set instead:
 *
 *      jobs.push_back(j);                               // throws
 *      std::error_code ec;
 *      jobs.push_back(j, ec);                           // does not throw; ec is cleared on success
 *      if (ec == std::errc::no_space_on_device) ...
 *
 *  An index beyond the size is thrown as std::out_of_range; the code is
 *  std::errc::result_out_of_range. at(), operator[], iterators, emplace_back() and pop_wait()
 *  without a time do not take a std::error_code; use get(), push_back() and pop_wait() with a time.
 *  With a std::error_code, nothing but std::bad_alloc is thrown, and only by functions that make a
 *  std::string or a std::vector. On a vector that is not attached (default-constructed, moved from,
 *  or detached), every operation fails with std::errc::invalid_argument; its size is 0.
 *
 * THREADS
 *
 *  All threads of a process may use one lfvec::vector at once, like a handle of lfvec.h: its member
 *  functions, const or not, may run concurrently. The exceptions are those that change which
 *  segment it is attached to: the destructor, detach(), swap(), moving from it and assigning to it.
 *  A child made by fork() may use it at once.
 */
#ifndef LFVEC_HPP
#define LFVEC_HPP

#if __cplusplus < 201703L
#error "lfvec.hpp needs C++17"
#endif

#include <lfvec.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#if __cplusplus >= 202002L
#include <span>
#endif

namespace lfvec
{

/* ---- errors -------------------------------------------------------------------------------------------------------------------------- */

/*
 * The exception type. code() compares with std::errc. what() begins with the sentence of
 * lfvec_last_error(), or with the segment and the call, followed by that sentence if memory was
 * lacking.
 */
class error : public std::system_error
{
  public:
    using std::system_error::system_error;
};

namespace detail
{

inline std::error_code code(std::int64_t result) noexcept
{
    return {result < 0 ? static_cast<int>(-result) : 0, std::generic_category()};
}

[[noreturn]] inline void raise(std::int64_t result, const std::string &what)
{
#ifdef __cpp_exceptions
    if (result == -ERANGE)
        throw std::out_of_range(what + ": beyond the size");
    throw error(code(result), what);
#else
    (void)result;
    (void)what;
    std::terminate();
#endif
}

[[noreturn]] inline void raise(std::int64_t result, const lfvec_t *v, const char *call)
{
    const std::string what = (v ? std::string(lfvec_name(v)) : std::string("lfvec: not attached")) + ": " + call;
    raise(result, result == -ENOSPC ? what + " (" + lfvec_last_error() + ")" : what);
}

} // namespace detail

/*
 * The last parameter of every function that can fail. If it is omitted, an error is thrown. If a
 * std::error_code is passed, it is set, or cleared on success. Without exceptions
 * (-fno-exceptions), an error that would be thrown terminates the program: pass a std::error_code.
 */
class on_error
{
  public:
    on_error() noexcept = default;

    on_error(std::error_code &ec) noexcept : ec_(&ec)
    {
    }

    /* Reports the result of a call, a negative errno if it failed. Used by the functions below. */
    void operator()(std::int64_t result, const lfvec_t *v, const char *call) const
    {
        if (ec_)
            *ec_ = detail::code(result);
        else if (result < 0)
            detail::raise(result, v, call);
    }

    /* The same for opening and unlinking, which set lfvec_last_error(). */
    void with_sentence(std::int64_t result) const
    {
        if (ec_)
            *ec_ = detail::code(result);
        else if (result < 0)
            detail::raise(result, std::string(lfvec_last_error()));
    }

  private:
    std::error_code *ec_ = nullptr;
};

/* ---- span ---------------------------------------------------------------------------------------------------------------------------- */

#ifdef __cpp_lib_span
template <class T> using span = std::span<T>;
#else

/*
 * The part of std::span that the functions below need; in C++20 it is std::span. Constructed from
 * {pointer, size}, or from a container with data() and size().
 */
template <class T> class span
{
  public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    constexpr span() noexcept = default;

    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }

    template <class C, class E = std::remove_pointer_t<decltype(std::data(std::declval<C &>()))>,
              class = std::enable_if_t<!std::is_same_v<std::decay_t<C>, span> && std::is_convertible_v<E (*)[], T (*)[]>>>
    constexpr span(C &&elems) noexcept(noexcept(std::data(elems), std::size(elems))) : data_(std::data(elems)), size_(std::size(elems))
    {
    }

    constexpr T *data() const noexcept
    {
        return data_;
    }

    constexpr std::size_t size() const noexcept
    {
        return size_;
    }

    constexpr bool empty() const noexcept
    {
        return size_ == 0;
    }

    constexpr T *begin() const noexcept
    {
        return data_;
    }

    constexpr T *end() const noexcept
    {
        return data_ + size_;
    }

    constexpr T &operator[](std::size_t i) const
    {
        return data_[i];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

#endif

/* ---- attributes of a segment --------------------------------------------------------------------------------------------------------- */

/*
 * A tag for elements, computed from a name: the same number in every program. Never 0, which means
 * "any". Wait-free.
 */
constexpr std::uint64_t tag(std::string_view name) noexcept
{
    std::uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const char c : name)
        h = (h ^ static_cast<unsigned char>(c)) * UINT64_C(0x100000001b3);
    return h ? h : 1;
}

/*
 * The tag of T's elements. The default is 0, which accepts any segment whose elements have
 * sizeof(T) bytes. Change the name whenever the members of T change, so that an older program
 * cannot confuse the two:
 *
 *     template <> struct lfvec::elem_tag<job> : std::integral_constant<std::uint64_t, lfvec::tag("job/2")> { };
 */
template <class T> struct elem_tag : std::integral_constant<std::uint64_t, 0> {
};

namespace detail
{

constexpr std::string_view number_format(bool is_signed, std::size_t size) noexcept
{
    switch (size) {
    case 1:
        return is_signed ? "i8" : "u8";
    case 2:
        return is_signed ? "i16" : "u16";
    case 4:
        return is_signed ? "i32" : "u32";
    case 8:
        return is_signed ? "i64" : "u64";
    default:
        return "";
    }
}

template <class T> constexpr std::string_view format() noexcept
{
    if constexpr (std::is_same_v<T, char>)
        return "s1";
    else if constexpr (std::is_same_v<T, std::byte>)
        return "x1";
    else if constexpr (std::is_floating_point_v<T>)
        return sizeof(T) == 4 ? "f32" : sizeof(T) == 8 ? "f64" : "";
    else if constexpr (std::is_enum_v<T>)
        return number_format(std::is_signed_v<std::underlying_type_t<T>>, sizeof(T));
    else if constexpr (std::is_integral_v<T>)
        return number_format(std::is_signed_v<T>, sizeof(T));
    else
        return "";
}

} // namespace detail

/*
 * The fields of an element, as in lfvec_attr.elem_format. The creator writes the format into the
 * segment, opening compares it, and lfvec-shmctl uses it to show elements. It is predefined for
 * integers, float, double, char (text: s1), std::byte and enumerations. For another T it is empty,
 * which matches any format, unless you define it:
 *
 *     struct job { std::uint64_t id; char host[24]; };
 *     template <> struct lfvec::format_of<job> { static constexpr std::string_view value = "u64,s24"; };
 */
template <class T> struct format_of {
    static constexpr std::string_view value = detail::format<T>();
};

/*
 * Attributes of a new segment: the fields of struct lfvec_attr, in its order, without elem_size,
 * which is sizeof(T). 0 means the default that lfvec.h names, except for mode. They apply when a
 * segment is created; elem_tag and elem_format also whenever it is opened, where 0 and "" mean
 * elem_tag<T> and format_of<T>.
 *
 *     lfvec::vector<job> jobs("/jobs", {.max_elems = 1000, .mode = 0660});      // C++20
 */
struct options {
    std::uint64_t elem_tag = 0;
    std::uint64_t max_elems = 0;
    std::uint64_t max_bytes = 0;
    std::uint32_t max_slots = 0;
    std::uint32_t leaf_bytes = 0;
    std::uint32_t slab_bytes = 0;
    std::uint32_t mode = 0600;
    std::uint32_t numa = LFVEC_NUMA_LOCAL;
    std::uint64_t numa_nodes = 0;
    std::uint32_t flags = 0;
    std::string_view elem_format = {};
    bool any_owner = false; /* LFVEC_ANY_OWNER: vector(), attach() also join other users' segments */
};

enum class access { read_write, read_only };

using recovery = struct ::lfvec_recovery;
using audit = struct ::lfvec_audit;
using statistics = struct ::lfvec_stat;

/* What vector::push_n() did. */
struct pushed {
    std::uint64_t first = 0; /* index of the first element */
    std::size_t count = 0;
};

namespace detail
{

/* Storage for a T that lfvec_*() fills, so that T needs no default constructor. */
template <class T> union cell {
    T value;
    unsigned char none;

    cell() noexcept : none(0)
    {
    }
};

/* Storage for n elements that are not constructed yet; none of them needs to be destroyed. */
template <class T> class room
{
  public:
    explicit room(std::size_t n) : at_(std::allocator<T>().allocate(n)), n_(n)
    {
    }

    room(const room &) = delete;
    room &operator=(const room &) = delete;

    ~room()
    {
        std::allocator<T>().deallocate(at_, n_);
    }

    T *data() const noexcept
    {
        return at_;
    }

  private:
    T *at_;
    std::size_t n_;
};

/* The type that a range-for over R yields, and whether it converts to T. */
using std::begin;
template <class R> using given = decltype(*begin(std::declval<R &>()));
template <class R, class T, class = void> struct gives : std::false_type {
};
template <class R, class T> struct gives<R, T, std::void_t<given<R>>> : std::is_convertible<given<R>, T> {
};

template <class T> lfvec_attr attributes(const options &o) noexcept
{
    lfvec_attr a;
    lfvec_attr_init(&a);
    a.elem_size = sizeof(T);
    a.elem_tag = o.elem_tag ? o.elem_tag : elem_tag<T>::value;
    a.max_elems = o.max_elems;
    a.max_bytes = o.max_bytes;
    a.max_slots = o.max_slots;
    a.leaf_bytes = o.leaf_bytes;
    a.slab_bytes = o.slab_bytes;
    a.mode = o.mode;
    a.numa = o.numa;
    a.numa_nodes = o.numa_nodes;
    a.flags = o.flags;
    const std::string_view format = o.elem_format.empty() ? std::string_view(format_of<T>::value) : o.elem_format;
    format.copy(a.elem_format, sizeof a.elem_format); /* too long: no zero at the end, so refused */
    return a;
}

/*
 * The name as a C string. For C, the name would end at a null character and refer to another
 * segment, so a name with a null character is turned into one that is refused.
 */
inline std::string c_name(std::string_view name)
{
    const std::size_t null = name.find('\0');
    if (null == name.npos)
        return std::string(name);
    return std::string(name.substr(0, null)).insert(0, "name with a null character after ");
}

/* At least d, but at most 95 years, which fits a timespec with any width of time_t in use here. */
template <class Rep, class Period> timespec relative(const std::chrono::duration<Rep, Period> &d)
{
    constexpr double most = 3e9;
    timespec t = {};
    if (std::chrono::duration<double>(d).count() >= most) {
        t.tv_sec = static_cast<time_t>(most);
    } else if (d > d.zero()) {
        const std::int64_t ns = std::chrono::ceil<std::chrono::nanoseconds>(d).count();
        t.tv_sec = static_cast<time_t>(ns / 1000000000);
        t.tv_nsec = static_cast<long>(ns % 1000000000);
    }
    return t;
}

/* A number that is unique among all threads that this process has or had. */
inline std::uint64_t thread_number() noexcept
{
    static std::atomic<std::uint64_t> last = 0;
    thread_local const std::uint64_t mine = last.fetch_add(1, std::memory_order_relaxed) + 1;
    return mine;
}

/* The owner of a lease: other threads, and children of this process, cannot use the lease. */
struct owner {
    std::uint64_t thread = thread_number();
    pid_t process = ::getpid();

    bool here() const noexcept
    {
        return thread == thread_number() && process == ::getpid();
    }
};

} // namespace detail

template <class T> class vector;

/* ---- a leased element ------------------------------------------------------------------------------------------------------------------ */

/*
 * An element popped by vector::pop_lease(). If its thread dies before ack(), the element goes back
 * to the vector. If the lease goes out of scope before ack(), for example because of an exception,
 * its destructor gives the element back at once.
 *
 * The lease belongs to the thread that popped the element, and must end before its vector is
 * detached. After it is moved to another thread or inherited by a child, the element can only be
 * read there: ack() and give_back() fail with std::errc::invalid_argument, and the destructor does
 * nothing. The element stays on lease until its thread exits, detaches or dies.
 */
template <class T> class lease
{
  public:
    lease(const lease &) = delete;
    lease &operator=(const lease &) = delete;

    lease(lease &&other) noexcept : v_(std::exchange(other.v_, nullptr)), owner_(other.owner_), value_(other.value_)
    {
    }

    lease &operator=(lease &&other) noexcept
    {
        if (this != &other) {
            end();
            v_ = std::exchange(other.v_, nullptr);
            owner_ = other.owner_;
            value_ = other.value_;
        }
        return *this;
    }

    ~lease()
    {
        end();
    }

    const T &operator*() const noexcept
    {
        return value_;
    }

    const T *operator->() const noexcept
    {
        return &value_;
    }

    /* True until it is acknowledged, given back or moved from. */
    bool held() const noexcept
    {
        return v_ != nullptr;
    }

    /* Acknowledges the element: lfvec_ack(). invalid_argument if it is not held. Wait-free. */
    void ack(on_error e = {})
    {
        finish(held_here() ? lfvec_ack(v_) : -EINVAL, "ack", e);
    }

    /*
     * Pushes the element back as the vector's last one, exactly once, even if the thread is killed
     * meanwhile: for a thread that cannot process it now. lfvec_release(). If it cannot be pushed
     * (no_space_on_device, value_too_large), it stays on lease. Lock-free.
     */
    void give_back(on_error e = {})
    {
        finish(held_here() ? lfvec_release(v_) : -EINVAL, "give_back", e);
    }

  private:
    friend class vector<T>;

    lease(lfvec_t *v, const T &value) noexcept : v_(v), owner_(), value_(value)
    {
    }

    bool held_here() const noexcept
    {
        return v_ && owner_.here();
    }

    void finish(int result, const char *call, on_error e)
    {
        lfvec_t *v = result ? v_ : std::exchange(v_, nullptr);
        e(result, v, call);
    }

    void end() noexcept
    {
        std::error_code ignored; /* the element stays on lease, and goes back when the thread ends */
        if (held_here())
            give_back(ignored);
        v_ = nullptr;
    }

    lfvec_t *v_;
    detail::owner owner_;
    T value_;
};

/* ---- iterators ---------------------------------------------------------------------------------------------------------------------- */

/*
 * vector<T>::const_iterator: an index, and the attachment that it belongs to. It is valid as long
 * as the attachment, which may move to another vector object. See ITERATORS above. Iterators are
 * compared by their indexes, and must belong to the same vector.
 */
template <class T> class element_iterator
{
  public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<std::is_class_v<T> || std::is_union_v<T>, const T, T>; /* const: not assignable */
    using iterator_category = std::random_access_iterator_tag;

    /* Holds the element that -> accesses, until the end of the expression. */
    class pointer
    {
      public:
        const T *operator->() const noexcept
        {
            return &value_;
        }

      private:
        friend class element_iterator;

        explicit pointer(const T &value) noexcept : value_(value)
        {
        }

        T value_;
    };

    element_iterator() noexcept = default;

    /* The element as it is now: lfvec_get(). std::out_of_range if it has been popped. Lock-free. */
    reference operator*() const
    {
        return (*this)[0];
    }

    pointer operator->() const
    {
        return pointer((*this)[0]);
    }

    reference operator[](difference_type n) const
    {
        detail::cell<T> c;
        const int result = lfvec_get(v_, moved(n), &c.value);
        if (result)
            detail::raise(result, v_, "iterator");
        return c.value;
    }

    /* Its index, as used by get() and set() of the vector. */
    std::uint64_t index() const noexcept
    {
        return index_;
    }

    element_iterator &operator+=(difference_type n) noexcept
    {
        index_ = moved(n);
        return *this;
    }

    element_iterator &operator-=(difference_type n) noexcept
    {
        return *this += -n;
    }

    element_iterator &operator++() noexcept
    {
        return *this += 1;
    }

    element_iterator &operator--() noexcept
    {
        return *this += -1;
    }

    element_iterator operator++(int) noexcept
    {
        const element_iterator was = *this;
        ++*this;
        return was;
    }

    element_iterator operator--(int) noexcept
    {
        const element_iterator was = *this;
        --*this;
        return was;
    }

    friend element_iterator operator+(element_iterator it, difference_type n) noexcept
    {
        return it += n;
    }

    friend element_iterator operator+(difference_type n, element_iterator it) noexcept
    {
        return it += n;
    }

    friend element_iterator operator-(element_iterator it, difference_type n) noexcept
    {
        return it -= n;
    }

    friend difference_type operator-(const element_iterator &a, const element_iterator &b) noexcept
    {
        return static_cast<difference_type>(a.index_ - b.index_);
    }

    friend bool operator==(const element_iterator &a, const element_iterator &b) noexcept
    {
        return a.index_ == b.index_;
    }

    friend bool operator!=(const element_iterator &a, const element_iterator &b) noexcept
    {
        return a.index_ != b.index_;
    }

    friend bool operator<(const element_iterator &a, const element_iterator &b) noexcept
    {
        return a.index_ < b.index_;
    }

    friend bool operator>(const element_iterator &a, const element_iterator &b) noexcept
    {
        return a.index_ > b.index_;
    }

    friend bool operator<=(const element_iterator &a, const element_iterator &b) noexcept
    {
        return a.index_ <= b.index_;
    }

    friend bool operator>=(const element_iterator &a, const element_iterator &b) noexcept
    {
        return a.index_ >= b.index_;
    }

  private:
    friend class vector<T>;

    element_iterator(lfvec_t *v, std::uint64_t index) noexcept : v_(v), index_(index)
    {
    }

    std::uint64_t moved(difference_type n) const noexcept
    {
        return index_ + static_cast<std::uint64_t>(n);
    }

    lfvec_t *v_ = nullptr;
    std::uint64_t index_ = 0;
};

/* ---- the vector ------------------------------------------------------------------------------------------------------------------------ */

/*
 * One process's attachment to a segment whose elements are T. It can be moved but not copied; its
 * destructor detaches. The elements stay.
 */
template <class T> class vector
{
    static_assert(std::is_trivially_copyable_v<T>, "elements are copied byte by byte: T must be trivially copyable");
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>, "T must be neither const nor volatile");
    static_assert(!std::is_pointer_v<T> && !std::is_member_pointer_v<T>, "a pointer means nothing in another process: store an index");
    static_assert(!std::is_same_v<T, bool>, "a bool is no element: others may store a byte that is neither 0 nor 1; use std::uint8_t");
    static_assert(sizeof(T) <= 65536, "elements have at most 65536 bytes");

  public:
    using value_type = T;
    using size_type = std::uint64_t;
    using difference_type = std::ptrdiff_t;
    using const_iterator = element_iterator<T>;
    using iterator = const_iterator; /* iterators only read */
    using const_reverse_iterator = std::reverse_iterator<const_iterator>;
    using reverse_iterator = const_reverse_iterator;
    using const_reference = typename const_iterator::reference; /* by value */
    using reference = const_reference;

    /* Not attached. */
    vector() noexcept = default;

    /*
     * Attaches to the segment `name`; the first caller creates it. lfvec_open() with LFVEC_CREATE:
     * std::errc::permission_denied if it belongs to another user, unless options::any_owner is set.
     */
    explicit vector(std::string_view name, const options &o = {}, on_error e = {}) : v_(opened(name, LFVEC_CREATE, o, e))
    {
    }

    vector(const vector &) = delete;
    vector &operator=(const vector &) = delete;

    vector(vector &&other) noexcept : v_(std::exchange(other.v_, nullptr))
    {
    }

    vector &operator=(vector &&other) noexcept
    {
        vector(std::move(other)).swap(*this);
        return *this;
    }

    ~vector()
    {
        detach();
    }

    /* The same as the constructor. */
    static vector attach(std::string_view name, const options &o = {}, on_error e = {})
    {
        return vector(opened(name, LFVEC_CREATE, o, e));
    }

    /*
     * Opens an existing segment: std::errc::no_such_file_or_directory if it does not exist.
     * Read-only access needs only read permission.
     */
    static vector open(std::string_view name, access a = access::read_write, on_error e = {})
    {
        return vector(opened(name, a == access::read_only ? LFVEC_RDONLY : 0, options(), e));
    }

    /* Creates a new segment: std::errc::file_exists if it exists. */
    static vector create(std::string_view name, const options &o = {}, on_error e = {})
    {
        return vector(opened(name, LFVEC_CREATE | LFVEC_EXCL, o, e));
    }

    /* Ends the attachment: lfvec_detach(). No other thread may be using this object. */
    void detach() noexcept
    {
        if (v_)
            lfvec_detach(std::exchange(v_, nullptr));
    }

    /*
     * Gives back the calling thread's slot: lfvec_leave(). The thread may continue, and then takes
     * a new slot.
     */
    void leave(on_error e = {})
    {
        e(lfvec_leave(v_), v_, "leave");
    }

    void swap(vector &other) noexcept
    {
        std::swap(v_, other.v_);
    }

    /* True if attached. */
    explicit operator bool() const noexcept
    {
        return v_ != nullptr;
    }

    /* For the functions of lfvec.h; nullptr if not attached. This object remains its owner. */
    lfvec_t *native_handle() const noexcept
    {
        return v_;
    }

    /* The name that the segment was opened with; empty if not attached. */
    std::string name() const
    {
        return v_ ? lfvec_name(v_) : "";
    }

    /* Whether the name still refers to this segment: lfvec_is_current(). */
    bool is_current(on_error e = {}) const
    {
        const int result = lfvec_is_current(v_);
        e(result, v_, "is_current");
        return result > 0;
    }

    /* ---- one element */

    /*
     * Appends a copy of x. Returns its index (with a std::error_code: 0 if it failed).
     * lfvec_push(): lock-free.
     */
    size_type push_back(const T &x, on_error e = {})
    {
        size_type index = 0;
        e(lfvec_push(v_, &x, &index), v_, "push_back");
        return index;
    }

    /*
     * Appends T(args...), or T{args...} if there is no such constructor, and returns its index.
     * Throws on failure; use push_back(T{...}, ec) to get a code.
     */
    template <class... Args> size_type emplace_back(Args &&...args)
    {
        if constexpr (std::is_constructible_v<T, Args...>)
            return push_back(T(std::forward<Args>(args)...));
        else
            return push_back(T{std::forward<Args>(args)...});
    }

    /* Removes the last element. std::nullopt if there is none. lfvec_pop(): lock-free. */
    [[nodiscard]] std::optional<T> pop_back(on_error e = {})
    {
        return copied("pop_back", -EAGAIN, e, [this](T *x) { return lfvec_pop(v_, x); });
    }

    /*
     * As pop_back(), but waits for an element if there is none, without a time limit.
     * lfvec_pop_wait().
     */
    [[nodiscard]] T pop_wait()
    {
        return *copied("pop_wait", 0, on_error(), [this](T *x) { return lfvec_pop_wait(v_, x, nullptr); });
    }

    /*
     * The same, but waits at most for `timeout`, rounded up to nanoseconds; a negative one does not
     * wait. std::nullopt if there was no element in that time.
     */
    template <class Rep, class Period>
    [[nodiscard]] std::optional<T> pop_wait(const std::chrono::duration<Rep, Period> &timeout, on_error e = {})
    {
        const timespec t = detail::relative(timeout);
        return copied("pop_wait", -ETIMEDOUT, e, [this, &t](T *x) { return lfvec_pop_wait(v_, x, &t); });
    }

    /* The same until `deadline`: waits for the time that its clock shows to be left at the call. */
    template <class Clock, class Duration>
    [[nodiscard]] std::optional<T> pop_wait_until(const std::chrono::time_point<Clock, Duration> &deadline, on_error e = {})
    {
        return pop_wait(deadline - Clock::now(), e);
    }

    /*
     * Removes the last element, on lease: if this thread dies before lease::ack(), the element goes
     * back to the vector. std::nullopt if there is none; std::errc::device_or_resource_busy if the
     * thread already has a lease. lfvec_pop_lease(): lock-free.
     */
    [[nodiscard]] std::optional<lease<T>> pop_lease(on_error e = {})
    {
        const std::optional<T> x = copied("pop_lease", -EAGAIN, e, [this](T *to) { return lfvec_pop_lease(v_, to); });
        return x ? std::optional<lease<T>>(lease<T>(v_, *x)) : std::nullopt;
    }

    /*
     * Element `index`; std::nullopt if it is beyond the size. lfvec_get(): lock-free, stores
     * nothing in shared memory.
     */
    [[nodiscard]] std::optional<T> get(size_type index, on_error e = {}) const
    {
        return copied("get", -ERANGE, e, [this, index](T *x) { return lfvec_get(v_, index, x); });
    }

    /* The first element; std::nullopt if there is none. get(0). */
    [[nodiscard]] std::optional<T> front(on_error e = {}) const
    {
        return copied("front", -ERANGE, e, [this](T *x) { return lfvec_get(v_, 0, x); });
    }

    /*
     * The last element, without removing it; std::nullopt if there is none. It was the last when
     * the call read the size; if it is popped before it can be copied, the call tries again. To
     * remove it, use pop_back(). Lock-free, stores nothing in shared memory.
     */
    [[nodiscard]] std::optional<T> back(on_error e = {}) const
    {
        return copied("back", -ERANGE, e, [this](T *x) {
            int result = -ERANGE;
            for (size_type n = size(); n > 0 && result == -ERANGE; n = size())
                result = lfvec_get(v_, n - 1, x);
            return v_ ? result : -EINVAL;
        });
    }

    /* Element `index`, as get(), but throws std::out_of_range beyond the size. */
    T at(size_type index) const
    {
        return *copied("at", 0, on_error(), [this, index](T *x) { return lfvec_get(v_, index, x); });
    }

    /*
     * The same as at(), also checked. Returns a value, so it cannot be assigned to: an assignment
     * might replace another element than the one that was read, and it copies a leaf. Use set() or
     * compare_exchange().
     */
    T operator[](size_type index) const
    {
        return at(index);
    }

    /*
     * From the first element to the last one at the time of the call, by value: see ITERATORS.
     * Wait-free; reading through an iterator is lock-free.
     */
    const_iterator begin() const noexcept
    {
        return const_iterator(v_, 0);
    }

    const_iterator end() const noexcept
    {
        return const_iterator(v_, size());
    }

    const_iterator cbegin() const noexcept
    {
        return begin();
    }

    const_iterator cend() const noexcept
    {
        return end();
    }

    const_reverse_iterator rbegin() const noexcept
    {
        return const_reverse_iterator(end());
    }

    const_reverse_iterator rend() const noexcept
    {
        return const_reverse_iterator(begin());
    }

    /* Replaces element `index`. lfvec_set(): lock-free. */
    void set(size_type index, const T &x, on_error e = {})
    {
        e(lfvec_set(v_, index, &x), v_, "set");
    }

    /*
     * For T of 8 bytes: replaces element `index` by desired if its bytes equal those of expected.
     * If not, returns false, and expected receives its value. With a std::error_code, returns false
     * also if it failed. lfvec_cas_u64(): lock-free.
     */
    bool compare_exchange(size_type index, T &expected, const T &desired, on_error e = {})
    {
        static_assert(sizeof(T) == sizeof(std::uint64_t), "compare_exchange is for elements of 8 bytes");
        static_assert(std::has_unique_object_representations_v<T>, "compare_exchange compares bytes: equal values must have equal bytes");
        std::uint64_t was, then;
        std::memcpy(&was, &expected, sizeof was);
        std::memcpy(&then, &desired, sizeof then);
        const int result = lfvec_cas_u64(v_, index, &was, then);
        if (result == -ECANCELED)
            std::memcpy(&expected, &was, sizeof was);
        e(result == -ECANCELED ? 0 : result, v_, "compare_exchange");
        return result == 0;
    }

    /*
     * For an integer T of 8 bytes: adds delta, modulo 2^64. Returns the former value.
     * lfvec_fetch_add_u64(): lock-free.
     */
    T fetch_add(size_type index, T delta, on_error e = {})
    {
        static_assert(std::is_integral_v<T> && sizeof(T) == sizeof(std::uint64_t), "fetch_add is for integers of 8 bytes");
        std::uint64_t old = 0;
        e(lfvec_fetch_add_u64(v_, index, static_cast<std::uint64_t>(delta), &old), v_, "fetch_add");
        return static_cast<T>(old);
    }

    /* ---- many elements */

    /*
     * Appends all elements, in batches of up to batch_most(), each of which is one atomic step.
     * Returns how many were pushed, and where: fewer than given if memory or a limit was reached;
     * an error if none was pushed. lfvec_push_n(): lock-free.
     */
    pushed push_n(span<const T> elems, on_error e = {})
    {
        pushed p;
        const std::int64_t n = lfvec_push_n(v_, elems.data(), elems.size(), &p.first);
        e(n, v_, "push_n");
        p.count = n < 0 ? 0 : static_cast<std::size_t>(n);
        return p;
    }

    /*
     * The same for the elements of any range: without a copy if they are contiguous in memory, as
     * in std::vector or std::array, otherwise in copies of batch_most() elements. Each is converted
     * to T; converting floating-point numbers to integers is refused. If the range throws, the
     * batches before it have been pushed. Elements taken from an input range are consumed, even if
     * there was no room for them here.
     */
    template <class Range, class = std::enable_if_t<detail::gives<Range, T>::value>> pushed push_n(Range &&elems, on_error e = {})
    {
        static_assert(!std::is_floating_point_v<std::decay_t<detail::given<Range>>> || !std::is_integral_v<T>,
                      "floating-point numbers would be cut off to integers");
        if constexpr (std::is_convertible_v<Range, span<const T>>)
            return push_n(span<const T>(elems), e);
        else
            return push_copies(elems, e);
    }

    /*
     * As push_n(), and returns where each batch is: elements of other participants may lie between
     * them. The sum of their counts is the number of elements pushed. lfvec_push_n_parts():
     * lock-free.
     */
    std::vector<pushed> push_parts(span<const T> elems, on_error e = {})
    {
        const std::size_t most = v_ ? batch_most() : 1;
        std::vector<lfvec_part> parts(elems.size() / most + 1);
        const std::int64_t n = lfvec_push_n_parts(v_, elems.data(), elems.size(), parts.data(), parts.size());
        e(n, v_, "push_parts");
        std::vector<pushed> told;
        std::size_t rest = n < 0 ? 0 : static_cast<std::size_t>(n);
        for (auto part = parts.cbegin(); rest > 0; rest -= told.back().count, ++part)
            told.push_back({part->first, static_cast<std::size_t>(part->count)});
        return told;
    }

    /* push_n({1, 2, 3}). */
    pushed push_n(std::initializer_list<T> elems, on_error e = {})
    {
        return push_n(span<const T>(elems.begin(), elems.size()), e);
    }

    /*
     * Removes up to room.size() elements, the last one first. Returns how many; 0 if there is none.
     * lfvec_pop_n(): lock-free.
     */
    [[nodiscard]] std::size_t pop_n(span<T> room, on_error e = {})
    {
        return counted("pop_n", -EAGAIN, e, lfvec_pop_n(v_, room.data(), room.size()));
    }

    /* The same for up to n elements. */
    [[nodiscard]] std::vector<T> pop_n(std::size_t n, on_error e = {})
    {
        const size_type have = held(size());
        std::vector<T> elems = room_for(n < have ? n : have);
        elems.resize(pop_n(span<T>(elems.data(), elems.size()), e));
        return elems;
    }

    /*
     * Removes and returns all elements, the last one first, until it finds the vector empty,
     * including elements that others push meanwhile. It works in batches of up to batch_most()
     * elements, each of which is one atomic step; so the whole call is one step if there are no
     * more elements than that. Each element is returned to exactly one caller, and none is lost:
     * after an error, or if there is no memory for a larger result, it returns what it has, and
     * reports an error only if that is nothing. lfvec_pop_n(): lock-free.
     */
    [[nodiscard]] std::vector<T> consume_all(on_error e = {})
    {
        std::vector<T> elems = room_for(0);
        std::size_t n = 0;
        std::int64_t result = 0;
        do {
            if (n == elems.size() && !grown(elems, held(size())))
                break;
            result = lfvec_pop_n(v_, elems.data() + n, elems.size() - n);
            n += result < 0 ? 0 : static_cast<std::size_t>(result);
        } while (result > 0);
        elems.resize(n);
        e(n > 0 || result == -EAGAIN ? 0 : result, v_, "consume_all");
        return elems;
    }

    /*
     * Copies up to room.size() elements from index first on, in index order. Returns how many. Each
     * is a value that the element had during the call, but they need not all be of one moment.
     * lfvec_get_n(): lock-free, stores nothing in shared memory.
     */
    std::size_t get_n(size_type first, span<T> room, on_error e = {}) const
    {
        return counted("get_n", -ERANGE, e, lfvec_get_n(v_, first, room.data(), room.size()));
    }

    /* The same for up to n elements. */
    [[nodiscard]] std::vector<T> get_n(size_type first, std::size_t n, on_error e = {}) const
    {
        const size_type have = held(size()), left = first < have ? have - first : 0;
        std::vector<T> elems = room_for(n < left ? n : left);
        elems.resize(get_n(first, span<T>(elems.data(), elems.size()), e));
        return elems;
    }

    /*
     * Copies room.size() elements from index first on, all as of one version, which is returned.
     * result_out_of_range if there are not that many; resource_unavailable_try_again if others
     * changed the range in each of 1,000 attempts. lfvec_snapshot().
     */
    std::uint64_t snapshot(size_type first, span<T> room, on_error e = {}) const
    {
        std::uint64_t version = 0;
        e(lfvec_snapshot(v_, first, room.data(), room.size(), &version), v_, "snapshot");
        return version;
    }

    /*
     * All elements, as of one version; more precisely, those below the size that was read a moment
     * before. If others push meanwhile, that version may have more elements. Errors as above;
     * bad_message, without an allocation, if the segment cannot hold as many elements as its size
     * says.
     */
    [[nodiscard]] std::vector<T> snapshot(on_error e = {}) const
    {
        int result = -ERANGE;
        std::vector<T> elems;
        for (int i = 0; i < 1000 && result == -ERANGE; i++) { /* others may pop between the two */
            const size_type n = size();
            if (held(n) < n) {
                result = -EBADMSG;
                break;
            }
            elems = room_for(n);
            result = lfvec_snapshot(v_, 0, elems.data(), elems.size(), nullptr);
        }
        if (result)
            elems.clear();
        e(result == -ERANGE ? -EAGAIN : result, v_, "snapshot");
        return elems;
    }

    /* Maximum number of elements in one batch, pushed or popped in one atomic step. */
    std::size_t batch_most() const noexcept
    {
        return static_cast<std::size_t>(lfvec_batch_most(v_));
    }

    /* ---- size and memory */

    /* Wait-free. */
    size_type size() const noexcept
    {
        return lfvec_size(v_);
    }

    [[nodiscard]] bool empty() const noexcept
    {
        return size() == 0;
    }

    /* Elements that fit before more memory must be committed: lfvec_capacity(). */
    size_type capacity() const noexcept
    {
        return lfvec_capacity(v_);
    }

    /* Commits memory for n elements: lfvec_reserve(). */
    void reserve(size_type n, on_error e = {})
    {
        e(lfvec_reserve(v_, n), v_, "reserve");
    }

    /* Frees the leaves beyond the size for reuse by all participants: lfvec_trim(). Lock-free. */
    void trim(on_error e = {})
    {
        e(lfvec_trim(v_), v_, "trim");
    }

    /* Sets the size to 0 in one atomic step: lfvec_clear(). Lock-free. */
    void clear(on_error e = {})
    {
        e(lfvec_clear(v_), v_, "clear");
    }

    /* ---- recovery and reports */

    /* Recovers every dead slot, and reports what it did: lfvec_recover(). Calling it is optional. */
    recovery recover(on_error e = {})
    {
        recovery out = {};
        e(lfvec_recover(v_, &out), v_, "recover");
        return out;
    }

    /*
     * Audits the segment: lfvec_check(). The segment is sound if the fault is LFVEC_FAULT_NONE.
     * Damage is a result, not an error; an error, such as not_enough_memory, means that there is no
     * verdict.
     */
    [[nodiscard]] audit check(on_error e = {}) const
    {
        audit out = {};
        const int result = lfvec_check(v_, &out);
        e(result == -EBADMSG && out.fault != LFVEC_FAULT_NONE ? 0 : result, v_, "check");
        return out;
    }

    /* Everything known about the segment: lfvec_stat(). */
    [[nodiscard]] statistics stat(on_error e = {}) const
    {
        statistics out = {};
        e(lfvec_stat(v_, &out), v_, "stat");
        return out;
    }

  private:
    explicit vector(lfvec_t *v) noexcept : v_(v)
    {
    }

    static lfvec_t *opened(std::string_view name, int flags, const options &o, on_error e)
    {
        const std::string c_name = detail::c_name(name);
        const lfvec_attr attr = detail::attributes<T>(o);
        const int saved = errno;
        lfvec_t *v = lfvec_open(c_name.c_str(), flags | (o.any_owner ? LFVEC_ANY_OWNER : 0), &attr);
        const int result = v ? 0 : -errno;
        errno = saved;
        e.with_sentence(result);
        return v;
    }

    /* The value that `copy` fills. std::nullopt if it fails; failing with `none` is not an error. */
    template <class Copy> std::optional<T> copied(const char *call, int none, on_error e, Copy copy) const
    {
        detail::cell<T> c;
        const int result = copy(&c.value);
        e(result == none ? 0 : result, v_, call);
        return result ? std::nullopt : std::optional<T>(c.value);
    }

    std::size_t counted(const char *call, int none, on_error e, std::int64_t n) const
    {
        e(n == none ? 0 : n, v_, call);
        return n < 0 ? 0 : static_cast<std::size_t>(n);
    }

    /* push_n() through copies. */
    template <class Range> pushed push_copies(Range &elems, on_error e)
    {
        const std::size_t most = v_ ? batch_most() : 1;
        const detail::room<T> batch(most);
        pushed all;
        std::int64_t result = 0;
        const auto push = [&](std::size_t n) {
            std::uint64_t first = 0;
            result = lfvec_push_n(v_, batch.data(), n, &first);
            if (all.count == 0)
                all.first = first;
            all.count += result < 0 ? 0 : static_cast<std::size_t>(result);
            return result == static_cast<std::int64_t>(n);
        };
        std::size_t n = 0;
        bool fits = true;
        for (auto &&x : elems) {
            ::new (static_cast<void *>(batch.data() + n)) T(static_cast<T>(x));
            if (++n < most)
                continue;
            n = 0;
            fits = push(most);
            if (!fits)
                break;
        }
        if (fits)
            push(n);
        e(all.count == 0 ? result : 0, v_, "push_n");
        return all;
    }

    /*
     * Makes room in elems for `have` more elements, at least one batch. False if memory is lacking
     * and elems has elements to keep.
     */
    bool grown(std::vector<T> &elems, size_type have) const
    {
        const std::size_t batch = v_ ? batch_most() : 1, more = have > batch ? static_cast<std::size_t>(have) : batch;
#ifdef __cpp_exceptions
        try {
            elems.resize(elems.size() + more);
        } catch (const std::bad_alloc &) {
            if (elems.empty())
                throw;
            return false;
        }
#else
        elems.resize(elems.size() + more);
#endif
        return true;
    }

    /*
     * Limits n, a size read from the segment, to the number of elements that the segment has memory
     * for. Checked only if n elements take much private memory: the size is a word that other
     * processes can damage.
     */
    size_type held(size_type n) const noexcept
    {
        constexpr size_type unasked = (size_type{1} << 20) / sizeof(T);
        const size_type most = n > unasked ? capacity() : n;
        return n < most ? n : most;
    }

    static std::vector<T> room_for(size_type n)
    {
        static_assert(std::is_default_constructible_v<T>,
                      "a std::vector<T> is filled in place: T needs a default constructor, or give a span");
        return std::vector<T>(static_cast<std::size_t>(n));
    }

    lfvec_t *v_ = nullptr;
};

template <class T> void swap(vector<T> &a, vector<T> &b) noexcept
{
    a.swap(b);
}

/* ---- free functions -------------------------------------------------------------------------------------------------------------------- */

/* Removes the name: lfvec_unlink(). Returns false if there was none. */
inline bool unlink(std::string_view name, on_error e = {})
{
    const int result = lfvec_unlink(detail::c_name(name).c_str());
    e.with_sentence(result == -ENOENT ? 0 : result);
    return result == 0;
}

/*
 * The version at which the calling thread's last operation took effect, on any vector:
 * lfvec_last_version(). Wait-free.
 */
inline std::uint64_t last_version() noexcept
{
    return lfvec_last_version();
}

} // namespace lfvec

#endif
