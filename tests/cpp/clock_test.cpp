#include "edgeloop/clock.hpp"

#include "check.hpp"
#include "edgeloop/probe.hpp"

using edgeloop::SystemClock;

TEST(clock_cost_is_measured) {
  const edgeloop::ClockCost cost = edgeloop::measure_clock(SystemClock(CLOCK_MONOTONIC_RAW));
  CHECK(cost.read_ns > 0);
  CHECK(cost.tick_ns > 0);
}

TEST(clock_that_does_not_exist_is_refused) {
  const std::string message = edgeloop_test::message_of(
      edgeloop::ErrorKind::not_available, [] { edgeloop::measure_clock(SystemClock(9999)); });
  CHECK(message.find("9999") != std::string::npos);
}

TEST(clock_that_ticks_every_few_milliseconds_is_refused) {
  const SystemClock coarse(CLOCK_MONOTONIC_COARSE);
  const std::string message = edgeloop_test::message_of(edgeloop::ErrorKind::not_available,
                                                        [&] { edgeloop::measure_clock(coarse); });
  CHECK(message.find("too coarse") != std::string::npos);
}

TEST(clock_never_runs_backwards) {
  const SystemClock clock;
  std::uint64_t before = clock.now_ns();
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t now = clock.now_ns();
    CHECK(now >= before);
    before = now;
  }
}

TEST(chain_of_multiplications_depends_on_every_step) {
  const std::uint64_t three = edgeloop::dependent_multiplications(3, 7);
  CHECK_EQUAL(edgeloop::dependent_multiplications(0, 7), 7u);
  CHECK(edgeloop::dependent_multiplications(2, 7) != three);
  CHECK_EQUAL(edgeloop::dependent_multiplications(1, edgeloop::dependent_multiplications(2, 7)),
              three);
}
