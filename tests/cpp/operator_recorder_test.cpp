#include "edgeloop/operator_recorder.hpp"

#include <doctest.h>

#include <string>
#include <vector>

#include "edgeloop/error.hpp"
#include "edgeloop/tflite_profiler.hpp"

using edgeloop::Error;
using edgeloop::OperatorEvent;
using edgeloop::OperatorRecorder;
using edgeloop::TfliteTelemetry;

TEST_CASE("operators nest and keep their order") {
  OperatorRecorder recorder;
  std::string name = "OUTER";
  const std::uint32_t outer = recorder.begin(name.c_str(), 3, 1);
  name = "freed by its delegate";
  const std::uint32_t inner = recorder.begin("INNER", 0, 1);
  recorder.end(inner);
  recorder.add("told", 7, 1, 1);
  recorder.end(outer);
  recorder.add("afterwards", 2, 0, 0);
  const std::vector<OperatorEvent> events = recorder.take();
  REQUIRE(events.size() == 4);
  CHECK(events[0].name == "OUTER");
  CHECK(events[0].node == 3);
  CHECK(events[0].subgraph == 1);
  CHECK(!events[0].inside);
  CHECK(events[1].inside);
  CHECK(events[2].inside);
  CHECK(!events[3].inside);
  CHECK(!events[0].reported);
  CHECK(!events[1].reported);
  CHECK(events[2].reported);
  CHECK(events[3].reported);
  CHECK(events[2].duration_ns == 7000);
  CHECK(events[0].start_ns <= events[1].start_ns);
  CHECK(events[1].start_ns + events[1].duration_ns <= events[0].start_ns + events[0].duration_ns);
  CHECK(events[3].start_ns >= events[0].start_ns + events[0].duration_ns);
  CHECK(recorder.take().empty());
}

TEST_CASE("too many operators are an error and then forgotten") {
  OperatorRecorder recorder;
  for (std::size_t event = 0; event <= OperatorRecorder::kCapacity; ++event) {
    recorder.end(recorder.begin("A", 0, 0));
  }
  bool failed = false;
  try {
    recorder.take();
  } catch (const Error&) {
    failed = true;
  }
  CHECK(failed);
  recorder.end(recorder.begin(nullptr, 0, 0));
  const std::vector<OperatorEvent> events = recorder.take();
  REQUIRE(events.size() == 1);
  CHECK(events[0].name == "unnamed");
  CHECK(!events[0].inside);

  for (std::size_t event = 0; event <= OperatorRecorder::kCapacity; ++event) {
    recorder.add("A", 1, 0, 0);
  }
  recorder.drop();
  CHECK(recorder.take().empty());
}

TEST_CASE("telemetry reaches the recorder") {
  TfliteTelemetry telemetry;
  TfLiteTelemetryProfiler* profiler = telemetry.profiler();
  profiler->event(profiler, "Invoke", 0);
  profiler->operator_event(profiler, "CONV", 0, 0, 1);
  profiler->settings(profiler, "Settings", nullptr);
  profiler->end_operator(profiler, profiler->begin_operator(profiler, "CONV", 5, 2));
  profiler->timed_operator(profiler, "gemm", 3, 1, 2);
  const std::vector<OperatorEvent> events = telemetry.recorder().take();
  REQUIRE(events.size() == 2);
  CHECK(events[0].name == "CONV");
  CHECK(events[0].node == 5);
  CHECK(events[0].subgraph == 2);
  CHECK(events[1].name == "gemm");
  CHECK(events[1].duration_ns == 3000);
  CHECK(events[1].reported);
}
