// What holds for the malformed files of every format.
#pragma once

#include "error_message.hpp"

#include <lowp_test.hpp>

#include <string>

// Each file of a corpus, read by `read` under the name "f", gives the message that it stands for, short and with the file's name.
template <class Samples, class Read>
void check_messages(const Samples& samples, const Read& read) {
  for (const auto& sample : samples) {
    const std::string message = error_message([&] { read(sample.bytes); });
    CAPTURE(sample.name, sample.message, message);
    CHECK(contains(message, sample.message));
    CHECK(message.substr(0, 3) == "f: ");
    CHECK(message.size() < 500u);
  }
}
