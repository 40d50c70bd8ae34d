/* Lists the parameters of whatever model it is linked with. */
#include <stdio.h>
#include <stdlib.h>
#include <tarn/embed.h>

extern const struct tarn_program tarn_model_program;

int main(void) {
  size_t bytes = tarn_instance_bytes(&tarn_model_program), alignment = tarn_instance_alignment(&tarn_model_program);
  void* memory = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  tarn_instance* instance = NULL;
  if (tarn_create(&tarn_model_program, NULL, memory, bytes, &instance) != TARN_OK || tarn_init(instance) != TARN_OK)
    return 1;
  for (uint32_t i = 0; i < tarn_parameter_count(instance); ++i) {
    tarn_parameter_info info = {sizeof info, NULL, 0, 0, 0, NULL, 0};
    if (tarn_parameter(instance, i, &info) != TARN_OK) return 1;
    printf("%s\n", info.name);
  }
  free(memory);
  return 0;
}
