#pragma once

#include <map>
#include <string>
#include <vector>

#include "edgeloop/engine.hpp"
#include "tflite_c.h"

namespace edgeloop {

// A TFLite delegate that claims no node and notes who runs each of them. Applied as the last one,
// it sees the plan that all others left; what runs is unchanged, and run() costs nothing more.
//
// The interpreter keeps the delegate's address: the probe must outlive it and cannot be moved.
class TfliteProbe {
 public:
  // `opaque_delegates`: the library exports TfLiteOpaqueDelegateCreate. Older ones have smaller
  // structs, of which the probe must not read the end.
  explicit TfliteProbe(bool opaque_delegates = true) noexcept;
  TfliteProbe(const TfliteProbe&) = delete;
  TfliteProbe& operator=(const TfliteProbe&) = delete;

  TfLiteDelegate* delegate() noexcept { return &delegate_; }

  // Tells the name under which the user asked for a delegate that was applied before.
  void expect(const TfLiteDelegate* delegate, const std::string& name);

  // One partition per delegated node of the plan, with the nodes that it replaced, and one
  // ("builtin") per stretch of the runtime's own kernels; the subgraphs follow one another. Unknown
  // until the probe was applied, and where a plan could not be read.
  Placement placement() const;

  // The context of the first subgraph, which holds the model's inputs and outputs; null until the
  // probe was applied. It lives as long as the interpreter.
  const TfLiteContext* context() const noexcept;

 private:
  struct Plan {
    const TfLiteContext* context;
    Placement placement;
  };

  static TfLiteStatus prepare(TfLiteContext* context, TfLiteDelegate* delegate) noexcept;
  Plan& plan_of(const TfLiteContext* context);
  void record(TfLiteContext* context, Placement& placement) const;
  Partition delegated(const TfLiteNode& node, const TfLiteRegistration& registration) const;

  TfLiteDelegate delegate_{};
  bool opaque_delegates_;
  std::map<const TfLiteDelegate*, std::string> names_;
  std::vector<Plan> plans_;  // one per subgraph, in the runtime's order
};

}  // namespace edgeloop
