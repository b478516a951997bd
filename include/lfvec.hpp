/*
 * lfvec.hpp - lfvec.h for C++17 and later: lfvec::vector<T>, a growing array in POSIX shared memory, shared by processes, lock-free.
 *
 *     struct job { std::uint64_t id; char host[24]; };
 *
 *     lfvec::vector<job> jobs("/jobs");                // attaches; the first one creates it
 *     jobs.push_back({1, "here"});
 *     if (std::optional<job> j = jobs.pop_back())      // nothing if it is empty
 *         work_on(*j);
 *
 * READ FIRST what lfvec.h says; all of it holds here: the guarantees G1 to G5, what may overlap with what, the memory order. Each function
 * is the one of lfvec.h that it names, with the same errors, progress and order, and only inline code around it; link with -llfvec.
 *
 * ELEMENTS
 *
 *  An element is a copy of the bytes of a T, so T is trivially copyable; this is checked when it is compiled. Other programs, perhaps of
 *  another compiler, read these bytes: give T members of fixed width, and no pointer or reference, which mean nothing in another process.
 *  Padding is copied too. When a segment is opened, sizeof(T) is compared with its element size, the tag, if T has one (elem_tag), with the
 *  tag that it was created with, and so is the format: what a number is, and a struct that says so (format_of). std::errc::protocol_error if
 *  any of them differs; a double is never read as an integer. Every access is a copy: there is no reference to an element, and none can
 *  dangle.
 *
 *  A bool is no element: other programs may store a byte that is neither 0 nor 1, which no bool may hold. Use std::uint8_t.
 *
 * ITERATORS
 *
 *      for (const job &j : jobs)
 *          std::cout << j.id << '\n';
 *      const auto it = std::find_if(jobs.begin(), jobs.end(), [](const job &j) { return j.id == 7; });
 *
 *  They read only, and by value: dereferencing one is a get() of its index, at that moment. end() is the size when it was called. So in a
 *  loop over a vector that others change:
 *
 *   - what they push after end() was called is not visited;
 *   - what they set is seen if they set it before the iterator comes there: the elements need not be of one moment;
 *   - if they pop an element that lies ahead, dereferencing its iterator throws std::out_of_range, as at() does, unless another one has been
 *     pushed in its place, which is then what is read.
 *
 *  For a loop that others cannot disturb, iterate over snapshot(). Elements are replaced by set(), never through an iterator.
 *
 *  In C++20 the iterator models std::random_access_iterator, whose reference may be a value, and not std::contiguous_iterator; a vector is a
 *  std::ranges::random_access_range and a sized_range. In C++17, a Cpp17ForwardIterator has to return a reference to an object, and there
 *  is none; so the iterator meets Cpp17InputIterator, with all operations of a random-access one. Its iterator_category says random access,
 *  like that of std::vector<bool>: std::prev(), std::distance() and std::lower_bound() then take the steps that they should.
 *
 * ERRORS
 *
 *  What a caller has to expect is an answer, and not an error: of an empty vector, pop_back() and the like return std::nullopt; pop_wait()
 *  does at the end of its time; compare_exchange() returns false; get() beyond the size returns std::nullopt.
 *
 *  An error is thrown as lfvec::error, which is a std::system_error with a code of std::generic_category(), or set in a std::error_code if
 *  one is given as the last argument:
 *
 *      jobs.push_back(j);                               // throws
 *      std::error_code ec;
 *      jobs.push_back(j, ec);                           // does not; ec is cleared if all went well
 *      if (ec == std::errc::no_space_on_device) ...
 *
 *  An index beyond the size is thrown as std::out_of_range; as a code it is std::errc::result_out_of_range. at(), the brackets, iterators,
 *  emplace_back() and a pop_wait() without a time have no such argument: get(), push_back() and pop_wait() with a time do. With a
 *  std::error_code, nothing
 *  but std::bad_alloc is thrown, and that only where a std::string or a std::vector is made. Of a vector that is not attached (made by the
 *  default constructor, moved from, detached), every operation fails with std::errc::invalid_argument; its size is 0.
 *
 * THREADS
 *
 *  One lfvec::vector may be used by all threads of a process at once, as a handle of lfvec.h may be: its member functions, const or not, are
 *  safe beside each other. Those that change which segment it is attached to are not: the destructor, detach(), swap(), being moved from
 *  and being assigned to. A child made by fork() may use it at once.
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
 * What is thrown. code() compares with std::errc; what() begins with the sentence of lfvec_last_error(), or the segment and the call, behind which
 * comes the sentence if memory was lacking.
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
 * The last parameter of whatever can fail. Left out: an error is thrown. A std::error_code in its place: that is set, or cleared. Without
 * exceptions (-fno-exceptions), an error that would be thrown ends the program: give codes.
 */
