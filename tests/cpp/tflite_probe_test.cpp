#include "edgeloop/tflite_probe.hpp"

#include <doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <vector>

using edgeloop::Placement;
using edgeloop::TfliteProbe;

namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using IntArray = std::unique_ptr<TfLiteIntArray, Free>;

IntArray ints(const std::vector<int>& values) {
  auto* array = static_cast<TfLiteIntArray*>(
      std::malloc(sizeof(TfLiteIntArray) + values.size() * sizeof(int)));
  array->size = static_cast<int>(values.size());
  std::copy(values.begin(), values.end(), array->data);
  return IntArray(array);
}

// A graph as an interpreter shows it to a delegate: four nodes, of which two are delegated.
struct Graph {
  Graph() {
    // Any address but null: the probe only asks whether there is one.
    opaque.opaque_delegate_builder = reinterpret_cast<TfLiteOpaqueDelegateBuilder*>(&opaque);
    nodes[1].delegate = &classic;
    nodes[1].builtin_data = &classic_params;
    registrations[1].custom_name = "Classic";
    nodes[3].delegate = &opaque;
    nodes[3].builtin_data = &opaque_params;
    context.impl_ = this;
    context.GetExecutionPlan = [](TfLiteContext* self, TfLiteIntArray** plan) {
      *plan = static_cast<Graph*>(self->impl_)->plan.get();
      return *plan == nullptr ? kTfLiteError : kTfLiteOk;
    };
    context.GetNodeAndRegistration = [](TfLiteContext* self, int index, TfLiteNode** node,
                                        TfLiteRegistration** registration) {
      *node = &static_cast<Graph*>(self->impl_)->nodes.at(static_cast<std::size_t>(index));
      *registration =
          &static_cast<Graph*>(self->impl_)->registrations.at(static_cast<std::size_t>(index));
      return kTfLiteOk;
    };
  }

  TfLiteDelegate classic{};
  TfLiteDelegate opaque{};
  IntArray classic_nodes = ints({4, 5, 6});
  IntArray opaque_nodes = ints({7, 8});
  TfLiteDelegateParams classic_params{&classic, classic_nodes.get(), nullptr, nullptr};
  TfLiteOpaqueDelegateParams opaque_params{&opaque, nullptr, opaque_nodes.get(), nullptr, nullptr};
  std::array<TfLiteNode, 4> nodes{};
  std::array<TfLiteRegistration, 4> registrations{};
  IntArray plan = ints({0, 2, 1, 3, 0});
  TfLiteContext context{};
};

void apply(TfliteProbe& probe, Graph& graph) {
  CHECK(probe.delegate()->Prepare(&graph.context, probe.delegate()) == kTfLiteOk);
}

std::string text(const Placement& placement) {
  std::string all = placement.known ? "" : "unknown ";
  for (const auto& partition : placement.partitions) {
    all += partition.owner + ":" + std::to_string(partition.nodes) + " ";
  }
  return all;
}

}  // namespace

TEST_CASE("a probe that was not applied knows nothing") {
  const TfliteProbe probe;
  CHECK(!probe.placement().known);
  CHECK(probe.context() == nullptr);
}

TEST_CASE("a probe tells who runs which nodes") {
  TfliteProbe probe;
  Graph graph;
  apply(probe, graph);
  CHECK(text(probe.placement()) == "builtin:2 Classic:3 unnamed delegate:2 builtin:1 ");
  CHECK(probe.context() == &graph.context);
}

TEST_CASE("a probe appends subgraphs and replaces what is prepared again") {
  TfliteProbe probe;
  Graph first;
  Graph second;
  first.plan = ints({0});
  second.plan = ints({2});
  apply(probe, first);
  apply(probe, second);
  CHECK(text(probe.placement()) == "builtin:1 builtin:1 ");
  first.plan = ints({0, 2});
  apply(probe, first);
  CHECK(text(probe.placement()) == "builtin:2 builtin:1 ");
  CHECK(probe.context() == &first.context);
}

TEST_CASE("a plan that cannot be read is unknown and no failure") {
  TfliteProbe probe;
  Graph graph;
  graph.plan.reset();
  apply(probe, graph);
  CHECK(text(probe.placement()) == "unknown ");
}

TEST_CASE("a probe of an older library does not read the end of its structs") {
  TfliteProbe probe(/*opaque_delegates=*/false);
  Graph graph;
  graph.plan = ints({1});
  // Where such a library ends the struct, anything may follow.
  graph.classic.opaque_delegate_builder =
      reinterpret_cast<TfLiteOpaqueDelegateBuilder*>(&graph.classic);
  apply(probe, graph);
  CHECK(text(probe.placement()) == "Classic:3 ");
}

TEST_CASE("a probe tells names nodes and subgraphs") {
  TfliteProbe probe;
  Graph first;
  Graph second;
  second.plan = ints({2});
  probe.expect(&first.classic, "asked for");
  apply(probe, first);
  apply(probe, second);
  const Placement placement = probe.placement();
  REQUIRE(placement.partitions.size() == 5U);
  CHECK(placement.partitions[0].indexes == (std::vector<int>{0, 2}));
  CHECK(placement.partitions[1].delegate == "asked for");
  CHECK(placement.partitions[1].indexes == (std::vector<int>{4, 5, 6}));
  CHECK(placement.partitions[2].delegate == "");
  CHECK(placement.partitions[2].indexes == (std::vector<int>{7, 8}));
  CHECK(placement.partitions[3].subgraph == 0U);
  CHECK(placement.partitions[4].subgraph == 1U);
}
