// The binding's own backend.cc with one addition: attributes that are lists of strings or of types, which fused
// operations need and the binding does not pass on. They come in as a string: the separator 0x1f, then "strings" or
// "types", then the elements, each preceded by the separator (see listAttribute in attributes.ts).
#include <cstdlib>
#include <string>
#include <vector>

#include "tensorflow/c/eager/c_api.h"

namespace relaybp {

constexpr char kSeparator = '\x1f';

static void SetStringOrList(TFE_Op *op, const char *name, const void *value, size_t length) {
  const char *text = static_cast<const char *>(value);
  if (length == 0 || text[0] != kSeparator) {
    TFE_OpSetAttrString(op, name, value, length);
    return;
  }
  std::vector<std::string> parts;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == kSeparator) {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  if (parts[0] == "types") {
    std::vector<TF_DataType> types;
    for (size_t i = 1; i < parts.size(); i++) {
      types.push_back(static_cast<TF_DataType>(std::atoi(parts[i].c_str())));
    }
    TFE_OpSetAttrTypeList(op, name, types.data(), static_cast<int>(types.size()));
    return;
  }
  std::vector<const void *> strings;
  std::vector<size_t> lengths;
  for (size_t i = 1; i < parts.size(); i++) {
    strings.push_back(parts[i].data());
    lengths.push_back(parts[i].size());
  }
  TFE_OpSetAttrStringList(op, name, strings.data(), lengths.data(), static_cast<int>(strings.size()));
}

}  // namespace relaybp

#define TFE_OpSetAttrString relaybp::SetStringOrList
#include "tfjs_backend.cc"
