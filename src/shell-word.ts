/** A text as a shell takes it for one word: quoted where it must be. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./~-]+$/.test(text)) return text;
  if (process.platform !== 'win32') return `'${text.replaceAll("'", "'\\''")}'`;
  return /^[\w@+=:,./\\~-]+$/.test(text) ? text : `"${text}"`;
}
