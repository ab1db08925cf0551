// Does nothing, or a fixed chain of dependent multiplications: the floor of a loop, and the known
// truth for the tests. A null engine that spins on the clock would only prove that a clock agrees
// with itself.

#include "edgeloop/buffer.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/probe.hpp"

namespace edgeloop {
namespace {

std::uint64_t parse_count(const EngineOptions& options, const std::string& key) {
  const auto found = options.settings.find(key);
  if (found == options.settings.end()) return 0;
  try {
    std::size_t used = 0;
    const std::uint64_t count = std::stoull(found->second, &used);
    if (used == found->second.size()) return count;
  } catch (const std::exception&) {
  }
  throw Error(ErrorKind::usage,
              "null: " + key + "=" + found->second + " is not a whole number of at least 0");
}

class NullEngine final : public Engine {
 public:
  explicit NullEngine(const EngineOptions& options)
      : multiplications_(parse_count(options, "multiplications")),
        fail_at_(parse_count(options, "fail-at")),
        input_(sizeof(float)),
        output_(sizeof(float)) {
    require_known_settings(options, {"multiplications", "fail-at"});
    inputs_.push_back({"x", DType::float32, {1}, {}, input_.data(), input_.bytes()});
    outputs_.push_back({"y", DType::float32, {1}, {}, output_.data(), output_.bytes()});
  }

  bool run() noexcept override {
    if (multiplications_ > 0) state_ = dependent_multiplications(multiplications_, state_);
    if (fail_at_ > 0 && ++runs_ == fail_at_) {
      last_error_ = "null: failed at run " + std::to_string(runs_) + ", as it was told to";
      return false;
    }
    *static_cast<float*>(output_.data()) = *static_cast<const float*>(input_.data());
    return true;
  }

  std::string runtime_version() const override { return "1"; }

 private:
  std::uint64_t multiplications_;
  std::uint64_t fail_at_;
  std::uint64_t runs_ = 0;
  std::uint64_t state_ = 1;
  Buffer input_;
  Buffer output_;
};

}  // namespace

std::unique_ptr<Engine> create_null(const EngineOptions& options) {
  return std::make_unique<NullEngine>(options);
}

}  // namespace edgeloop
