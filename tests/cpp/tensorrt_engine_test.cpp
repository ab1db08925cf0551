// The TensorRT engine over the libraries tests/fakes/fake_nvinfer.cpp and fake_cudart.cpp, once for
// the interface before TensorRT 8.5 and once for the one since.

#include <doctest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>

#include "edgeloop/clock.hpp"
#include "edgeloop/data_loop.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/shape.hpp"
#include "edgeloop/timing.hpp"
#include "fake.hpp"
#include "message_of.hpp"

using edgeloop::Engine;
using edgeloop::EngineOptions;
using edgeloop::ErrorKind;
using edgeloop_test::live_objects;
using edgeloop_test::message_of;
using edgeloop_test::Ordered;

namespace {

struct Generation {
  const char* engine;
  const char* nvinfer;
  char version[4];
  const char* number;
  const char* enqueue;
};

const Generation kGenerations[] = {
    {TENSORRT_ENGINE_8, FAKE_NVINFER_8, {8, 2, 1, 0}, "8.2.1", "enqueueV2"},
    {TENSORRT_ENGINE_10, FAKE_NVINFER_10, {10, 3, 0, 0}, "10.3.0", "enqueueV3"},
};

const std::string kTensors = "input x float32 -1x4 1x4 8x4\noutput y float32 -1x4\n";

// A plan of the fake's own kind, for as long as the test needs it.
class Plan {
 public:
  explicit Plan(const Generation& generation, const std::string& words = kTensors,
                const std::string& gpu = "Fake Orin")
      : generation_(generation),
        cudart_("EDGELOOP_FAKE_CUDART", FAKE_CUDART),
        path_("/tmp/edgeloop_tensorrt_test." + std::to_string(getpid())) {
    std::ofstream file(path_, std::ios::binary);
    std::string head("ftrt");
    head.resize(24);
    head.append(generation.version, 4);
    file << head << "gpu " << gpu << "\n" << words << "end\n";
  }
  ~Plan() { std::remove(path_.c_str()); }

  EngineOptions options() const {
    EngineOptions options;
    options.library = generation_.engine;
    options.model = path_;
    options.settings = {{"nvinfer", generation_.nvinfer}, {"cudart", FAKE_CUDART}};
    return options;
  }

  std::unique_ptr<Engine> load(const std::string& key = "", const std::string& value = "") const {
    EngineOptions with = options();
    if (!key.empty()) with.settings[key] = value;
    return edgeloop::create_engine("plugin", with);
  }

  const std::string& path() const { return path_; }
  int live() const { return live_objects(FAKE_CUDART) + live_objects(generation_.nvinfer); }

