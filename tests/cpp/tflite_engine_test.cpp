// The tflite engine over the library tests/fakes/misbehaving_tflite.cpp.

#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "edgeloop/engine.hpp"
#include "fake.hpp"

using edgeloop::EngineOptions;
using edgeloop::ErrorKind;
using edgeloop_test::live_objects;
using edgeloop_test::message_of;
using edgeloop_test::Ordered;

namespace {

EngineOptions options() {
  EngineOptions options;
  options.library = FAKE_TFLITE;
  options.model = THIS_SOURCE;
  return options;
}

std::unique_ptr<edgeloop::Engine> load(const EngineOptions& with = options()) {
  return edgeloop::create_engine("tflite", with);
}

float* values(const edgeloop::Tensor& tensor) { return static_cast<float*>(tensor.data); }

// Steps of a load that fail the engine; of "plan" and "node" only the coverage is lost.
const char* const kSteps[] = {"load", "create", "resize", "allocate", "xnnpack", "delegate"};

}  // namespace

TEST(tflite_runs_on_the_buffers_of_the_runtime) {
  const auto engine = load();
  CHECK_EQUAL(engine->inputs()[0].bytes, 16u);
  values(engine->inputs()[0])[3] = 2.5F;
  CHECK(engine->run());
  CHECK_EQUAL(values(engine->outputs()[0])[3], 2.5F);
  CHECK_EQUAL(engine->runtime_version(), std::string("0.0.fake"));
}

TEST(tflite_reads_the_plan_that_the_delegates_left) {
  const edgeloop::Coverage coverage = load()->coverage();
  CHECK(coverage.known);
  CHECK_EQUAL(coverage.partitions.size(), 2u);
  CHECK_EQUAL(coverage.partitions[0].owner, std::string("builtin"));
  CHECK_EQUAL(coverage.partitions[0].nodes, 2u);
  CHECK_EQUAL(coverage.partitions[1].owner, std::string("FakeDelegate"));
  CHECK_EQUAL(coverage.partitions[1].nodes, 2u);
}

TEST(tflite_does_not_know_the_coverage_of_a_plan_that_cannot_be_read) {
  for (const char* step : {"plan", "node"}) {
    const Ordered order("EDGELOOP_FAKE", std::string(step) + ":fail");
    const auto engine = load();
    CHECK(!engine->coverage().known);
    CHECK(engine->run());
  }
}

TEST(tflite_gives_the_words_of_the_runtime_and_everything_back_whatever_step_fails) {
  EngineOptions resized = options();
  resized.batch_size = 3;
  for (const char* step : kSteps) {
    const Ordered order("EDGELOOP_FAKE", std::string(step) + ":fail");
    const bool silent = std::string(step) == "create" || std::string(step) == "xnnpack";
    const ErrorKind kind = std::string(step) == "xnnpack" ? ErrorKind::runtime : ErrorKind::model;
    const std::string message = message_of(kind, [&] { load(resized); });
    CHECK(silent || message.find(std::string("the fake failed to ") + step) != std::string::npos);
    CHECK_EQUAL(live_objects(FAKE_TFLITE), 0);
  }
}

TEST(tflite_gives_everything_back_where_the_runtime_lets_an_exception_out) {
  for (const char* step : kSteps) {
    if (std::string(step) == "resize") continue;  // not called without a batch size
    const Ordered order("EDGELOOP_FAKE", std::string(step) + ":throw");
    const std::string message = message_of(ErrorKind::model, [] { load(); });
    CHECK(message.find("tflite cannot load the model") != std::string::npos);
    CHECK(message.find("the fake threw") != std::string::npos);
    CHECK_EQUAL(live_objects(FAKE_TFLITE), 0);
  }
}

TEST(tflite_gives_everything_back_whichever_call_fails) {
  EngineOptions resized = options();
  resized.batch_size = 3;
  int failures = 0;
  for (int call = 1; call <= 12; ++call) {
    const Ordered order("EDGELOOP_FAKE_FAIL_AT", std::to_string(call));
    try {
      load(resized);
    } catch (const edgeloop::Error&) {
      ++failures;
    }
    CHECK_EQUAL(live_objects(FAKE_TFLITE), 0);
  }
  CHECK_EQUAL(failures, 8);  // load, create, resize, allocate, xnnpack, delegate twice, allocate
}

TEST(tflite_goes_on_after_a_run_that_failed) {
  const Ordered order("EDGELOOP_FAKE", "invoke:fail:2");
  const auto engine = load();
  CHECK(engine->run());
  CHECK(!engine->run());
  CHECK(engine->last_error().find("the fake failed to invoke") != std::string::npos);
  CHECK(engine->run());
}

TEST(tflite_takes_the_shape_that_was_asked_for) {
  EngineOptions resized = options();
  resized.shapes["x"] = {5, 7};
  const auto engine = load(resized);
  CHECK_EQUAL(engine->inputs()[0].bytes, 5u * 7u * sizeof(float));
  values(engine->inputs()[0])[34] = 1.5F;
  CHECK(engine->run());
  CHECK_EQUAL(values(engine->outputs()[0])[34], 1.5F);
}

TEST(tflite_loads_and_unloads_a_thousand_times) {
  for (int cycle = 0; cycle < 1000; ++cycle) CHECK(load()->run());
  CHECK_EQUAL(live_objects(FAKE_TFLITE), 0);
}

TEST(tflite_runs_two_models_at_once) {
  const auto run_often = [] {
    const auto engine = load();
    for (int run = 0; run < 1000 && engine->run(); ++run) {
    }
  };
  std::thread other(run_often);
  run_often();
  other.join();
  CHECK_EQUAL(live_objects(FAKE_TFLITE), 0);
}
