#!/usr/bin/env bash
# Run by debian_test.sh as root in a clean Debian that holds /tarn.deb and /project.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

fail() { printf 'inside_debian: %s\n' "$*" >&2; exit 1; }
say() { printf '==> %s\n' "$*"; }

say "apt-get install ./tarn.deb"
apt-get install -q -y --no-install-recommends /tarn.deb > /log 2>&1 || { cat /log; exit 1; }
dpkg-query -W -f='${Package} ${Version}: needs ${Depends}\n' tarn

say "a new model, built, trained, evaluated"
mkdir /mine && cd /mine
tarn new mine
awk -v OFS=, 'BEGIN { srand(1); for (i = 0; i < 300; ++i) { k = i % 3
       print k + rand(), k - rand(), rand(), k * rand(), "class" k } }' > mine.csv
tarn build mine.tarn
./mine train --epochs 20
./mine eval --load mine.safetensors --split valid

say "the embedding example of the documentation, by hand"
cp /usr/share/doc/tarn/examples/embed/{main.c,net.tarn} .
tarn build net.tarn --emit=lib -o net
cc -std=c99 -I. main.c libnet.a -lm -o embed
./embed

say "find_package and pkg-config"
apt-get install -q -y --no-install-recommends cmake make pkg-config > /log 2>&1 || { cat /log; exit 1; }
cp main.c net.tarn /project/
cmake -S /project -B /project/build > /log || { cat /log; exit 1; }
cmake --build /project/build > /log || { cat /log; exit 1; }
/project/build/any_model | grep -q fc1.w || fail "any_model does not list fc1.w"
read -ra flags <<< "$(pkg-config --cflags --libs tarn)"
"$(pkg-config --variable=compiler tarn)" build net.tarn --emit=obj -o net.o
cc -std=c11 /project/any_model.c net.o "${flags[@]}" -o any_model
./any_model | grep -q fc1.w || fail "any_model by pkg-config does not list fc1.w"

say "apt-get purge tarn"
apt-get purge -q -y tarn > /log 2>&1 || { cat /log; exit 1; }
[[ -z $(find /usr /etc -iname '*tarn*' -print) ]] || fail "left behind: $(find /usr /etc -iname '*tarn*')"
say "the package works"
