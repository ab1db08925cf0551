#include "edgeloop/operator_recorder.hpp"

#include <string>
#include <vector>

#include "check.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/tflite_profiler.hpp"

using edgeloop::Error;
using edgeloop::OperatorEvent;
using edgeloop::OperatorRecorder;
using edgeloop::TfliteTelemetry;

TEST(operators_nest_and_keep_their_order) {
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
  CHECK(events.size() == 4);
  CHECK(events[0].name == "OUTER" && events[0].node == 3 && events[0].subgraph == 1);
  CHECK(!events[0].inside && events[1].inside && events[2].inside && !events[3].inside);
  CHECK(!events[0].reported && !events[1].reported && events[2].reported && events[3].reported);
  CHECK(events[2].duration_ns == 7000);
  CHECK(events[0].start_ns <= events[1].start_ns);
  CHECK(events[1].start_ns + events[1].duration_ns <= events[0].start_ns + events[0].duration_ns);
  CHECK(events[3].start_ns >= events[0].start_ns + events[0].duration_ns);
  CHECK(recorder.take().empty());
}

TEST(too_many_operators_are_an_error_and_then_forgotten) {
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
  CHECK(events.size() == 1);
  CHECK(events[0].name == "unnamed" && !events[0].inside);

  for (std::size_t event = 0; event <= OperatorRecorder::kCapacity; ++event) {
    recorder.add("A", 1, 0, 0);
  }
  recorder.drop();
  CHECK(recorder.take().empty());
}

TEST(telemetry_reaches_the_recorder) {
  TfliteTelemetry telemetry;
  TfLiteTelemetryProfiler* profiler = telemetry.profiler();
  profiler->event(profiler, "Invoke", 0);
  profiler->operator_event(profiler, "CONV", 0, 0, 1);
  profiler->settings(profiler, "Settings", nullptr);
  profiler->end_operator(profiler, profiler->begin_operator(profiler, "CONV", 5, 2));
  profiler->timed_operator(profiler, "gemm", 3, 1, 2);
  const std::vector<OperatorEvent> events = telemetry.recorder().take();
  CHECK(events.size() == 2);
  CHECK(events[0].name == "CONV" && events[0].node == 5 && events[0].subgraph == 2);
  CHECK(events[1].name == "gemm" && events[1].duration_ns == 3000 && events[1].reported);
}
