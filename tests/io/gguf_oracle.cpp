// The C++ side of gguf_oracle.py:
//
//   dump <directory>     writes every file of the corpus, and mutations of the small ones, with lowp's verdict on each
//   show <file>          what lowp reads in a file: one line a value, one a tensor
//   copy <file> <file>   reads a file and writes it again

#include "gguf_corpus.hpp"

#include <lowp/io/gguf.hpp>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace {

std::string hex(std::string_view bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes)
    text.append(1, digits[static_cast<unsigned char>(c) >> 4]).append(1, digits[static_cast<unsigned char>(c) & 15]);
  return text + ".";
}
std::string hex(std::span<const std::byte> bytes) {
  return hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string show(const lowp::gguf_value& value) {
  if (value.type() == lowp::gguf_type::string) return hex(value.string());
  if (value.type() != lowp::gguf_type::array) return hex(value.scalar_bytes());
  std::string text = std::string(lowp::gguf_type_name(value.element_type())) + "[";
  value.for_each([&](const lowp::gguf_value& element) { text += show(element); });
  return text + "]";
}

std::string description(const lowp::gguf_header& header, std::span<const std::byte> file) {
  std::string text;
  for (const auto& value : header.metadata) {
    text.append("value ")
        .append(hex(value.key()))
        .append(" ")
        .append(lowp::gguf_type_name(value.type()))
        .append(" ")
        .append(show(value))
        .append("\n");
  }
  for (const auto& tensor : header.tensors) {
    text.append("tensor ").append(hex(tensor.name)).append(" ").append(lowp::ggml_type_name(tensor.type)).append(" [");
    for (const auto d : tensor.shape()) text.append(std::to_string(d)).append(",");
    text.append("] ");
    text.append(tensor.size_bytes() == 0 ? hex("") : hex(file.subspan(header.data_begin + tensor.begin, tensor.size_bytes()))).append("\n");
  }
  return text;
}

void dump_one(const std::string& directory, int number, const std::string& name, const std::string& bytes) {
  const std::string stem = directory + "/" + std::to_string(number);
  std::ofstream(stem + ".gguf", std::ios::binary) << bytes;
  std::string verdict = "valid\n";
  try {
    verdict += description(lowp::read_gguf_header(gguf_corpus::bytes(bytes)), gguf_corpus::bytes(bytes));
  } catch (const lowp::error&) {
    verdict = "malformed\n";
  }
  std::ofstream(stem + ".txt", std::ios::binary) << name << "\n" << verdict;
}

void dump(const std::string& directory) {
  int number = 0;
  for (const auto& sample : gguf_corpus::malformed()) dump_one(directory, number++, sample.name, sample.bytes);
  for (const auto& sample : gguf_corpus::valid()) dump_one(directory, number++, sample.name, sample.bytes);
  for (const auto& sample : gguf_corpus::valid()) {
    if (sample.bytes.size() > 130) continue;
    for (std::size_t bit = 0; bit != 8 * sample.bytes.size(); ++bit) {
      std::string bytes = sample.bytes;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      dump_one(directory, number++, sample.name + " with bit " + std::to_string(bit) + " flipped", bytes);
    }
  }
}

void copy(const char* from, const char* to) {
  const lowp::gguf_file in(from);
  lowp::gguf_writer out(to);
  for (const auto& value : in.metadata()) out.metadata(value);
  for (const auto& tensor : in.tensors()) out.declare(std::string(tensor.name), tensor.type, tensor.shape());
  for (const auto& tensor : in.tensors()) {
    if (tensor.size_bytes() != 0) out.write(tensor.name, in.bytes(tensor));
  }
  out.commit();
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view action = count > 1 ? arguments[1] : "";
  try {
    if (action == "dump" && count == 3) {
      dump(arguments[2]);
    } else if (action == "show" && count == 3) {
      const lowp::mapped_file file(arguments[2]);
      std::fputs(description(lowp::read_gguf_header(file.bytes()), file.bytes()).c_str(), stdout);
    } else if (action == "copy" && count == 4) {
      copy(arguments[2], arguments[3]);
    } else {
      return 3;
    }
  } catch (const lowp::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
  return 0;
}
