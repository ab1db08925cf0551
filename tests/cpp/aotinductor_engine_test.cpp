// The aotinductor engine over the library tests/fakes/fake_aotinductor.cpp, which stands for
// libtorch_cpu.so and for the library of a package.

#include <doctest.h>

#include <cstring>
#include <string>

#include "edgeloop/aotinductor_library.hpp"
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

// As Python gives them for a package that tells its tensors, and for one that does not.
EngineOptions told() {
  EngineOptions options;
  options.library = FAKE_AOTINDUCTOR;
  options.model = FAKE_AOTINDUCTOR;
  options.settings = {{"package", "model.pt2"},
                      {"torch-version", "2.13.0"},
                      {"inputs", "float32 1x2x3 a name\n"},
                      {"outputs", "float32 1x2x3 y\nint64 scalar runs\n"}};
  return options;
}

EngineOptions untold() {
  EngineOptions options = told();
  options.settings = {{"package", "model.pt2"}, {"input-dtype", "float32"}};
  options.shapes[""] = {1, 2, 3};
  return options;
}

std::unique_ptr<edgeloop::Engine> load(const EngineOptions& with = told()) {
  return edgeloop::create_engine("aotinductor", with);
}

float* values(const edgeloop::Tensor& tensor) { return static_cast<float*>(tensor.data); }

std::int64_t runs_of(edgeloop::Engine& engine) {
  std::int64_t runs = 0;
  std::memcpy(&runs, engine.outputs()[1].data, sizeof(runs));
  return runs;
}

}  // namespace

TEST_CASE("aotinductor gives dense outputs whatever their strides") {
  const auto engine = load();
  CHECK(engine->inputs()[0].name == "a name");
  for (int index = 0; index < 6; ++index) {
    values(engine->inputs()[0])[index] = static_cast<float>(index);
  }
  for (int run = 1; run <= 3; ++run) {
    REQUIRE(engine->run());
    const edgeloop::Tensor& output = engine->outputs()[0];
    CHECK(edgeloop::shape_text(output.shape) == "1x2x3");
    for (int index = 0; index < 6; ++index) {
      CHECK(values(output)[index] == static_cast<float>(2 * index));
    }
    CHECK(runs_of(*engine) == run);
  }
}

TEST_CASE("aotinductor runs nothing at load where the package tells its outputs") {
  const auto engine = load();
  CHECK(edgeloop::shape_text(engine->outputs()[0].shape) == "1x2x3");
  REQUIRE(engine->run());
  CHECK(runs_of(*engine) == 1);
}

TEST_CASE("aotinductor learns the outputs of another package in a first run") {
  const auto engine = load(untold());
  CHECK(engine->inputs()[0].name == "x");
  CHECK(engine->outputs()[0].name == "y");
  CHECK(edgeloop::shape_text(engine->outputs()[0].shape) == "1x2x3");
  CHECK(runs_of(*engine) == 1);
}

TEST_CASE("aotinductor gives everything back whichever call fails") {
  for (const EngineOptions& options : {told(), untold()}) {
    int failures = 0;
    for (int call = 1; call <= 40; ++call) {
      const Ordered order("EDGELOOP_FAKE_FAIL_AT", std::to_string(call));
      try {
        const auto engine = load(options);
        if (!engine->run()) ++failures;
        engine->outputs();
      } catch (const edgeloop::Error& error) {
        ++failures;
        CHECK(std::string(error.what()).find("model.pt2") != std::string::npos);
      }
      CHECK(live_objects(FAKE_AOTINDUCTOR) == 0);
    }
    CHECK(failures > 10);
    CHECK(failures < 40);
  }
}

TEST_CASE("aotinductor goes on after a run that failed") {
  const auto engine = load();
  values(engine->inputs()[0])[0] = 1;
  REQUIRE(engine->run());
  CHECK(values(engine->outputs()[0])[0] == 2.0F);
  {
    const Ordered order("EDGELOOP_FAKE", "run:fail");
    CHECK(!engine->run());
  }
  CHECK(values(engine->outputs()[0])[0] == 0.0F);  // and no memory that was given back
  CHECK(engine->last_error() == "the compiled model failed: the fake failed");
  REQUIRE(engine->run());
}

TEST_CASE("aotinductor sets the threads") {
  EngineOptions options = told();
  options.threads = 3;
  load(options);
  CHECK(edgeloop::Dylib::open(FAKE_AOTINDUCTOR).symbol<int (*)()>("fake_threads")() == 3);
}

TEST_CASE("aotinductor refuses another library") {
  EngineOptions other = told();
  other.library = NOT_A_RUNTIME;
  std::string message = message_of(ErrorKind::not_available, [&] { load(other); });
  CHECK(message.find("aoti_torch_") != std::string::npos);
  for (const char* path : {NOT_A_RUNTIME, THIS_SOURCE, "/nowhere.so"}) {
    EngineOptions model = told();
    model.model = path;
    message = message_of(ErrorKind::model, [&] { load(model); });
    CHECK(message.find("model.pt2 does not fit this PyTorch") != std::string::npos);
  }
}

TEST_CASE("aotinductor refuses what does not fit the package") {
  EngineOptions options = told();
  options.batch_size = 2;
  CHECK(message_of(ErrorKind::usage, [&] { load(options); }).find("fixes") != std::string::npos);
  options = told();
  options.settings["nonsense"] = "1";
  message_of(ErrorKind::usage, [&] { load(options); });
  options = told();
  options.settings["inputs"] = "float32 1xtwo x\n";
  message_of(ErrorKind::usage, [&] { load(options); });
  options = untold();
  options.shapes.clear();
  message_of(ErrorKind::usage, [&] { load(options); });
  options = untold();
  options.settings["input-dtype"] = "bfloat16";
  message_of(ErrorKind::usage, [&] { load(options); });
  for (const char* number : {"2", "1000000"}) {
    const Ordered order("EDGELOOP_FAKE_COUNT", number);
    message_of(ErrorKind::model, [] { load(); });
  }
  const Ordered order("EDGELOOP_FAKE_DTYPE", "15");  // bfloat16
  message_of(ErrorKind::model, [] { load(untold()); });
  CHECK(live_objects(FAKE_AOTINDUCTOR) == 0);
}

TEST_CASE("aotinductor loads and unloads a thousand times") {
  for (int cycle = 0; cycle < 1000; ++cycle) REQUIRE(load()->run());
  CHECK(live_objects(FAKE_AOTINDUCTOR) == 0);
}

TEST_CASE("aotinductor knows every dtype by its number") {
  const auto api = edgeloop::load_aoti_torch_api(edgeloop::Dylib::open(FAKE_AOTINDUCTOR));
  for (int dtype = 0; dtype <= static_cast<int>(edgeloop::DType::float64); ++dtype) {
    const std::int32_t number = edgeloop::aoti_dtype(api, static_cast<edgeloop::DType>(dtype));
    CHECK(edgeloop::dtype_of_aoti(api, number) == dtype);
  }
  CHECK(edgeloop::dtype_of_aoti(api, 99) == -1);
}
