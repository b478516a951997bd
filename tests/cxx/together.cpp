/* together.cpp - lfvec.hpp among several processes, some of which are killed. */
#include "test.hpp"

#include <lfvec.hpp>
#include <lfvec.h> /* behind it; alone.cpp has it the other way round */

#include <algorithm>
#include <numeric>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

using namespace std::chrono_literals;

enum { PROCESSES = 4, EACH = 3000 };

static bool all_ended_well(const std::vector<pid_t> &children)
{
    bool well = true;
    for (const pid_t child : children)
        well = ended_well(child) && well;
    return well;
}

static std::vector<pid_t> spawn_all(const std::function<void(std::uint64_t)> &run)
{
    std::vector<pid_t> children;
    for (std::uint64_t i = 0; i < PROCESSES; i++)
        children.push_back(spawn([&run, i] { run(i); }));
    return children;
}

/* 0 .. n - 1, each of them once. */
static bool each_once(std::vector<std::uint64_t> elems, std::uint64_t n)
{
    std::vector<std::uint64_t> all(n);
    std::iota(all.begin(), all.end(), 0);
    std::sort(elems.begin(), elems.end());
    return elems == all;
}

/* Each attaches by name; the first one creates it. */
TEST(pushers)
{
    const std::string name = new_name();
    const auto children = spawn_all([&name](std::uint64_t who) {
        lfvec::vector<std::uint64_t> v(name);
        for (std::uint64_t i = 0; i < EACH; i++)
            v.push_back(who * EACH + i);
    });
    CHECK(all_ended_well(children));
    const auto v = lfvec::vector<std::uint64_t>::open(name);
    CHECK(each_once(v.snapshot(), PROCESSES * EACH) && v.check().fault == LFVEC_FAULT_NONE);
}

/* Every batch is one step: its elements are together and in order. */
TEST(batches_of_many)
{
    const std::string name = new_name();
    enum { BATCH = 10 };
    const auto children = spawn_all([&name](std::uint64_t who) {
        lfvec::vector<std::uint64_t> v(name);
        std::vector<std::uint64_t> batch(BATCH);
        for (std::uint64_t i = 0; i < EACH; i += BATCH) {
            std::iota(batch.begin(), batch.end(), who * EACH + i);
            const lfvec::pushed p = v.push_n(batch);
            CHECK(p.count == BATCH && p.first % BATCH == 0);
        }
    });
    CHECK(all_ended_well(children));
    lfvec::vector<std::uint64_t> v(name);
    std::vector<std::uint64_t> all = v.snapshot();
    for (std::size_t i = 0; i < all.size(); i++)
        CHECK(all[i] == all[i - i % BATCH] + i % BATCH);
    CHECK(each_once(all, PROCESSES * EACH));
    std::reverse(all.begin(), all.end());
    CHECK(v.pop_n(all.size()) == all && v.empty());
}

/* Producers push, consumers wait; an element of each kind is counted once. */
TEST(consumers_wait)
{
    lfvec::vector<std::uint64_t> jobs(new_name()), seen(new_name());
    std::vector<std::uint64_t> zero(PROCESSES * EACH);
    CHECK(seen.push_n(zero).count == zero.size());
    const auto consumers = spawn_all([&](std::uint64_t) { /* with what they inherit */
                                                          while (true) {
                                                              const std::uint64_t job = jobs.pop_wait();
                                                              if (job == UINT64_MAX)
                                                                  break;
                                                              seen.fetch_add(job, 1);
                                                          }
    });
    const auto producers = spawn_all([&](std::uint64_t who) {
        lfvec::vector<std::uint64_t> mine(jobs.name());
        for (std::uint64_t i = 0; i < EACH; i++)
            mine.push_back(who * EACH + i);
    });
    CHECK(all_ended_well(producers));
    while (!jobs.empty())
        std::this_thread::yield();
    CHECK(jobs.push_n(std::vector<std::uint64_t>(PROCESSES, UINT64_MAX)).count == PROCESSES);
    CHECK(all_ended_well(consumers));
    CHECK(seen.snapshot() == std::vector<std::uint64_t>(zero.size(), 1));
}

