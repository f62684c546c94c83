// How well a model predicts text: exp of the mean negative log likelihood of each byte after the first of a window.
//
//   double p = perplexity(lm, windows(eval, 512), 2);
#pragma once

#include "model.hpp"
#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tinylm {

// -log p(next) under softmax(logits)
inline double surprise(std::span<const float> logits, std::size_t next) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += static_cast<double>(std::exp(x - largest));
  return std::log(sum) - static_cast<double>(logits[next] - largest);
}

// Each thread works in a session that make_session() gives. Calls progress(windows done) from the thread that finished one.
template <class Token, class Progress, class MakeSession>
double perplexity(const model& lm, const std::vector<std::span<const Token>>& texts, std::size_t threads, const Progress& progress,
                  const MakeSession& make_session) {
  std::vector<session> sessions;
  for (std::size_t i = 0; i < threads; ++i) sessions.push_back(make_session());
  std::vector<double> sums(texts.size());
  std::atomic<std::size_t> done{0};
  parallel_for(texts.size(), threads, [&](std::size_t i, std::size_t thread) {
    session& s = sessions[thread];
    s.reset();
    lm.forward(texts[i], s);
    for (std::size_t t = 0; t + 1 < texts[i].size(); ++t) sums[i] += surprise(s.logits().row(t), texts[i][t + 1]);
    progress(++done);
  });
  // Summed in order, so that the number of threads changes nothing.
  double sum = 0;
  std::size_t predictions = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    sum += sums[i];
    predictions += texts[i].size() - 1;
  }
  return std::exp(sum / static_cast<double>(predictions));
}

template <class Token, class Progress>
double perplexity(const model& lm, const std::vector<std::span<const Token>>& texts, std::size_t threads, const Progress& progress) {
  return perplexity(lm, texts, threads, progress, [&] { return session(lm.config()); });
}

template <class Token>
double perplexity(const model& lm, const std::vector<std::span<const Token>>& texts, std::size_t threads) {
  return perplexity(lm, texts, threads, [](std::size_t) {});
}

}  // namespace tinylm
