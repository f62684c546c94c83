// GGUF files made by hand: small valid ones, and one for each way in which a reader of model files has failed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gguf_corpus {

struct sample {
  std::string name;     // of the mistake
  std::string bytes;    // the file
  std::string message;  // what the error must say; empty for a valid file
};

inline std::string number(std::uint64_t n, int bytes) {
  std::string text;
  for (int i = 0; i != bytes; ++i) text += static_cast<char>(n >> (8 * i) & 0xff);
  return text;
}
inline std::string u32(std::uint64_t n) { return number(n, 4); }
inline std::string u64(std::uint64_t n) { return number(n, 8); }
inline std::string text(std::string_view s) { return u64(s.size()).append(s); }

inline std::string value(std::string_view key, std::uint32_t type, std::string_view bytes) { return text(key) + u32(type).append(bytes); }
inline std::string array(std::uint32_t element, std::uint64_t count, std::string_view bytes) {
  return u32(element) + u64(count).append(bytes);
}

inline std::string tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type, std::uint64_t offset) {
  std::string bytes = text(name) + u32(dims.size());
  for (const auto d : dims) bytes += u64(d);
  return bytes + u32(type) + u64(offset);
}

inline std::string data(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i != count; ++i) bytes += static_cast<char>(i * 37 + 11);
  return bytes;
}

inline std::string padded(std::string bytes, std::size_t alignment) {
  while (bytes.size() % alignment != 0) bytes += '\0';
  return bytes;
}

// A file of these values and tensors, its data `data_bytes` long.
inline std::string file(const std::vector<std::string>& values, const std::vector<std::string>& tensors, std::size_t data_bytes = 0,
                        std::size_t alignment = 32, std::uint32_t version = 3) {
  std::string bytes = "GGUF" + u32(version) + u64(tensors.size()) + u64(values.size());
  for (const auto& v : values) bytes += v;
  for (const auto& t : tensors) bytes += t;
  return padded(bytes, alignment) + data(data_bytes);
}

inline std::string with_value(std::uint32_t type, std::string_view bytes) { return file({value("k", type, bytes)}, {}); }
inline std::string one(const std::vector<std::uint64_t>& dims, std::uint32_t type, std::uint64_t offset, std::size_t data_bytes) {
  return file({}, {tensor("a", dims, type, offset)}, data_bytes);
}

inline std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

inline std::vector<sample> valid() {
  std::vector<std::string> every;
  const int sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  for (std::uint32_t t = 0; t != 13; ++t) {
    if (sizes[t] == 0) continue;
    every.push_back(value("k" + std::to_string(t), t, number(1, sizes[t])));
    every.push_back(value("a" + std::to_string(t), 9, array(t, 2, number(1, sizes[t]) + number(0, sizes[t]))));
  }
  const std::string inner = array(4, 1, u32(7)) + array(4, 0, "");
  const std::string v1 = "GGUF" + u32(1) + u32(1) + u32(2) + u32(1) + "k" + u32(8) + u32(2) + "hi" + u32(1) + "l" + u32(9) + u32(8) +
                         u32(2) + u32(1) + "x" + u32(0) + u32(1) + "a" + u32(1) + u32(2) + u32(0) + u64(0);
  std::vector<std::string> many;
  for (std::uint64_t i = 0; i != 100; ++i) many.push_back(tensor("t" + std::to_string(i), {8}, 0, 32 * i));
  return {
      {"nothing", file({}, {}), ""},
      {"nothing, without padding", "GGUF" + u32(3) + u64(0) + u64(0), ""},
      {"every scalar and array", file(every, {}), ""},
      {"strings",
       file({value("k", 8, text("\xc3\xa9")), value("e", 8, text("")), value("l", 9, array(8, 3, text("a") + text("") + text("bc")))}, {}),
       ""},
      {"empty array of arrays", with_value(9, array(9, 0, "")), ""},
      {"arrays nested four deep", with_value(9, array(9, 1, array(9, 1, array(9, 2, inner)))), ""},
      {"version 2", file({value("k", 4, u32(1))}, {tensor("a", {2}, 0, 0)}, 8, 32, 2), ""},
      {"version 1", padded(v1, 32) + data(8), ""},
      {"scalar tensor", one({}, 0, 0, 4), ""},
      {"four dimensions", one({2, 3, 1, 2}, 0, 0, 48), ""},
      {"zero dimension", one({4, 0}, 0, 0, 0), ""},
      {"empty name", file({}, {tensor("", {1}, 0, 0)}, 4), ""},
      {"longest name", file({}, {tensor(std::string(64, 'n'), {1}, 0, 0)}, 4), ""},
      {"longest key", file({value(std::string(65535, 'k'), 0, "\1")}, {}), ""},
      {"blocks", one({64, 2}, 2, 0, 72), ""},
      {"blocks that nothing decodes", one({256}, 19, 0, 50), ""},
      {"padding after the last tensor", one({1}, 0, 0, 32), ""},
      {"two tensors", file({}, {tensor("a", {1}, 0, 0), tensor("b", {2}, 0, 32)}, 40), ""},
      {"tensors in another order than their bytes", file({}, {tensor("b", {2}, 0, 32), tensor("a", {1}, 0, 0)}, 40), ""},
      {"empty tensors between others", file({}, {tensor("a", {1}, 0, 0), tensor("e", {0}, 0, 32), tensor("b", {2}, 0, 32)}, 40), ""},
      {"alignment of 8", file({value("general.alignment", 4, u32(8))}, {tensor("a", {1}, 0, 0), tensor("b", {1}, 0, 8)}, 12, 8), ""},
      {"alignment of 1", file({value("general.alignment", 4, u32(1))}, {tensor("a", {3}, 24, 0), tensor("b", {1}, 24, 3)}, 4, 1), ""},
      {"alignment of 65536", file({value("general.alignment", 4, u32(65536))}, {tensor("a", {1}, 0, 0)}, 4, 65536), ""},
      {"a hundred tensors", file({}, many, 3200), ""},
  };
}

