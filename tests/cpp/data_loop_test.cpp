#include "edgeloop/data_loop.hpp"

#include <doctest.h>

#include <array>
#include <vector>

#include "message_of.hpp"

using edgeloop::Block;
using edgeloop::ErrorKind;
using edgeloop::InputRows;
using edgeloop::OutputRows;
using edgeloop::run_data;
using edgeloop::Samples;
using edgeloop_test::message_of;

namespace {

struct FakeClock {
  mutable std::uint64_t time_ns = 1000;
  std::uint64_t now_ns() const noexcept { return time_ns; }
  void wait_until(std::uint64_t) const noexcept {}
};

// Answers with twice its input, and with its negative; takes as many ns as the input says.
class DoublingEngine final : public edgeloop::Engine {
 public:
  explicit DoublingEngine(FakeClock& clock) : clock_(clock) {
    inputs_.push_back({"x", edgeloop::DType::int32, {1}, {}, &input_, sizeof input_});
    outputs_.push_back({"twice", edgeloop::DType::int32, {1}, {}, twice_.data(), 4});
    outputs_.push_back({"minus", edgeloop::DType::int32, {1}, {}, &minus_, sizeof minus_});
  }

  bool run() noexcept override {
    if (input_ == fails_on) return false;
    clock_.time_ns += static_cast<std::uint64_t>(input_);
    twice_ = {2 * input_, 0};
    minus_ = -input_;
    if (input_ == grows_on) outputs_[0].bytes = 8;
    return true;
  }
  std::string runtime_version() const override { return "fake"; }

  std::int32_t fails_on = -1;
  std::int32_t grows_on = -1;

 private:
  FakeClock& clock_;
  std::int32_t input_ = 0;
  std::array<std::int32_t, 2> twice_{};
  std::int32_t minus_ = 0;
};

InputRows rows_of(const std::vector<std::int32_t>& values) {
  return {reinterpret_cast<const unsigned char*>(values.data()), values.size() * 4};
}

OutputRows room_in(std::vector<std::int32_t>& values) {
  return {reinterpret_cast<unsigned char*>(values.data()), values.size() * 4};
}

}  // namespace

TEST_CASE("each row goes in and its outputs come out") {
  FakeClock clock;
  DoublingEngine engine(clock);
  const std::vector<std::int32_t> data{5, 7, 11};
  std::vector<std::int32_t> twice(3);
  std::vector<std::int32_t> minus(3);
  Samples samples(3);
  const Block block =
      run_data(engine, samples, {rows_of(data)}, {room_in(twice), room_in(minus)}, 3, clock);
  CHECK(block.completed);
  CHECK(block.start_ns == 1000u);
  CHECK(twice == (std::vector<std::int32_t>{10, 14, 22}));
  CHECK(minus == (std::vector<std::int32_t>{-5, -7, -11}));
  CHECK((std::vector<std::uint64_t>(samples.data(), samples.data() + samples.size())) ==
        (std::vector<std::uint64_t>{5, 7, 11}));
}

TEST_CASE("only the first outputs need room") {
  FakeClock clock;
  DoublingEngine engine(clock);
  const std::vector<std::int32_t> data{5, 7};
  std::vector<std::int32_t> twice(2);
  Samples samples(2);
  run_data(engine, samples, {rows_of(data)}, {room_in(twice)}, 2, clock);
  CHECK(twice == (std::vector<std::int32_t>{10, 14}));
  CHECK(run_data(engine, samples, {rows_of(data)}, {}, 2, clock).completed);
}

TEST_CASE("a failing run ends the data and keeps what was before") {
  FakeClock clock;
  DoublingEngine engine(clock);
  engine.fails_on = 7;
  const std::vector<std::int32_t> data{5, 7, 11};
  std::vector<std::int32_t> twice(3);
  Samples samples(3);
  CHECK(!run_data(engine, samples, {rows_of(data)}, {room_in(twice)}, 3, clock).completed);
  REQUIRE(samples.size() == 1u);
  CHECK(twice[0] == 10);
}

TEST_CASE("an output that grows is refused and nothing is written past its row") {
  FakeClock clock;
  DoublingEngine engine(clock);
  engine.grows_on = 7;
  const std::vector<std::int32_t> data{5, 7};
  std::vector<std::int32_t> twice(2);
  Samples samples(2);
  const std::string message = message_of(ErrorKind::model, [&] {
    run_data(engine, samples, {rows_of(data)}, {room_in(twice)}, 2, clock);
  });
  CHECK(message.find("'twice' has 8 bytes, and 4 before") != std::string::npos);
  CHECK(twice[1] == 0);
}

TEST_CASE("rows that do not fit the tensors are refused") {
  FakeClock clock;
  DoublingEngine engine(clock);
  const std::vector<std::int32_t> data{5, 7};
  std::vector<std::int32_t> twice(3);
  std::vector<std::int32_t> more(2);
  Samples samples(2);
  const auto refused = [&](const std::vector<InputRows>& in, const std::vector<OutputRows>& out) {
    return message_of(ErrorKind::usage, [&] { run_data(engine, samples, in, out, 2, clock); });
  };
  CHECK(refused({}, {}).find("rows for 0 inputs were given to an engine with 1") !=
        std::string::npos);
  CHECK(refused({rows_of(data)}, {room_in(twice)}).find("rows of 12 bytes do not hold 2 runs") !=
        std::string::npos);
  const OutputRows room = room_in(more);
  CHECK(refused({rows_of(data)}, {room, room, room}).find("tensor 2 with no bytes") !=
        std::string::npos);
  CHECK(message_of(ErrorKind::usage, [&] {
          run_data(engine, samples, {rows_of(data)}, {}, 3, clock);
        }).find("3 samples does not fit a buffer of 2") != std::string::npos);
}
