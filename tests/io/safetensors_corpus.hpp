// Safetensors files made by hand: small valid ones, and one for each way in which a reader of model files has failed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace safetensors_corpus {

struct sample {
  std::string name;     // of the mistake
  std::string bytes;    // the file
  std::string message;  // what the error must say; empty for a valid file
};

inline std::string length(std::uint64_t n) {
  std::string bytes(8, '\0');
  for (int i = 0; i != 8; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(n >> (8 * i) & 0xff);
  return bytes;
}

inline std::string file(std::string_view json, std::size_t data_bytes = 0) {
  std::string bytes = length(json.size()).append(json);
  for (std::size_t i = 0; i != data_bytes; ++i) bytes += static_cast<char>(i * 37 + 11);
  return bytes;
}

inline std::string tensor(std::string_view name, std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return std::string("\"")
      .append(name)
      .append("\":{\"dtype\":\"")
      .append(dtype)
      .append("\",\"shape\":[")
      .append(shape)
      .append("],\"data_offsets\":[")
      .append(offsets)
      .append("]}");
}

inline std::string object(const std::vector<std::string>& members) {
  std::string json = "{";
  for (const std::string& member : members) json.append(json.size() > 1 ? "," : "").append(member);
  return json + "}";
}

// A file of one tensor.
inline std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets, std::size_t data_bytes) {
  return file(object({tensor("a", dtype, shape, offsets)}), data_bytes);
}

inline std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

inline std::vector<sample> valid() {
  std::string many = "{";
  for (int i = 0; i != 100; ++i)
    many.append(i ? "," : "").append(tensor("t" + std::to_string(i), "U8", "1", std::to_string(i) + "," + std::to_string(i + 1)));
  return {
      {"no tensors", file("{}"), ""},
      {"padded with spaces", file("{}      "), ""},
      {"spaces within the JSON", file("{ \"a\" :\n{ \"dtype\":\t\"U8\", \"shape\": [ 2 ],\r\"data_offsets\":[0 ,2]} }", 2), ""},
      {"fields in another order", file("{\"a\":{\"data_offsets\":[0,2],\"shape\":[1],\"dtype\":\"F16\"}}", 2), ""},
      {"scalar", one("F32", "", "0,4", 4), ""},
      {"zero dimension", one("F32", "3,0,2", "0,0", 0), ""},
      {"eight dimensions", one("U8", "1,1,1,1,1,1,1,2", "0,2", 2), ""},
      {"four-bit elements", one("F4", "3,2", "0,3", 3), ""},
      {"six-bit elements", one("F6_E2M3", "4", "0,3", 3), ""},
      {"unaligned tensor", file(object({tensor("a", "U8", "1", "0,1"), tensor("b", "F32", "2", "1,9")}), 9), ""},
      {"tensors in another order than their bytes", file(object({tensor("b", "U8", "1", "1,2"), tensor("a", "U8", "1", "0,1")}), 2), ""},
      {"empty tensors between others",
       file(object({tensor("d", "U8", "0", "2,2"), tensor("a", "U8", "1", "0,1"), tensor("c", "U8", "0,5", "1,1"),
                    tensor("b", "U8", "1", "1,2"), tensor("e", "F32", "0", "0,0")}),
            2),
       ""},
      {"metadata", file("{\"__metadata__\":{\"format\":\"pt\",\"\":\"\\u00e9\\n\"}," + tensor("a", "I64", "1", "0,8") + "}", 8), ""},
      {"empty metadata", file("{\"__metadata__\":{}}"), ""},
      {"empty name", file(object({tensor("", "U8", "1", "0,1")}), 1), ""},
      {"escaped name", file(object({tensor("\\u0041\\ud83d\\ude00\\\"/\\\\{[", "U8", "1", "0,1")}), 1), ""},
      {"name in UTF-8", file(object({tensor("\xc3\xa9\xf0\x9f\x98\x80", "U8", "1", "0,1")}), 1), ""},
      {"longest name", file(object({tensor(std::string(65536, 'n'), "U8", "1", "0,1")}), 1), ""},
      {"a hundred tensors", file(many + "}", 100), ""},
  };
}

