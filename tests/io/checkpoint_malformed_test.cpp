// Checkpoints with mistakes: each is an error or another checkpoint, and takes no more memory than its files allow.

#include "allocation_counter.hpp"
#include "error_message.hpp"
#include "safetensors_corpus.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/checkpoint.hpp>
#include <lowp_test.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace {

const std::string folder = LOWP_TEST_DATA "/checkpoints/";

// Every how many bits one is flipped; 1 takes minutes.
#if !defined(LOWP_TEST_EVERY_BIT)
constexpr std::size_t step = 61;
#else
constexpr std::size_t step = 1;
#endif

// Opens a checkpoint and reads all of it; the error, if there is one.
std::string read_all(const std::string& path) {
  return error_message([&] {
    const lowp::checkpoint model = lowp::open_checkpoint(path);
    for (const auto& info : model.weights()) {
      const auto values = model.read(info).dequantize();
      if (values.size() != info.rows * info.cols) FAIL("a layer of another size than it said");
    }
    for (const auto& tensor : model.tensors()) {
      if (model.bytes(tensor.name).size() > (std::size_t{1} << 30)) FAIL("a tensor beyond its file");
    }
  });
}

// A new file each time: some systems wait for the disk when one is written over.
void replace_file(const std::string& path, std::string_view bytes) {
  std::filesystem::remove(path);
  write_file(path, bytes);
}

void check_flips(const std::string& directory, const std::string& name, std::size_t first) {
  const std::string good = file_contents(directory + name);
  for (std::size_t bit = first % step; bit < 8 * good.size(); bit += step) {
    std::string other = good;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
    replace_file(directory + name, other);
    std::string message;
    const std::size_t peak = allocation_counter::peak_of([&] { message = read_all(directory); });
    if (peak > (std::size_t{2} << 20) || message.size() > 2000) FAIL("too much memory: " + name + " bit " + std::to_string(bit));
  }
  for (std::size_t length = 0; length < good.size(); length += 1 + step / 4) {
    replace_file(directory + name, good.substr(0, length));
    CHECK_FALSE((read_all(directory).empty() && name == "model.safetensors"));
  }
  replace_file(directory + name, good);
}

// A checkpoint of small tensors whose bytes are all `fill`.
struct tensor {
  const char* name;
  const char* dtype;
  const char* shape;
  std::size_t bytes;
};
std::string error_of(const std::vector<tensor>& tensors, const std::string& config, char fill = '\0') {
  const temporary_directory directory;
  std::vector<std::string> members;
  std::size_t at = 0;
  for (const auto& t : tensors) {
    members.push_back(safetensors_corpus::tensor(t.name, t.dtype, t.shape, std::to_string(at) + "," + std::to_string(at + t.bytes)));
    at += t.bytes;
  }
  write_file(directory / "model.safetensors", safetensors_corpus::file(safetensors_corpus::object(members)) + std::string(at, fill));
  if (!config.empty()) write_file(directory / "config.json", config);
  return read_all(directory / "");
}

std::string quantized(const std::string& members) { return "{\"quantization_config\":{" + members + "}}"; }

}  // namespace

TEST_CASE("flipped bits and truncations of checkpoints are errors or other checkpoints", "[io]") {
  std::size_t first = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_directory()) continue;
    const temporary_directory copy;
    INFO(entry.path().string());
    for (const auto& file : std::filesystem::directory_iterator(entry.path())) {
      write_file(copy / file.path().filename().string(), file_contents(file.path().string()));
    }
    CHECK(read_all(copy / "").empty());
    for (const auto& file : std::filesystem::directory_iterator(entry.path()))
      check_flips(copy / "", file.path().filename().string(), first += 7);
  }
}

