/**
 * The network of a plan in TensorFlow.js as its documentation would have it: operations under a tape, one
 * `variableGrads` per loss with respect to the variables within its range, SGD with momentum.
 */
import * as tf from '@tensorflow/tfjs-core';

export class TfjsNetwork {
  /**
   * @param {any} plan of `relaybp plan --json`
   * @param {Map<string, { shape: number[], values: Float32Array }>} weights
   * @param {boolean} dropout
   */
  constructor(plan, weights, dropout) {
    this.plan = plan;
    this.dropout = dropout;
    this.layers = new Map(plan.layers.map((layer) => [layer.name, layer]));
    this.trunk = plan.layers.filter((layer) => 'segment' in layer);
    /** @type {Map<string, tf.Variable>} */
    this.variables = new Map();
    this.velocity = new Map();
    for (const [name, { shape, values }] of weights) {
      const value = tf.tensor(values.slice(), shape);
      this.variables.set(name, tf.variable(value, true));
      this.velocity.set(name, tf.variable(tf.zeros(shape), false));
      value.dispose();
    }
  }

  dispose() {
    for (const variable of [...this.variables.values(), ...this.velocity.values()])
      variable.dispose();
  }

  /**
   * @param {tf.Tensor4D} images
   * @param {tf.Tensor1D} labels
   * @returns {{ losses: Map<string, number>, gradients: Map<string, tf.Tensor> }} gradients of all losses, summed
   */
  gradients(images, labels) {
    const losses = new Map();
    /** @type {Map<string, tf.Tensor>} */
    const sums = new Map();
    const names = new Map([...this.variables].map(([name, variable]) => [variable.name, name]));
    for (const loss of this.plan.losses) {
      const inRange = this.#trained(loss).map((name) => this.variables.get(name));
      const { value, grads } = tf.variableGrads(() => this.#loss(loss, images, labels), inRange);
      losses.set(loss.name, value.dataSync()[0] / loss.weight);
      value.dispose();
      for (const [variable, gradient] of Object.entries(grads)) {
        const name = names.get(variable);
        const sum = sums.get(name);
        sums.set(name, sum ? tf.add(sum, gradient) : gradient);
        if (sum) tf.dispose([sum, gradient]);
      }
    }
    return { losses, gradients: sums };
  }

  /**
   * @param {tf.Tensor4D} images
   * @param {tf.Tensor1D} labels
   * @param {number} lr
   */
  step(images, labels, lr) {
    const { gradients } = this.gradients(images, labels);
    const { momentum, weightDecay } = this.plan.optimizer;
    tf.tidy(() => {
      for (const [name, gradient] of gradients) {
        const [w, v] = [this.variables.get(name), this.velocity.get(name)];
        const decayed = tf.add(gradient, tf.mul(w, weightDecay));
        v.assign(tf.add(tf.mul(v, momentum), tf.mul(decayed, lr)));
        w.assign(tf.sub(w, v));
      }
    });
    tf.dispose([...gradients.values()]);
  }

  #trained(loss) {
    return [...loss.range.layers, ...loss.head].flatMap((name) =>
      this.layers.get(name).parameters.map((parameter) => parameter.name),
    );
  }

  #loss(loss, images, labels) {
    const top = this.trunk.findIndex(({ name }) => name === loss.after);
    const head = loss.head.map((name) => this.layers.get(name));
    const logits = [...this.trunk.slice(0, top + 1), ...head].reduce(
      (x, layer) => this.#forward(layer, x),
      images,
    );
    const oneHot = tf.oneHot(labels, this.plan.classes);
    const each = tf.neg(tf.sum(tf.mul(oneHot, tf.logSoftmax(logits)), -1));
    return tf.mul(tf.mean(each), loss.weight);
  }

  #forward(layer, x) {
    switch (layer.type) {
      case 'conv': {
        const y = tf.conv2d(
          x,
          this.#parameter(layer, 0),
          layer.window.stride,
          padding(layer.window),
        );
        return this.#activate(layer, y);
      }
      case 'fc': {
        return this.#activate(layer, tf.matMul(flatten(x), this.#parameter(layer, 0)));
      }
      case 'maxpool':
        return tf.maxPool(x, layer.window.kernel, layer.window.stride, padding(layer.window));
      case 'avgpool':
        return tf.avgPool(x, layer.window.kernel, layer.window.stride, padding(layer.window));
      case 'spp':
        return tf.concat(
          layer.levels.map(({ window }) =>
            flatten(tf.maxPool(x, window.kernel, window.stride, padding(window))),
          ),
          1,
        );
      case 'dropout':
        return this.dropout ? tf.dropout(x, layer.rate) : x;
      default:
        throw new Error(`${layer.name}: this comparison knows no layer of type ${layer.type}`);
    }
  }

  #activate(layer, y) {
    const biased = layer.parameters.length > 1 ? tf.add(y, this.#parameter(layer, 1)) : y;
    return layer.relu ? tf.relu(biased) : biased;
  }

  #parameter(layer, i) {
    return this.variables.get(layer.parameters[i].name);
  }
}

const flatten = (x) => tf.reshape(x, [x.shape[0], -1]);

/** TensorFlow's name for a window's padding. */
export function padding({ kernel, stride, padding: sides }) {
  if (sides.every((pixels) => pixels === 0)) return 'valid';
  const half = kernel.map((size) => (size - 1) / 2);
  const same = [half[0], half[0], half[1], half[1]];
  if (stride.every((n) => n === 1) && sides.every((pixels, i) => pixels === same[i])) return 'same';
  throw new Error(`this comparison knows no padding [${sides.join(', ')}]`);
}
