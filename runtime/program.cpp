// A compiled program's main: checks the processor, reads the command line, runs one command, prints its error.
#include <cstdio>

#include "cpu.h"
#include "session.h"
#include "signals.h"
#include "text.h"

namespace tarn::runtime {

static Result<int> dispatch(const tarn_program& program, const Options& options) {
  Result<Model> model = Model::create(program);
  if (!model) return model.error();
  Result<RunConfig> config = parse_config(program.config);
  if (!config) return config.error();
  // `info` runs no code of the model.
  unsigned threads = options.threads ? static_cast<unsigned>(*options.threads) : sensible_threads(program);
  Result<std::unique_ptr<Team>> team = Team::create(options.command == "info" ? 1 : threads);
  if (!team) return team.error();
  Session session{options, std::move(*model), std::move(*config), std::move(*team), Progress(options.quiet), {}};
  if (options.command == "info") return run_info(session);
  if (Status status = check_cpu(program.cpu); !status) return status.error();
  catch_signals();
  if (options.command == "train") return run_train(session);
  if (options.command == "eval") return run_eval(session);
  return run_predict(session);
}

int run_program(const tarn_program& program, int argc, const char* const* argv) {
  Result<Options> options = parse_options(program, argc, argv);
  if (options && options->help) {
    fputs(help_text(program, options->command).c_str(), stdout);
    return fflush(stdout) == 0 ? kDone : kFailed;
  }
  Result<int> code = options ? dispatch(program, *options) : Result<int>(options.error());
  if (code) return *code;
  fflush(stdout);
  fprintf(stderr, "%s: error: %s\n", program.name, code.error().message.c_str());
  return code.error().exit_code;
}

}  // namespace tarn::runtime
