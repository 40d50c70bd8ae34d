// The `tarn` command as its user meets it: exit codes, stages, files.
#include <doctest/doctest.h>

#include "tests/driver/command.h"

namespace tarn {

static const std::string kNet = R"(
hyper lr = 0.1
data d = csv("points.csv", valid = 0.2) { x: f32[4] = cols[0..4]; y: class[3] = cols[4] }
model net(x: f32[B,4]) -> f32[B,3] = x |> dense[8] as hidden |> tanh |> dense[3] as out
train net on d {
  loss = cross_entropy(net(x), y)
  metric accuracy = accuracy(net(x), y)
  optimizer = sgd(lr, momentum = 0.9)
  epochs = 3
  batch = 8
  seed = 1
}
)";

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("exit codes: 0 done, 1 diagnostics, 2 usage") {
  Workplace here;
  here.write("net.tarn", kNet);
  CHECK(here.tarn("check net.tarn").exit_code == 0);
  CHECK(here.tarn("--help").exit_code == 0);
  CHECK(here.tarn("--version").exit_code == 0);
  CHECK(here.tarn("check missing.tarn").exit_code == 1);
  CHECK(here.tarn("").exit_code == 2);
  CHECK(here.tarn("build net.tarn --emit=nonsense").exit_code == 2);
  CHECK(here.tarn("build net.tarn --target=abacus").exit_code == 2);
  CHECK(here.tarn("build net.tarn --target=cpu:z80 -o net").exit_code == 1);
  CHECK(here.tarn("build net.tarn -D broken").exit_code == 2);
  CHECK(here.tarn("build net.tarn --cpu=z80 -o net").exit_code == 1);
  CHECK(here.tarn("build net.tarn -o no/such/directory/net").exit_code == 1);
  CHECK(here.tarn("opt net.tarn -p no_such_pass").exit_code == 1);
}

TEST_CASE("a wrong model gives located diagnostics and writes nothing") {
  Workplace here;
  std::string wrong = kNet;
  wrong.replace(wrong.find("dense[8]"), 8, "dens[8] ");
  here.write("net.tarn", wrong);
  CommandResult result = here.tarn("build net.tarn -o net");
  CHECK(result.exit_code == 1);
  CHECK(contains(result.output, "net.tarn:4:43: error: "));
  CHECK(contains(result.output, "dense"));
  CHECK_FALSE(here.has("net"));
  CommandResult json = here.tarn("check net.tarn --diagnostics=json");
  CHECK(contains(json.output, "\"severity\":\"error\""));
  CHECK(contains(json.output, "\"line\":4"));
}

TEST_CASE("--cpu names a level or a processor, whatever runs the compiler") {
  Workplace here;
  here.write("net.tarn", kNet);
  auto first_line = [&](const std::string& cpu) {
    CommandResult result = here.tarn("build net.tarn --emit=schedules --cpu=" + cpu);
    CHECK(result.exit_code == 0);
    return result.output.substr(0, result.output.find('\n'));
  };
  CHECK(first_line("x86-64") == "// x86-64: 16 vector registers of 16 bytes");
  CHECK(first_line("znver4") == "// znver4: 32 vector registers of 64 bytes");
  CHECK(contains(here.tarn("build net.tarn --emit=llvm --cpu=sapphirerapids").output,
                 "\"target-cpu\"=\"x86-64-v4\" \"tune-cpu\"=\"sapphirerapids\""));
  CHECK(contains(here.tarn("build net.tarn --cpu=z80 -o net").output, "known are native, x86-64, x86-64-v3"));
}

TEST_CASE("what is no text is refused at once; a byte-order mark is no part of it") {
  Workplace here;
  CommandResult program =
      here.shell("cp $(command -v sh) program && timeout 20 " TARN_COMMAND " build program -o made");
  CHECK(program.exit_code == 1);
  CHECK(contains(program.output, "`program` is no text: byte "));
  CHECK_FALSE(here.has("made"));
  CHECK(contains(here.shell("timeout 20 " TARN_COMMAND " check /dev/zero").output, "is no text"));
  here.write("utf16.tarn", "\xFF\xFEm");
  CHECK(contains(here.tarn("check utf16.tarn").output, "is in UTF-16; save it as UTF-8"));
  here.write("net.tarn", "\xEF\xBB\xBF" + kNet.substr(1));
  CHECK(here.tarn("check net.tarn").exit_code == 0);
  here.write("wrong.tarn", "\xEF\xBB\xBFmodel net(x: f32[B,2]) = y\n");
  CHECK(contains(here.tarn("check wrong.tarn").output, "wrong.tarn:1:26: error"));
}

