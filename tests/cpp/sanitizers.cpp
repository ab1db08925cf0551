// How the sanitizers behave in these tests. They call what they find here; without them it is never
// called.

#define SETTING(name) extern "C" __attribute__((visibility("default"))) const char* name()

// What no memory holds gives no memory, as it does without a sanitizer, instead of an abort.
SETTING(__asan_default_options) { return "allocator_may_return_null=1"; }
SETTING(__tsan_default_options) { return "allocator_may_return_null=1"; }

// ThreadSanitizer does not see the atomics with which the threads of ONNX Runtime, which was built
// without it, hand each other their tasks; the new and delete on both sides it does see. Of our own
// code and of the other libraries nothing is suppressed, and LeakSanitizer needs no exception.
SETTING(__tsan_default_suppressions) { return "race:libonnxruntime.so\n"; }
