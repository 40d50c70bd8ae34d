// See graph.h.
#include "graph.h"

void Graph::follow(CUgraphNode node, Edge edge) {
  if (last) {
    CUgraphEdgeData data = {};
    if (edge == Edge::kProgrammatic) {
      data.type = CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
      data.from_port = CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC;
    }
    CU(cuGraphAddDependencies(graph, &last, &node, &data, 1));
  }
  last = node;
}

CUgraphNode Graph::kernel_raw(CUfunction function, const Shape& shape, Edge edge, void** args) {
  CUDA_KERNEL_NODE_PARAMS params = {};
  params.func = function;
  params.gridDimX = shape.blocks;
  params.gridDimY = shape.blocks_y;
  params.gridDimZ = params.blockDimY = params.blockDimZ = 1;
  params.blockDimX = shape.threads;
  params.sharedMemBytes = shape.shared;
  params.kernelParams = args;
  CUgraphNode node = nullptr;
  CU(cuGraphAddKernelNode(&node, graph, nullptr, 0, &params));
  if (shape.cluster > 1) {
    CUlaunchAttributeValue value = {};
    value.clusterDim.x = shape.cluster;
    value.clusterDim.y = value.clusterDim.z = 1;
    CU(cuGraphKernelNodeSetAttribute(node, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, &value));
  }
  follow(node, edge);
  return node;
}

CUgraphNode Graph::copy_from_host(CUdeviceptr to, const void* from, size_t bytes) {
  CUDA_MEMCPY3D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = from;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = to;
  copy.WidthInBytes = bytes;
  copy.Height = copy.Depth = 1;
  CUgraphNode node = nullptr;
  CU(cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &copy, cuda().context));
  follow(node, Edge::kFull);
  return node;
}

CUgraphConditionalHandle Graph::handle(unsigned value_at_launch) {
  CUgraphConditionalHandle made = 0;
  CU(cuGraphConditionalHandleCreate(&made, graph, cuda().context, value_at_launch, CU_GRAPH_COND_ASSIGN_DEFAULT));
  return made;
}

CUgraph Graph::conditional(CUgraphConditionalHandle handle, CUgraphConditionalNodeType type) {
  CUgraphNodeParams params = {};
  params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  params.conditional.handle = handle;
  params.conditional.type = type;
  params.conditional.size = 1;
  params.conditional.ctx = cuda().context;
  CUgraphNode node = nullptr;
  CU(cuGraphAddNode(&node, graph, nullptr, nullptr, 0, &params));
  follow(node, Edge::kFull);
  return params.conditional.phGraph_out[0];
}

void Graph::instantiate() {
  CU(cuGraphInstantiateWithFlags(&executable, graph, 0));
  CU(cuGraphUpload(executable, cuda().stream));
}
