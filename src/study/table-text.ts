import { aligned } from '../terminal/aligned.js';
import { wrapText } from '../terminal/wrap-text.js';
import type { StudyTable } from './table-schema.js';
import { headline, sectionsOf } from './table-sections.js';

/** The table for a terminal. @param columns the width that it is to fit */
export function tableText(table: StudyTable, columns: number): string[] {
  return [
    ...wrapText(headline(table), columns),
    ...sectionsOf(table).flatMap(({ title, head, rows }) => [
      '',
      ...wrapText(title, columns),
      ...aligned([head, ...rows], columns),
    ]),
    ...(table.notes.length > 0 ? ['', 'to know'] : []),
    ...table.notes.flatMap((note) => wrapText(`- ${note}`, columns, '  ')),
  ];
}

/** The table as Markdown. */
export function tableMarkdown(table: StudyTable): string {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const lines = sectionsOf(table).flatMap(({ title, head, rows }) => [
    '',
    `**${title}**`,
    '',
    row(head),
    row(head.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map(row),
  ]);
  const notes = table.notes.map((note) => `- ${note}`);
  return `${[headline(table), ...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`;
}
