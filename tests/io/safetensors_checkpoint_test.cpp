#include "allocation_counter.hpp"
#include "error_message.hpp"
#include "safetensors_corpus.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/safetensors_checkpoint.hpp>
#include <lowp_test.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr const char* index_name = "model.safetensors.index.json";

// Two files: a and b in the first, c in the second.
struct model {
  temporary_directory directory;
  std::string index = directory / index_name;
  std::string good =
      R"({"metadata":{"total_size":10,"x":[1,{"y":null}]},"weight_map":{"a":"1.safetensors","c":"2.safetensors","b":"1.safetensors"}})";

  model() {
    using namespace safetensors_corpus;
    write_file(directory / "1.safetensors", file(object({tensor("a", "U8", "2", "0,2"), tensor("b", "F32", "1", "2,6")}), 6));
    write_file(directory / "2.safetensors", file(object({tensor("c", "U8", "4", "0,4")}), 4));
    write_file(index, good);
  }

  std::string error_of(const std::string& json) {
    write_file(index, json);
    return error_message([&] { lowp::safetensors_checkpoint{directory / ""}; });
  }
  std::string error_of_map(const std::string& map) { return error_of("{\"weight_map\":{" + map + "}}"); }
};

}  // namespace

TEST_CASE("a checkpoint in several files is read as one", "[io]") {
  model m;
  for (const auto access : {lowp::file_access::map, lowp::file_access::copy}) {
    for (const std::string& path : {m.directory / "", m.index, (m.directory / "").substr(0, (m.directory / "").size() - 1)}) {
      lowp::safetensors_checkpoint first(path, access);
      const lowp::safetensors_checkpoint checkpoint = std::move(first);
      CHECK(checkpoint.file_count() == 2u);
      REQUIRE(checkpoint.tensors().size() == 3u);
      CHECK(checkpoint.tensors()[2].tensor().name == "c");
      CHECK(checkpoint.at("c").file().path() == m.directory / "2.safetensors");
      CHECK(checkpoint.bytes("a").size() == 2u);
      CHECK(checkpoint.read_f32("b").size() == 1u);
      CHECK(checkpoint.find("d") == nullptr);
      CHECK(contains(error_message([&] { checkpoint.at("d"); }), std::string(index_name) + ": there is no tensor 'd'"));
    }
  }
}

TEST_CASE("a checkpoint of one file is read without an index", "[io]") {
  const temporary_directory directory;
  CHECK(contains(error_message([&] { lowp::safetensors_checkpoint{directory / ""}; }), "model.safetensors': No such file"));
  write_file(directory / "model.safetensors", safetensors_corpus::one("U8", "2", "0,2", 2));
  CHECK(lowp::safetensors_checkpoint(directory / "").tensors().size() == 1u);
  CHECK(lowp::safetensors_checkpoint(directory / "model.safetensors").at("a").bytes().size() == 2u);
}

TEST_CASE("indexes that lie are refused", "[io]") {
  model m;
  struct sample {
    const char* name;
    const char* map;
    const char* message;
  };
  const std::string rest = R"("b":"1.safetensors","c":"2.safetensors")";
  const sample samples[] = {
      {"folder above", R"("a":"../1.safetensors")", "'../1.safetensors' is no plain name"},
      {"hidden folder above", R"("a":"..\/1.safetensors")", "no plain name"},
      {"absolute path", R"("a":"/etc/1.safetensors")", "no plain name"},
      {"backslash", R"("a":"..\\1.safetensors")", "no plain name"},
      {"drive", R"("a":"c:1.safetensors")", "no plain name"},
      {"folder below", R"("a":"x/1.safetensors")", "no plain name"},
      {"hidden file", R"("a":".safetensors")", "no plain name"},
      {"empty name", R"("a":"")", "no plain name"},
      {"zero byte in the name", R"("a":"1.safetensors\u0000.safetensors")", "no plain name"},
      {"line in the name", R"("a":"1\n.safetensors")", "no plain name"},
      {"another kind of file", R"("a":"1.bin")", "'1.bin' is no plain name of a .safetensors file"},
      {"file missing", R"("a":"3.safetensors")", "3.safetensors': No such file"},
      {"tensor in another file", R"("a":"2.safetensors")", "tensor 'a' is not in '2.safetensors'"},
      {"tensor nowhere", R"("d":"1.safetensors")", "tensor 'd' is not in '1.safetensors'"},
      {"tensor twice", R"("a":"1.safetensors","a":"1.safetensors")", "'a' is listed twice"},
      {"file is a number", R"("a":1)", "'a': a number is no file name"},
      {"file is a negative number", R"("a":-1)", "a number is no file name"},
      {"file is a fraction", R"("a":1.5)", "a number is no file name"},
      {"file is null", R"("a":null)", "null is no file name"},
      {"file is true", R"("a":true)", "a boolean is no file name"},
      {"file is an array", R"("a":["1.safetensors"])", "an array is no file name"},
      {"file is an object", R"("a":{"b":"1.safetensors"})", "an object is no file name"},
  };
  for (const auto& s : samples) {
    const std::string message = m.error_of_map(std::string(s.map) + "," + rest);
    CAPTURE(s.name, message);
    CHECK(contains(message, s.message));
  }
  CHECK(contains(m.error_of_map(rest), "1.safetensors is not listed"));
  CHECK(contains(m.error_of_map(rest), "tensor 'a' of "));
}

