#!/usr/bin/env bash
# Builds the probes for a machine with a GPU, on one without: host programs, and each kernel file twice, by LLVM 19
# (NAME.llvm.ptx, .cubin) and by nvcc (NAME.nvcc.cubin).  Needs g++, clang++-19, llc-19 and CUDA 13's nvcc, ptxas and headers.
# usage: build.sh [FOLDER]        default: build-gpu at the repository's root
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../build-gpu}
cuda=${CUDA_HOME:-/usr/local/cuda}
PATH=$cuda/bin:$PATH
mkdir -p "$out/kernels"
out=$(cd "$out" && pwd)
python3 "$here/kernels/wgmma_forms.py" > "$out/kernels/wgmma_forms.h"

# kernel NAME SOURCE [-DNAME=VALUE ..]: by LLVM, for the architecture $arch.
arch=sm_90a
kernel_llvm() {
  local name=$1 source=$2; shift 2
  clang++-19 -x cuda --cuda-device-only --cuda-gpu-arch=$arch -nocudainc -nocudalib -Wno-unknown-cuda-version -std=c++20 \
    -O3 -fno-math-errno -S -emit-llvm -I"$out/kernels" -I"$here/kernels" -Xclang -target-feature -Xclang +ptx83 \
    "$@" "$here/kernels/$source" -o "$out/kernels/$name.ll"
  python3 "$here/kernels/mark_grid_constant.py" "$out/kernels/$name.ll"
  llc-19 -O3 -march=nvptx64 -mcpu=$arch -mattr=+ptx83 "$out/kernels/$name.ll" -o "$out/kernels/$name.llvm.ptx"
  # wgmma that ptxas serialises (its C75xx remarks) is a fault of the kernel.
  ptxas -arch=$arch -v "$out/kernels/$name.llvm.ptx" -o "$out/kernels/$name.llvm.cubin" 2> "$out/kernels/$name.llvm.txt" ||
    { cat "$out/kernels/$name.llvm.txt"; return 1; }
  ! grep -E "Potential Performance Loss" "$out/kernels/$name.llvm.txt" || return 1
  rm "$out/kernels/$name.ll"
}
kernel_nvcc() {
  local name=$1 source=$2; shift 2
  nvcc -gencode=arch=compute_90a,code=sm_90a -cubin -std=c++17 -O3 -I"$out/kernels" -I"$here/kernels" -Xptxas -v "$@" -diag-suppress 177,550 \
    "$here/kernels/$source" -o "$out/kernels/$name.nvcc.cubin" 2> "$out/kernels/$name.nvcc.txt" ||
    { cat "$out/kernels/$name.nvcc.txt"; return 1; }
}
kernel() {
  kernel_llvm "$@"
  kernel_nvcc "$@"
}

for name in fragments wgmma tensor_map cluster launches costs fifty simple_net mnist_cluster mnist_graph products; do
  kernel $name $name.cu
done
for size in 1024 2048 4096; do
  kernel sgemm_$size sgemm.cu -DSIZE=$size
  kernel sgemm_adam_$size sgemm.cu -DSIZE=$size -DADAM
done

# The condition of a graph's node: one function that is nowhere defined.  As PTX, for the driver to link; as ptxas leaves
# it; and linked by nvlink with NVIDIA's device runtime.
kernel_llvm conditional conditional.cu
ptxas -c -arch=sm_90a "$out/kernels/conditional.llvm.ptx" -o "$out/kernels/conditional.o"
nvlink -arch=sm_90a "$out/kernels/conditional.o" -L"$cuda/lib" -lcudadevrt -o "$out/kernels/conditional.linked.cubin"
# Other architectures' code of the same source, for what the driver takes.
for arch in sm_80 sm_90 sm_90a; do
  kernel_llvm count_$arch loading.cu
done
nvcc -arch=sm_90 -cubin "$here/kernels/loading.cu" -o "$out/kernels/count_sm_90.nvcc.cubin"


for name in facts costs nets products; do
  g++ -std=c++20 -O2 -g -Wall -Wextra -Wpedantic -Werror -Wno-psabi -static-libstdc++ -static-libgcc -isystem "$cuda/include" -I"$here" \
    $(ls "$here"/$name*.cpp | grep -v emulated) "$here"/{driver,graph,harness}.cpp -ldl -o "$out/$name"
done
# The small nets' kernels on this machine's CPU: a fault of their logic shows here.
g++ -std=c++20 -O2 -Wall -Wextra -Werror -Wno-unknown-pragmas "$here/nets_emulated.cpp" -o "$out/nets_emulated"
"$out/nets_emulated" > "$out/nets_emulated.log" || { cat "$out/nets_emulated.log"; exit 1; }
echo "built in $out"
