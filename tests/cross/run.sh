#!/usr/bin/env bash
# run.sh [TARN]: trains LeNet and the 10-5-2 net for ten steps as freestanding C on a Cortex-M4 (a board of QEMU), on 64-bit
# RISC-V (QEMU) and in WebAssembly (Node), and compares the losses with those of this machine.  Installs nothing: what a
# missing tool stands for is skipped, and told.  Exits with 77 where all of it was skipped.
#   Debian: gcc-arm-none-eabi qemu-system-arm gcc-riscv64-linux-gnu qemu-user clang lld nodejs
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tarn=${1:-$here/../../build/bin/tarn}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ran=0 failed=0

has() {
  for tool in "$@"; do
    command -v "$tool" > /dev/null || { echo "skipped: $name $machine: no $tool"; return 1; }
  done
}

# Of the model's header: MACRO's value.
value_of() { sed -n "s/^#define ${name^^}_$1 \([0-9]*\).*/\1/p" "$work/$name.h" | head -1; }

compare() {
  ran=$((ran + 1))
  "$work/$name.reference" "$name on $machine" < "$work/losses" || failed=$((failed + 1))
}

strict="-std=c99 -pedantic -Wall -Wextra -Werror"

try_model() {
  name=$1 batch=$2 input=$3 classes=$4 type=$5 label=$6 bright=$7
  "$tarn" build "$here/../../examples/zoo/$name.tarn" --batch "$batch" --target=c --freestanding -o "$work/$name"
  local defines=(-DMODEL="$name" -DMODEL_HEADER="\"$name.h\"" -DMEMORY_BYTES="$(value_of MEMORY_BYTES)"
    -DALIGNMENT="$(value_of ALIGNMENT)" -DBATCH="$batch" -DINPUT_VALUES="$(value_of "${input}_ROW")"
    -DCLASSES="$classes" -DINPUT_TYPE="$type" -DLABEL_TYPE="$label" -DBRIGHT="$bright" -I"$work" -I"$here")
  # This machine: with the C library, by its own compiler.
  mkdir -p "$work/hosted"
  "$tarn" build "$here/../../examples/zoo/$name.tarn" --batch "$batch" --target=c -o "$work/hosted/$name"
  cc -O2 $strict "${defines[@]}" -o "$work/$name.reference" "$here/hosted.c" "$here/steps.c" "$work/hosted/$name.c" -lm

  machine="cortex-m4"
  local arm=(-Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -ffreestanding -ffunction-sections)
  if has arm-none-eabi-gcc qemu-system-arm; then
    arm-none-eabi-gcc "${arm[@]}" $strict -c "$work/$name.c" -o "$work/$name.o"
    arm-none-eabi-gcc "${arm[@]}" "${defines[@]}" -nostdlib -T "$here/mps2.ld" -Wl,--gc-sections -o "$work/$name.elf" \
      "$here/bare.c" "$here/memory.c" "$here/steps.c" "$work/$name.o" -lgcc
    arm-none-eabi-size "$work/$name.elf" | tail -1 |
      awk -v who="$name on $machine" -v memory="$(value_of MEMORY_BYTES)" \
        '{print who ": " $1 " bytes of code and constants, an instance takes " memory " bytes of memory"}'
    timeout 300 qemu-system-arm -M mps2-an386 -display none -serial none -monitor none -semihosting-config enable=on,target=native,chardev=out -chardev stdio,id=out,mux=off \
      -kernel "$work/$name.elf" < /dev/null > "$work/losses" || true
    compare
  fi

  machine="riscv64"
  if has riscv64-linux-gnu-gcc qemu-riscv64; then
    riscv64-linux-gnu-gcc -O2 -ffreestanding -nostdlib -static -Wl,--no-relax $strict "${defines[@]}" -o "$work/$name.riscv" \
      "$here/steps.c" "$here/memory.c" "$work/$name.c" -std=gnu99 -Wno-pedantic "$here/bare.c" -lgcc
    timeout 300 qemu-riscv64 "$work/$name.riscv" > "$work/losses" || true
    compare
  fi

  machine="wasm32"
  if has clang wasm-ld node; then
    clang --target=wasm32 -O2 -ffreestanding -fno-builtin -nostdlib $strict "${defines[@]}" -Wl,--no-entry -Wl,--export=steps_begin \
      -Wl,--export=steps_next -o "$work/$name.wasm" "$here/steps.c" "$here/memory.c" "$work/$name.c"
    node "$here/wasm.mjs" "$work/$name.wasm" > "$work/losses" || true
    compare
  fi
}

try_model simple 16 X 2 float int32_t 1.0f
try_model lenet 8 IMAGES 10 uint8_t uint8_t 200u
[[ $ran -gt 0 ]] || exit 77
exit $((failed > 0))
