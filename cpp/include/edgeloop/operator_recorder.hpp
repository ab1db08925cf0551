#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "edgeloop/clock.hpp"
#include "edgeloop/engine.hpp"

namespace edgeloop {

// Notes when the operators of a model begin and end, as a runtime reports them on the thread that
// runs the model. What it reports while an operator runs happened inside that operator.
class OperatorRecorder {
 public:
  // Events between two calls of take(); a run of MobileNet v2 has about 200.
  static constexpr std::size_t kCapacity = 1 << 18;

  // Returns what end() takes; names are copied, because delegates free theirs.
  std::uint32_t begin(const char* name, std::int64_t node, std::int64_t subgraph) noexcept;
  void end(std::uint32_t handle) noexcept;

  // An operator that its delegate timed itself.
  void add(const char* name, std::uint64_t elapsed_us, std::int64_t node,
           std::int64_t subgraph) noexcept;

  // Throws Error{runtime} where there were more than kCapacity.
  std::vector<OperatorEvent> take();
  void drop() noexcept;

 private:
  struct Record {
    std::size_t name;
    std::int64_t node;
    std::int64_t subgraph;
    bool inside;
    bool reported;
    std::uint64_t start_ns;
    std::uint64_t duration_ns;
  };

  // Returns whether there was room.
  bool push(const char* name, std::int64_t node, std::int64_t subgraph, bool reported,
            std::uint64_t duration_ns) noexcept;

  SystemClock clock_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::size_t> numbers_;
  std::vector<Record> records_;
  std::size_t depth_ = 0;  // operators that have begun and not ended
  bool overflowed_ = false;
};

}  // namespace edgeloop
