/** relaybp, but rank 1 is given more arguments: those after `--rank-1`. */
const { main } = await import('../../dist/cli.js');
const all = process.argv.slice(2);
const at = all.indexOf('--rank-1');
const rank = process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK;
process.exitCode = await main(
  rank === '1' ? [...all.slice(0, at), ...all.slice(at + 1)] : all.slice(0, at),
);
