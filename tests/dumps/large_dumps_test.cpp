// The models of the zoo whose passes take a second.
#include <doctest/doctest.h>

#include "tests/dumps/dumps.h"

namespace tarn {

TEST_CASE("from every dump of the large models the compiler goes on to the same IR") {
  for (const char* model :
       {"examples/zoo/autoencoder.tarn", "examples/zoo/char_transformer.tarn", "examples/zoo/cifar_cnn.tarn",
        "examples/zoo/gan_gp.tarn", "examples/zoo/mlp_512.tarn", "examples/zoo/mnist_mlp.tarn"}) {
    check_dumps(model, 2);
  }
}

}  // namespace tarn
