/**
 * Errors that a user can act on. Each says what is wrong, where, and how to fix it;
 * only the command line prints them and chooses the exit code.
 */
export class RelaybpError extends Error {
  /** The message line by line. A line end inside one of them came with a name or a value. */
  readonly lines: readonly string[];

  /** @param message what is wrong, with the value and the rule; @param hint how to fix it */
  constructor(
    message: string | readonly string[],
    readonly hint?: string,
  ) {
    const lines = typeof message === 'string' ? [message] : message;
    super(lines.join('\n'));
    this.lines = lines;
    this.name = new.target.name;
  }
}

/** A config file or a command-line option breaks a rule. Exit code 2. */
export class ConfigError extends RelaybpError {
  /** @param path the key path in the config that the message is about, where the file's position is not known yet */
  constructor(
    message: string | readonly string[],
    hint?: string,
    readonly path?: readonly (string | number)[],
  ) {
    super(message, hint);
  }
}

/** Images, class folders or list files are missing or unreadable. Exit code 3. */
export class DataError extends RelaybpError {}

/** A checkpoint or a run folder is missing, damaged or does not fit. Exit code 4. */
export class CheckpointError extends RelaybpError {}

/** Another training is at work in a run folder. */
export class RunInUseError extends CheckpointError {}

/** The files of a checkpoint are not what was written: cut off, altered or missing. Another of the run may be whole. */
export class DamagedCheckpointError extends CheckpointError {}

/** An engine is not installed or failed. Exit code 1. */
export class EngineError extends RelaybpError {}

/** Memory for a tensor or for an operation's work space could not be had. Exit code 1. */
export class OutOfMemoryError extends EngineError {}

/** Training cannot go on, for instance because a loss is not finite. Exit code 1. */
export class TrainingError extends RelaybpError {}

/** A format cannot hold the network, or the written file does not compute what the network does. Exit code 1. */
export class ExportError extends RelaybpError {}
