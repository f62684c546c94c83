// Checkpoints in every dialect, as the packages of the field write them: see data/checkpoints_golden.py.

#include "error_message.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/checkpoint.hpp>
#include <lowp/io/gguf_writer.hpp>
#include <lowp/io/safetensors_writer.hpp>
#include <lowp/quantize/quantize.hpp>
#include <lowp_test.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

const std::string folder = LOWP_TEST_DATA "/checkpoints/";

struct expected_layer {
  std::string checkpoint, layer;
  std::size_t rows, cols;
  std::string digest, second, scheme;
};

std::vector<expected_layer> expected_layers() {
  std::vector<expected_layer> layers;
  std::ifstream in(folder + "expected.txt");
  for (std::string line; std::getline(in, line);) {
    expected_layer e;
    std::istringstream words(line);
    words >> e.checkpoint >> e.layer >> e.rows >> e.cols >> e.digest >> e.second;
    std::getline(words >> std::ws, e.scheme);
    layers.push_back(e);
  }
  return layers;
}

std::string hex(std::uint64_t value, int digits) {
  std::string text;
  while (digits-- != 0) text += "0123456789abcdef"[value >> (4 * digits) & 15];
  return text;
}

// Of zeros without their sign.
std::string digest(std::span<const float> values) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const float x : values) {
    for (int i = 0; i != 4; ++i) h = (h ^ (std::bit_cast<std::uint32_t>(x + 0.0f) >> (8 * i) & 0xff)) * 0x100000001b3u;
  }
  return hex(h, 16);
}

lowp::checkpoint open(const std::string& name) {
  return lowp::open_checkpoint(folder + name + (std::filesystem::is_directory(folder + name) ? "" : ".gguf"));
}

}  // namespace

TEST_CASE("layers of every dialect are described and read", "[io]") {
  std::set<std::string> checkpoints;
  std::size_t typed = 0;
  for (const expected_layer& e : expected_layers()) {
    CAPTURE(e.checkpoint, e.layer);
    checkpoints.insert(e.checkpoint);
    const lowp::checkpoint model = open(e.checkpoint);
    const lowp::weight_info* info = model.find(e.layer);
    REQUIRE(info != nullptr);
    CHECK(info->rows == e.rows);
    CHECK(info->cols == e.cols);
    CHECK(lowp::to_string(info->scheme) == e.scheme);
    const lowp::plain_weights weights = model.read(*info);
    const std::vector<float> values = weights.dequantize();
    CHECK(hex(std::bit_cast<std::uint32_t>(values[1]), 8) == e.second);
    CHECK(digest(values) == e.digest);
    CHECK(model.read_f32(e.layer) == values);
    // Row by row, as a program with little memory would.
    std::vector<float> rows(values.size());
    for (std::size_t r = 0; r < e.rows; ++r) weights.dequantize(r, 1, std::span(rows).subspan(r * e.cols, e.cols));
    CHECK(digest(rows) == e.digest);

    std::vector<float> in_type;
    const bool has_type = lowp::visit(info->scheme, [&]<class S>() {
      const lowp::quantized<S> q = lowp::to_quantized<S>(weights);
      in_type.resize(values.size());
      for (std::size_t i = 0; i < values.size(); ++i) in_type[i] = q.value(i / e.cols, i % e.cols);
    });
    if (!has_type) continue;
    typed += 1;
    std::vector<float> ordered(in_type);
    for (std::size_t i = 0; i < values.size() && !weights.columns().empty(); ++i)
      ordered[i / e.cols * e.cols + weights.columns()[i % e.cols]] = in_type[i];
    CHECK(digest(ordered) == e.digest);
  }
  CHECK(checkpoints.size() >= 50u);
  CHECK(typed >= 40u);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    CAPTURE(name);
    CHECK((name == "expected" || checkpoints.count(name) == 1 || lowp::detail::is_later_gguf_split(name + ".gguf")));
  }
}

TEST_CASE("weights in a type and described say the same", "[io]") {
  const std::vector<float> w = {0.5f, -1, 2, 3, 4, -5, 6, 7};
  const auto check = [&]<class S>(const lowp::quantized<S>& q) {
    const lowp::plain_weights plain = lowp::to_plain(q);
    CHECK(lowp::to_quantized<S>(plain) == q);
    std::vector<float> values(8);
    lowp::dequantize(q, lowp::matrix_view<float>(values.data(), 2, 4));
    CHECK(plain.dequantize() == values);
  };
  const lowp::matrix_view<const float> view(w.data(), 2, 4);
  check(lowp::quantize<lowp::nvfp4>(view));
  check(lowp::quantize<lowp::nf4_double>(view));
  check(lowp::quantize<lowp::ggml::q4_k>(view));
  check(lowp::quantize<lowp::scheme<lowp::u4, lowp::per_block<1, 3>, lowp::asymmetric_as<lowp::f16>, lowp::bf16>>(view));
  check(lowp::quantize<lowp::scheme<lowp::u3, lowp::per_flat_group<3>, lowp::asymmetric>>(view));
  check(lowp::quantize<lowp::scheme<lowp::e4m3, lowp::per_tensor, lowp::symmetric, lowp::unit>>(view));
}

