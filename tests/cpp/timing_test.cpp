#include "edgeloop/timing.hpp"

#include <doctest.h>

#include <numeric>
#include <vector>

#include "edgeloop/clock.hpp"
#include "message_of.hpp"

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

TEST_CASE("a sample is one run and one clock read") {
  FakeClock clock;
  clock.read_ns = 5;
  FakeEngine engine(clock, {100, 200, 300});
  Samples samples(3);
  const Block block = run_block(engine, samples, 3, 1, clock);
  CHECK(block.completed);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{105, 205, 305}));
  CHECK(clock.reads == 4);
}

TEST_CASE("the samples add up to the time of the block") {
  FakeClock clock;
  clock.read_ns = 7;
  FakeEngine engine(clock, {10, 20, 30, 40, 50, 60});
  Samples samples(6);
  const Block block = run_block(engine, samples, 6, 2, clock);
  const auto all = durations(samples);
  CHECK(std::accumulate(all.begin(), all.end(), std::uint64_t{0}) ==
        clock.time_ns - block.start_ns);
  CHECK(all == (std::vector<std::uint64_t>{37, 77, 117}));
}

TEST_CASE("a failing run keeps the samples before it") {
  FakeClock clock;
  FakeEngine engine(clock, {10, 20});
  Samples samples(5);
  const Block block = run_block(engine, samples, 5, 1, clock);
  CHECK(!block.completed);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{10, 20}));
}

TEST_CASE("a block starts with empty samples") {
  FakeClock clock;
  FakeEngine engine(clock, {10, 20, 30});
  Samples samples(2);
  run_block(engine, samples, 2, 1, clock);
  run_block(engine, samples, 1, 1, clock);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{30}));
}

TEST_CASE("a coarse clock gives zeros and whole ticks only") {
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
    CHECK((duration == 0 || duration == 100));
    total += duration;
  }
  CHECK(total == 1500u);
}

TEST_CASE("a clock that jumps back fails the block and says how far") {
  FakeClock clock;
  const std::uint64_t minus_600 = ~std::uint64_t{600} + 1;  // the second run "takes" -600 ns
  FakeEngine engine(clock, {100, minus_600, 100});
  Samples samples(3);
  const std::string message =
      message_of(ErrorKind::not_available, [&] { run_block(engine, samples, 3, 1, clock); });
  CHECK(message.find("backwards by 600 ns") != std::string::npos);
  REQUIRE(samples.size() == 3u);  // nothing is dropped
}

TEST_CASE("a clock that jumps back in the last run is noticed too") {
  FakeClock clock;
  const std::uint64_t minus_1 = ~std::uint64_t{0};
  FakeEngine engine(clock, {100, 100, minus_1});
  Samples samples(3);
  const std::string message =
      message_of(ErrorKind::not_available, [&] { run_block(engine, samples, 3, 1, clock); });
  CHECK(message.find("backwards by 1 ns") != std::string::npos);
}

TEST_CASE("a clock that jumps back fails schedules and bare reads") {
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

TEST_CASE("a clock that jumps forward shows in one sample and in the sum") {
  FakeClock clock;
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  FakeEngine engine(clock, {100, kHour, 100});
  Samples samples(3);
  CHECK(run_block(engine, samples, 3, 1, clock).completed);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{100, kHour, 100}));
}

TEST_CASE("blocks that cannot be cut or do not fit are refused") {
  FakeClock clock;
  FakeEngine engine(clock, {});
  Samples samples(4);
  message_of(ErrorKind::usage, [&] { run_block(engine, samples, 5, 2, clock); });
  message_of(ErrorKind::usage, [&] { run_block(engine, samples, 5, 1, clock); });
  message_of(ErrorKind::usage, [&] { run_block(engine, samples, 0, 1, clock); });
  message_of(ErrorKind::usage, [&] { run_block(engine, samples, 4, 0, clock); });
}

TEST_CASE("a schedule counts from the moment a run was due") {
  FakeClock clock;
  FakeEngine engine(clock, {40, 250, 40, 40});
  Samples samples(4);
  const Block block = edgeloop::run_schedule(engine, samples, 4, 100, clock);
  CHECK(block.completed);
  CHECK(block.start_ns == 1100u);
  // Due at 1100, 1200, 1300, 1400; the second ends at 1450, so the third waits 150 and the
  // fourth 90.
  CHECK(durations(samples) == (std::vector<std::uint64_t>{40, 250, 190, 130}));
  CHECK(block.busy_ns == 370u);
}

TEST_CASE("the system clock waits until the moment") {
  const edgeloop::SystemClock clock;
  for (const std::uint64_t wait_ns : {0u, 50'000u, 2'000'000u}) {
    const std::uint64_t moment = clock.now_ns() + wait_ns;
    clock.wait_until(moment);
    CHECK(clock.now_ns() >= moment);
  }
}

TEST_CASE("clock pairs hold nothing but the clock") {
  FakeClock clock;
  clock.read_ns = 9;
  Samples samples(3);
  edgeloop::run_clock_pairs(samples, 3, clock);
  CHECK(durations(samples) == (std::vector<std::uint64_t>{9, 9, 9}));
}
