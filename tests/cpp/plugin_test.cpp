#include <doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "edgeloop/engine.hpp"
#include "message_of.hpp"

using edgeloop::Engine;
using edgeloop::EngineOptions;
using edgeloop::ErrorKind;
using edgeloop_test::message_of;

namespace {

// A file of the plugin's own format, for as long as the test needs it.
class Model {
 public:
  Model() : path_("/tmp/edgeloop_plugin_test." + std::to_string(getpid())) {
    std::ofstream(path_) << "scale 3 end\n";
  }
  ~Model() { std::remove(path_.c_str()); }
  EngineOptions options() const {
    EngineOptions options;
    options.library = MISBEHAVING_ENGINE;
    options.model = path_;
    return options;
  }

 private:
  std::string path_;
};

// What the plugin does wrong, for as long as the test needs it.
class Act {
 public:
  explicit Act(const char* act) { setenv("EDGELOOP_PLUGIN_ACT", act, 1); }
  ~Act() { unsetenv("EDGELOOP_PLUGIN_ACT"); }
};

}  // namespace

TEST_CASE("plugin runs") {
  const Model model;
  EngineOptions options = model.options();
  options.settings["factor"] = "2";
  const std::unique_ptr<Engine> engine = edgeloop::create_engine("plugin", options);
  static_cast<float*>(engine->inputs()[0].data)[2] = 1.5F;
  REQUIRE(engine->run());
  CHECK(static_cast<const float*>(engine->outputs()[0].data)[2] == 3.0F);
  CHECK(!engine->placement().known);
}

TEST_CASE("plugin that breaks the rules is refused without a leak") {
  const Model model;
  for (const char* act :
       {"absurd count", "describe fails", "no name", "unknown dtype", "absurd rank", "no shape",
        "negative dimension", "overflowing shape", "absurd shape", "other bytes", "no memory",
        "unaligned memory", "bad scales", "no scales", "create without an engine"}) {
    const Act acting(act);
    message_of(ErrorKind::runtime, [&] { edgeloop::create_engine("plugin", model.options()); });
  }
  for (const char* act : {"no table", "wrong version", "short table", "no run"}) {
    const Act acting(act);
    message_of(ErrorKind::not_available,
               [&] { edgeloop::create_engine("plugin", model.options()); });
  }
  const Act acting("create with bytes that are no text");
  message_of(ErrorKind::model, [&] { edgeloop::create_engine("plugin", model.options()); });
}

TEST_CASE("plugin that fails to run is quoted") {
  const Model model;
  const std::unique_ptr<Engine> engine = edgeloop::create_engine("plugin", model.options());
  const Act acting("run fails");
  CHECK(!engine->run());
  CHECK(engine->last_error().find("the accelerator does not answer") != std::string::npos);
}

TEST_CASE("plugin that throws is caught") {
  EngineOptions options;
  options.library = THROWING_ENGINE;
  message_of(ErrorKind::runtime, [&] { edgeloop::create_engine("plugin", options); });
  options.settings["any"] = "1";
  const std::unique_ptr<Engine> engine = edgeloop::create_engine("plugin", options);
  CHECK(!engine->run());
  CHECK(engine->last_error().find("out of its run") != std::string::npos);
}
