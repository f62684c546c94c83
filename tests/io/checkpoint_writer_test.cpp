// What is written is what the packages of the field write, byte for byte, and reads back as it was: see data/checkpoints_golden.py.

#include "error_message.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/checkpoint.hpp>
#include <lowp/io/checkpoint_writer.hpp>
#include <lowp/io/gguf_writer.hpp>
#include <lowp_test.hpp>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

const std::string folder = LOWP_TEST_DATA "/checkpoints/";
using lowp::checkpoint_dialect;

void copy_checkpoint(const lowp::checkpoint& from, const std::string& to, checkpoint_dialect dialect) {
  lowp::checkpoint_writer writer(to, dialect);
  for (const auto& w : from.weights()) writer.declare(w.name, w.scheme, w.rows, w.cols);
  for (const auto& t : from.tensors()) writer.declare(t.name, *lowp::find_dtype(t.type), t.shape);
  for (const auto& w : from.weights()) writer.write(w.name, from.read(w));
  for (const auto& t : from.tensors()) writer.write(t.name, from.bytes(t.name));
  writer.commit(R"({"model_type": "llama"})");
}

// The number of tensors that are the same in both files; -1 if one is not.
int same_tensors(const std::string& a, const std::string& b) {
  const lowp::safetensors_file first(a), second(b);
  int same = 0;
  for (const auto& t : first.tensors()) {
    if (t.name.find("quant_state") != std::string::npos) continue;  // JSON, which may be spaced otherwise
    const auto* other = second.find(t.name);
    const auto x = first.bytes(t);
    if (other == nullptr || other->dtype != t.dtype || other->shape != t.shape) return -1;
    const auto y = second.bytes(*other);
    if (!std::equal(x.begin(), x.end(), y.begin(), y.end())) return -1;
    ++same;
  }
  return second.tensors().size() == first.tensors().size() ? same : -1;
}

}  // namespace

TEST_CASE("checkpoints are written as the packages write them", "[io]") {
  const std::map<std::string, checkpoint_dialect> dialects = {{"gptq", checkpoint_dialect::gptq},
                                                              {"awq", checkpoint_dialect::awq},
                                                              {"ct", checkpoint_dialect::compressed_tensors},
                                                              {"bnb", checkpoint_dialect::bitsandbytes},
                                                              {"mlx", checkpoint_dialect::mlx}};
  // Read as they are, but written in another form: zero points of v1, planes, words with room, a half byte at the end.
  const auto other_form = [](const std::string& name) {
    return name.starts_with("gptq_v1") || name.starts_with("gptq_p_") || name == "gptq_3_bits" || name == "gptq_without_g_idx" ||
           name == "ct_int3_padded" || name == "ct_int8_packed" || name == "bnb_nf4_odd" || name == "awq_gemv";
  };
  int written = 0, identical = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const auto dialect = dialects.find(name.substr(0, name.find('_')));
    if (!entry.is_directory() || dialect == dialects.end() || name == "gptq_p_6_bits" ||
        name == "ct_int4_act_order" || name == "gptq_p_7_bits")
      continue;
    CAPTURE(name);
    const temporary_directory directory;
    const lowp::checkpoint from = lowp::open_checkpoint(folder + name);
    copy_checkpoint(from, directory / "", dialect->second);
    CHECK(directory.files() == 2u);
    const lowp::checkpoint back = lowp::open_checkpoint(directory / "");
    REQUIRE(back.weights().size() == from.weights().size());
    for (std::size_t i = 0; i != from.weights().size(); ++i) {
      CHECK(lowp::to_string(back.weights()[i].scheme) == lowp::to_string(from.weights()[i].scheme));
      const auto plain = back.read(back.weights()[i]);
      CHECK(plain.dequantize() == from.read(from.weights()[i]).dequantize());
      CHECK(plain.columns() == from.read(from.weights()[i]).columns());
    }
    ++written;
    if (!other_form(name)) {
      CHECK(same_tensors(folder + name + "/model.safetensors", directory / "model.safetensors") > 0);
      ++identical;
    }
  }
  CHECK(written >= 30);
  CHECK(identical >= 20);
}

TEST_CASE("GGUF tensors are written as they were read", "[io]") {
  const lowp::checkpoint model = lowp::open_checkpoint(folder + "gguf.gguf");
  for (const auto& info : model.weights()) {
    const auto& tensor = model.gguf()->at(info.name);
    const auto blocks = lowp::to_ggml_blocks(tensor.type, model.read(info));
    const auto bytes = model.gguf()->bytes(tensor);
    INFO(info.name);
    CHECK(std::equal(blocks.begin(), blocks.end(), bytes.begin(), bytes.end(),
                     [](std::uint8_t a, std::byte b) { return std::byte{a} == b; }));
  }
  CHECK(contains(error_message([&] { lowp::to_ggml_blocks(lowp::ggml_type::q8_0, model.read("Q4_0")); }), "are not in scheme<i8"));
  CHECK(contains(error_message([&] { lowp::to_ggml_blocks(lowp::ggml_type::iq1_s, model.read("Q4_0")); }), "IQ1_S are not written"));
}

