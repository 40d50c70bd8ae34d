#!/usr/bin/env bash
# install_test.sh BUILD_DIRECTORY: installs it under DESTDIR, moves the installation elsewhere, and uses it as others
# would: programs, find_package, pkg-config.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_directory=$(cd "$here/../.." && pwd)
build_directory=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { printf 'install_test: %s\n' "$*" >&2; exit 1; }

DESTDIR=$work/stage cmake --install "$build_directory" --prefix /opt/tarn > "$work/log" || { cat "$work/log"; exit 1; }
[[ -x $work/stage/opt/tarn/bin/tarn ]] || fail "DESTDIR is not obeyed: $(find "$work/stage" -name tarn)"
mkdir "$work/elsewhere"
prefix=$work/elsewhere/tarn
mv "$work/stage/opt/tarn" "$prefix"
rm -r "$work/stage"

# Nothing of the installation points back to where it was built.
if grep -rlIF -e "$build_directory" -e "$source_directory" "$prefix"; then fail "these files name the build"; fi
if readelf -d "$prefix/bin/tarn" | grep -E 'R(UN)?PATH.*'"$build_directory"; then fail "tarn looks for libraries there"; fi

cp "$source_directory"/examples/embed/{main.c,net.tarn} "$here"/project/* "$work"
cd "$work"

# A program, and the library's own names and places.
"$prefix/bin/tarn" build net.tarn -o program
./program info | grep -q fc1.w || fail "a program built by the installed tarn does not know its parameters"

# find_package; then another model under the same name must be built and linked again, and once only.
cmake -G Ninja -S . -B cmake -DCMAKE_PREFIX_PATH="$prefix" > log || { cat log; exit 1; }
cmake --build cmake > log || { cat log; exit 1; }
cmake/embed > log || fail "the program of find_package fails: $(cat log)"
[[ $(cmake/any_model | head -1) == fc1.w ]] || fail "any_model says: $(cmake/any_model)"
before=$(grep '#define NET_MEMORY_BYTES' cmake/embed.models/net.h)
sed -i 's/dense\[16\] as fc2/dense[24] as fc2/' net.tarn
cmake --build cmake > log || { cat log; exit 1; }
[[ $before != $(grep '#define NET_MEMORY_BYTES' cmake/embed.models/net.h) ]] || fail "a changed model is not built again"
cmake --build cmake | grep -q 'no work to do' || fail "an unchanged model is built again"

# pkg-config.
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name tarn.pc)")
"$(pkg-config --variable=compiler tarn)" build net.tarn --emit=lib -o net
read -ra flags <<< "$(pkg-config --cflags --libs tarn)"
"${CC:-cc}" -std=c99 -Wall -Wextra -Werror -I. main.c libnet.a "${flags[@]}" -o with_header
./with_header > log || fail "the program of pkg-config fails: $(cat log)"
"$(pkg-config --variable=compiler tarn)" build net.tarn --emit=obj -o net.o
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror any_model.c net.o "${flags[@]}" -o any_model
[[ $(./any_model | head -1) == fc1.w ]] || fail "any_model of pkg-config says: $(./any_model)"