class on_error
{
  public:
    on_error() noexcept = default;

    on_error(std::error_code &ec) noexcept : ec_(&ec)
    {
    }

    /* Reports the result of a call, a negative errno if it failed. For the functions below. */
    void operator()(std::int64_t result, const lfvec_t *v, const char *call) const
    {
        if (ec_)
            *ec_ = detail::code(result);
        else if (result < 0)
            detail::raise(result, v, call);
    }

    /* Likewise of opening and unlinking, which leave a sentence. */
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

/* As much of std::span, which it is with C++20, as the functions below need. Made of {pointer, size}, or of what has data() and size(). */
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

/* ---- what a segment is made with ----------------------------------------------------------------------------------------------------- */

/*
 * A tag for elements, made of a name: the same number in every program. Never 0, which is "any". Wait-free.
 */
constexpr std::uint64_t tag(std::string_view name) noexcept
{
    std::uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const char c : name)
        h = (h ^ static_cast<unsigned char>(c)) * UINT64_C(0x100000001b3);
    return h ? h : 1;
}

/*
 * The tag of T's elements; 0 unless you say otherwise, and then any segment whose elements have sizeof(T) bytes will do. Change the name
 * whenever the members of T change, and a program of before cannot take one for the other:
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
 * What an element is made of, as lfvec_attr.elem_format says it: the creator writes it into the segment, whoever opens it compares, and
 * lfvec-shmctl shows elements by it. It is known of integers, float, double, char (text: s1), std::byte and enumerations; of another T it is
 * empty, which goes with any, unless you say it:
 *
 *     struct job { std::uint64_t id; char host[24]; };
 *     template <> struct lfvec::format_of<job> { static constexpr std::string_view value = "u64,s24"; };
 */
template <class T> struct format_of {
    static constexpr std::string_view value = detail::format<T>();
};

/*
 * What a segment is created with: the fields of struct lfvec_attr, in its order, without elem_size, which is sizeof(T). 0 means the default
 * that lfvec.h names, except for mode. They count when a segment is created; elem_tag and elem_format whenever it is opened, 0 and "" meaning
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
    bool any_owner = false; /* LFVEC_ANY_OWNER: vector() and attach() join another user's segment, too */
};

enum class access { read_write, read_only };

using recovery = struct ::lfvec_recovery;
using audit = struct ::lfvec_audit;
using statistics = struct ::lfvec_stat;

/* What vector::push_n() did. */
struct pushed {
    std::uint64_t first = 0; /* index of the first one */
    std::size_t count = 0;
};

namespace detail
{

/* Room for a T that lfvec_*() copies into: T need have no default constructor. */
template <class T> union cell {
    T value;
    unsigned char none;

    cell() noexcept : none(0)
    {
    }
};

/* Room for n elements that are not made yet; none of them needs to be unmade. */
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

/* What a range-for over R gives, and whether it converts to T. */
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
    format.copy(a.elem_format, sizeof a.elem_format); /* without a zero at its end if it is too long, and then refused */
    return a;
}

/* The name as C has it. C would see the end of it at a null character, and find another segment: one that has it is made a name that is refused. */
inline std::string c_name(std::string_view name)
{
    const std::size_t null = name.find('\0');
    if (null == name.npos)
        return std::string(name);
    return std::string(name.substr(0, null)).insert(0, "name with a null character after ");
}

/* At least as long as d, and at most 95 years, which a timespec of any width of time_t in use here can hold. */
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

/* A number that no other thread of this process has, or had. */
inline std::uint64_t thread_number() noexcept
{
    static std::atomic<std::uint64_t> last = 0;
    thread_local const std::uint64_t mine = last.fetch_add(1, std::memory_order_relaxed) + 1;
    return mine;
}