TEST_CASE("the configuration that is written", "[io]") {
  const temporary_directory directory;
  copy_checkpoint(lowp::open_checkpoint(folder + "gptq_v2_act_order"), directory / "", checkpoint_dialect::gptq);
  const std::string config = file_contents(directory / "config.json");
  for (const char* part : {R"("model_type": "llama")", R"("quant_method": "gptq")", R"("bits": 4)", R"("group_size": 16)",
                           R"("desc_act": true)", R"("sym": false)", R"("checkpoint_format": "gptq_v2")"}) {
    CAPTURE(part);
    CHECK(contains(config, part));
  }
  lowp::checkpoint_writer writer(directory / "", checkpoint_dialect::compressed_tensors);
  writer.declare("a", lowp::describe<lowp::nvfp4>(), 2, 16);
  writer.declare("b", lowp::describe<lowp::int4_g32>(), 2, 32);
  writer.declare("head.weight", lowp::dtype::u8, {1, 1});
  writer.write("a", lowp::to_plain(lowp::quantized<lowp::nvfp4>(2, 16)));
  writer.write("b", lowp::to_plain(lowp::quantized<lowp::int4_g32>(2, 32)));
  writer.write("head.weight", std::vector<std::byte>(1));
  writer.commit();
  const std::string mixed = file_contents(directory / "config.json");
  CHECK(contains(mixed, R"("format": "mixed-precision")"));
  CHECK(contains(mixed, R"("strategy": "tensor_group")"));
  CHECK(contains(mixed, R"("group_1")"));
  CHECK(contains(mixed, R"("head")"));
  CHECK(lowp::open_checkpoint(directory / "").weights().size() == 2u);
}

TEST_CASE("mistakes in writing a checkpoint are errors, and nothing is left", "[io]") {
  const temporary_directory directory;
  const auto message = [&](checkpoint_dialect dialect, auto f) {
    const std::string text = error_message([&] {
      lowp::checkpoint_writer writer(directory / "", dialect);
      f(writer);
    });
    CHECK(directory.files() == 0u);
    return text;
  };
  using writer = lowp::checkpoint_writer&;
  const auto int4 = lowp::describe<lowp::int4_g32>();
  CHECK(contains(message(checkpoint_dialect::gptq, [](writer w) { w.commit(); }), "no layer is quantized"));
  CHECK(contains(
      message(checkpoint_dialect::gptq, [](writer w) { w.declare("a", lowp::describe<lowp::nvfp4>(), 8, 32); }),
      "layer 'a' of 8 x 32 in scheme<e2m1, per_group<16>, symmetric, scheme<e4m3, per_tensor, symmetric, f32>> cannot be written as GPTQ"));
  CHECK(contains(message(checkpoint_dialect::gptq, [&](writer w) { w.declare("a", int4, 8, 33); }), "cannot be written as GPTQ"));
  CHECK(contains(message(checkpoint_dialect::gptq,
                         [&](writer w) {
                           w.declare("a", int4, 8, 32);
                           w.declare("b", lowp::describe<lowp::int4_g128>(), 8, 128);
                         }),
                 "layer 'b' is in scheme<i4, per_group<128>"));
  CHECK(contains(message(checkpoint_dialect::awq, [&](writer w) { w.declare("a", int4, 9, 32); }), "cannot be written as AWQ"));
  CHECK(contains(message(checkpoint_dialect::mlx, [&](writer w) { w.declare("a", int4, 8, 32); }), "cannot be written as MLX"));
  CHECK(contains(message(checkpoint_dialect::bitsandbytes,
                         [&](writer w) {
                           w.declare("a", lowp::describe<lowp::int8_channel>(), 8, 32);
                           w.declare("b", lowp::describe<lowp::scheme<lowp::nf4, lowp::per_flat_group<64>>>(), 8, 32);
                         }),
                 "layer 'b' is in 4 bits, others in 8"));
  // Between two numbers divided by 127 lie others.
  CHECK(contains(message(checkpoint_dialect::bitsandbytes,
                         [&](writer w) {
                           lowp::quantized<lowp::int8_channel> q(1, 32);
                           const auto is_held = [](float scale) {
                             for (float y = 126.99f; y <= 127.0f; y = std::nextafter(y, 128.0f)) {
                               if (y / 127.0f == scale) return true;
                             }
                             return false;
                           };
                           float scale = 1.0f;
                           while (is_held(scale)) scale = std::nextafter(scale, 0.0f);
                           q.scales().codes()(0, 0) = lowp::bit_cast<std::uint32_t>(scale);
                           w.declare("a", lowp::describe<lowp::int8_channel>(), 1, 32);
                           w.write("a", lowp::to_plain(q));
                         }),
                 "is no number divided by 127"));
  CHECK(contains(message(checkpoint_dialect::bitsandbytes, [&](writer w) { w.declare("a", int4, 8, 32); }),
                 "cannot be written as bitsandbytes"));
  CHECK(contains(
      message(checkpoint_dialect::compressed_tensors, [](writer w) { w.declare("a", lowp::describe<lowp::ggml::q4_k>(), 8, 256); }),
      "cannot be written as compressed-tensors"));
  CHECK(contains(message(checkpoint_dialect::gptq,
                         [&](writer w) {
                           w.declare("a", int4, 8, 32);
                           w.write("b", lowp::to_plain(lowp::quantized<lowp::int4_g32>(8, 32)));
                         }),
                 "layer 'b' was not declared"));
  CHECK(contains(message(checkpoint_dialect::gptq,
                         [&](writer w) {
                           w.declare("a", int4, 8, 32);
                           w.write("a", lowp::to_plain(lowp::quantized<lowp::int4_g32>(8, 64)));
                         }),
                 "was declared as 8 x 32"));
  CHECK(contains(message(checkpoint_dialect::gptq,
                         [&](writer w) {
                           w.declare("a", int4, 8, 32);
                           w.commit();
                         }),
                 "'a.qweight' is incomplete"));
  CHECK(contains(message(checkpoint_dialect::gptq,
                         [&](writer w) {
                           w.declare("a", int4, 8, 32);
                           w.write("a", lowp::to_plain(lowp::quantized<lowp::int4_g32>(8, 32)));
                           w.commit("[]");
                         }),
                 "no JSON object"));
}