TEST(compare_and_exchange)
{
    lfvec::vector<std::int64_t> v(new_name());
    v.push_back(0);
    const auto children = spawn_all([&v](std::uint64_t) {
        for (int i = 0; i < EACH; i++) {
            std::int64_t was = v[0];
            while (!v.compare_exchange(0, was, was - 1)) {
            }
        }
    });
    CHECK(all_ended_well(children) && v[0] == -PROCESSES * EACH);
}

/* All elements of a snapshot are of one version: writers keep them equal. */
TEST(snapshots_are_consistent)
{
    lfvec::vector<std::uint64_t> v(new_name());
    const pid_t writer = spawn([&v] {
        for (std::uint64_t i = 0; i < EACH; i++) {
            v.push_n(std::vector<std::uint64_t>(8, i));
            CHECK(v.pop_n(std::size_t{8}).size() == 8);
        }
    });
    for (int i = 0; i < EACH; i++) {
        std::error_code ec;
        const std::vector<std::uint64_t> elems = v.snapshot(ec);
        CHECK(!ec || ec == std::errc::resource_unavailable_try_again);
        CHECK(elems.empty() || (elems.size() == 8 && elems.front() == elems.back()));
    }
    CHECK(ended_well(writer));
}

/* One consumer is killed after ack(), and another, which takes its slot over, with an element on lease. */
TEST(killed_on_lease)
{
    lfvec::vector<std::uint64_t> v(new_name());
    v.push_back(1);
    v.push_back(2);
    const pid_t acknowledged = spawn([&v] {
        v.pop_lease()->ack();
        stop_here();
    });
    CHECK(killed_where_it_stopped(acknowledged) && v.size() == 1);
    const pid_t killed = spawn([&v] {
        const auto l = v.pop_lease();
        CHECK(**l == 1);
        stop_here();
    });
    CHECK(killed_where_it_stopped(killed) && v.empty());
    CHECK(v.stat().slots_dead == 1);
    const lfvec::recovery r = v.recover();
    CHECK(r.slots_recovered == 1 && r.leases_returned == 1 && v.size() == 1 && v[0] == 1);
    CHECK(v.recover().slots_recovered == 0 && v.check().fault == LFVEC_FAULT_NONE);
}

/* A child inherits a lease object, and not the lease. */
TEST(lease_in_a_child)
{
    lfvec::vector<std::uint64_t> v(new_name());
    v.push_back(1);
    auto l = v.pop_lease();
    CHECK(ended_well(spawn([&] {
        std::error_code ec;
        CHECK(**l == 1);
        l->ack(ec);
        CHECK(ec == std::errc::invalid_argument);
        l->give_back(ec);
        CHECK(ec == std::errc::invalid_argument);
        l.reset();
        CHECK(v.empty());
    })));
    CHECK(v.empty() && l->held());
    l->ack();
    CHECK(v.recover().leases_returned == 0 && v.empty());
}

TEST(threads_share_one)
{
    lfvec::vector<std::uint64_t> v(new_name());
    std::vector<std::thread> threads;
    for (std::uint64_t who = 0; who < PROCESSES; who++)
        threads.emplace_back([&v, who] {
            for (std::uint64_t i = 0; i < EACH; i++)
                v.push_back(who * EACH + i);
        });
    for (std::thread &t : threads)
        t.join();
    CHECK(each_once(v.snapshot(), PROCESSES * EACH));
}

static bool users_share_a_sticky_directory()
{
    struct stat st = {};
    return geteuid() == 0 && stat("/dev/shm", &st) == 0 && (st.st_mode & S_ISVTX) && (st.st_mode & S_IWOTH);
}

/* Where it can be told: root, whose process this is, does not take another user's for its own. */
TEST(another_users)
{
    const std::string name = new_name();
    lfvec::options o;
    o.mode = 0666;
    const bool can_tell = users_share_a_sticky_directory();
    CHECK(ended_well(
        spawn([&] { CHECK((!can_tell || setuid(65534) == 0) && lfvec::vector<std::uint64_t>::create(name, o).push_back(1) == 0); })));
    if (can_tell)
        CHECK_THROWS(std::errc::permission_denied, lfvec::vector<std::uint64_t>(name));
    CHECK(lfvec::vector<std::uint64_t>::open(name).at(0) == 1);
    o.any_owner = true;
    CHECK(lfvec::vector<std::uint64_t>(name, o).size() == 1);
    CHECK(lfvec::vector<std::uint64_t>::attach(name, o).size() == 1);
}
