import { statSync } from 'node:fs';
import { readStanding } from '../study/progress-file.js';
import type { StudyStanding, StudyTable } from './page-data.js';
import type { RunSource } from './run.js';
import { readTable, runsOfTable, tableFile } from './study-of-folder.js';

/** A study's folder while it is worked on: its table is read again when it has changed. */
export class LiveStudy {
  private read: { table: StudyTable; state: string } | null = null;

  /** @throws CheckpointError if its table is damaged */
  constructor(
    private readonly folder: string,
    private readonly about: Omit<RunSource, 'folder'>,
  ) {
    this.table();
  }

  table(): StudyTable {
    const state = this.state();
    if (this.read?.state !== state) this.read = { table: readTable(this.folder), state };
    return this.read.table;
  }

  /** Its final runs that have begun. */
  runs(): RunSource[] {
    return runsOfTable(this.folder, this.table(), this.about);
  }

  /** Another one whenever the table is. */
  state(): string {
    const { size, mtimeMs } = statSync(tableFile(this.folder));
    return `${size} ${mtimeMs}`;
  }

  standing(): StudyStanding | null {
    return readStanding(this.folder);
  }
}
