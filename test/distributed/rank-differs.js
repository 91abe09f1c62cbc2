/** relaybp, but rank 1 is given more: after `--rank-1` arguments, and NAME=value for its environment. */
const all = process.argv.slice(2);
const at = all.indexOf('--rank-1');
const rank = process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK;
const args = all.slice(0, at);
for (const more of rank === '1' ? all.slice(at + 1) : []) {
  const [, name, value] = /^([A-Z]+)=(.*)$/.exec(more) ?? [];
  if (name) process.env[name] = value;
  else args.push(more);
}
const { main } = await import('../../dist/cli.js');
process.exitCode = await main(args);
