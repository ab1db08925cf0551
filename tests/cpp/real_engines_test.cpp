// The engines over real libraries, where the environment names one and a model for it:
// EDGELOOP_TEST_TFLITE_LIBRARY and EDGELOOP_TEST_LITERT_LIBRARY with EDGELOOP_TEST_TFLITE_MODEL,
// EDGELOOP_TEST_ONNXRUNTIME_LIBRARY with EDGELOOP_TEST_ONNX_MODEL.

#include <doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>

#include "edgeloop/engine.hpp"
#include "message_of.hpp"

using edgeloop::EngineOptions;
using edgeloop::ErrorKind;
using edgeloop_test::message_of;

namespace {

constexpr int kCycles = 20;  // under a sanitizer; the 1,000 cycles are tests/integration/test_leaks

struct Real {
  const char* engine;
  const char* library_variable;
  const char* model_variable;
};

constexpr Real kTflite{"tflite", "EDGELOOP_TEST_TFLITE_LIBRARY", "EDGELOOP_TEST_TFLITE_MODEL"};
constexpr Real kLitert{"litert", "EDGELOOP_TEST_LITERT_LIBRARY", "EDGELOOP_TEST_TFLITE_MODEL"};
constexpr Real kOnnxruntime{"onnxruntime", "EDGELOOP_TEST_ONNXRUNTIME_LIBRARY",
                            "EDGELOOP_TEST_ONNX_MODEL"};

EngineOptions options_of(const Real& real) {
  EngineOptions options;
  options.library = std::getenv(real.library_variable);
  options.model = std::getenv(real.model_variable);
  return options;
}

std::unique_ptr<edgeloop::Engine> load(const Real& real, const EngineOptions& options) {
  return edgeloop::create_engine(real.engine, options);
}

std::string output_of(edgeloop::Engine& engine) {
  CHECK(engine.run());
  const edgeloop::Tensor& output = engine.outputs()[0];
  return {static_cast<const char*>(output.data), output.bytes};
}

void fill(edgeloop::Engine& engine, int value) {
  for (const edgeloop::Tensor& input : engine.inputs()) {
    std::memset(input.data, value, input.bytes);
  }
}

void runs(const Real& real) {
  const auto engine = load(real, options_of(real));
  CHECK(!engine->runtime_version().empty());
  const std::string of_zeros = output_of(*engine);
  REQUIRE(of_zeros.size() == engine->outputs()[0].bytes);
  fill(*engine, 0x3e);  // 0.186 as float32
  CHECK(output_of(*engine) != of_zeros);
  fill(*engine, 0);
  CHECK(output_of(*engine) == of_zeros);
}

// A file with the beginning of the model; it is gone with this object.
class Truncated {
 public:
  Truncated(const std::string& model, double share) {
    const int descriptor = mkstemp(path_);
    if (descriptor < 0) throw std::runtime_error("no temporary file could be made");
    close(descriptor);
    std::ifstream whole(model, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(whole), {}};
    std::ofstream(path_, std::ios::binary)
        << content.substr(0, static_cast<std::size_t>(share * static_cast<double>(content.size())));
  }
  Truncated(const Truncated&) = delete;
  Truncated& operator=(const Truncated&) = delete;
  ~Truncated() { unlink(path_); }
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/edgeloop-truncated-XXXXXX";
};

void refuses(const Real& real) {
  const EngineOptions good = options_of(real);
  EngineOptions bad = good;
  for (const double share : {0.0, 0.01, 0.5, 0.99}) {
    const Truncated truncated(good.model, share);
    bad.model = truncated.path();
    message_of(ErrorKind::model, [&] { load(real, bad); });
  }
  bad.model = "/nowhere/model";
  message_of(ErrorKind::model, [&] { load(real, bad); });
  bad = good;
  bad.library = NOT_A_RUNTIME;
  message_of(ErrorKind::not_available, [&] { load(real, bad); });
  bad = good;
  bad.settings["nonsense"] = "1";
  message_of(ErrorKind::usage, [&] { load(real, bad); });
  bad = good;
  bad.shapes["no such input"] = {1};
  message_of(ErrorKind::usage, [&] { load(real, bad); });
  bad = good;
  bad.batch_size = std::int64_t{1} << 32;
  message_of(ErrorKind::usage, [&] { load(real, bad); });
  REQUIRE(load(real, good)->run());
}

void cycles(const Real& real) {
  const EngineOptions options = options_of(real);
  for (int cycle = 0; cycle < kCycles; ++cycle) REQUIRE(load(real, options)->run());
}

void two_at_once(const Real& real) {
  EngineOptions options = options_of(real);
  options.threads = 2;
  const auto first = load(real, options);
  const auto second = load(real, options);
  CHECK(first->inputs()[0].data != second->inputs()[0].data);
  std::thread other([&second] {
    for (int run = 0; run < kCycles; ++run) second->run();
  });
  const std::string output = output_of(*first);
  for (int run = 0; run < kCycles; ++run) first->run();
  other.join();
  CHECK(output_of(*first) == output);
  CHECK(output_of(*second) == output);
}

// ctest reports a test that says "skipped:" as skipped.
void with(const Real& real, void (*body)(const Real&)) {
  for (const char* variable : {real.library_variable, real.model_variable}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') {
      MESSAGE("skipped: " << variable << " is not set");
      return;
    }
  }
  body(real);
}

}  // namespace

TEST_CASE("real tflite runs") { with(kTflite, runs); }
TEST_CASE("real tflite refuses what is wrong") { with(kTflite, refuses); }
TEST_CASE("real tflite loads and unloads") { with(kTflite, cycles); }
TEST_CASE("real tflite runs two models at once") { with(kTflite, two_at_once); }

TEST_CASE("real litert runs") { with(kLitert, runs); }
TEST_CASE("real litert refuses what is wrong") { with(kLitert, refuses); }
TEST_CASE("real litert loads and unloads") { with(kLitert, cycles); }
TEST_CASE("real litert runs two models at once") { with(kLitert, two_at_once); }

TEST_CASE("real onnxruntime runs") { with(kOnnxruntime, runs); }
TEST_CASE("real onnxruntime refuses what is wrong") { with(kOnnxruntime, refuses); }
TEST_CASE("real onnxruntime loads and unloads") { with(kOnnxruntime, cycles); }
TEST_CASE("real onnxruntime runs two models at once") { with(kOnnxruntime, two_at_once); }
