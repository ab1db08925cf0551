// The onnxruntime engine over the library tests/fakes/fake_onnxruntime.cpp.

#include <doctest.h>

#include <new>
#include <string>
#include <thread>

#include "edgeloop/engine.hpp"
#include "edgeloop/shape.hpp"
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
  options.library = FAKE_ONNXRUNTIME;
  options.model = THIS_SOURCE;
  options.settings = {
      {"graph-optimization", "all"}, {"intra-op-spinning", "0"}, {"free-dimensions", "N=1\nM=2"}};
  return options;
}

std::unique_ptr<edgeloop::Engine> load(const EngineOptions& with = options()) {
  return edgeloop::create_engine("onnxruntime", with);
}

float* values(const edgeloop::Tensor& tensor) { return static_cast<float*>(tensor.data); }

}  // namespace

TEST_CASE("onnxruntime runs on buffers of its own") {
  const auto engine = load();
  CHECK(edgeloop::shape_text(engine->inputs()[0].shape) == "1x4");
  values(engine->inputs()[0])[3] = 2.5F;
  REQUIRE(engine->run());
  CHECK(values(engine->outputs()[0])[3] == 2.5F);
}

TEST_CASE("onnxruntime describes an open output anew after each run") {
  const auto engine = load();
  CHECK(edgeloop::shape_text(engine->outputs()[1].shape) == "0x2");
  for (const char* shape : {"1x2", "2x2", "3x2"}) {
    REQUIRE(engine->run());
    const edgeloop::Tensor& open = engine->outputs()[1];
    CHECK(edgeloop::shape_text(open.shape) == shape);
    CHECK(values(open)[open.bytes / sizeof(float) - 1] == 1.0F);
  }
}

TEST_CASE("onnxruntime gives everything back whichever call fails") {
  int failures = 0;
  for (int call = 1; call <= 100; ++call) {
    const Ordered order("EDGELOOP_FAKE_FAIL_AT", std::to_string(call));
    try {
      load();
    } catch (const edgeloop::Error& error) {
      ++failures;
      const std::string message = error.what();
      CHECK(message.size() > 15);
      CHECK(message.substr(message.size() - 15) == "the fake failed");
    }
    CHECK(live_objects(FAKE_ONNXRUNTIME) == 0);
  }
  CHECK(failures > 30);
  CHECK(failures < 100);
}

TEST_CASE("onnxruntime goes on after a run that failed") {
  const auto engine = load();
  REQUIRE(engine->run());
  {
    int runs = 0;
    const Ordered order("EDGELOOP_FAKE_FAIL_AT", "60");
    while (engine->run()) REQUIRE(++runs < 100);
  }
  CHECK(engine->last_error().find("the fake failed") != std::string::npos);
  CHECK(edgeloop::shape_text(engine->outputs()[1].shape) == "0x2");
  REQUIRE(engine->run());
}

TEST_CASE("onnxruntime refuses a library that is too old or another one") {
  for (const char* version : {"1.6.0", "2.0.0", "nonsense"}) {
    const Ordered order("EDGELOOP_FAKE_VERSION", version);
    const std::string message = message_of(ErrorKind::not_available, [] { load(); });
    CHECK(message.find(version) != std::string::npos);
  }
  EngineOptions other = options();
  other.library = NOT_A_RUNTIME;
  const std::string message = message_of(ErrorKind::not_available, [&] { load(other); });
  CHECK(message.find("OrtGetApiBase") != std::string::npos);
}

TEST_CASE("onnxruntime refuses an output that no memory holds") {
  const Ordered order("EDGELOOP_FAKE_DIM", "9223372036854775807");
  bool refused = false;
  try {
    load();
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  CHECK(refused);
  CHECK(live_objects(FAKE_ONNXRUNTIME) == 0);
}

TEST_CASE("onnxruntime refuses settings it does not know") {
  for (const auto& [key, value] : std::map<std::string, std::string>{{"graph-optimization", "most"},
                                                                     {"intra-op-spinning", "2"},
                                                                     {"free-dimensions", "N"},
                                                                     {"nonsense", "1"}}) {
    EngineOptions wrong = options();
    wrong.settings[key] = value;
    message_of(ErrorKind::usage, [&wrong] { load(wrong); });
    CHECK(live_objects(FAKE_ONNXRUNTIME) == 0);
  }
}

TEST_CASE("onnxruntime loads and unloads a thousand times") {
  for (int cycle = 0; cycle < 1000; ++cycle) REQUIRE(load()->run());
  CHECK(live_objects(FAKE_ONNXRUNTIME) == 0);
}

TEST_CASE("onnxruntime runs two models at once") {
  const auto run_often = [] {
    const auto engine = load();
    for (int run = 0; run < 1000 && engine->run(); ++run) {
    }
  };
  std::thread other(run_often);
  run_often();
  other.join();
  CHECK(live_objects(FAKE_ONNXRUNTIME) == 0);
}