TEST_CASE("what is not quantized is there as it is", "[io]") {
  const lowp::checkpoint model = open("gptq_v1");
  CHECK(model.dialect() == "gptq");
  REQUIRE(model.tensors().size() == 1u);
  CHECK(model.tensors()[0].name == "model.layers.0.q.bias");
  CHECK(model.tensors()[0].type == "F16");
  CHECK(model.tensors()[0].shape == std::vector<std::uint64_t>{8});
  CHECK(model.read_f32("model.layers.0.q.bias").size() == 8u);
  CHECK(model.bytes("model.layers.0.q.bias").size() == 16u);
  CHECK(open("ct_int4_group").tensors()[0].name == "lm_head.weight");
  CHECK(open("modelopt_nvfp4").tensors()[0].name == "q.input_scale");
  CHECK(open("modelopt_nvfp4").dialect() == "modelopt");
  CHECK(open("awq_without_config").dialect() == "safetensors");
  CHECK(open("hqq_4_bits").tensors().size() == 1u);
  CHECK(open("bnb_nf4").tensors().empty());
  CHECK(open("bnb_nf4_nested").tensors().empty());
  CHECK(open("bnb_int8").tensors().empty());
  CHECK(open("mlx").tensors().empty());
  const lowp::checkpoint gguf = open("gguf");
  REQUIRE(gguf.tensors().size() == 1u);
  CHECK(gguf.read_f32("output_norm.weight") == std::vector<float>{0, 1, 2, 3});
  CHECK(gguf.gguf()->metadata_at("general.architecture").string() == "llama");
  const lowp::checkpoint plain = lowp::open_checkpoint(LOWP_EXAMPLE_DATA "/tinylm.safetensors");
  CHECK(plain.weights().empty());
  CHECK(plain.tensors().size() == 57u);
  CHECK(plain.dialect() == "safetensors");
}

TEST_CASE("NVFP4 blocks of a GGUF file lie under the scale of their tensor", "[io]") {
  const lowp::checkpoint golden = open("gguf");
  const auto blocks = golden.gguf()->bytes("NVFP4");
  const temporary_directory directory;
  const float scales[] = {0.375f, 2.0f};
  lowp::gguf_writer writer(directory / "a.gguf");
  writer.declare("a.weight", lowp::ggml_type::nvfp4, {2, 64});
  writer.declare("a.scale", lowp::ggml_type::f32, {1});
  writer.declare("b.weight", lowp::ggml_type::nvfp4, {2, 64});
  writer.declare("b.scale", lowp::ggml_type::f32, {2});
  writer.write("a.weight", blocks);
  writer.write("a.scale", std::as_bytes(std::span(scales)).first(4));
  writer.write("b.weight", blocks);
  writer.write("b.scale", std::as_bytes(std::span(scales)));
  writer.commit();
  const lowp::checkpoint model = lowp::open_checkpoint(directory / "");
  REQUIRE(model.weights().size() == 1u);
  CHECK(lowp::to_string(model.weights()[0].scheme) ==
        "scheme<e2m1, per_group<16>, symmetric, scheme<ggml::ue4m3, per_tensor, symmetric, f32>>");
  const auto scaled = model.read_f32("a.weight"), plain = golden.read_f32("NVFP4");
  int wrong = 0;
  for (std::size_t i = 0; i != plain.size(); ++i) {
    const float expected = plain[i] * 0.375f;  // one rounding apart at most
    wrong += !(std::abs(scaled[i] - expected) <= std::abs(expected) * 0x1p-22f);
  }
  CHECK(wrong == 0);
  CHECK(model.tensors().size() == 3u);
}