inline std::vector<sample> malformed() {
  const std::string a = tensor("a", "U8", "1", "0,1");
  const std::string b = tensor("b", "U8", "1", "1,2");
  std::vector<sample> samples = {
      // The length of the header.
      {"empty file", "", "0 bytes"},
      {"seven bytes", std::string(7, '\0'), "7 bytes"},
      {"header length zero", length(0), "byte 8: the header does not start with '{'"},
      {"header length zero before data", length(0) + "{}", "does not start with '{'"},
      {"header longer than the file", length(3) + "{}", "a header of 3 bytes, but 2 follow"},
      {"header length over the limit", length(100'000'001) + "{}", "where 100000000 are the limit"},
      {"header length at the limit", length(100'000'000) + "{}", "a header of 100000000 bytes, but 2 follow"},
      {"header length wraps when eight is added", length(~std::uint64_t{0} - 7) + "{}", "limit"},
      {"header length all ones", length(~std::uint64_t{0}) + "{}", "limit"},
      {"header length negative as a signed number", length(std::uint64_t{1} << 63) + "{}", "limit"},
      {"header length beyond 32 bits", length((std::uint64_t{1} << 32) + 2) + "{}", "limit"},
      {"header length in big-endian order", std::string("\0\0\0\0\0\0\0\2{}", 10), "limit"},
      // The JSON as a whole.
      {"header starts with a space", file(" {}"), "byte 8: the header does not start"},
      {"header starts with a byte order mark", file("\xef\xbb\xbf{}"), "does not start"},
      {"header is an array", file("[]"), "does not start"},
      {"header is not closed", file("{"), "ends before its JSON does"},
      {"header closed by the wrong bracket", file("{]"), "invalid JSON"},
      {"newline after the JSON", file("{}\n"), "byte 10: only spaces may follow"},
      {"zero bytes after the JSON", file(std::string("{}\0\0", 4)), "byte 10: only spaces may follow"},
      {"zero byte within the JSON", file(std::string("{\0}", 3)), "byte 9: a zero byte"},
      {"second JSON after the first", file("{}{}"), "only spaces may follow"},
      {"archive appended to the header", file("{}PK\3\4"), "only spaces may follow"},
      {"comment", file("{/**/}"), "invalid JSON"},
      {"trailing comma", file("{" + a + ",}", 1), "invalid JSON"},
      {"no quotes around a key", file("{a:1}"), "invalid JSON"},
      {"nested without end", file("{" + std::string(100'000, '[')), "nested deeper"},
      {"objects nested without end", file("{\"a\":" + std::string(100'000, '{')), "nested deeper"},
      {"string that does not end", file("{\"a"), "byte 9: the string that starts here does not end"},
      {"string that ends in a backslash", file("{\"a\\"), "does not end"},
      {"unknown escape", file("{\"\\x\":1}"), "invalid JSON"},
      {"half a surrogate pair", file(object({tensor("\\ud83d", "U8", "1", "0,1")}), 1), "invalid JSON"},
      {"invalid UTF-8", file(object({tensor("\xff", "U8", "1", "0,1")}), 1), "invalid JSON"},
      {"overlong UTF-8", file(object({tensor("\xc0\x80", "U8", "1", "0,1")}), 1), "invalid JSON"},
      {"control character in a name", file(object({tensor("\x01", "U8", "1", "0,1")}), 1), "invalid JSON"},
      {"name over the limit", file(object({tensor(std::string(65537, 'n'), "U8", "1", "0,1")}), 1), "a key of 65537 bytes"},
      // Descriptions of tensors.
      {"tensor is a number", file("{\"a\":1}"), "'a': a number is no description of a tensor"},
      {"tensor is null", file("{\"a\":null}"), "null is no description"},
      {"tensor is a string", file("{\"a\":\"U8\"}"), "a string is no description"},
      {"tensor is true", file("{\"a\":true}"), "a boolean is no description"},
      {"tensor is an array", file("{\"a\":[\"U8\",[1],[0,1]]}", 1), "an array is no description"},
      {"tensor is empty", file("{\"a\":{}}"), "'a': no dtype"},
      {"no dtype", file("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "'a': no dtype"},
      {"no shape", file("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1), "'a': no shape"},
      {"no offsets", file("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1), "'a': no data_offsets"},
      {"unknown key", file("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"strides\":[1]}}", 1), "unknown key 'strides'"},
      {"dtype twice", file("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "'dtype' occurs twice"},
      {"shape twice", file("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "'shape' occurs twice"},
      {"offsets twice", file("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"data_offsets\":[0,1]}}", 1),
       "'data_offsets' occurs twice"},
      {"tensor twice", file(object({a, a}), 1), "starts at byte 0 of the data, but the one before it ends at byte 1"},
      {"tensor twice in different places", file(object({a, tensor("a", "U8", "1", "1,2")}), 2), "'a' is defined twice"},
      {"tensor twice by an escape", file(object({a, tensor("\\u0061", "U8", "1", "1,2")}), 2), "'a' is defined twice"},
      {"empty tensor twice", file(object({tensor("a", "U8", "0", "0,0"), tensor("a", "U8", "0", "0,0")})), "'a' is defined twice"},
      {"unknown dtype", one("F7", "1", "0,1", 1), "unknown dtype 'F7'"},
      {"dtype in lower case", one("f32", "1", "0,4", 4), "unknown dtype 'f32'"},
      {"dtype of another length", one("U8\\u0000", "1", "0,1", 1), "unknown dtype 'U8\\x00'"},
      {"dtype is a number", file("{\"a\":{\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "a number is out of place"},
      {"dtype is an object", file("{\"a\":{\"dtype\":{\"U8\":null},\"shape\":[1],\"data_offsets\":[0,1]}}", 1),
       "an object is out of place"},
      {"shape is a number", file("{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}", 1), "a number is out of place"},
      {"shape is a string", file("{\"a\":{\"dtype\":\"U8\",\"shape\":\"1\",\"data_offsets\":[0,1]}}", 1), "a string is out of place"},
      {"shape within a shape", one("U8", "[1]", "0,1", 1), "nested deeper"},
      {"nine dimensions", one("U8", "1,1,1,1,1,1,1,1,1", "0,1", 1), "more than 8 dimensions"},
      {"negative dimension", one("U8", "-1", "0,1", 1), "a negative number is out of place"},
      {"dimension minus zero", one("U8", "-0", "0,0", 0), "a negative number is out of place"},
      {"fractional dimension", one("U8", "1.0", "0,1", 1), "a fraction"},
      {"dimension with an exponent", one("U8", "1e0", "0,1", 1), "a fraction"},
      {"dimension of more than 64 bits", one("U8", "18446744073709551616", "0,0", 0), "beyond 64 bits"},
      {"dimension of a thousand digits", one("U8", std::string(1000, '1'), "0,0", 0), "more than 64 characters"},
      {"dimension with a leading zero", one("U8", "01", "0,1", 1), "invalid JSON"},
      {"dimension is a string", one("U8", "\"1\"", "0,1", 1), "a string is out of place"},
      {"dimension is null", one("U8", "null", "0,1", 1), "null is out of place"},
      {"shape whose elements wrap to zero", one("U8", "4294967296,4294967296", "0,0", 0), "a shape of more than 2^64 elements"},
      {"shape whose elements wrap to one", one("U8", "18446744073709551615,18446744073709551615", "0,1", 1), "more than 2^64 elements"},
      {"shape that wraps before a zero", one("U8", "18446744073709551615,2,0", "0,0", 0), "more than 2^64 elements"},
      {"shape that wraps after a zero", one("U8", "0,18446744073709551615,2", "0,0", 0), "more than 2^64 elements"},
      {"shape whose bits wrap to zero", one("F64", "288230376151711744", "0,0", 0), "more than 2^64 bits"},
      {"exabytes in a small file", one("U8", "1152921504606846976", "0,1152921504606846976", 1),
       "the tensors cover 1152921504606846976 bytes"},
      {"shape larger than the offsets", one("F32", "2", "0,4", 4), "need 8 bytes, but data_offsets 0 to 4 give 4"},
      {"shape smaller than the offsets", one("F32", "1", "0,8", 8), "need 4 bytes, but data_offsets 0 to 8 give 8"},
      {"scalar without bytes", one("U8", "", "0,0", 0), "need 1 bytes"},
      {"four-bit elements with half a byte over", one("F4", "3", "0,2", 2), "do not end on a byte"},
      {"six-bit elements with bits over", one("F6_E3M2", "3", "0,3", 3), "do not end on a byte"},
      // Offsets.
      {"one offset", one("U8", "1", "1", 1), "needs two numbers, but has 1"},
      {"no offset", one("U8", "1", "", 1), "needs two numbers, but has 0"},
      {"three offsets", one("U8", "1", "0,1,2", 1), "more than two data_offsets"},
      {"negative offset", one("U8", "1", "-1,0", 1), "a negative number"},
      {"offsets that run backwards", one("U8", "1", "1,0", 1), "run backwards"},
      {"offsets that run backwards by the size", one("U8", "18446744073709551615", "1,0", 1), "more than 2^64 bits"},
      {"offsets beyond the file", one("U8", "2", "0,2", 1), "the tensors cover 2 bytes of data, but the file has 1"},
      {"offsets at the end of the 64 bits", one("U8", "1", "18446744073709551614,18446744073709551615", 1),
       "starts at byte 18446744073709551614"},
      {"offsets counted from the start of the file", one("U8", "1", "65,66", 1), "starts at byte 65 of the data"},
      {"bytes before the first tensor", one("U8", "1", "1,2", 2), "nothing covers the bytes from 0"},
      {"hole between tensors", file(object({a, tensor("b", "U8", "1", "2,3")}), 3), "nothing covers the bytes from 1"},
      {"tensors overlap", file(object({tensor("a", "U8", "2", "0,2"), b}), 2), "the one before it ends at byte 2"},
      {"tensors share their bytes", file(object({a, tensor("b", "U8", "1", "0,1")}), 1), "the one before it ends at byte 1"},
      {"tensor within a tensor", file(object({tensor("a", "U8", "3", "0,3"), b}), 3), "the one before it ends at byte 3"},
      {"bytes after the last tensor", file(object({a}), 2), "cover 1 bytes of data, but the file has 2"},
      {"bytes without a tensor", file("{}", 1), "cover 0 bytes of data, but the file has 1"},
      {"data missing", file(object({a})), "cover 1 bytes of data, but the file has 0"},
      {"empty tensor beyond the data", file(object({a, tensor("b", "U8", "0", "9,9")}), 1), "starts at byte 9"},
      {"empty tensor within another", file(object({tensor("a", "U8", "2", "0,2"), tensor("b", "U8", "0", "1,1")}), 2),
       "the one before it ends at byte 2"},
      // Metadata.
      {"metadata is null", file("{\"__metadata__\":null}"), "null is no description"},
      {"metadata is a string", file("{\"__metadata__\":\"pt\"}"), "'__metadata__': a string"},
      {"metadata value is a number", file("{\"__metadata__\":{\"a\":1}}"), "a number is no metadata value"},
      {"metadata value is an object", file("{\"__metadata__\":{\"a\":{}}}"), "an object is no metadata value"},
      {"metadata value is an array", file("{\"__metadata__\":{\"a\":[\"b\"]}}"), "an array is no metadata value"},
      {"metadata value is null", file("{\"__metadata__\":{\"a\":null}}"), "null is no metadata value"},
      {"metadata key twice", file("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}"), "metadata key 'a' is defined twice"},
      {"metadata twice", file("{\"__metadata__\":{},\"__metadata__\":{}}"), "'__metadata__': occurs twice"},
      {"tensor named as the metadata", file(object({tensor("__metadata__", "U8", "1", "0,1")}), 1), "an array is no metadata value"},
      // Memory.
      {"metadata of two million empty strings", "", "bytes of memory"},
      {"metadata in one string of two megabytes", "", "bytes of memory"},
      {"more tensors than the limit", "", "more than 1048576 tensors"},
  };
  for (sample& s : samples) {
    if (s.name == "metadata of two million empty strings") {
      std::string json = "{\"__metadata__\":{\"\":\"\"";
      for (int i = 1; i != 2'000'000; ++i) json += ",\"\":\"\"";
      s.bytes = file(json + "}}");
    } else if (s.name == "metadata in one string of two megabytes") {
      s.bytes = file("{\"__metadata__\":{\"a\":\"" + std::string(2'000'000, 'x') + "\"}}");
    } else if (s.name == "more tensors than the limit") {
      std::string json = "{\"a\":{}";
      for (int i = 0; i != (1 << 20) + 1; ++i) json += ",\"\":{}";
      s.bytes = file(json + "}");
    }
  }
  return samples;
}

}  // namespace safetensors_corpus
