// A CUDA graph of explicit nodes.
#pragma once
#include <list>

#include "driver.h"

// Edges: full (the next node starts when the one before has ended and its writes are seen), or programmatic (it may start
// when all blocks of the one before have said griddepcontrol.launch_dependents, or have ended).
enum class Edge { kFull, kProgrammatic };

struct Graph {
  Graph() { CU(cuGraphCreate(&graph, 0)); }
  explicit Graph(CUgraph body) : graph(body) {}

  // A kernel behind the node added last.
  template <class... Args>
  CUgraphNode kernel(CUfunction function, const Shape& shape, Edge edge, Args... args) {
    void* pointers[] = {static_cast<void*>(&args)..., nullptr};
    return kernel_raw(function, shape, edge, pointers);
  }
  CUgraphNode kernel_raw(CUfunction function, const Shape& shape, Edge edge, void** args);
  CUgraphNode copy_from_host(CUdeviceptr to, const void* from, size_t bytes);
  // A node whose body runs while or if the condition is not 0; returns the body's graph.
  CUgraph conditional(CUgraphConditionalHandle handle, CUgraphConditionalNodeType type);
  CUgraphConditionalHandle handle(unsigned value_at_launch);

  void instantiate();
  void run() const { CU(cuGraphLaunch(executable, cuda().stream)); }

  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  CUgraphNode last = nullptr;
  void follow(CUgraphNode node, Edge edge);
};
