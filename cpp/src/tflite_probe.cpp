#include "edgeloop/tflite_probe.hpp"

#include <algorithm>
#include <exception>

namespace edgeloop {
namespace {

constexpr const char* kBuiltin = "builtin";

}  // namespace

TfliteProbe::TfliteProbe(bool opaque_delegates) noexcept : opaque_delegates_(opaque_delegates) {
  delegate_.data_ = this;
  delegate_.Prepare = &TfliteProbe::prepare;
  // Without it a graph with dynamic tensors would refuse the probe, and others would be replanned.
  delegate_.flags = kTfLiteDelegateFlagsAllowDynamicTensors;
}

Coverage TfliteProbe::coverage() const {
  Coverage all;
  all.known = !plans_.empty();
  for (const Plan& plan : plans_) {
    all.known = all.known && plan.coverage.known;
    all.partitions.insert(all.partitions.end(), plan.coverage.partitions.begin(),
                          plan.coverage.partitions.end());
  }
  return all;
}

const TfLiteContext* TfliteProbe::context() const noexcept {
  return plans_.empty() ? nullptr : plans_.front().context;
}

// Called by the runtime once per subgraph, and again where it applies its delegates anew. A probe
// that failed here would undo the delegates before it, so it always succeeds.
TfLiteStatus TfliteProbe::prepare(TfLiteContext* context, TfLiteDelegate* delegate) noexcept {
  auto& probe = *static_cast<TfliteProbe*>(delegate->data_);
  try {
    Plan& plan = probe.plan_of(context);
    plan.coverage = {};
    probe.record(context, plan.coverage);
  } catch (const std::exception&) {
    // Out of memory: this subgraph stays unknown.
  }
  return kTfLiteOk;
}

TfliteProbe::Plan& TfliteProbe::plan_of(const TfLiteContext* context) {
  const auto found = std::find_if(plans_.begin(), plans_.end(),
                                  [&](const Plan& plan) { return plan.context == context; });
  if (found != plans_.end()) return *found;
  plans_.push_back({context, {}});
  return plans_.back();
}

void TfliteProbe::record(TfLiteContext* context, Coverage& coverage) const {
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return;
  bool in_builtin_stretch = false;
  for (int entry = 0; entry < plan->size; ++entry) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, plan->data[entry], &node, &registration) !=
        kTfLiteOk) {
      return;
    }
    if (node->delegate != nullptr) {
      const char* owner = registration->custom_name;
      coverage.partitions.push_back(
          {owner == nullptr ? "unnamed delegate" : owner, replaced_nodes(*node)});
      in_builtin_stretch = false;
    } else if (in_builtin_stretch) {
      ++coverage.partitions.back().nodes;
    } else {
      coverage.partitions.push_back({kBuiltin, 1});
      in_builtin_stretch = true;
    }
  }
  coverage.known = true;
}

std::size_t TfliteProbe::replaced_nodes(const TfLiteNode& node) const noexcept {
  const TfLiteIntArray* nodes = nullptr;
  if (opaque_delegates_ && node.delegate->opaque_delegate_builder != nullptr) {
    nodes = static_cast<const TfLiteOpaqueDelegateParams*>(node.builtin_data)->nodes_to_replace;
  } else {
    nodes = static_cast<const TfLiteDelegateParams*>(node.builtin_data)->nodes_to_replace;
  }
  return static_cast<std::size_t>(nodes->size);
}

}  // namespace edgeloop