/* Whose a lease is: in another thread, or in a child of this process, it is not to be had. */
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
 * An element popped by vector::pop_lease(): if its thread dies before ack(), it comes back to the vector. If the lease goes out of scope
 * before ack(), as when an exception passes, it is given back as well, then and there.
 *
 * It belongs to the thread that popped it, and must end before its vector is detached. Moved to another thread or inherited by a child, it
 * can be looked at only: there, ack() and give_back() fail with std::errc::invalid_argument, and its end does nothing; the element
 * stays on lease until its thread exits, detaches or dies.
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

    /* Neither acknowledged nor given back so far, nor moved from. */
    bool held() const noexcept
    {
        return v_ != nullptr;
    }

    /* The element is done with: lfvec_ack(). invalid_argument if it is not held. Wait-free. */
    void ack(on_error e = {})
    {
        finish(held_here() ? lfvec_ack(v_) : -EINVAL, "ack", e);
    }

    /*
     * Pushes the element back, as the vector's last one, exactly once, also if it is killed meanwhile: for a thread that cannot do its work
     * now. lfvec_release(). If it cannot be pushed (no_space_on_device, value_too_large), it stays on lease. Lock-free.
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
        std::error_code ignored; /* it stays on lease, and comes back when the thread ends */
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
 * vector<T>::const_iterator: an index, and the attachment that it is an index of. It is good as long as the attachment, which may move to
 * another vector object. See ITERATORS above. Two are compared by their indexes, and must be of one vector.
 */
