import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const roots = new Map<string, protobuf.Root>();

/** A message type of `protos/<file>.proto`. Fields are given in camel case. */
export function messageType(file: 'onnx' | 'tensorflow', name: string): protobuf.Type {
  let root = roots.get(file);
  if (!root) {
    root = protobuf.loadSync(fileURLToPath(new URL(`../protos/${file}.proto`, import.meta.url)));
    roots.set(file, root);
  }
  return root.lookupType(name);
}
