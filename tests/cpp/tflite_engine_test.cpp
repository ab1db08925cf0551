// The tflite engine over the library tests/fakes/misbehaving_tflite.cpp.

#include <doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "edgeloop/engine.hpp"
#include "fake.hpp"
#include "message_of.hpp"

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

// Steps of a load that fail the engine; of "plan" and "node" only the placement is lost.
const char* const kSteps[] = {"load", "create", "resize", "allocate", "xnnpack", "delegate"};

}  // namespace

TEST_CASE("tflite runs on the buffers of the runtime") {
  const auto engine = load();
  CHECK(engine->inputs()[0].bytes == 16u);
  values(engine->inputs()[0])[3] = 2.5F;
  REQUIRE(engine->run());
  CHECK(values(engine->outputs()[0])[3] == 2.5F);
  CHECK(engine->runtime_version() == std::string("0.0.fake"));
}

TEST_CASE("tflite reads the plan that the delegates left") {
  const edgeloop::Placement placement = load()->placement();
  CHECK(placement.known);
  REQUIRE(placement.partitions.size() == 2u);
  CHECK(placement.partitions[0].owner == std::string("builtin"));
  CHECK(placement.partitions[0].nodes == 2u);
  CHECK(placement.partitions[1].owner == std::string("FakeDelegate"));
  CHECK(placement.partitions[1].nodes == 2u);
}

TEST_CASE("tflite does not know the placement of a plan that cannot be read") {
  for (const char* step : {"plan", "node"}) {
    const Ordered order("EDGELOOP_FAKE", std::string(step) + ":fail");
    const auto engine = load();
    CHECK(!engine->placement().known);
    REQUIRE(engine->run());
  }
}

TEST_CASE("tflite gives the words of the runtime and everything back whatever step fails") {
  EngineOptions resized = options();
  resized.batch_size = 3;
  for (const char* step : kSteps) {
    const Ordered order("EDGELOOP_FAKE", std::string(step) + ":fail");
    const bool silent = std::string(step) == "create" || std::string(step) == "xnnpack";
    const ErrorKind kind = std::string(step) == "xnnpack" ? ErrorKind::runtime : ErrorKind::model;
    const std::string message = message_of(kind, [&] { load(resized); });
    CHECK((silent || message.find(std::string("the fake failed to ") + step) != std::string::npos));
    CHECK(live_objects(FAKE_TFLITE) == 0);
  }
}

TEST_CASE("tflite gives everything back where the runtime lets an exception out") {
  for (const char* step : kSteps) {
    if (std::string(step) == "resize") continue;  // not called without a batch size
    const Ordered order("EDGELOOP_FAKE", std::string(step) + ":throw");
    const std::string message = message_of(ErrorKind::model, [] { load(); });
    CHECK(message.find("tflite cannot load the model") != std::string::npos);
    CHECK(message.find("the fake threw") != std::string::npos);
    CHECK(live_objects(FAKE_TFLITE) == 0);
  }
}

TEST_CASE("tflite gives everything back whichever call fails") {
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
    CHECK(live_objects(FAKE_TFLITE) == 0);
  }
  CHECK(failures == 8);  // load, create, resize, allocate, xnnpack, delegate twice, allocate
}

TEST_CASE("tflite goes on after a run that failed") {
  const Ordered order("EDGELOOP_FAKE", "invoke:fail:2");
  const auto engine = load();
  REQUIRE(engine->run());
  CHECK(!engine->run());
  CHECK(engine->last_error().find("the fake failed to invoke") != std::string::npos);
  REQUIRE(engine->run());
}

TEST_CASE("tflite takes the shape that was asked for") {
  EngineOptions resized = options();
  resized.shapes["x"] = {5, 7};
  const auto engine = load(resized);
  CHECK(engine->inputs()[0].bytes == 5u * 7u * sizeof(float));
  values(engine->inputs()[0])[34] = 1.5F;
  REQUIRE(engine->run());
  CHECK(values(engine->outputs()[0])[34] == 1.5F);
}

TEST_CASE("tflite loads and unloads a thousand times") {
  for (int cycle = 0; cycle < 1000; ++cycle) REQUIRE(load()->run());
  CHECK(live_objects(FAKE_TFLITE) == 0);
}

TEST_CASE("tflite runs two models at once") {
  const auto run_often = [] {
    const auto engine = load();
    for (int run = 0; run < 1000 && engine->run(); ++run) {
    }
  };
  std::thread other(run_often);
  run_often();
  other.join();
  CHECK(live_objects(FAKE_TFLITE) == 0);
}
