/** Short constructors for the attributes of TensorFlow operations. */
import { AttributeType, DataType, type ElementType, type OpAttribute } from './binding.js';

export const stringAttribute = (name: string, value: string): OpAttribute => ({
  name,
  type: AttributeType.string,
  value,
});
export const intAttribute = (name: string, value: number | readonly number[]): OpAttribute => ({
  name,
  type: AttributeType.int,
  value,
});
export const floatAttribute = (name: string, value: number): OpAttribute => ({
  name,
  type: AttributeType.float,
  value,
});
export const boolAttribute = (name: string, value: boolean): OpAttribute => ({
  name,
  type: AttributeType.bool,
  value,
});
export const typeAttribute = (name: string, value: number): OpAttribute => ({
  name,
  type: AttributeType.type,
  value,
});
export const shapeAttribute = (name: string, value: readonly number[]): OpAttribute => ({
  name,
  type: AttributeType.shape,
  value,
});

/** Ahead of each element of a list, in the form that `cpp/backend.cc` reads. */
const SEPARATOR = '\x1f';
export const stringsAttribute = (name: string, values: readonly string[]): OpAttribute =>
  stringAttribute(name, ['', 'strings', ...values].join(SEPARATOR));
export const typesAttribute = (name: string, values: readonly number[]): OpAttribute =>
  stringAttribute(name, ['', 'types', ...values].join(SEPARATOR));

/** `T = float`, the element type of parameters, their gradients, and all that is not maps. */
export const FLOAT = typeAttribute('T', DataType.float);
const BFLOAT16 = typeAttribute('T', DataType.bfloat16);
/** `T` of this element type. */
export const elements = (type: ElementType): OpAttribute =>
  type === DataType.float ? FLOAT : BFLOAT16;
export const CHANNELS_LAST = stringAttribute('data_format', 'NHWC');
