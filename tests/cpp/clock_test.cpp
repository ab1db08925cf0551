#include "edgeloop/clock.hpp"

#include <doctest.h>

#include "edgeloop/probe.hpp"
#include "message_of.hpp"

using edgeloop::SystemClock;

TEST_CASE("clock cost is measured") {
  const edgeloop::ClockCost cost = edgeloop::measure_clock(SystemClock(CLOCK_MONOTONIC_RAW));
  CHECK(cost.read_ns > 0);
  CHECK(cost.tick_ns > 0);
}

TEST_CASE("clock that does not exist is refused") {
  const std::string message = edgeloop_test::message_of(
      edgeloop::ErrorKind::not_available, [] { edgeloop::measure_clock(SystemClock(9999)); });
  CHECK(message.find("9999") != std::string::npos);
}

TEST_CASE("clock that ticks every few milliseconds is refused") {
  const SystemClock coarse(CLOCK_MONOTONIC_COARSE);
  const std::string message = edgeloop_test::message_of(edgeloop::ErrorKind::not_available,
                                                        [&] { edgeloop::measure_clock(coarse); });
  CHECK(message.find("too coarse") != std::string::npos);
}

TEST_CASE("clock never runs backwards") {
  const SystemClock clock;
  std::uint64_t before = clock.now_ns();
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t now = clock.now_ns();
    CHECK(now >= before);
    before = now;
  }
}

TEST_CASE("chain of multiplications depends on every step") {
  const std::uint64_t three = edgeloop::dependent_multiplications(3, 7);
  CHECK(edgeloop::dependent_multiplications(0, 7) == 7u);
  CHECK(edgeloop::dependent_multiplications(2, 7) != three);
  CHECK(edgeloop::dependent_multiplications(1, edgeloop::dependent_multiplications(2, 7)) == three);
}
