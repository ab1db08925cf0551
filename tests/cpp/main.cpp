#include "check.hpp"

namespace edgeloop_test {

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

std::string message_of(edgeloop::ErrorKind kind, const std::function<void()>& body) {
  try {
    body();
  } catch (const edgeloop::Error& error) {
    if (error.kind() == kind) return error.what();
    throw std::runtime_error(std::string("an error of another kind: ") + error.what());
  }
  throw std::runtime_error("no error was thrown");
}

}  // namespace edgeloop_test

int main() {
  int failed = 0;
  int skipped = 0;
  for (const edgeloop_test::Test& test : edgeloop_test::tests()) {
    try {
      test.body();
      std::printf("ok      %s\n", test.name);
    } catch (const edgeloop_test::Skipped& reason) {
      ++skipped;
      std::printf("skipped %s: %s\n", test.name, reason.what());
    } catch (const std::exception& error) {
      ++failed;
      std::printf("FAILED  %s\n        %s\n", test.name, error.what());
    }
  }
  std::printf("%zu tests, %d failed, %d skipped\n", edgeloop_test::tests().size(), failed, skipped);
  return failed == 0 ? 0 : 1;
}
