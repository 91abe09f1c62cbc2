/** Short constructors for the attributes of TensorFlow operations. */
import { AttributeType, DataType, type OpAttribute } from './binding.js';

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

/** `T = float`, the element type of nearly every operation here. */
export const FLOAT = typeAttribute('T', DataType.float);
export const CHANNELS_LAST = stringAttribute('data_format', 'NHWC');
