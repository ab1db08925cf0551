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

Placement TfliteProbe::placement() const {
  Placement all;
  all.known = !plans_.empty();
  for (std::size_t number = 0; number < plans_.size(); ++number) {
    const Placement& plan = plans_[number].placement;
    all.known = all.known && plan.known;
    for (const Partition& partition : plan.partitions) {
      all.partitions.push_back(partition);
      all.partitions.back().subgraph = number;
    }
  }
  return all;
}

void TfliteProbe::expect(const TfLiteDelegate* delegate, const std::string& name) {
  names_[delegate] = name;
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
    plan.placement = {};
    probe.record(context, plan.placement);
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

void TfliteProbe::record(TfLiteContext* context, Placement& placement) const {
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
      placement.partitions.push_back(delegated(*node, *registration));
      in_builtin_stretch = false;
      continue;
    }
    if (!in_builtin_stretch) {
      placement.partitions.emplace_back();
      placement.partitions.back().owner = kBuiltin;
      in_builtin_stretch = true;
    }
    ++placement.partitions.back().nodes;
    placement.partitions.back().indexes.push_back(plan->data[entry]);
  }
  placement.known = true;
}

Partition TfliteProbe::delegated(const TfLiteNode& node,
                                 const TfLiteRegistration& registration) const {
  const TfLiteIntArray* nodes = nullptr;
  if (opaque_delegates_ && node.delegate->opaque_delegate_builder != nullptr) {
    nodes = static_cast<const TfLiteOpaqueDelegateParams*>(node.builtin_data)->nodes_to_replace;
  } else {
    nodes = static_cast<const TfLiteDelegateParams*>(node.builtin_data)->nodes_to_replace;
  }
  Partition partition;
  partition.owner =
      registration.custom_name == nullptr ? "unnamed delegate" : registration.custom_name;
  const auto name = names_.find(node.delegate);
  if (name != names_.end()) partition.delegate = name->second;
  partition.nodes = static_cast<std::size_t>(nodes->size);
  partition.indexes.assign(nodes->data, nodes->data + nodes->size);
  return partition;
}

}  // namespace edgeloop