template <class T> class element_iterator
{
  public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<std::is_class_v<T> || std::is_union_v<T>, const T, T>; /* const: nothing to assign to */
    using iterator_category = std::random_access_iterator_tag;

    /* The element that -> looks into, until the end of the expression. */
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

    /* Its index: what get() and set() of the vector take. */
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

/* One process's attachment to a segment whose elements are T. It can be moved, not copied; its end detaches. The elements stay. */
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
    using iterator = const_iterator; /* no element is changed through one */
    using const_reverse_iterator = std::reverse_iterator<const_iterator>;
    using reverse_iterator = const_reverse_iterator;
    using const_reference = typename const_iterator::reference; /* by value */
    using reference = const_reference;

    /* Not attached. */
    vector() noexcept = default;

    /*
     * Attaches to the segment `name`; the first one creates it. lfvec_open() with LFVEC_CREATE: std::errc::permission_denied if it is another
     * user's, unless options::any_owner.
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

    /* A segment that exists: std::errc::no_such_file_or_directory if it does not. Read-only, it needs the read permission alone. */
    static vector open(std::string_view name, access a = access::read_write, on_error e = {})
    {
        return vector(opened(name, a == access::read_only ? LFVEC_RDONLY : 0, options(), e));
    }

    /* A segment that does not exist: std::errc::file_exists if it does. */
    static vector create(std::string_view name, const options &o = {}, on_error e = {})
    {
        return vector(opened(name, LFVEC_CREATE | LFVEC_EXCL, o, e));
    }

    /* Ends the attachment: lfvec_detach(). No other thread may be using it. */
    void detach() noexcept
    {
        if (v_)
            lfvec_detach(std::exchange(v_, nullptr));
    }

    /* Gives back the calling thread's slot; the thread may go on, and takes one anew: lfvec_leave(). */
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

    /* For the functions of lfvec.h; nullptr if not attached. It stays this object's. */
    lfvec_t *native_handle() const noexcept
    {
        return v_;
    }

    /* The name that it was opened with; empty if not attached. */
    std::string name() const
    {
        return v_ ? lfvec_name(v_) : "";
    }

    /* Whether the name still leads to this segment: lfvec_is_current(). */
    bool is_current(on_error e = {}) const
    {
        const int result = lfvec_is_current(v_);
        e(result, v_, "is_current");
        return result > 0;
    }

    /* ---- one element */

    /* Appends a copy of x. Returns its index (with a std::error_code: 0 if it failed). lfvec_push(): lock-free. */
    size_type push_back(const T &x, on_error e = {})
    {
        size_type index = 0;
        e(lfvec_push(v_, &x, &index), v_, "push_back");
        return index;
    }

    /* Appends T(args...), or T{args...} where there is no such constructor, and returns its index. Throws: for codes, push_back(T{...}, ec). */
    template <class... Args> size_type emplace_back(Args &&...args)
    {
        if constexpr (std::is_constructible_v<T, Args...>)
            return push_back(T(std::forward<Args>(args)...));
        else
            return push_back(T{std::forward<Args>(args)...});
    }

    /* Removes the last element. Nothing if there is none. lfvec_pop(): lock-free. */
    [[nodiscard]] std::optional<T> pop_back(on_error e = {})
    {
        return copied("pop_back", -EAGAIN, e, [this](T *x) { return lfvec_pop(v_, x); });
    }

    /* Waits for an element if there is none, for ever. lfvec_pop_wait(). */
    [[nodiscard]] T pop_wait()
    {
        return *copied("pop_wait", 0, on_error(), [this](T *x) { return lfvec_pop_wait(v_, x, nullptr); });
    }

    /* Likewise for as long as `timeout`, rounded up to nanoseconds; not at all if it is negative. Nothing if there was none in that time. */
    template <class Rep, class Period>
    [[nodiscard]] std::optional<T> pop_wait(const std::chrono::duration<Rep, Period> &timeout, on_error e = {})
    {
        const timespec t = detail::relative(timeout);
        return copied("pop_wait", -ETIMEDOUT, e, [this, &t](T *x) { return lfvec_pop_wait(v_, x, &t); });
    }

    /* Likewise until `deadline`, as far away as its clock has it now. */
    template <class Clock, class Duration>
    [[nodiscard]] std::optional<T> pop_wait_until(const std::chrono::time_point<Clock, Duration> &deadline, on_error e = {})
    {
        return pop_wait(deadline - Clock::now(), e);
    }

    /*
     * Removes the last element, on lease: if this thread dies before lease::ack(), it comes back. Nothing if there is none;
     * std::errc::device_or_resource_busy if the thread has a lease already. lfvec_pop_lease(): lock-free.
     */
    [[nodiscard]] std::optional<lease<T>> pop_lease(on_error e = {})
    {
        const std::optional<T> x = copied("pop_lease", -EAGAIN, e, [this](T *to) { return lfvec_pop_lease(v_, to); });
        return x ? std::optional<lease<T>>(lease<T>(v_, *x)) : std::nullopt;
    }

    /* Element `index`; nothing if it is beyond the size. lfvec_get(): lock-free, stores nothing in shared memory. */
    [[nodiscard]] std::optional<T> get(size_type index, on_error e = {}) const
    {
        return copied("get", -ERANGE, e, [this, index](T *x) { return lfvec_get(v_, index, x); });
    }

    /* The first element; nothing if there is none. get(0). */
    [[nodiscard]] std::optional<T> front(on_error e = {}) const
    {
        return copied("front", -ERANGE, e, [this](T *x) { return lfvec_get(v_, 0, x); });
    }

    /*
     * The last element, which stays; nothing if there is none. It was the last when its call read the size; if it is popped before it can be
     * copied, that is done again. To take it, pop_back(). Lock-free, stores nothing in shared memory.
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

    /* Element `index`, as get(); throws std::out_of_range beyond the size. */
    T at(size_type index) const
    {
        return *copied("at", 0, on_error(), [this, index](T *x) { return lfvec_get(v_, index, x); });
    }

    /*
     * The same as at(), checked as well. By value, and so nothing to assign to: an assignment might meet another element than the one that
     * was read, and costs a leaf. Use set(), or compare_exchange().
     */
    T operator[](size_type index) const
    {
        return at(index);
    }

    /* From the first element to what is now the last one, by value: see ITERATORS. Wait-free; reading through one is lock-free. */
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
     * T of 8 bytes: replaces element `index` by desired if its bytes equal those of expected; if not, returns false, and expected is what it
     * was. With a std::error_code, false as well if it failed. lfvec_cas_u64(): lock-free.
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

    /* An integer T of 8 bytes: adds delta, modulo 2^64. Returns the former value. lfvec_fetch_add_u64(): lock-free. */
    T fetch_add(size_type index, T delta, on_error e = {})
    {
        static_assert(std::is_integral_v<T> && sizeof(T) == sizeof(std::uint64_t), "fetch_add is for integers of 8 bytes");
        std::uint64_t old = 0;
        e(lfvec_fetch_add_u64(v_, index, static_cast<std::uint64_t>(delta), &old), v_, "fetch_add");
        return static_cast<T>(old);
    }

    /* ---- many elements */

    /*
     * Appends them all, in batches of up to batch_most(), each of which is one atomic step. Returns how many were pushed, and where: fewer
     * than given if memory or a limit was reached on the way; it is an error if none was. lfvec_push_n(): lock-free.
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
     * Likewise the elements of any range: without a copy if they lie one after the other in memory, as in std::vector or std::array, and
     * else in copies of batch_most() elements. Each is made a T of; integers are not made of floating-point numbers. If the range throws, the
     * batches before are in. What was taken from an input range is gone from it, also if there was no room for it here.
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
     * As push_n(), and says of each batch where it is: the elements of others may lie between them. Together they are how many were pushed.
     * lfvec_push_n_parts(): lock-free.
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

    /* Removes up to as many as there is room for, the last one first. Returns how many; 0 if there is none. lfvec_pop_n(): lock-free. */
    [[nodiscard]] std::size_t pop_n(span<T> room, on_error e = {})
    {
        return counted("pop_n", -EAGAIN, e, lfvec_pop_n(v_, room.data(), room.size()));
    }

    /* Likewise up to n. */
    [[nodiscard]] std::vector<T> pop_n(std::size_t n, on_error e = {})
    {
        const size_type have = held(size());
        std::vector<T> elems = room_for(n < have ? n : have);
        elems.resize(pop_n(span<T>(elems.data(), elems.size()), e));
        return elems;
    }

    /*
     * Removes and returns everything, the last one first, until the vector has been found empty: also what others push meanwhile. In batches,
     * each of which is one atomic step, of up to batch_most() elements; so all of it is one step if there are no more. Each element is
     * returned to one caller, and none is lost: when an error ends it, or memory for the result is lacking, it returns what it has, and it is
     * an error only if that is nothing. lfvec_pop_n(): lock-free.
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
     * Copies the elements from index first on, as many as there are and there is room for, in index order. Returns how many. Each is a value
     * that it had during the call; together they need not be of one moment. lfvec_get_n(): lock-free, stores nothing in shared memory.
     */
    std::size_t get_n(size_type first, span<T> room, on_error e = {}) const
    {
        return counted("get_n", -ERANGE, e, lfvec_get_n(v_, first, room.data(), room.size()));
    }

    /* Likewise up to n. */
    [[nodiscard]] std::vector<T> get_n(size_type first, std::size_t n, on_error e = {}) const
    {
        const size_type have = held(size()), left = first < have ? have - first : 0;
        std::vector<T> elems = room_for(n < left ? n : left);
        elems.resize(get_n(first, span<T>(elems.data(), elems.size()), e));
        return elems;
    }

    /*
     * Copies room.size() elements from index first on, all as of one version, which is returned. result_out_of_range if there are not so
     * many; resource_unavailable_try_again if others changed the range in each of 1,000 attempts. lfvec_snapshot().
     */
    std::uint64_t snapshot(size_type first, span<T> room, on_error e = {}) const
    {
        std::uint64_t version = 0;
        e(lfvec_snapshot(v_, first, room.data(), room.size(), &version), v_, "snapshot");
        return version;
    }

    /*
     * Every element, all as of one version: those below the size of a moment before, to be exact. If others push meanwhile, that version may
     * have more of them. Errors as above; bad_message, and no memory taken, if the segment cannot hold as many as its size says.
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

    /* Most elements that one batch takes, and that are pushed or popped in one atomic step. */
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

    /* Frees leaves beyond the size, for all participants: lfvec_trim(). Lock-free. */
    void trim(on_error e = {})
    {
        e(lfvec_trim(v_), v_, "trim");
    }

    /* Sets the size to 0 in one atomic step: lfvec_clear(). Lock-free. */
    void clear(on_error e = {})
    {
        e(lfvec_clear(v_), v_, "clear");
    }

    /* ---- those who died, and how the segment is */

    /* Recovers every dead slot, and says what it did: lfvec_recover(). Nobody needs to call it. */
    recovery recover(on_error e = {})
    {
        recovery out = {};
        e(lfvec_recover(v_, &out), v_, "recover");
        return out;
    }

    /*
     * Audits the segment: lfvec_check(). It is sound if the fault is LFVEC_FAULT_NONE; damage is an answer, and no error. An error, such as
     * not_enough_memory, is that there is no verdict.
     */
    [[nodiscard]] audit check(on_error e = {}) const
    {
        audit out = {};
        const int result = lfvec_check(v_, &out);
        e(result == -EBADMSG && out.fault != LFVEC_FAULT_NONE ? 0 : result, v_, "check");
        return out;
    }

    /* Everything there is to know about the segment: lfvec_stat(). */
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

    /* What `copy` copies out. Nothing if it fails; if that is by `none`, it is an answer and no error. */
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

    /* push_n() by way of copies. */
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

    /* Makes room in elems for as many as `have` more, one batch at least. False if memory is lacking, and there are elements to be kept. */
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
     * Of n elements, as the size has it, as many as the segment has memory for. Asked where that is much memory of our own: the size is a word
     * that others can damage.
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

/* ---- the rest -------------------------------------------------------------------------------------------------------------------------- */

/* Removes the name: lfvec_unlink(). Returns false if there was none. */
inline bool unlink(std::string_view name, on_error e = {})
{
    const int result = lfvec_unlink(detail::c_name(name).c_str());
    e.with_sentence(result == -ENOENT ? 0 : result);
    return result == 0;
}

/* The version at which the calling thread's last operation took effect, on whatever vector: lfvec_last_version(). Wait-free. */
inline std::uint64_t last_version() noexcept
{
    return lfvec_last_version();
}

} // namespace lfvec

#endif
