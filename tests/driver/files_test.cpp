// What the `tarn` command may write over, names that are hard for tools, and resources that run out.
#include <doctest/doctest.h>

#include "tests/driver/command.h"

namespace tarn {

static const std::string kNet = R"(
data d = csv("points.csv") { x: f32[2] = cols[0..2]; y: f32[1] = cols[2..3] }
model net(x: f32[B,2]) -> f32[B,1] = x |> dense[3] |> tanh |> dense[1]
train net on d { loss = mean((net(x) - y)^2); optimizer = sgd(0.1); epochs = 1; batch = 4; seed = 1 }
)";

static bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Everything in the directory: names, kinds, inodes, times and bytes.
static std::string listing(const Workplace& here) {
  return here.shell("ls -lAin --full-time . dir; cat *.tarn net hard").output;
}

TEST_CASE("no output replaces the input or what is no plain file, whatever the name it goes by") {
  Workplace here;
  here.write("net.tarn", kNet);
  REQUIRE(here.shell("cp net.tarn net && ln -s net.tarn link && ln net.tarn hard && mkdir dir && mkfifo pipe && "
                     "ln -s ../net.tarn dir/net.h && cp net.tarn libnet.a.tarn && ln libnet.a.tarn libnet.a")
              .exit_code == 0);
  std::string before = listing(here);
  auto refuses = [&](const std::string& words, const std::string& message) {
    CAPTURE(words);
    CommandResult result = here.tarn("build " + words);
    CAPTURE(result.output);
    CHECK(result.exit_code == 1);
    CHECK(contains(result.output, message));
    CHECK(listing(here) == before);
  };
  const std::string read = "it is a file that this command reads; choose another name";
  refuses("net", "cannot write `net`: " + read);
  for (std::string output : {"net.tarn", "./net.tarn", "link", "hard"}) {
    refuses("net.tarn -o " + output, "cannot write `" + output + "`: " + read);
    refuses("net.tarn --emit=ir -o " + output, read);
    refuses("net.tarn --emit=obj -o " + output, read);
    refuses("net.tarn --emit=ir -o /dev/null --depfile " + output, read);
  }
  refuses("net.tarn --emit=lib -o dir/net", "cannot write `dir/net.h`: " + read);
  refuses("libnet.a.tarn --emit=lib -o net", "cannot write `libnet.a`: " + read);
  refuses("net.tarn -o /dev/null", "cannot write `/dev/null`: it is not a plain file, and would be replaced");
  refuses("net.tarn -o pipe", "it is not a plain file");
  for (std::string kind : {"exe", "ir", "obj"}) refuses("net.tarn --emit=" + kind + " -o dir", "it is a directory");
  refuses("net.tarn --emit=ir --dump-dir .", "lies in the directory `.`, where dumps might replace it");
  // Not the other way round either.
  CommandResult twice = here.tarn("build net.tarn --emit=ir -o both --depfile both");
  CHECK(twice.exit_code == 1);
  CHECK(contains(twice.output, "cannot write `both`: it is a file that this command writes too"));
}

TEST_CASE("text goes into a device, a pipe or redirected standard output; a link stays a link") {
  Workplace here;
  here.write("net.tarn", kNet);
  REQUIRE(here.tarn("build net.tarn --emit=ir -o net.ir").exit_code == 0);
  CHECK(here.tarn("build net.tarn --emit=ir -o /dev/null").exit_code == 0);
  CHECK(here.shell("test -c /dev/null").exit_code == 0);
  CHECK(here.shell(TARN_COMMAND " build net.tarn --emit=ir -o /dev/stdout | cmp - net.ir").exit_code == 0);
  CHECK(here.shell("{ echo before; " TARN_COMMAND " build net.tarn --emit=ir -o /dev/stdout; } > all && "
                   "{ echo before; cat net.ir; } | cmp - all")
            .exit_code == 0);
  CHECK(here.shell("mkfifo pipe && { cat pipe > through & } && " TARN_COMMAND
                   " build net.tarn --emit=ir -o pipe && wait && cmp through net.ir && test -p pipe")
            .exit_code == 0);
  CHECK(here.shell("touch real && ln -s real link && " TARN_COMMAND
                   " build net.tarn -o link && test -L link && ./real info")
            .exit_code == 0);
  CHECK(here.shell("mkdir far; ln -s far/real2 empty; " TARN_COMMAND
                   " build net.tarn --emit=ir -o empty && cmp far/real2 net.ir && test -L empty && " TARN_COMMAND
                   " build net.tarn -o empty && far/real2 info && test -L empty")
            .exit_code == 0);
}

