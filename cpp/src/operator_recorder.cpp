#include "edgeloop/operator_recorder.hpp"

#include <limits>
#include <new>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

constexpr std::uint32_t kNotKept = std::numeric_limits<std::uint32_t>::max();

}  // namespace

std::uint32_t OperatorRecorder::begin(const char* name, std::int64_t node,
                                      std::int64_t subgraph) noexcept {
  const bool kept = push(name, node, subgraph, false, 0);
  ++depth_;
  if (!kept) return kNotKept;
  records_.back().start_ns = clock_.now_ns();  // last, so that our own work is not in the operator
  return static_cast<std::uint32_t>(records_.size() - 1);
}

void OperatorRecorder::end(std::uint32_t handle) noexcept {
  const std::uint64_t now = clock_.now_ns();
  if (depth_ > 0) --depth_;
  if (handle >= records_.size()) return;  // not kept, or begun before the last take()
  records_[handle].duration_ns = now - records_[handle].start_ns;
}

void OperatorRecorder::add(const char* name, std::uint64_t elapsed_us, std::int64_t node,
                           std::int64_t subgraph) noexcept {
  const std::uint64_t now = clock_.now_ns();
  if (push(name, node, subgraph, true, elapsed_us * 1000)) records_.back().start_ns = now;
}

std::vector<OperatorEvent> OperatorRecorder::take() {
  std::vector<Record> records;
  records.swap(records_);
  records_.reserve(records.size());
  if (overflowed_) {
    overflowed_ = false;
    throw Error(ErrorKind::runtime, "the model has more than " + std::to_string(kCapacity) +
                                        " operator events in a block, which is all that is kept");
  }
  std::vector<OperatorEvent> events;
  events.reserve(records.size());
  for (const Record& record : records) {
    events.push_back({names_[record.name], record.node, record.subgraph, record.inside,
                      record.reported, record.start_ns, record.duration_ns});
  }
  return events;
}

void OperatorRecorder::drop() noexcept {
  records_.clear();
  overflowed_ = false;
}

bool OperatorRecorder::push(const char* name, std::int64_t node, std::int64_t subgraph,
                            bool reported, std::uint64_t duration_ns) noexcept {
  if (records_.size() >= kCapacity) {
    overflowed_ = true;
    return false;
  }
  try {
    const auto [place, is_new] =
        numbers_.try_emplace(name == nullptr ? "unnamed" : name, names_.size());
    if (is_new) names_.push_back(place->first);
    records_.push_back({place->second, node, subgraph, depth_ > 0, reported, 0, duration_ns});
    return true;
  } catch (const std::bad_alloc&) {
    overflowed_ = true;
    return false;
  }
}

}  // namespace edgeloop
