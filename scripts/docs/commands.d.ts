export interface DocumentedCommand {
  line: number;
  command: string;
  output: string[];
  notRun: string | null;
  needs: string | null;
  fails: number | null;
}
export function documents(root: string): string[];
export function commandsIn(markdown: string): DocumentedCommand[];
export function notRun(root: string): string[];