TEST_CASE("checkpoints whose tensors do not fit together are refused", "[io]") {
  const std::string gptq = quantized(R"("quant_method":"gptq","bits":4,"group_size":8)");
  const std::string mlx = R"({"quantization":{"bits":4,"group_size":32}})";
  struct sample {
    const char* name;
    std::vector<tensor> tensors;
    std::string config;
    const char* message;
  };
  const std::vector<sample> samples = {
      {"unknown method", {}, quantized(R"("quant_method":"aqlm")"), "quantization method 'aqlm' is not read"},
      {"method without layers", {}, gptq, "the configuration says 'gptq', but no layer of it is there"},
      {"method is a number", {}, quantized(R"("quant_method":1)"), "'quant_method' is not text"},
      {"configuration is an array", {}, "[]", "no JSON object"},
      {"configuration is cut short", {}, "{\"a\":", "no JSON object"},
      {"configuration nested without end", {}, "{\"a\":" + std::string(1000, '['), "nested deeper than 32"},
      {"quantization is text", {}, R"({"quantization_config":"gptq"})", "'quantization_config' is not an object"},
      {"bits are text", {}, quantized(R"("quant_method":"gptq","bits":"4")"), "'bits' is not a size"},
      {"bits beyond measure", {}, quantized(R"("quant_method":"gptq","bits":1000)"), "'bits' is not a size"},
      {"group size negative", {}, quantized(R"("quant_method":"gptq","group_size":-2)"), "'group_size' is not a size"},
      {"block size zero", {}, quantized(R"("quant_method":"fp8","weight_block_size":[0,128])"), "'weight_block_size' is zero"},
      {"block size of one", {}, quantized(R"("quant_method":"fp8","weight_block_size":[128])"), "'weight_block_size' is not two sizes"},
      {"GPTQ without columns",
       {{"q.qweight", "I32", "0,8", 0}, {"q.scales", "F16", "1,8", 16}, {"q.qzeros", "I32", "1,1", 4}},
       gptq,
       "does not hold 0 columns"},
      {"GPTQ of bits that do not fit",
       {{"q.qweight", "I32", "1,8", 32}, {"q.scales", "F16", "1,8", 16}, {"q.qzeros", "I32", "1,1", 4}, {"q.g_idx", "I32", "7", 28}},
       gptq,
       "does not hold 7 columns"},
      {"GPTQ of 5 bits in the form that has none",
       {{"q.qweight", "I32", "5,32", 640}, {"q.scales", "F16", "1,32", 64}, {"q.qzeros", "I32", "1,5", 20}, {"q.g_idx", "I32", "32", 128}},
       gptq,
       "codes of 5 bits have no such layout"},
      {"GPTQ with too few zero points",
       {{"q.qweight", "I32", "1,16", 64}, {"q.scales", "F16", "1,16", 32}, {"q.qzeros", "I32", "1,1", 4}, {"q.g_idx", "I32", "8", 32}},
       gptq,
       "bytes, not 4"},
      {"GPTQ of integer scales",
       {{"q.qweight", "I32", "1,8", 32}, {"q.scales", "I16", "1,8", 16}, {"q.qzeros", "I32", "1,1", 4}, {"q.g_idx", "I32", "8", 32}},
       gptq,
       "no type for scales"},
      {"GPTQ of groups that do not divide",
       {{"q.qweight", "I32", "1,8", 32}, {"q.scales", "F16", "3,8", 48}, {"q.qzeros", "I32", "3,1", 12}, {"q.g_idx", "I32", "8", 32}},
       gptq,
       "3 groups do not divide 8 columns"},
      {"GPTQ of too long a g_idx's group",
       {{"q.qweight", "I32", "2,8", 64}, {"q.scales", "F16", "2,8", 32}, {"q.qzeros", "I32", "2,1", 8}, {"q.g_idx", "I32", "16", 64}},
       gptq,
       "group 0 has more than its 8 columns"},
      {"AWQ of another version",
       {{"q.qweight", "I32", "8,1", 32}, {"q.scales", "F16", "1,8", 16}, {"q.qzeros", "I32", "1,1", 4}},
       quantized(R"("quant_method":"awq","version":"gemv_fast")"),
       "AWQ's version 'gemv_fast' is not read"},
      {"AWQ for GEMV without the size of groups",
       {{"q.qweight", "I32", "8,1", 32}, {"q.scales", "F16", "8,8", 128}, {"q.qzeros", "I32", "8,1", 32}},
       quantized(R"("quant_method":"awq","version":"gemv")"),
       "with group_size, is missing"},
      {"AWQ for GEMV with fewer scales than groups",
       {{"q.qweight", "I32", "2,36", 288}, {"q.scales", "F16", "2,8", 32}, {"q.qzeros", "I32", "2,1", 8}},
       quantized(R"("quant_method":"awq","version":"gemv","group_size":32)"),
       "do not fit 2 x 288 weights in groups of 32"},
      {"AWQ for GEMV with zero points of other sizes",
       {{"q.qweight", "I32", "2,4", 32}, {"q.scales", "F16", "2,8", 32}, {"q.qzeros", "I32", "2,2", 16}},
       quantized(R"("quant_method":"awq","version":"gemv","group_size":32)"),
       "do not fit 2 x 32 weights"},
      {"packed weights without a shape",
       {{"q.weight_packed", "I32", "2,4", 32}, {"q.weight_scale", "F32", "2,1", 8}},
       "",
       "there is no tensor 'q.weight_shape'"},
      {"packed weights of another shape",
       {{"q.weight_packed", "I32", "2,4", 32}, {"q.weight_scale", "F32", "2,1", 8}, {"q.weight_shape", "I64", "2", 16}},
       "",
       "where weight_shape says 0 x 0"},
      {"packed weights of a text shape",
       {{"q.weight_packed", "I32", "2,4", 32}, {"q.weight_scale", "F32", "2,1", 8}, {"q.weight_shape", "U8", "2", 2}},
       "",
       "where integers are expected"},
      {"FP4 without scales", {{"q.weight_packed", "U8", "2,16", 32}}, "", "there is no tensor 'q.weight_scale'"},
      {"FP4 of other scales",
       {{"q.weight_packed", "U8", "2,16", 32}, {"q.weight_scale", "U8", "2,2", 4}},
       "",
       "which scales of [2, 2] do not fit"},
      {"FP4 of float scales",
       {{"q.weight_packed", "U8", "2,16", 32}, {"q.weight_scale", "F32", "2,1", 8}},
       "",
       "where exponents are expected"},
      {"FP8 of other scales", {{"q.weight", "F8_E4M3", "4,4", 16}, {"q.weight_scale", "F32", "3,3", 36}}, "", "no scales of the tensor"},
      {"FP8 of three dimensions",
       {{"q.weight", "F8_E4M3", "2,2,4", 16}, {"q.weight_scale", "F32", "1", 4}},
       "",
       "where a matrix of F8_E4M3 is expected"},
      {"FP8 of no rows", {{"q.weight", "F8_E4M3", "0,1152921504606846976", 0}, {"q.weight_scale", "F32", "1", 4}}, "", "has no weights"},
      {"8-bit integers with zero points of another type",
       {{"q.weight", "I8", "4,4", 16}, {"q.weight_scale", "F32", "4,1", 16}, {"q.weight_zero_point", "I32", "4,1", 16}},
       "",
       "zero points are read of 8-bit"},
      {"MLX without a configuration",
       {{"q.weight", "U32", "2,4", 32}, {"q.scales", "F16", "2,1", 4}, {"q.biases", "F16", "2,1", 4}},
       "",
       "MLX's configuration"},
      {"MLX of another mode",
       {{"q.weight", "U32", "2,4", 32}, {"q.scales", "U8", "2,1", 2}},
       R"({"quantization":{"bits":4,"group_size":32,"mode":"mxfp3"}})",
       "MLX's mode 'mxfp3' is not read"},
      {"MLX of a float mode with wide scales",
       {{"q.weight", "U32", "2,4", 32}, {"q.scales", "F16", "2,1", 4}},
       R"({"quantization":{"bits":4,"group_size":32,"mode":"mxfp4"}})",
       "where scales of a byte are expected"},
      {"MLX without biases",
       {{"q.weight", "U32", "2,4", 32}, {"q.scales", "F16", "2,1", 4}},
       mlx,
       "biases are missing"},
      {"MLX of a float mode with biases",
       {{"q.weight", "U32", "2,4", 32}, {"q.scales", "U8", "2,1", 2}, {"q.biases", "F16", "2,1", 4}},
       R"({"quantization":{"bits":4,"group_size":32,"mode":"mxfp4"}})",
       "biases beside a mode that has none"},
      {"MLX of other sizes",
       {{"q.weight", "U32", "2,5", 40}, {"q.scales", "F16", "2,1", 4}, {"q.biases", "F16", "2,1", 4}},
       mlx,
       "which is not 1 groups of 32 codes"},
      {"MLX of wide codes",
       {{"q.weight", "U32", "2,16", 128}, {"q.scales", "F16", "2,1", 4}, {"q.biases", "F16", "2,1", 4}},
       R"({"quantization":{"bits":16,"group_size":32}})",
       "codes of 16 bits are not read"},
      {"bitsandbytes whose state is no JSON",
       {{"q.weight", "U8", "8,1", 8}, {"q.weight.quant_state.bitsandbytes__nf4", "U8", "4", 4}},
       "",
       "a zero byte"},
      {"HQQ without sizes",
       {{"q.W_q", "U8", "4,8", 32}, {"q.scale", "F16", "8,1", 16}, {"q.zero", "F16", "8,1", 16}},
       "",
       "there is no tensor 'q.shape'"},
      {"HQQ of no bits",
       {{"q.W_q", "U8", "4,8", 32},
        {"q.scale", "F16", "8,1", 16},
        {"q.zero", "F16", "8,1", 16},
        {"q.shape", "I64", "2", 16},
        {"q.nbits", "I32", "", 4},
        {"q.axis", "I32", "", 4}},
       "",
       "HQQ of 0 bits"},
  };
  for (const auto& s : samples) {
    const std::string message = error_of(s.tensors, s.config);
    CAPTURE(s.name, message);
    CHECK(contains(message, s.message));
  }
}
