#include "edgeloop/engine.hpp"

#include <doctest.h>

#include <cstdint>
#include <new>

#include "edgeloop/buffer.hpp"
#include "message_of.hpp"

using edgeloop::EngineOptions;
using edgeloop::ErrorKind;
using edgeloop_test::message_of;

TEST_CASE("engine table holds every file of the folder") {
  bool found = false;
  for (const edgeloop::EngineEntry& entry : edgeloop::engine_table()) {
    found = found || std::string(entry.name) == "null";
  }
  CHECK(found);
}

TEST_CASE("engine of an unknown name lists the known ones") {
  const std::string message =
      message_of(ErrorKind::usage, [] { edgeloop::create_engine("nil", {}); });
  CHECK(message.find("'nil'") != std::string::npos);
  CHECK(message.find("null") != std::string::npos);
}

TEST_CASE("engine refuses a setting it does not know") {
  EngineOptions options;
  options.settings["spin"] = "1";
  const std::string message =
      message_of(ErrorKind::usage, [&] { edgeloop::create_engine("null", options); });
  CHECK(message.find("spin=1") != std::string::npos);
  CHECK(message.find("multiplications") != std::string::npos);
}

TEST_CASE("null engine copies its input") {
  const auto engine = edgeloop::create_engine("null", {});
  *static_cast<float*>(engine->inputs()[0].data) = 2.5F;
  REQUIRE(engine->run());
  CHECK(*static_cast<float*>(engine->outputs()[0].data) == 2.5F);
}

TEST_CASE("null engine fails where it is told to") {
  EngineOptions options;
  options.settings["fail-at"] = "2";
  const auto engine = edgeloop::create_engine("null", options);
  REQUIRE(engine->run());
  CHECK(!engine->run());
  CHECK(engine->last_error().find("run 2") != std::string::npos);
}

TEST_CASE("buffers are aligned and zeroed even when empty") {
  for (std::size_t bytes : {0u, 1u, 63u, 64u, 1000u}) {
    const edgeloop::Buffer buffer(bytes);
    REQUIRE(buffer.data() != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % edgeloop::kBufferAlignment == 0u);
    for (std::size_t i = 0; i < bytes; ++i) {
      CHECK(int{static_cast<const unsigned char*>(buffer.data())[i]} == 0);
    }
  }
}

TEST_CASE("dtypes have names and sizes") {
  CHECK(std::string(edgeloop::dtype_name(edgeloop::DType::float32)) == "float32");
  CHECK(edgeloop::dtype_bytes(edgeloop::DType::int64) == 8u);
  CHECK(edgeloop::element_count({2, 3, 4}) == 24u);
  CHECK(edgeloop::element_count({}) == 1u);
}

TEST_CASE("the elements of a shape that no memory holds do not wrap around") {
  constexpr std::int64_t kHuge = std::int64_t{1} << 33;
  const std::size_t most = edgeloop::element_count({kHuge, kHuge});  // 2^66, 4 in 64 bits
  CHECK(most > std::size_t{1} << 59);
  CHECK(edgeloop::element_count({INT64_MAX, INT64_MAX, INT64_MAX}) == most);
  CHECK(edgeloop::element_count({2, -1}) == most);
  CHECK(edgeloop::element_count({kHuge, kHuge, 0}) == 0u);
  bool refused = false;
  try {
    edgeloop::Buffer(most * edgeloop::dtype_bytes(edgeloop::DType::float64));
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  CHECK(refused);
}