inline std::vector<sample> malformed() {
  const std::uint64_t most = ~std::uint64_t{0};
  const std::string head = "GGUF" + u32(3);
  const std::string a = tensor("a", {1}, 0, 0);
  const std::string deep = array(9, 1, array(9, 1, array(9, 1, array(9, 1, array(4, 0, "")))));
  std::vector<sample> samples = {
      // The magic, the version, the counts.
      {"empty file", "", "not a GGUF file"},
      {"seven bytes", "GGUF\3\0\0", "not a GGUF file"},
      {"another magic", "GGML" + u32(3) + u64(0) + u64(0), "not a GGUF file"},
      {"magic backwards", "FUGG" + u32(3) + u64(0) + u64(0), "not a GGUF file"},
      {"version 0", "GGUF" + u32(0) + u64(0) + u64(0), "byte 4: GGUF version 0"},
      {"version 4", "GGUF" + u32(4) + u64(0) + u64(0), "byte 4: GGUF version 4"},
      {"big-endian", std::string("GGUF\0\0\0\3", 8) + std::string(16, '\0'), "a big-endian GGUF file, of version 3"},
      {"no counts", head, "the number of tensors takes 8 bytes, but 0 follow"},
      {"no count of values", head + u64(0), "the number of metadata values takes 8 bytes, but 0 follow"},
      {"count of tensors all ones", head + u64(most) + u64(0), "18446744073709551615 tensors, but 0 bytes follow"},
      {"count of tensors that wraps when multiplied", head + u64(std::uint64_t{1} << 61) + u64(0), "tensors, but 0 bytes follow"},
      {"count of tensors beyond the file", head + u64(2) + u64(0) + a, "2 tensors, but"},
      {"count of tensors over the limit", head + u64(1048577) + u64(0) + std::string(1048577 * 24, '\0'), "where 1048576 are the limit"},
      {"count of values all ones", head + u64(0) + u64(most), "metadata values, but 0 bytes follow"},
      {"count of values that wraps when multiplied", head + u64(0) + u64(std::uint64_t{1} << 60), "metadata values, but 0 bytes follow"},
      {"count of values beyond the file", head + u64(0) + u64(2) + value("k", 0, "\1"), "2 metadata values, but"},
      {"more tensors than memory", head + u64(100000) + u64(0) + std::string(2400000, '\0'), "bytes of memory"},
      {"more values than memory", head + u64(0) + u64(100000) + std::string(1400000, '\0'), "bytes of memory"},
      // Metadata.
      {"key length all ones", head + u64(0) + u64(1) + u64(most) + std::string(16, 'k'), "a metadata key takes 18446744073709551615 bytes"},
      {"key beyond the file", head + u64(0) + u64(1) + u64(100) + std::string(16, 'k'), "a metadata key takes 100 bytes, but 16 follow"},
      {"empty key", file({value("", 0, "\1")}, {}), "byte 24: a metadata key of 0 bytes"},
      {"key over the limit", file({value(std::string(65536, 'k'), 0, "\1")}, {}), "a metadata key of 65536 bytes"},
      {"zero byte in a key", file({value(std::string_view("k\0l", 3), 0, "\1")}, {}), "a zero byte in the metadata key 'k\\x00l'"},
      {"key twice", file({value("k", 0, "\1"), value("k", 4, u32(1))}, {}), "metadata key 'k' is defined twice"},
      {"no type of a value", head + u64(0) + u64(1) + text("kkkkk") + "123", "the type of a metadata value takes 4 bytes"},
      {"value type 13", with_value(13, u64(0)), "'k': unknown value type 13"},
      {"value type all ones", with_value(0xffffffff, u64(0)), "'k': unknown value type 4294967295"},
      {"no value", head + u64(0) + u64(1) + text("k") + u32(12) + "1234567", "float64 takes 8 bytes, but 7 follow"},
      {"boolean of two", with_value(7, "\2"), "a boolean of 2"},
      {"boolean of two in an array", with_value(9, array(7, 3, "\1\2\1")), "a boolean of 2"},
      {"string length all ones", with_value(8, u64(most)), "a string takes 18446744073709551615 bytes"},
      {"string length that wraps when one is added", with_value(8, u64(most - 1) + "x"), "a string takes 18446744073709551614 bytes"},
      {"string beyond the file", with_value(8, u64(1000) + "x"), "a string takes 1000 bytes"},
      {"string length negative as a signed number", with_value(8, u64(std::uint64_t{1} << 63)), "a string takes 9223372036854775808"},
      {"no length of an array", head + u64(0) + u64(1) + text("k") + u32(9) + u32(0), "the length of an array takes 8 bytes, but 0 follow"},
      {"array length all ones", with_value(9, array(0, most, "")), "an array of 18446744073709551615 uint8s"},
      {"array length that wraps when multiplied", with_value(9, array(12, std::uint64_t{1} << 61, "")),
       "an array of 2305843009213693952 float64s"},
      {"array beyond the file", with_value(9, array(4, 100, u32(1))), "an array of 100 uint32s takes at least 4 bytes each"},
      {"array of strings beyond the file", with_value(9, array(8, 100, text("a"))), "an array of 100 strings takes at least 8 bytes each"},
      {"array of strings whose length is a lie", with_value(9, array(8, 2, text("a") + u64(most))), "a string takes 18446744073709551615"},
      {"array of arrays beyond the file", with_value(9, array(9, 1000, "")), "an array of 1000 arrays takes at least 12 bytes each"},
      {"array of an unknown type", with_value(9, array(13, 1, "x")), "unknown element type 13"},
      {"array of a type all ones", with_value(9, array(0xffffffff, 1, "x")), "unknown element type 4294967295"},
      {"arrays nested five deep", with_value(9, deep), "nested deeper than 4"},
      {"arrays nested without end",
       with_value(9,
                  [] {
                    std::string nest;
                    for (int i = 0; i != 10'000; ++i) nest += array(9, 1, "");
                    return nest;
                  }()),
       "nested deeper than 4"},
      // The alignment.
      {"alignment of zero", file({value("general.alignment", 4, u32(0))}, {}), "general.alignment is 0"},
      {"alignment no power of two", file({value("general.alignment", 4, u32(24))}, {}), "general.alignment is 24"},
      {"alignment over the limit", file({value("general.alignment", 4, u32(131072))}, {}), "general.alignment is 131072"},
      {"alignment all ones", file({value("general.alignment", 4, u32(0xffffffff))}, {}), "general.alignment is 4294967295"},
      {"alignment of another type", file({value("general.alignment", 10, u64(32))}, {}), "general.alignment is no uint32"},
      {"alignment a string", file({value("general.alignment", 8, text("32"))}, {}), "general.alignment is no uint32, but string"},
      // Descriptions of tensors.
      {"name length all ones", head + u64(1) + u64(0) + u64(most) + std::string(24, 'n'),
       "the name of a tensor takes 18446744073709551615"},
      {"name over the limit", file({}, {tensor(std::string(65, 'n'), {1}, 0, 0)}, 4), "a tensor's name of 65 bytes"},
      {"zero byte in a name", file({}, {tensor(std::string_view("a\0b", 3), {1}, 0, 0)}, 4), "a zero byte in the name"},
      {"name twice", file({}, {a, tensor("a", {1}, 0, 32)}, 36), "tensor 'a' is defined twice"},
      {"five dimensions", one({1, 1, 1, 1, 1}, 0, 0, 4), "'a': 5 dimensions, where 4 are the limit"},
      {"number of dimensions all ones", head + u64(1) + u64(0) + text("a") + u32(0xffffffff) + std::string(64, '\0'),
       "4294967295 dimensions"},
      {"dimensions beyond the file", head + u64(1) + u64(0) + text("a") + u32(4) + std::string(20, '\0'), "a dimension takes 8 bytes"},
      {"shape whose elements wrap to zero", one({std::uint64_t{1} << 32, std::uint64_t{1} << 32}, 24, 0, 0), "more than 2^64 elements"},
      {"shape whose elements wrap to one", one({most, most}, 24, 0, 1), "more than 2^64 elements"},
      {"shape that wraps beside a zero", one({std::uint64_t{1} << 63, 2, 0}, 24, 0, 0), "more than 2^64 elements"},
      {"shape whose bytes wrap to zero", one({std::uint64_t{1} << 61}, 28, 0, 0), "a tensor of more than 2^64 bytes"},
      {"blocks whose bytes wrap", one({most - 255, 1}, 15, 0, 0), "a tensor of more than 2^64 bytes"},
      {"exabytes in a small file", one({std::uint64_t{1} << 60}, 24, 0, 1), "the tensors take 1152921504606846976 bytes of data"},
      {"elements that are no whole blocks", one({33}, 2, 0, 36),
       "the first dimension, 33, is no multiple of the 32 elements in a block of Q4_0"},
      {"rows that are no whole blocks", one({16, 2}, 2, 0, 18), "the first dimension, 16, is no multiple"},
      {"super-blocks of 32", one({32}, 12, 0, 144), "no multiple of the 256 elements in a block of Q4_K"},
      {"unknown ggml type", one({1}, 43, 0, 4), "'a': unknown ggml type 43"},
      {"ggml type all ones", one({1}, 0xffffffff, 0, 4), "unknown ggml type 4294967295"},
      {"removed ggml type", one({32}, 31, 0, 18), "ggml type 31 (Q4_0_4_4), which ggml has removed"},
      // Offsets.
      {"offset beyond the file", one({1}, 0, 32, 4), "starts at byte 32 of the data, but the next aligned byte is 0"},
      {"offset all ones", one({1}, 0, most, 4), "end beyond 2^64"},
      {"offset whose end wraps to the start", one({1}, 0, most - 3, 4), "end beyond 2^64"},
      {"offset whose padding wraps", one({1}, 24, most - 1, 4), "starts at byte 18446744073709551614"},
      {"offset counted from the start of the file", one({1}, 0, 64, 4), "starts at byte 64"},
      {"unaligned offset", file({}, {a, tensor("b", {1}, 0, 4)}, 8), "tensor 'b' starts at byte 4 of the data, but the one before it ends"},
      {"hole between tensors", file({}, {a, tensor("b", {1}, 0, 64)}, 68),
       "tensor 'b' starts at byte 64 of the data, but the next aligned byte is 32"},
      {"tensors overlap", file({}, {tensor("a", {16}, 0, 0), tensor("b", {1}, 0, 32)}, 68), "ends at, with padding, byte 64"},
      {"tensors share their bytes", file({}, {a, tensor("b", {1}, 0, 0)}, 4), "starts at byte 0"},
      {"data missing", one({1}, 0, 0, 0), "the tensors take 4 bytes of data, but the file has 0"},
      {"data cut short", one({2}, 0, 0, 7), "the tensors take 8 bytes of data, but the file has 7"},
      {"bytes after the last tensor", one({1}, 0, 0, 33), "the tensors and their padding take 32 bytes of data, but the file has 33"},
      {"bytes without a tensor", file({}, {}, 1), "take 0 bytes of data, but the file has 1"},
      {"tensors aligned as by default, not as the file says",
       file({value("general.alignment", 4, u32(64))}, {a, tensor("b", {1}, 0, 32)}, 36, 64), "tensor 'b' starts at byte 32"},
  };
  return samples;
}

}  // namespace gguf_corpus
