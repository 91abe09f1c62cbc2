/** Trainings that benchmarks measure. `steps`: of each contender in a round. */
export const CASES = {
  vgg10: { config: 'configs/bench-vgg10.yaml', batch: 32, steps: 3 },
  modelA: { config: 'configs/places2-modelA.yaml', batch: 8, steps: 1 },
  vgg19: { config: 'configs/imagenet-vgg19-three-losses.yaml', batch: 8, steps: 1 },
  resnet50: { config: 'configs/imagenet-resnet50-relay.yaml', batch: 8, steps: 2 },
};
