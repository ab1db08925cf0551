#pragma once

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

// What a runtime does when it misbehaves, and when. EDGELOOP_FAKE=STEP:ACT[:N] orders ACT at the
// N-th time that STEP is reached. EDGELOOP_FAKE_PROCESS=K obeys in the K-th process only; the file
// EDGELOOP_FAKE_COUNTER then counts the processes, one byte each.

namespace fakes {

struct Order {
  std::string step;
  std::string act;
  unsigned long number = 1;
};

inline std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

inline Order order() {
  const std::string text = variable("EDGELOOP_FAKE");
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {};
  const std::size_t second = text.find(':', colon + 1);
  Order order{text.substr(0, colon), text.substr(colon + 1, second - colon - 1)};
  if (second != std::string::npos) order.number = std::stoul(text.substr(second + 1));
  return order;
}

// The number of this process among those that asked, from 1; every process asks once.
inline unsigned long process_number() {
  std::FILE* counter = std::fopen(variable("EDGELOOP_FAKE_COUNTER").c_str(), "a");
  if (counter == nullptr) return 0;
  std::fputc('.', counter);
  const long position = std::ftell(counter);
  std::fclose(counter);
  return static_cast<unsigned long>(position);
}

inline bool obeys_here() {
  static const std::string wanted = variable("EDGELOOP_FAKE_PROCESS");
  static const bool here = wanted.empty() || process_number() == std::stoul(wanted);
  return here;
}

inline void print_megabytes() {
  const std::string line = std::string(99, 'x') + "\n";
  for (int i = 0; i < 20'000; ++i) {
    std::fputs(line.c_str(), stdout);
    std::fputs(line.c_str(), stderr);
  }
  std::fputs("the last words\n", stderr);
}

// Takes memory until there is none; gives nothing back. Bounded, in case nobody set a limit.
inline bool memory_ends() {
  constexpr std::size_t kPiece = 256 << 20;
  for (int piece = 0; piece < 256; ++piece) {
    if (std::malloc(kPiece) == nullptr) return true;
  }
  return false;
}

// Returns false where the step shall fail.
inline bool perform(const std::string& act) {
  if (act == "segv") std::raise(SIGSEGV);
  if (act == "kill") std::raise(SIGKILL);
  if (act == "abort") std::abort();
  if (act == "exit") std::exit(0);
  if (act == "throw-bad-alloc") throw std::bad_alloc();
  if (act == "throw") throw std::logic_error("the fake threw");
  if (act == "print") print_megabytes();
  if (act == "memory") return !memory_ends();
  while (act == "hang") pause();
  for (volatile bool spins = act == "spin"; spins;) continue;
  return act != "fail";
}

}  // namespace fakes
