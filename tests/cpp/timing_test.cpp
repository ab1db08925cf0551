#include "edgeloop/timing.hpp"

#include <numeric>
#include <vector>

#include "check.hpp"
#include "edgeloop/clock.hpp"

using edgeloop::Block;
using edgeloop::ErrorKind;
using edgeloop::run_block;
using edgeloop::Samples;
using edgeloop_test::message_of;

namespace {

// A clock that the test moves: each read costs `read_ns`, each run of the engine what it adds.
struct FakeClock {
  mutable std::uint64_t time_ns = 1000;
  std::uint64_t read_ns = 0;
  mutable int reads = 0;

  std::uint64_t now_ns() const noexcept {
    ++reads;
    time_ns += read_ns;
    return time_ns;
  }

  void wait_until(std::uint64_t moment_ns) const noexcept {
    if (time_ns < moment_ns) time_ns = moment_ns;
  }
};

// An engine whose runs take known, different times.
class FakeEngine final : public edgeloop::Engine {
 public:
  FakeEngine(FakeClock& clock, std::vector<std::uint64_t> costs_ns)
      : clock_(clock), costs_ns_(std::move(costs_ns)) {}

  bool run() noexcept override {
    if (next_ == costs_ns_.size()) return false;
    clock_.time_ns += costs_ns_[next_++];
    return true;
  }
  std::string runtime_version() const override { return "fake"; }

 private:
  FakeClock& clock_;
  std::vector<std::uint64_t> costs_ns_;
  std::size_t next_ = 0;
};

std::vector<std::uint64_t> durations(const Samples& samples) {
  return {samples.data(), samples.data() + samples.size()};
}

}  // namespace

TEST(a_sample_is_one_run_and_one_clock_read) {
  FakeClock clock;
  clock.read_ns = 5;
  FakeEngine engine(clock, {100, 200, 300});
  Samples samples(3);
  const Block block = run_block(engine, samples, 3, 1, clock);
  CHECK(block.completed);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{105, 205, 305}));
  CHECK_EQUAL(clock.reads, 4);
}

TEST(the_samples_add_up_to_the_time_of_the_block) {
  FakeClock clock;
  clock.read_ns = 7;
  FakeEngine engine(clock, {10, 20, 30, 40, 50, 60});
  Samples samples(6);
  const Block block = run_block(engine, samples, 6, 2, clock);
  const auto all = durations(samples);
  CHECK_EQUAL(std::accumulate(all.begin(), all.end(), std::uint64_t{0}),
              clock.time_ns - block.start_ns);
  CHECK(all == (std::vector<std::uint64_t>{37, 77, 117}));
}

TEST(a_failing_run_keeps_the_samples_before_it) {
  FakeClock clock;
  FakeEngine engine(clock, {10, 20});
  Samples samples(5);
  const Block block = run_block(engine, samples, 5, 1, clock);
  CHECK(!block.completed);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{10, 20}));
}

TEST(a_block_starts_with_empty_samples) {
  FakeClock clock;
  FakeEngine engine(clock, {10, 20, 30});
  Samples samples(2);
  run_block(engine, samples, 2, 1, clock);
  run_block(engine, samples, 1, 1, clock);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{30}));
}

TEST(a_coarse_clock_gives_zeros_and_whole_ticks_only) {
  struct CoarseClock {
    FakeClock& inner;
    std::uint64_t now_ns() const noexcept { return inner.now_ns() / 100 * 100; }
  };
  FakeClock clock;
  FakeEngine engine(clock, std::vector<std::uint64_t>(50, 30));
  Samples samples(50);
  run_block(engine, samples, 50, 1, CoarseClock{clock});
  std::uint64_t total = 0;
  for (const std::uint64_t duration : durations(samples)) {
    CHECK(duration == 0 || duration == 100);
    total += duration;
  }
  CHECK_EQUAL(total, 1500u);
}

