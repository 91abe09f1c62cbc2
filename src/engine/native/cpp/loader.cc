// A second addon, engine_loader.node, compiled beside the binding. It does what must happen before TensorFlow is loaded
// and JavaScript cannot do:
// - redirectStderr(path) and restoreStderr(): TensorFlow logs two lines while it loads, whatever its log level; they go
//   to a file, of which loader.ts prints what is not mere information;
// - preload(path): loads a shared library for everyone, so that the CUDA libraries from PyPI are found; returns whether
//   it worked.
#include <dlfcn.h>
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

static int saved_stderr = -1;

static bool path_argument(napi_env env, napi_callback_info info, char *path, size_t size) {
  size_t count = 1, length = 0;
  napi_value argument;
  return napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) == napi_ok && count == 1 &&
         napi_get_value_string_utf8(env, argument, path, size, &length) == napi_ok;
}

static napi_value boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

static napi_value redirect_stderr(napi_env env, napi_callback_info info) {
  char path[4096];
  if (saved_stderr >= 0 || !path_argument(env, info, path, sizeof path)) return boolean(env, false);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return boolean(env, false);
  saved_stderr = fcntl(2, F_DUPFD_CLOEXEC, 3);
  bool done = saved_stderr >= 0 && dup2(file, 2) == 2;
  close(file);
  return boolean(env, done);
}

static napi_value restore_stderr(napi_env env, napi_callback_info) {
  if (saved_stderr >= 0) {
    dup2(saved_stderr, 2);
    close(saved_stderr);
    saved_stderr = -1;
  }
  return nullptr;
}

static napi_value preload(napi_env env, napi_callback_info info) {
  char path[4096];
  if (!path_argument(env, info, path, sizeof path)) return boolean(env, false);
  return boolean(env, dlopen(path, RTLD_LAZY | RTLD_GLOBAL) != nullptr);
}

static napi_value init(napi_env env, napi_value exports) {
  napi_property_descriptor all[] = {
      {"redirectStderr", nullptr, redirect_stderr, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"restoreStderr", nullptr, restore_stderr, nullptr, nullptr, nullptr, napi_default, nullptr},
      {"preload", nullptr, preload, nullptr, nullptr, nullptr, napi_default, nullptr},
  };
  napi_define_properties(env, exports, sizeof all / sizeof all[0], all);
  return exports;
}

NAPI_MODULE(engine_loader, init)
