#!/usr/bin/env bash
# Runs on a machine with a GPU what build.sh has built, prints a report, and exits with 1 where something does not hold.
# Without a GPU it says SKIPPED.
# usage: check.sh [PART ..]     parts: facts costs nets products rivals sanitizer; default: all
#   BUILD: build.sh's folder    LOGS: where each part's output goes too    NETS, TF32_NETS: of rivals; none: NETS=-
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${BUILD:-$here/../../build-gpu}" && pwd)
logs=${LOGS:-$build/logs}
mkdir -p "$logs"
export KERNELS=$build/kernels CUDA_CACHE_DISABLE=1 PYTHONUNBUFFERED=1
failed=()

# part NAME SECONDS COMMAND ..
part() {
  local name=$1 seconds=$2 status; shift 2
  printf '\n## %s: %s\n\n' "$name" "${*##*/}"
  local start=$SECONDS
  timeout -k 5 "$seconds" "$@" 2>&1 | tee "$logs/$name.log"
  status=${PIPESTATUS[0]}
  [[ $status == 124 || $status == 137 ]] && echo "stopped after $seconds s"
  echo "($((SECONDS - start)) s)"
  [[ $status == 0 ]] || failed+=("$name")
}

if ! command -v nvidia-smi > /dev/null || ! nvidia-smi -L > /dev/null 2>&1; then
  echo "SKIPPED: no GPU here (nvidia-smi finds none)"
  exit 0
fi
nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,power.limit --format=csv 2> /dev/null
date -u +%F

# memcheck, racecheck and synccheck over the checks that touch shared memory in unusual ways.
sanitizer() {
  command -v compute-sanitizer > /dev/null || { echo "SKIPPED: no compute-sanitizer"; return 0; }
  local tool status=0
  for tool in memcheck racecheck synccheck; do
    echo "$tool:"
    timeout -k 5 50 compute-sanitizer --tool $tool --error-exitcode 3 "$build/facts" --here mma_bf16 mma_tf32 copy_async clusters \
      tensor_load tensor_load_to_all wgmma_swizzled || status=1
  done
  return $status
}

parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=(facts costs nets products rivals sanitizer)
for name in "${parts[@]}"; do
  case $name in
    facts) part facts 90 "$build/facts" ;;
    costs) part costs 90 "$build/costs" ;;
    nets) part nets 60 "$build/nets" ;;
    products)
      part products 60 "$build/products"
      part library 60 python3 "$here/library_products.py"
      ;;
    sanitizer)
      printf '\n## sanitizer\n\n'
      sanitizer > "$logs/sanitizer.log" 2>&1 || failed+=(sanitizer)
      grep -E "^(memcheck|racecheck|synccheck):|SUMMARY|SKIPPED|========= .*(Error|Invalid|Race|hazard|Barrier)" "$logs/sanitizer.log" | uniq -c | head -40
      ;;
    rivals)
      [[ ${NETS:-} == - ]] || part rivals 240 python3 "$here/rivals_table.py" --seconds "${SECONDS_TO_COMPILE:-70}" --together "${TOGETHER:-2}" --log "$logs/rivals_errors.log" \
        ${NETS:-simple mnist mnist_mlp lenet}
      [[ -z ${TF32_NETS:-} ]] || part rivals_tf32 120 python3 "$here/rivals_table.py" ${TF32_NETS} --tf32 --together 3 \
        --log "$logs/rivals_errors.log" --only "16 steps"
      ;;
    *) echo "no part $name"; failed+=("$name") ;;
  esac
done
echo
if [[ ${#failed[@]} -gt 0 ]]; then
  echo "does not hold: ${failed[*]}"
  exit 1
fi
echo "all holds"