TEST(a_clock_that_jumps_back_fails_the_block_and_says_how_far) {
  FakeClock clock;
  const std::uint64_t minus_600 = ~std::uint64_t{600} + 1;  // the second run "takes" -600 ns
  FakeEngine engine(clock, {100, minus_600, 100});
  Samples samples(3);
  const std::string message =
      message_of(ErrorKind::not_available, [&] { run_block(engine, samples, 3, 1, clock); });
  CHECK(message.find("backwards by 600 ns") != std::string::npos);
  CHECK_EQUAL(samples.size(), 3u);  // nothing is dropped
}

TEST(a_clock_that_jumps_back_in_the_last_run_is_noticed_too) {
  FakeClock clock;
  const std::uint64_t minus_1 = ~std::uint64_t{0};
  FakeEngine engine(clock, {100, 100, minus_1});
  Samples samples(3);
  const std::string message =
      message_of(ErrorKind::not_available, [&] { run_block(engine, samples, 3, 1, clock); });
  CHECK(message.find("backwards by 1 ns") != std::string::npos);
}

TEST(a_clock_that_jumps_back_fails_schedules_and_bare_reads) {
  struct BackwardClock {
    mutable std::uint64_t time_ns = 1000;
    std::uint64_t now_ns() const noexcept { return time_ns -= 100; }
    void wait_until(std::uint64_t) const noexcept {}
  };
  FakeClock clock;
  FakeEngine engine(clock, {10, 10});
  Samples samples(2);
  message_of(ErrorKind::not_available,
             [&] { edgeloop::run_schedule(engine, samples, 2, 100, BackwardClock()); });
  message_of(ErrorKind::not_available,
             [&] { edgeloop::run_clock_pairs(samples, 2, BackwardClock()); });
}

TEST(a_clock_that_jumps_forward_shows_in_one_sample_and_in_the_sum) {
  FakeClock clock;
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  FakeEngine engine(clock, {100, kHour, 100});
  Samples samples(3);
  CHECK(run_block(engine, samples, 3, 1, clock).completed);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{100, kHour, 100}));
}

TEST(blocks_that_cannot_be_cut_or_do_not_fit_are_refused) {
  FakeClock clock;
  FakeEngine engine(clock, {});
  Samples samples(4);
  message_of(ErrorKind::usage, [&] { run_block(engine, samples, 5, 2, clock); });
  message_of(ErrorKind::usage, [&] { run_block(engine, samples, 5, 1, clock); });
  message_of(ErrorKind::usage, [&] { run_block(engine, samples, 0, 1, clock); });
  message_of(ErrorKind::usage, [&] { run_block(engine, samples, 4, 0, clock); });
}

TEST(a_schedule_counts_from_the_moment_a_run_was_due) {
  FakeClock clock;
  FakeEngine engine(clock, {40, 250, 40, 40});
  Samples samples(4);
  const Block block = edgeloop::run_schedule(engine, samples, 4, 100, clock);
  CHECK(block.completed);
  CHECK_EQUAL(block.start_ns, 1100u);
  // Due at 1100, 1200, 1300, 1400; the second ends at 1450, so the third waits 150 and the
  // fourth 90.
  CHECK(durations(samples) == (std::vector<std::uint64_t>{40, 250, 190, 130}));
  CHECK_EQUAL(block.busy_ns, 370u);
}

TEST(the_system_clock_waits_until_the_moment) {
  const edgeloop::SystemClock clock;
  for (const std::uint64_t wait_ns : {0u, 50'000u, 2'000'000u}) {
    const std::uint64_t moment = clock.now_ns() + wait_ns;
    clock.wait_until(moment);
    CHECK(clock.now_ns() >= moment);
  }
}

TEST(clock_pairs_hold_nothing_but_the_clock) {
  FakeClock clock;
  clock.read_ns = 9;
  Samples samples(3);
  edgeloop::run_clock_pairs(samples, 3, clock);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{9, 9, 9}));
}
