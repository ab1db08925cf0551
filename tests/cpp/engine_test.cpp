#include "edgeloop/engine.hpp"

#include <cstdint>
#include <new>

#include "check.hpp"
#include "edgeloop/buffer.hpp"

using edgeloop::EngineOptions;
using edgeloop::ErrorKind;
using edgeloop_test::message_of;

TEST(engine_table_holds_every_file_of_the_folder) {
  bool found = false;
  for (const edgeloop::EngineEntry& entry : edgeloop::engine_table()) {
    found = found || std::string(entry.name) == "null";
  }
  CHECK(found);
}

TEST(engine_of_an_unknown_name_lists_the_known_ones) {
  const std::string message =
      message_of(ErrorKind::usage, [] { edgeloop::create_engine("nil", {}); });
  CHECK(message.find("'nil'") != std::string::npos);
  CHECK(message.find("null") != std::string::npos);
}

TEST(engine_refuses_a_setting_it_does_not_know) {
  EngineOptions options;
  options.settings["spin"] = "1";
  const std::string message =
      message_of(ErrorKind::usage, [&] { edgeloop::create_engine("null", options); });
  CHECK(message.find("spin=1") != std::string::npos);
  CHECK(message.find("multiplications") != std::string::npos);
}

TEST(null_engine_copies_its_input) {
  const auto engine = edgeloop::create_engine("null", {});
  *static_cast<float*>(engine->inputs()[0].data) = 2.5F;
  CHECK(engine->run());
  CHECK_EQUAL(*static_cast<float*>(engine->outputs()[0].data), 2.5F);
}

TEST(null_engine_fails_where_it_is_told_to) {
  EngineOptions options;
  options.settings["fail-at"] = "2";
  const auto engine = edgeloop::create_engine("null", options);
  CHECK(engine->run());
  CHECK(!engine->run());
  CHECK(engine->last_error().find("run 2") != std::string::npos);
}

TEST(buffers_are_aligned_and_zeroed_even_when_empty) {
  for (std::size_t bytes : {0u, 1u, 63u, 64u, 1000u}) {
    const edgeloop::Buffer buffer(bytes);
    CHECK(buffer.data() != nullptr);
    CHECK_EQUAL(reinterpret_cast<std::uintptr_t>(buffer.data()) % edgeloop::kBufferAlignment, 0u);
    for (std::size_t i = 0; i < bytes; ++i) {
      CHECK_EQUAL(int{static_cast<const unsigned char*>(buffer.data())[i]}, 0);
    }
  }
}

TEST(dtypes_have_names_and_sizes) {
  CHECK_EQUAL(std::string(edgeloop::dtype_name(edgeloop::DType::float32)), "float32");
  CHECK_EQUAL(edgeloop::dtype_bytes(edgeloop::DType::int64), 8u);
  CHECK_EQUAL(edgeloop::element_count({2, 3, 4}), 24u);
  CHECK_EQUAL(edgeloop::element_count({}), 1u);
}

TEST(the_elements_of_a_shape_that_no_memory_holds_do_not_wrap_around) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 33;
  const std::size_t most = edgeloop::element_count({kHuge, kHuge});  // 2^66, 4 in 64 bits
  CHECK(most > std::size_t{1} << 59);
  CHECK_EQUAL(edgeloop::element_count({INT64_MAX, INT64_MAX, INT64_MAX}), most);
  CHECK_EQUAL(edgeloop::element_count({2, -1}), most);
  CHECK_EQUAL(edgeloop::element_count({kHuge, kHuge, 0}), 0u);
  bool refused = false;
  try {
    edgeloop::Buffer(most * edgeloop::dtype_bytes(edgeloop::DType::float64));
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  CHECK(refused);
}