TEST_CASE("every stage can be written") {
  Workplace here;
  here.write("net.tarn", kNet);
  for (std::string stage : {"ast", "ir", "kernels", "program", "schedules", "llvm", "asm", "dot", "html"}) {
    CAPTURE(stage);
    CommandResult result = here.tarn("build net.tarn --emit=" + stage);
    CHECK(result.exit_code == 0);
    CHECK(result.output.size() > 200);
  }
  CHECK(here.tarn("build net.tarn --emit=obj -o net.o").exit_code == 0);
  CHECK(here.tarn("build net.tarn --emit=lib -o net --depfile net.d").exit_code == 0);
  CHECK(here.has("libnet.a"));
  CHECK(here.has("net.h"));
  CHECK(contains(here.read("net.d"), "net.tarn"));
  CHECK(here.tarn("build net.tarn -o net").exit_code == 0);
  CHECK(here.shell("./net info").exit_code == 0);
  CHECK(here.shell("ls | grep tmp").exit_code == 1);  // no temporary is left
}

TEST_CASE("the compiler goes on from any dump to the same code") {
  Workplace here;
  here.write("net.tarn", kNet);
  REQUIRE(here.tarn("build net.tarn --emit=asm -o net.s --dump-dir dumps").exit_code == 0);
  CommandResult dumps = here.shell("ls dumps");
  CHECK(contains(dumps.output, "autodiff"));
  CommandResult same = here.shell("for f in dumps/*; do " TARN_COMMAND
                                  " build $f --emit=asm -o from.s && cmp net.s from.s || exit 1; done");
  CHECK(same.exit_code == 0);
  CHECK(same.output == "");
}

TEST_CASE("standard input and output") {
  Workplace here;
  here.write("net.tarn", kNet);
  CHECK(here.shell("cat net.tarn | " TARN_COMMAND " check -").exit_code == 0);
  CommandResult ir = here.shell(TARN_COMMAND " build net.tarn --emit=ir | " TARN_COMMAND " opt - -p cse,dce");
  CHECK(ir.exit_code == 0);
  CHECK(contains(ir.output, "func @train_step"));
}

TEST_CASE("explain's arena is the program's arena") {
  Workplace here;
  here.write("net.tarn", kNet);
  CommandResult explained = here.tarn("explain net.tarn");
  REQUIRE(explained.exit_code == 0);
  size_t at = explained.output.find("arena: ");
  REQUIRE(at != std::string::npos);
  std::string bytes = explained.output.substr(at + 7, explained.output.find(' ', at + 7) - at - 7);
  REQUIRE(here.tarn("build net.tarn -o net").exit_code == 0);
  CommandResult info = here.shell("./net info");
  CAPTURE(info.output);
  CHECK(contains(info.output, bytes));
}

TEST_CASE("check --gradients agrees with finite differences") {
  Workplace here;
  here.write("net.tarn", kNet);
  CommandResult result = here.tarn("check net.tarn --gradients");
  CHECK(result.exit_code == 0);
  CHECK(contains(result.output, "hidden.w"));
  CHECK_FALSE(contains(result.output, "WRONG"));
}

TEST_CASE("check --gradients goes through loops") {
  Workplace here;
  std::string net = kNet;
  net.replace(net.find("dense[8]"), 8, "reshape[B, 2, 2] |> both");
  here.write("net.tarn",
             net +
                 "layer both(x: f32[B, T, I]) ="
                 " concat([lstm[3](x) as forward, gru[3, reverse = true](x) as backward]) |> mean(over = 1)");
  CommandResult result = here.tarn("check net.tarn --gradients");
  CAPTURE(result.output);
  CHECK(result.exit_code == 0);
  CHECK(contains(result.output, "backward.u"));
  CHECK_FALSE(contains(result.output, "WRONG"));
}

TEST_CASE("new writes a model that compiles, and nothing over a file") {
  Workplace here;
  CHECK(here.tarn("new first").exit_code == 0);
  CHECK(here.tarn("check first.tarn").exit_code == 0);
  CHECK(here.tarn("new first").exit_code == 1);
}

TEST_CASE("a program needs only libc and libm, and is small") {
  Workplace here;
  here.write("net.tarn", kNet);
  REQUIRE(here.tarn("build net.tarn -o net").exit_code == 0);
  CommandResult needed = here.shell("objdump -p net | grep NEEDED | grep -v -e libc.so -e libm.so -e ld-linux");
  CHECK(needed.output == "");
  CHECK(here.shell("test $(stat -c %s net) -lt 2000000").exit_code == 0);
}

TEST_CASE("-D sets a const, --batch the batch") {
  Workplace here;
  std::string net = "const H = 8\n" + kNet;
  net.replace(net.find("dense[8]"), 8, "dense[H]");
  here.write("net.tarn", net);
  CHECK(contains(here.tarn("build net.tarn --emit=ir -D H=5").output, "hidden.w: f32[4,5]"));
  CHECK(contains(here.tarn("build net.tarn --emit=ir --batch 3").output, "f32[3,4] input"));
  CHECK(here.tarn("check net.tarn -D Unknown=5").exit_code == 1);
}

}  // namespace tarn