TEST_CASE("names that look like options, or hold spaces, quotes or newlines, are names") {
  Workplace here;
  here.write("net.tarn", kNet);
  const std::string newline = "$(printf 'new\\nline')";
  for (std::string directory : {"my dir", "it's", "a\\\"b", "do$lar;x", "-Wl,--help"}) {
    CAPTURE(directory);
    std::string quoted = directory == "it's" ? "\"it's\"" : "'" + directory + "'";
    CommandResult result =
        here.shell("mkdir -- " + quoted + " && cp net.tarn ./" + quoted + "/net.tarn && " TARN_COMMAND " build ./" +
                   quoted + "/net.tarn -o ./" + quoted + "/q && ./" + quoted +
                   "/q info && " TARN_COMMAND " build net.tarn --emit=lib -o ./" + quoted + "/q && test -f ./" +
                   quoted + "/libq.a && test -f ./" + quoted + "/q.h");
    CHECK_MESSAGE(result.exit_code == 0, result.output);
  }
  CHECK(here.shell("mkdir \"" + newline + "\" && " TARN_COMMAND " build net.tarn --emit=lib -o \"" + newline +
                   "/q\" && " TARN_COMMAND " build net.tarn -o \"" + newline + "/q\" && test -f \"" + newline +
                   "/libq.a\"")
            .exit_code == 0);
  for (std::string name : {"-Wl,--version", "-o"}) {
    CAPTURE(name);
    CommandResult result = here.shell("cp net.tarn ./" + name + ".tarn && " TARN_COMMAND " build ./" + name +
                                      ".tarn && ./" + name + " info");
    CHECK_MESSAGE(result.exit_code == 0, result.output);
    CHECK(contains(result.output, "model       " + std::string(name == "-o" ? "_o" : "_Wl___version")));
  }
  // Nothing but what was asked for.
  CHECK(here.shell("ls -A").output == here.shell("ls -d -- *").output);
  CHECK(here.shell("ls -AR | grep -e tmp -e model.o -e '[.]tarn-'").exit_code == 1);
  CommandResult depfile = here.shell("cp net.tarn 'a b#.tarn' && " TARN_COMMAND
                                     " build 'a b#.tarn' --emit=ir -o 'c$d' --depfile rule && cat rule");
  CHECK(contains(depfile.output, "c$$d: a\\ b\\#.tarn\n"));
}

TEST_CASE("a tool that fails, or is stopped, leaves nothing behind") {
  Workplace here;
  here.write("net.tarn", kNet);
  CommandResult failed = here.shell("CC=false " TARN_COMMAND " build net.tarn -o net");
  CHECK(failed.exit_code == 1);
  CHECK(contains(failed.output, "failed:"));
  CommandResult missing = here.shell("CC=no-such-compiler " TARN_COMMAND " build net.tarn -o net");
  CHECK(missing.exit_code == 1);
  CHECK(contains(missing.output, "cannot run `no-such-compiler`"));
  here.write("slow", "#!/bin/sh\ntouch \"$STARTED\"\nexec sleep 60\n");
  // As ^C does it: the whole group gets the signal.
  CommandResult stopped = here.shell("chmod +x slow; export STARTED=$PWD/started CC=./slow; setsid " TARN_COMMAND
                                     " build net.tarn -o net & pid=$!\n"
                                     "for i in $(seq 2000); do [ -e started ] && break; sleep 0.01; done\n"
                                     "kill -TERM -$pid; wait $pid; echo code $?");
  CHECK(contains(stopped.output, "code 143"));
  CHECK(here.shell("ls -A").output == "net.tarn\nslow\nstarted\n");
}

TEST_CASE("a module's name cannot lead elsewhere") {
  Workplace here;
  here.write("net.tarn", kNet);
  REQUIRE(here.shell(TARN_COMMAND " build net.tarn --emit=ir | sed 's,^module @net,module @../../evil,' > evil.ir")
              .exit_code == 0);
  CommandResult result = here.tarn("build evil.ir -o evil");
  CHECK(result.exit_code == 1);
  CHECK_FALSE(here.has("evil"));
}

TEST_CASE("standard output that takes nothing is an error; closed streams are no files' streams") {
  Workplace here;
  here.write("net.tarn", kNet);
  for (std::string words : {"build net.tarn --emit=ir", "explain net.tarn", "opt --list", "--help", "--version",
                            "check net.tarn --gradients", "build --help"}) {
    CAPTURE(words);
    CommandResult result = here.tarn(words + " > /dev/full");
    CAPTURE(result.output);
    CHECK(result.exit_code == 1);
    CHECK(contains(result.output, "No space left on device"));
  }
  CHECK(here.tarn("build net.tarn -o net <&- >&-").exit_code == 0);
  CHECK(here.shell("./net info").exit_code == 0);
}

TEST_CASE("without memory: one message, exit code 1, nothing written") {
  Workplace here;
  std::string deep = kNet;
  deep.replace(deep.find("dense[3] |> tanh"), 16, "for k in 0..10 { dense[30] |> tanh }");
  here.write("net.tarn", deep);
  REQUIRE(here.tarn("build net.tarn -o net").exit_code == 0);
  REQUIRE(here.shell("rm net").exit_code == 0);
  // From enough to load the command, which this cannot influence, to enough for all of it.
  CommandResult sweep = here.shell(
      "for size in $(seq 150000 12000 600000); do\n"
      "  (ulimit -v $size; " TARN_COMMAND
      " --version) > said 2>&1 || continue\n"
      "  (ulimit -v $size; " TARN_COMMAND
      " build net.tarn -o net) > said 2>&1; code=$?\n"
      "  [ $code = 0 ] && break\n"
      "  [ $code = 1 ] && grep -q 'out of memory\\|annot' said || { echo $size: $code; cat said; }\n"
      "  refused=yes\n"
      "done; echo refused: $refused; rm net; ls -A");
  CHECK(sweep.output == "refused: yes\nnet.tarn\nsaid\n");
}

}  // namespace tarn