TEST_CASE("indexes that are none are refused", "[io]") {
  model m;
  CHECK(contains(m.error_of(""), "invalid JSON"));
  CHECK(contains(m.error_of("{}"), "there is no weight_map"));
  CHECK(contains(m.error_of("[]"), "does not start with '{'"));
  CHECK(contains(m.error_of("1"), "does not start with '{'"));
  CHECK(contains(m.error_of("\"a\""), "does not start with '{'"));
  CHECK(contains(m.error_of(R"({"weight_map":[]})"), "weight_map is an array, not an object"));
  CHECK(contains(m.error_of(R"({"weight_map":1})"), "weight_map is a number, not an object"));
  CHECK(contains(m.error_of(R"({"weight_map":"1.safetensors"})"), "weight_map is a string"));
  CHECK(contains(m.error_of(R"({"weight_map":{},"weight_map":{}})"), "weight_map occurs twice"));
  CHECK(contains(m.error_of(m.good + "x"), "invalid JSON"));
  CHECK(contains(m.error_of("{\"a\":" + std::string(100'000, '[')), "nested deeper than 8"));
  CHECK(contains(m.error_of("{\"" + std::string(100'000, 'a') + "\":1}"), "a string of 100000 bytes"));
  CHECK(contains(m.error_of("{\"a\":" + std::string(100'000, '1') + "}"), "more than 64 characters"));
  CHECK(contains(m.error_of("{\"a"), "does not end"));
  CHECK(contains(m.error_of(std::string("{\0}", 3)), "byte 1: a zero byte"));
  CHECK(m.error_of(R"({"weight_map":{}})").empty());
  write_file(m.directory / "2.safetensors", "{}");
  CHECK(contains(m.error_of(m.good), "2.safetensors: not a safetensors file"));
  write_file(m.directory / "2.safetensors", file_contents(m.directory / "1.safetensors"));
  CHECK(contains(m.error_of(R"({"weight_map":{"a":"1.safetensors","b":"1.safetensors","b":"2.safetensors","a":"2.safetensors"}})"),
                 "is in two files"));
}

TEST_CASE("every truncation and flipped bit of an index is an error or another index", "[io]") {
  model m;
  const std::string good = m.good;
  for (std::size_t length = 0; length != good.size(); ++length) CHECK_FALSE(m.error_of(good.substr(0, length)).empty());
  for (std::size_t bit = 0; bit != 8 * good.size(); ++bit) {
    std::string other = good;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
    std::size_t peak = 0;
    std::string message;
    peak = allocation_counter::peak_of([&] { message = m.error_of(other); });
    if (peak > (std::size_t{1} << 20) || message.size() > 1000) FAIL("too much memory");
  }
  CHECK(m.error_of(good).empty());
}

TEST_CASE("a checkpoint larger than memory is read one tensor at a time", "[io]") {
  // 64 tensors of 64 MiB: files of holes, which take no room on the disk.
  const temporary_directory directory;
  constexpr std::uint64_t each = std::uint64_t{64} << 20;
  std::string map;
  for (int f = 0; f != 2; ++f) {
    std::vector<std::string> members;
    const std::string file = "model-" + std::to_string(f) + ".safetensors";
    for (std::uint64_t i = 0; i != 32; ++i) {
      const std::string name = std::to_string(f) + "." + std::to_string(i);
      members.push_back(safetensors_corpus::tensor(name, "BF16", std::to_string(each / 2),
                                                   std::to_string(i * each) + "," + std::to_string((i + 1) * each)));
      map.append(map.empty() ? "" : ",").append("\"" + name + "\":\"" + file + "\"");
    }
    const std::string header = safetensors_corpus::file(safetensors_corpus::object(members));
    write_file(directory / file, header);
    REQUIRE(::truncate((directory / file).c_str(), static_cast<off_t>(header.size() + 32 * each)) == 0);
  }
  write_file(directory / index_name, "{\"weight_map\":{" + map + "}}");

  std::size_t tensors = 0;
  const std::size_t peak = allocation_counter::peak_of([&] {
    const lowp::safetensors_checkpoint checkpoint(directory / "");
    std::vector<float> row(1 << 16);
    for (const auto& place : checkpoint.tensors()) {
      lowp::read_floats(place.tensor().dtype, place.bytes().first(2 * row.size()), row);
      tensors += place.bytes().size() == each && row.back() == 0.0f;
    }
  });
  CHECK(tensors == 64u);
  CHECK(peak < std::size_t{2} << 20);
}
