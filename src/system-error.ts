import { getSystemErrorMap } from 'node:util';
import { RelaybpError } from './errors.js';

/** What a failed system call means to a user, and what to do about it. */

const FIXES: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on that disk',
  EDQUOT: 'make room within the disk quota',
  EROFS: 'that file system is read-only: remount it for writing, or name a folder elsewhere',
  EACCES: 'fix the permissions, or name another place, one that this user may use',
  EPERM: 'fix the permissions, or name another place, one that this user may use',
  ENOENT: 'it is not there, or not any more: check whether it was moved or removed',
  ENOTDIR: 'a part of that path is a file: check the path',
  EISDIR: 'name a file',
  ELOOP: 'symbolic links go round in a circle: remove the loop',
  ENAMETOOLONG: 'use shorter names',
  EMFILE: 'raise the limit of open files (ulimit -n)',
  EIO: 'the disk reports an error: check its health',
  ESTALE: 'the network file system has lost that file: mount it again',
};

/** Whether the system refused something, a file operation say: no fault of the program. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** How to mend it; undefined where there is no better advice than the message. */
export function systemFix(error: unknown): string | undefined {
  return isSystemError(error) ? FIXES[error.code ?? ''] : undefined;
}

/**
 * What went wrong, in one line of words. Of a system error the reason alone, `no such file or directory` say: whoever
 * tells it names the file. A line end that is left is part of a name.
 */
export function messageOf(error: unknown): string {
  if (isSystemError(error)) return reasonOf(error);
  if (error instanceof RelaybpError) return error.lines.join('; ');
  const text = error instanceof Error ? error.message : String(error);
  return text
    .split(/\s*[\r\n]\s*/)
    .filter(Boolean)
    .join('; ');
}

/** The same for those who do not name the file. */
export function messageWithPath(error: unknown): string {
  const path = isSystemError(error) ? error.path : undefined;
  return path === undefined ? messageOf(error) : `${path}: ${messageOf(error)}`;
}

/** Where the system's own words are not plain. */
const PLAIN: Readonly<Record<string, string>> = {
  EISDIR: 'it is a folder',
  ENOTFOUND: 'no such host',
};

function reasonOf({ errno, code, message }: NodeJS.ErrnoException): string {
  const [, reason] = getSystemErrorMap().get(errno ?? 0) ?? [];
  return PLAIN[code ?? ''] ?? reason ?? message;
}
