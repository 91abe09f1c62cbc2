/** Text in lines of whole words. @param indent of the lines after the first */
export function wrapText(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length > columns) lines.push(indent + word);
    else lines[Math.max(0, lines.length - 1)] = longer;
  }
  return lines;
}
