// The C++ side of safetensors_oracle.py:
//
//   dump <directory>          writes every file of the corpus, and mutations of the small ones, with lowp's verdict on each
//   show <file>               what lowp reads in a file: one line a tensor, one a metadata entry
//   copy <file> <file>        reads a file and writes it again
//   floats <file> <tensor>    the elements as 32-bit floats, to standard output

#include "safetensors_corpus.hpp"

#include <lowp/io.hpp>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace {

std::string hex(std::span<const std::byte> bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes) text.append(1, digits[std::to_integer<int>(b) >> 4]).append(1, digits[std::to_integer<int>(b) & 15]);
  return text + ".";
}

std::string hex(const std::string& text) { return hex(std::as_bytes(std::span(text))); }

// One line a tensor and a metadata entry, in hexadecimal, as the script prints them.
std::string description(const lowp::safetensors_header& header, std::span<const std::byte> file) {
  std::string text;
  for (const auto& tensor : header.tensors) {
    text.append("tensor ").append(hex(tensor.name)).append(" ").append(lowp::dtype_name(tensor.dtype)).append(" [");
    for (const auto dimension : tensor.shape) text.append(std::to_string(dimension)).append(",");
    text.append("] ").append(hex(file.subspan(header.data_begin + tensor.begin, tensor.size_bytes()))).append("\n");
  }
  for (const auto& [key, value] : header.metadata) text.append("metadata ").append(hex(key)).append(" ").append(hex(value)).append("\n");
  return text;
}

std::string description(const std::string& bytes) {
  const auto file = std::as_bytes(std::span(bytes));
  return description(lowp::read_safetensors_header(file), file);
}

// The file itself as <number>.safetensors, and in <number>.txt its name, the verdict, and what lowp reads in it.
void dump_one(const std::string& directory, int number, const std::string& name, const std::string& bytes) {
  const std::string stem = directory + "/" + std::to_string(number);
  std::ofstream(stem + ".safetensors", std::ios::binary) << bytes;
  std::string verdict = "valid\n";
  try {
    verdict += description(bytes);
  } catch (const lowp::error&) {
    verdict = "malformed\n";
  }
  std::ofstream(stem + ".txt", std::ios::binary) << name << "\n" << verdict;
}

void dump(const std::string& directory) {
  int number = 0;
  for (const auto& sample : safetensors_corpus::malformed()) dump_one(directory, number++, sample.name, sample.bytes);
  for (const auto& sample : safetensors_corpus::valid()) dump_one(directory, number++, sample.name, sample.bytes);
  for (const auto& sample : safetensors_corpus::valid()) {
    if (sample.bytes.size() > 200) continue;
    for (std::size_t bit = 0; bit != 8 * sample.bytes.size(); ++bit) {
      std::string bytes = sample.bytes;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      dump_one(directory, number++, sample.name + " with bit " + std::to_string(bit) + " flipped", bytes);
    }
  }
}

void copy(const char* from, const char* to) {
  const lowp::safetensors_file in(from);
  lowp::safetensors_writer out(to);
  for (const auto& [key, value] : in.metadata()) out.metadata(key, value);
  for (const auto& tensor : in.tensors()) out.declare(tensor.name, tensor.dtype, tensor.shape);
  for (const auto& tensor : in.tensors()) out.write(tensor.name, in.bytes(tensor));
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
      std::fputs(description(lowp::read_safetensors_header(file.bytes()), file.bytes()).c_str(), stdout);
    } else if (action == "copy" && count == 4) {
      copy(arguments[2], arguments[3]);
    } else if (action == "floats" && count == 4) {
      const auto floats = lowp::safetensors_file(arguments[2]).read_f32(arguments[3]);
      std::fwrite(floats.data(), sizeof(float), floats.size(), stdout);
    } else {
      return 3;
    }
  } catch (const lowp::error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
  }
  return 0;
}
