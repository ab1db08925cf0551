#include "edgeloop/tflite_external_delegate.hpp"

#include <cstdio>

#include "edgeloop/error.hpp"
#include "tflite_gpu_delegate.h"

namespace edgeloop {
namespace {

constexpr char kCreate[] = "tflite_plugin_create_delegate";
constexpr char kDestroy[] = "tflite_plugin_destroy_delegate";

// TensorFlow's GPU delegate has functions of its own. Old ones have no other, and where newer ones
// are plugins too, those take the value of one option for that of another.
constexpr char kGpuDefault[] = "TfLiteGpuDelegateOptionsV2Default";
constexpr char kGpuCreate[] = "TfLiteGpuDelegateV2Create";
constexpr char kGpuDestroy[] = "TfLiteGpuDelegateV2Delete";

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

bool is_gpu_delegate(const Dylib& library) {
  return library.optional_symbol<void*>(kGpuCreate) != nullptr;
}

Dylib open_delegate(const DelegateOptions& options) {
  Dylib library = Dylib::open(options.library);
  if (is_gpu_delegate(library)) return library;
  for (const char* symbol : {kCreate, kDestroy}) {
    if (library.optional_symbol<void*>(symbol) == nullptr) {
      throw Error(ErrorKind::not_available, "the library " + options.library +
                                                " is not a TFLite delegate: it has no symbol " +
                                                symbol + "; name an external delegate's library");
    }
  }
  return library;
}

TfLiteDelegate* create_plugin(const Dylib& library, const DelegateOptions& options) {
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : options.options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  std::string words;
  reported_words = &words;
  TfLiteDelegate* delegate =
      library.symbol<Create>(kCreate)(keys.data(), values.data(), keys.size(), &report_error);
  reported_words = nullptr;
  if (delegate == nullptr) refuse(options, words);
  return delegate;
}

TfLiteDelegate* create_gpu_delegate(const Dylib& library, const DelegateOptions& options) {
  TfLiteGpuDelegateOptionsV2 chosen =
      library.symbol<TfLiteGpuDelegateOptionsV2Default>(kGpuDefault)();
  for (const auto& [key, value] : options.options) {
    if (key != "precision" || (value != "fp16" && value != "fp32")) {
      throw Error(ErrorKind::usage, "the GPU delegate " + options.library + " does not take " +
                                        key + "=" + value + "; it takes precision=fp16 or fp32");
    }
    chosen.is_precision_loss_allowed = value == "fp16" ? 1 : 0;
  }
  TfLiteDelegate* delegate = library.symbol<TfLiteGpuDelegateV2Create>(kGpuCreate)(&chosen);
  if (delegate == nullptr) refuse(options, "");
  return delegate;
}

}  // namespace

TfliteExternalDelegate::TfliteExternalDelegate(const DelegateOptions& options)
    : name_(options.name), library_(open_delegate(options)) {
  const bool gpu = is_gpu_delegate(library_);
  // Not every delegate takes a null pointer here; this one never is.
  destroy_ = library_.symbol<Destroy>(gpu ? kGpuDestroy : kDestroy);
  delegate_ = gpu ? create_gpu_delegate(library_, options) : create_plugin(library_, options);
}

TfliteExternalDelegate::~TfliteExternalDelegate() { destroy_(delegate_); }

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
