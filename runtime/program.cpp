// A compiled program's main: checks the processor, reads the command line, runs one command, prints its error.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "cpu.h"
#include "session.h"
#include "signals.h"
#include "text.h"

namespace tarn::runtime {

static Result<int> run_command(Session& session) {
  const std::string& command = session.options.command;
  if (Status status = check_cpu(session.program().cpu); !status) return status.error();
  catch_signals();
  if (command == "train") return run_train(session);
  if (command == "eval") return run_eval(session);
  return run_predict(session);
}

static Result<int> show(std::string text) {
  text.pop_back();  // the newline
  Progress progress(false);
  progress.result(text);
  if (Status written = progress.written(); !written) return written.error();
  return kDone;
}

static Result<int> dispatch(const tarn_program& program, const Options& options, DeviceMaker make_device) {
  Result<RunConfig> config = parse_config(program.config);
  if (!config) return config.error();
  if (options.command == "info") {
    Result<std::string> text = info_text(program, *config, options);
    return text ? show(std::move(*text)) : Result<int>(text.error());
  }
  Result<std::unique_ptr<Team>> team =
      Team::create(options.threads ? static_cast<unsigned>(*options.threads) : sensible_threads(program));
  if (!team) return team.error();
  Result<Model> model = Model::create(program, make_device(team->get()));
  if (!model) return model.error();
  Session session{options, std::move(*model), std::move(*config), std::move(*team), Progress(options.quiet), {}};
  Result<int> code = run_command(session);
  Status written = session.progress.written();
  return code && !written ? Result<int>(written.error()) : code;
}

// A file that is opened later must not get the number of a closed standard stream, or messages would land in it.
static void open_standard_streams() {
  for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0) return;
}

static const char* program_name = "";

// Checkpoints are renamed whole, so that what was saved last is whole.  No allocation here.
static void out_of_memory() {
  static const char kText[] = ": error: out of memory; checkpoints that are saved are whole\n";
  if (write(STDERR_FILENO, program_name, strlen(program_name)) >= 0 &&
      write(STDERR_FILENO, kText, sizeof kText - 1) >= 0) {
    // Nobody is left to tell that it could not be told.
  }
  _exit(kFailed);
}

int run_program(const tarn_program& program, int argc, const char* const* argv, DeviceMaker make_device) {
  open_standard_streams();
  program_name = program.name;
  std::set_new_handler(out_of_memory);
  Result<Options> options = parse_options(program, argc, argv);
  Result<int> code = !options        ? Result<int>(options.error())
                     : options->help ? show(help_text(program, options->command))
                                     : dispatch(program, *options, make_device);
  if (code) return *code;
  fprintf(stderr, "%s: error: %s\n", program.name, code.error().message.c_str());
  return code.error().exit_code;
}

}  // namespace tarn::runtime
