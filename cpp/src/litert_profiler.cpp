#include "edgeloop/litert_profiler.hpp"

#include <cstring>

#include "edgeloop/error.hpp"
#include "edgeloop/litert_library.hpp"

namespace edgeloop {
namespace {

constexpr char kFailed[] = "LiteRT's profiler does not tell what ran";

// Larger than any version's event, and a byte that no event ends with.
constexpr std::size_t kMostEventBytes = 256;
constexpr unsigned char kUntouched = 0xa5;

// How far apart events are: the library wrote `count` of them, one after the other.
std::size_t event_bytes(const std::vector<unsigned char>& memory, std::size_t count) {
  std::size_t touched = memory.size();
  while (touched > 0 && memory[touched - 1] == kUntouched) --touched;
  constexpr std::size_t kAlignment = alignof(LiteRtProfilerEventHead);
  const std::size_t each = (touched + count - 1) / count;  // the last may end in padding
  const std::size_t bytes = (each + kAlignment - 1) / kAlignment * kAlignment;
  if (bytes < sizeof(LiteRtProfilerEventHead) + sizeof(LiteRtProfilerEventTail)) {
    throw Error(
        ErrorKind::not_available,
        "LiteRT's profiler writes events of a form that edgeloop does not know; profile the "
        "model with --runtime tflite");
  }
  return bytes;
}

bool is_operator(int type) {
  return type == kLiteRtOperatorEvent || type == kLiteRtDelegateOperatorEvent ||
         type == kLiteRtDelegateReportedEvent;
}

}  // namespace

LiteRtProfiler::LiteRtProfiler(const Dylib& library, LiteRtCompiledModelT* compiled) {
#define EDGELOOP_LOAD(name, result, parameters) \
  api_.name = library.symbol<result(*) parameters>(#name);
  EDGELOOP_LITERT_PROFILER_SYMBOLS(EDGELOOP_LOAD)
#undef EDGELOOP_LOAD
  check_litert(api_.LiteRtCompiledModelGetProfiler(compiled, &profiler_), ErrorKind::runtime,
               "LiteRT gives no profiler");
  if (profiler_ == nullptr) throw Error(ErrorKind::runtime, "LiteRT gives no profiler");
  drop_events();
}

// Starting it clears it.
void LiteRtProfiler::drop_events() {
  check_litert(api_.LiteRtStartProfiler(profiler_), ErrorKind::runtime, kFailed);
}

std::vector<OperatorEvent> LiteRtProfiler::take_events() {
  check_litert(api_.LiteRtStopProfiler(profiler_), ErrorKind::runtime, kFailed);
  int told = 0;
  check_litert(api_.LiteRtGetNumProfilerEvents(profiler_, &told), ErrorKind::runtime, kFailed);
  const auto count = static_cast<std::size_t>(told);
  std::vector<OperatorEvent> events;
  if (count > 0) {
    std::vector<unsigned char> memory(count * kMostEventBytes, kUntouched);
    check_litert(api_.LiteRtGetProfilerEvents(profiler_, told, memory.data()), ErrorKind::runtime,
                 kFailed);
    const std::size_t bytes = event_bytes(memory, count);
    for (std::size_t index = 0; index < count; ++index) {
      LiteRtProfilerEventHead head;
      LiteRtProfilerEventTail tail;
      const unsigned char* event = memory.data() + index * bytes;
      std::memcpy(&head, event, sizeof head);
      std::memcpy(&tail, event + bytes - sizeof tail, sizeof tail);
      if (!is_operator(head.type)) continue;
      events.push_back({head.tag == nullptr ? "unnamed" : head.tag, tail.node, tail.subgraph,
                        head.type == kLiteRtDelegateOperatorEvent,
                        head.type == kLiteRtDelegateReportedEvent, head.start_us * 1000,
                        head.elapsed_us * 1000});
    }
  }
  drop_events();
  if (count >= kCapacity) {
    throw Error(ErrorKind::runtime, "the model has more than " + std::to_string(kCapacity) +
                                        " operator events in a block, which is all that LiteRT's "
                                        "profiler keeps; profile it with --runtime tflite");
  }
  return events;
}

}  // namespace edgeloop
