#!/usr/bin/env bash
# same_code.sh [--code] OLD NEW [MODEL.tarn...]: do two builds of tarn make the same LLVM IR?
#
# OLD and NEW are `tarn` programs, or folders that `same_code.sh --save FOLDER TARN [MODEL.tarn...]` has written.
# Compares --emit=llvm of the models (default: every one under examples/) at each --cpu and -O listed below.  Exit code
# 1 and the first lines that differ where a text differs or one of the two does not compile the model.
# --code: functions alone, not the tables of names, places in the source and configuration.
set -euo pipefail
cpus=(x86-64 x86-64-v3 x86-64-v4 native)
levels=(0 2)
root=$(cd "$(dirname "$0")/.." && pwd)

name_of() { echo "$(basename "$1" .tarn).$2.O$3.ll.gz"; }

# text_of TARN_OR_FOLDER MODEL CPU LEVEL: the IR, or what the compiler says.
text_of() {
  if [[ -d $1 ]]; then
    gzip -dc "$1/$(name_of "$2" "$3" "$4")"
  else
    "$1" build "$2" --emit=llvm --cpu="$3" -O"$4" -o - 2>&1 || echo "exit code $? of $1"
  fi
}

# What is compared of a text.
part_of() {
  if [[ -n $only_code ]]; then sed -e '/^@tarn\.table/d' -e 's/@tarn\.table[.0-9]*/@tarn.table/g'; else cat; fi
}

only_code="" save=""
if [[ ${1:-} == --code ]]; then
  only_code=1
  shift
fi
if [[ ${1:-} == --save ]]; then
  save=$2
  shift 2
  mkdir -p "$save"
else
  [[ $# -ge 2 ]] || { sed -n 2,7p "$0" >&2; exit 2; }
  old=$1
  shift
fi
new=$1
shift
models=("$@")
if [[ ${#models[@]} -eq 0 ]]; then
  # Names from the top of the tree, so that texts of two trees are equal: the IR holds them.
  old=$(realpath "${old:-.}") new=$(realpath "$new")
  [[ -z $save ]] || save=$(realpath "$save")
  cd "$root"
  mapfile -t models < <(find examples -name '*.tarn' | sort)
fi

different=0 compared=0
for model in "${models[@]}"; do
  for cpu in "${cpus[@]}"; do
    for level in "${levels[@]}"; do
      if [[ -n $save ]]; then
        text_of "$new" "$model" "$cpu" "$level" | gzip -1 > "$save/$(name_of "$model" "$cpu" "$level")"
        continue
      fi
      compared=$((compared + 1))
      if ! difference=$(diff <(text_of "$old" "$model" "$cpu" "$level" | part_of) \
                           <(text_of "$new" "$model" "$cpu" "$level" | part_of)); then
        different=$((different + 1))
        echo "$(basename "$model") --cpu=$cpu -O$level differs:"
        head -n 6 <<< "$difference"
      fi
    done
  done
done
[[ -n $save ]] && exit 0
echo "$compared compared, $different differ"
[[ $different -eq 0 ]]
