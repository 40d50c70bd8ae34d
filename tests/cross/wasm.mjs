// Ten steps in WebAssembly: node wasm.mjs steps.wasm
import { readFileSync } from "node:fs";
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), {});
const status = instance.exports.steps_begin();
if (status !== 0) process.exit(2);
for (let step = 0; step < 10; ++step) {
  console.log((instance.exports.steps_next() >>> 0).toString(16).padStart(8, "0"));
}
