/** What a failed system call means to a user, and what to do about it. */

const FIXES: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on that disk',
  EDQUOT: 'make room within the disk quota',
  EROFS: 'that file system is read-only: remount it for writing, or name a folder elsewhere',
  EACCES: 'fix the permissions, or name a folder that this user may write to',
  EPERM: 'fix the permissions, or name a folder that this user may write to',
  ENOENT: 'it is not there, or not any more: check whether it was moved or removed',
  ENOTDIR: 'a part of that path is a file: check the path',
  EISDIR: 'that is a folder: name a file',
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

/** One line that says what went wrong. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