TEST_CASE("experts of gpt-oss are one matrix below the other", "[io]") {
  const temporary_directory directory;
  const auto write = [&](const std::string& name, std::uint64_t groups_of_scales) {
    std::vector<std::uint8_t> blocks(2 * 3 * 2 * 16), scales(2 * 3 * static_cast<std::size_t>(groups_of_scales));
    for (std::size_t i = 0; i != blocks.size(); ++i) blocks[i] = static_cast<std::uint8_t>(i * 37);
    for (std::size_t i = 0; i != scales.size(); ++i) scales[i] = static_cast<std::uint8_t>(120 + i);
    lowp::safetensors_writer file(directory / name);
    file.declare("mlp.experts.up_proj_blocks", lowp::dtype::u8, {2, 3, 2, 16});
    file.declare("mlp.experts.up_proj_scales", lowp::dtype::u8, {2, 3, groups_of_scales});
    file.write("mlp.experts.up_proj_blocks", std::as_bytes(std::span(blocks)));
    file.write("mlp.experts.up_proj_scales", std::as_bytes(std::span(scales)));
    file.commit();
    return (directory / name);
  };
  const lowp::checkpoint model = lowp::open_checkpoint(write("experts.safetensors", 2));
  REQUIRE(model.weights().size() == 1);
  CHECK(model.tensors().empty());
  CHECK(model.weights()[0].name == "mlp.experts.up_proj");
  CHECK(model.weights()[0].rows == 6);
  const auto q = model.read_quantized<lowp::mxfp4>("mlp.experts.up_proj");
  int wrong = 0;
  for (std::size_t r = 0; r != 6; ++r) {
    for (std::size_t c = 0; c != 64; ++c) {
      const auto byte = static_cast<std::uint8_t>((r * 32 + c / 2) * 37);
      const float code = lowp::decode<lowp::e2m1>(c % 2 == 0 ? byte & 15u : byte >> 4u);
      wrong += q.value(r, c) != std::ldexp(code, static_cast<int>(120 + r * 2 + c / 32) - 127);
    }
  }
  CHECK(wrong == 0);
  CHECK_THROWS_AS(lowp::open_checkpoint(write("odd.safetensors", 3)), lowp::error);
}

TEST_CASE("configurations in other files, and checkpoints in several", "[io]") {
  const std::string from = folder + "gptq_v2_asymmetric/";
  const temporary_directory directory;
  const lowp::checkpoint golden = lowp::open_checkpoint(from);
  const std::string layer = golden.weights()[0].name;
  // AutoGPTQ's own file, and one tensor a file.
  write_file(directory / "quantize_config.json", R"({"bits": 4, "group_size": 32, "sym": false, "checkpoint_format": "gptq_v2"})");
  std::string map;
  for (const auto& place : golden.safetensors()->tensors()) {
    const auto& t = place.tensor();
    lowp::safetensors_writer writer(directory / (t.name + ".safetensors"));
    writer.declare(t.name, t.dtype, t.shape);
    writer.write(t.name, place.bytes());
    writer.commit();
    map += (map.empty() ? "\"" : ",\"") + t.name + "\":\"" + t.name + ".safetensors\"";
  }
  write_file(directory / "model.safetensors.index.json", "{\"weight_map\":{" + map + "}}");
  const lowp::checkpoint model = lowp::open_checkpoint(directory / "");
  CHECK(model.dialect() == "gptq");
  CHECK(model.read_f32(layer) == golden.read_f32(layer));
  // Without a configuration zero points are those of v1, which are one more.
  std::filesystem::remove(directory / "quantize_config.json");
  CHECK(lowp::open_checkpoint(directory / "").read_f32(layer) != golden.read_f32(layer));
}

TEST_CASE("mistakes in reading are errors", "[io]") {
  const lowp::checkpoint model = open("gptq_v1");
  CHECK(contains(error_message([&] { model.read("no"); }), "there is no quantized layer 'no'"));
  CHECK(contains(error_message([&] { model.read_f32("no"); }), "there is no tensor 'no'"));
  CHECK(contains(error_message([&] { model.read_quantized<lowp::nvfp4>("model.layers.0.q"); }),
                 "weights in scheme<i4, per_group<32>, symmetric, f16> are not in scheme<e2m1"));
  const lowp::plain_weights w = model.read("model.layers.0.q");
  std::vector<float> out(64);
  CHECK(contains(error_message([&] { w.dequantize(0, 2, out); }), "do not fit 64 floats"));
  CHECK(contains(error_message([&] { w.dequantize(8, 1, out); }), "do not fit"));
  CHECK(contains(error_message([&] { lowp::open_checkpoint(folder + "no such folder"); }), "No such file"));
  CHECK(contains(error_message([&] { lowp::open_checkpoint(LOWP_TEST_DATA); }), "neither a safetensors nor a GGUF file"));
  CHECK(contains(error_message([&] { lowp::open_checkpoint(LOWP_EXAMPLE_DATA); }), "several model files"));
}