 private:
  const Generation& generation_;
  Ordered cudart_;
  std::string path_;
};

float* values(const edgeloop::Tensor& tensor) { return static_cast<float*>(tensor.data); }

bool holds(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("tensorrt copies in and out and says what it times") {
  for (const Generation& generation : kGenerations) {
    const Plan plan(generation);
    for (const char* region : {"enqueue", "copies"}) {
      for (const char* graph : {"off", "on"}) {
        EngineOptions options = plan.options();
        options.settings["region"] = region;
        options.settings["cuda-graph"] = graph;
        const auto engine = edgeloop::create_engine("plugin", options);
        CHECK(engine->runtime_version() == std::string("tensorrt ") + generation.number);
        CHECK(engine->device() ==
              "Fake Orin (compute capability 8.7), CUDA runtime 12.2, driver for CUDA 12.6");
        const std::string said = engine->timed_region();
        CHECK(holds(said, generation.enqueue));
        CHECK(holds(said, std::string("CUDA graph ") + graph));
        CHECK(holds(said, "cudaMemcpyAsync") == (std::string(region) == "copies"));
        for (const float value : {2.5F, -1.0F}) {
          values(engine->inputs()[0])[3] = value;
          engine->inputs_written();
          REQUIRE(engine->run());
          CHECK(values(engine->outputs()[0])[3] == value);
        }
      }
    }
    CHECK(plan.live() == 0);
  }
}

// The device takes 20 ms for each inference, on a thread of its own: a clock that stopped at the
// enqueue would see microseconds.
TEST_CASE("tensorrt stops the clock after the device has finished") {
  constexpr std::uint64_t kTakesNs = 20'000'000;
  for (const Generation& generation : kGenerations) {
    const Plan plan(generation, "takes 20000\n" + kTensors);
    for (const char* graph : {"off", "on"}) {
      const auto engine = plan.load("cuda-graph", graph);
      edgeloop::Samples samples(5);
      run_block(*engine, samples, 5, 1, edgeloop::SystemClock(CLOCK_MONOTONIC_RAW));
      for (std::size_t i = 0; i < 5; ++i) CHECK(samples.data()[i] >= kTakesNs);
    }
  }
}

TEST_CASE("tensorrt runs a data set on the rows that it is given") {
  for (const Generation& generation : kGenerations) {
    const Plan plan(generation);
    const auto engine = plan.load();
    const float rows[] = {1, 2, 3, 4, 5, 6, 7, 8};
    float kept[8] = {};
    edgeloop::Samples samples(2);
    edgeloop::run_data(*engine, samples,
                       {{reinterpret_cast<const unsigned char*>(rows), sizeof(rows)}},
                       {{reinterpret_cast<unsigned char*>(kept), sizeof(kept)}}, 2,
                       edgeloop::SystemClock(CLOCK_MONOTONIC_RAW));
    CHECK(std::memcmp(rows, kept, sizeof(rows)) == 0);
  }
}

TEST_CASE("tensorrt times stages and layers beside the clock") {
  for (const Generation& generation : kGenerations) {
    const Plan plan(generation, "takes 20000\n" + kTensors);
    const auto engine = plan.load();
    const auto stages = engine->time_parts(edgeloop::Grain::stages);
    REQUIRE(stages.size() == 4U);
    CHECK(stages[1].name == "compute");
    CHECK(stages[1].time_ns >= 20'000'000);
    CHECK(stages[3].name == "enqueue on the host");
    CHECK(stages[3].time_ns < stages[1].time_ns);
    const auto layers = engine->time_parts(edgeloop::Grain::layers);
    REQUIRE(layers.size() == 2U);
    CHECK(layers[0].name == "copy to y");
    CHECK(layers[0].time_ns == 500'000);
    CHECK(layers[1].time_ns == 20'000'000);
    REQUIRE(engine->run());  // and without the profiler again
  }
}

TEST_CASE("tensorrt takes shapes within the profile") {
  for (const Generation& generation : kGenerations) {
    const Plan plan(generation);
    EngineOptions options = plan.options();
    options.batch_size = 3;
    CHECK(edgeloop::shape_text(edgeloop::create_engine("plugin", options)->outputs()[0].shape) ==
          "3x4");
    options.shapes = {{"x", {8, 4}}};
    CHECK(edgeloop::shape_text(edgeloop::create_engine("plugin", options)->outputs()[0].shape) ==
          "8x4");
    options.shapes = {{"", {9, 4}}};
    const std::string said =
        message_of(ErrorKind::usage, [&] { edgeloop::create_engine("plugin", options); });
    CHECK(holds(said, "'x' cannot be 9x4: the plan has ?x4 from 1x4 to 8x4"));
    const Plan open(generation, "input x float32 1x-1 1x1 1x9\noutput y float32 1x-1\n");
    CHECK(holds(message_of(ErrorKind::usage, [&] { open.load(); }), "fix it with --shape x="));
    CHECK(plan.live() == 0);
  }
}

TEST_CASE("tensorrt says what is wrong with a plan") {
  const struct {
    std::string words;
    std::string gpu;
    std::string said;
  } cases[] = {
      {kTensors, "Other GPU", "incompatible device"},
      {"input x float16 1x4\noutput y float32 1x4\n", "Fake Orin", "'x' is float16"},
      {"input x float32 1x4\noutput y float32 -2x4\n", "Fake Orin", "is decided by the data (?x4)"},
      {kTensors + "on-host x\n", "Fake Orin", "'x' is a shape that the host gives"},
      {kTensors + "in-vectors y\n", "Fake Orin", "'y' is laid out in vectors"},
  };
  for (const Generation& generation : kGenerations) {
    for (const auto& one : cases) {
      const Plan plan(generation, one.words, one.gpu);
      const std::string said = message_of(ErrorKind::model, [&] { plan.load(); });
      CHECK(holds(said, one.said));
      CHECK(plan.live() == 0);
    }
    Generation other = generation;
    other.version[1] = 9;
    const std::string said = message_of(ErrorKind::model, [&] { Plan(other).load(); });
    CHECK(holds(said, "made it, this is TensorRT " + std::string(generation.number)));
    CHECK(holds(said, ".9."));
    CHECK(holds(said, "not compatible with this version"));
    Plan(generation).load();
  }
  const Plan hidden(kGenerations[0], kTensors + "implicit-batch\n");
  CHECK(holds(message_of(ErrorKind::model, [&] { hidden.load(); }), "implicit batch"));
}

TEST_CASE("tensorrt says what is missing") {
  const Plan plan(kGenerations[1]);
  const auto missing = [&](const std::string& key, const std::string& value) {
    return message_of(ErrorKind::not_available, [&] { plan.load(key, value); });
  };
  CHECK(holds(missing("cudart", "/nowhere/libcudart.so"), "/nowhere/libcudart.so"));
  CHECK(holds(missing("nvinfer", "/nowhere/libnvinfer.so"), "--set nvinfer=PATH"));
  CHECK(holds(missing("nvinfer", NOT_A_RUNTIME), "no symbol getInferLibVersion"));
  CHECK(holds(missing("plugins", "/nowhere/plugins.so"), "--set plugins=PATH"));
  CHECK(holds(missing("dla-core", "2"), "no DLA core 2: this device has 2"));
  for (const char* version : {"100400", "8601", "110100"}) {
    const Ordered order("EDGELOOP_FAKE_NVINFER_VERSION", version);
    CHECK(holds(missing("dla-core", "0"), "built for TensorRT 10.3.0, but "));
  }
  const std::pair<const char*, const char*> errors[] = {
      {"35", "no NVIDIA driver was found, or it is too old for CUDA runtime 12.2"},
      {"100", "no NVIDIA GPU is in reach"},
      {"999", "the NVIDIA driver does not answer"},
  };
  for (const auto& [code, words] : errors) {
    const Ordered order("EDGELOOP_FAKE_CUDA", std::string("cudaGetDeviceCount:") + code);
    CHECK(holds(missing("dla-core", "0"), words));
  }
  CHECK(plan.live() == 0);
}

TEST_CASE("tensorrt refuses settings it does not know") {
  const Plan plan(kGenerations[1]);
  const std::pair<const char*, const char*> wrong[] = {{"region", "all"},
                                                       {"cuda-graph", "1"},
                                                       {"dla-core", "-1"},
                                                       {"dla-core", "12"},
                                                       {"nonsense", "1"}};
  for (const auto& [key, value] : wrong) {
    const std::string said =
        message_of(ErrorKind::usage, [&, k = key, v = value] { plan.load(k, v); });
    CHECK(holds(said, key));
  }
}

TEST_CASE("tensorrt says how much memory a device has left") {
  const Plan plan(kGenerations[1], "input x float32 65536x1024\noutput y float32 1x4\n");
  const std::string said = message_of(ErrorKind::runtime, [&] { plan.load(); });
  CHECK(holds(said, "allocating 268435456 bytes of device memory for 'x' failed"));
  CHECK(
      holds(said, "cudaErrorMemoryAllocation (out of memory); 64 of the device's 64 MiB are free"));
  CHECK(plan.live() == 0);
}

TEST_CASE("tensorrt gives everything back whichever call fails") {
  for (const Generation& generation : kGenerations) {
    const Plan plan(generation);
    for (const char* counter : {"EDGELOOP_FAKE_CUDA_FAIL_AT", "EDGELOOP_FAKE_NVINFER_FAIL_AT"}) {
      int failures = 0;
      int call = 1;
      for (bool failed = true; failed && call < 100; ++call) {
        const Ordered order(counter, std::to_string(call));
        failed = false;
        try {
          const auto engine = plan.load("cuda-graph", "on");
          engine->inputs_written();
          failed = !engine->run();
          if (!failed) engine->outputs();
          if (!failed) engine->time_parts(edgeloop::Grain::stages);
          if (failed) CHECK(holds(engine->last_error(), "failed to run the model"));
        } catch (const edgeloop::Error& error) {
          failed = true;
          const std::string said = error.what();
          CHECK((holds(said, "the fake failed") || holds(said, "cudaErrorUnknown")));
        }
        failures += failed ? 1 : 0;
        CHECK(plan.live() == 0);
      }
      CHECK(call < 100);
      CHECK(failures >= 5);
    }
  }
}

TEST_CASE("tensorrt goes on after a run that failed") {
  for (const Generation& generation : kGenerations) {
    const Plan plan(generation);
    const auto engine = plan.load("region", "copies");
    {
      const Ordered order("EDGELOOP_FAKE_CUDA", "cudaStreamSynchronize:2");
      CHECK(!engine->run());
      CHECK(holds(engine->last_error(), "cudaStreamSynchronize failed: cudaErrorMemoryAllocation"));
      CHECK(holds(engine->last_error(), "MiB are free"));
    }
    REQUIRE(engine->run());
  }
}

TEST_CASE("tensorrt loads and unloads a thousand times") {
  for (const Generation& generation : kGenerations) {
    const Plan plan(generation);
    for (int cycle = 0; cycle < 1000; ++cycle) REQUIRE(plan.load()->run());
    CHECK(plan.live() == 0);
  }
}

TEST_CASE("tensorrt runs two models at once") {
  const Plan plan(kGenerations[1]);
  const auto run_often = [&plan](float value) {
    const auto engine = plan.load();
    values(engine->inputs()[0])[0] = value;
    engine->inputs_written();
    for (int run = 0; run < 300; ++run) {
      if (!engine->run() || values(engine->outputs()[0])[0] != value) return false;
    }
    return true;
  };
  bool other_held = false;
  std::thread other([&] { other_held = run_often(1.0F); });
  const bool held = run_often(2.0F);
  other.join();
  CHECK(held);
  CHECK(other_held);
  CHECK(plan.live() == 0);
}
