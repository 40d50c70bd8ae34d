#!/usr/bin/env bash
# zoo.sh TARN [MODEL...]: models of the zoo (all where none is named) as C source, compiled without a warning by gcc and clang,
# and trained under the address and the undefined behaviour sanitizer.  Exits with 77 where there is no gcc.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tarn=$1
shift
command -v gcc > /dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
models=("$@")
[[ ${#models[@]} -gt 0 ]] || for file in "$here"/../../examples/zoo/*.tarn; do models+=("$(basename "$file" .tarn)"); done
strict="-std=c99 -pedantic -Wall -Wextra -Werror"
failed=0
for name in "${models[@]}"; do
  "$tarn" build "$here/../../examples/zoo/$name.tarn" --batch 4 --target=c -o "$work/$name"
  "$tarn" build "$here/../../examples/zoo/$name.tarn" --batch 4 --target=c --freestanding -o "$work/${name}_bare"
  if command -v clang > /dev/null; then clang $strict -fsyntax-only "$work/$name.c" "$work/${name}_bare.c"; fi
  for source in "$name" "${name}_bare"; do
    gcc -O1 $strict -fsanitize=address,undefined -fno-sanitize-recover=all -DMODEL_HEADER="\"$work/$source.h\"" \
      -DPROGRAM="${source}_program" -I"$here/../.." -o "$work/run" "$here/train_any.c" "$work/$source.c" -lm
    echo "$source: $(ASAN_OPTIONS=detect_leaks=0 "$work/run" || echo failed)" | tee "$work/said"
    if grep -q failed "$work/said"; then failed=1; fi
  done
done
exit $failed
