#include "edgeloop/tflite_external_delegate.hpp"

#include <cstdio>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

constexpr char kCreate[] = "tflite_plugin_create_delegate";
constexpr char kDestroy[] = "tflite_plugin_destroy_delegate";

using Create = TfLiteDelegate* (*)(const char* const* keys, const char* const* values,
                                   std::size_t count, void (*report_error)(const char*));
using Destroy = void (*)(TfLiteDelegate*);

// Where the words go while a delegate is made on this thread: the callback has no user data.
thread_local std::string* reported_words = nullptr;

// A delegate may keep it and call it later, when its words belong to the log.
void report_error(const char* words) {
  if (words == nullptr) return;
  if (reported_words == nullptr) {
    std::fprintf(stderr, "%s\n", words);
    return;
  }
  if (!reported_words->empty()) *reported_words += "; ";
  *reported_words += words;
}

std::string one_line(std::string words) {
  for (char& letter : words) {
    if (letter == '\n' || letter == '\r') letter = ' ';
  }
  words.erase(words.find_last_not_of(' ') + 1);
  return words;
}

std::string said_options(const DelegateOptions& options) {
  std::string text;
  for (const auto& [key, value] : options.options) {
    text += (text.empty() ? "" : ", ") + key + "=" + value;
  }
  return text.empty() ? "no options" : text;
}

[[noreturn]] void refuse(const DelegateOptions& options, const std::string& words) {
  throw Error(ErrorKind::not_available,
              "the delegate " + options.name + " (" + options.library +
                  ") could not be created with " + said_options(options) + ": " +
                  (words.empty() ? "it gave no reason; its device or driver may be missing, or "
                                   "an option may be wrong"
                                 : one_line(words)));
}

Dylib open_delegate(const DelegateOptions& options) {
  Dylib library = Dylib::open(options.library);
  for (const char* symbol : {kCreate, kDestroy}) {
    if (library.optional_symbol<void*>(symbol) == nullptr) {
      throw Error(ErrorKind::not_available, "the library " + options.library +
                                                " is no TFLite delegate: it has no symbol " +
                                                symbol + "; name an external delegate's library");
    }
  }
  return library;
}

}  // namespace

TfliteExternalDelegate::TfliteExternalDelegate(const DelegateOptions& options)
    : name_(options.name), library_(open_delegate(options)) {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : options.options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  std::string words;
  reported_words = &words;
  delegate_ =
      library_.symbol<Create>(kCreate)(keys.data(), values.data(), keys.size(), &report_error);
  reported_words = nullptr;
  if (delegate_ == nullptr) refuse(options, words);
}

TfliteExternalDelegate::~TfliteExternalDelegate() {
  // Not every delegate takes a null pointer here; this one never is.
  library_.symbol<Destroy>(kDestroy)(delegate_);
}

TfliteExternalDelegates create_external_delegates(const EngineOptions& options,
                                                  TfliteProbe& probe) {
  TfliteExternalDelegates made;
  for (const DelegateOptions& delegate : options.delegates) {
    made.push_back(std::make_unique<TfliteExternalDelegate>(delegate));
    probe.expect(made.back()->get(), delegate.name);
  }
  return made;
}

std::string names_of(const TfliteExternalDelegates& delegates) {
  std::string names = delegates.size() == 1 ? "the delegate " : "the delegates ";
  for (std::size_t index = 0; index < delegates.size(); ++index) {
    names += (index == 0 ? "" : " and ") + delegates[index]->name();
  }
  return names;
}

}  // namespace edgeloop
