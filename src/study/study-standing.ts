/** How far a study is, of all processes that are at work on it. */
export interface StudyStanding {
  /** Runs that are over, and all. */
  done: number;
  total: number;
  /** Under way. */
  runs: { id: string; step: number; steps: number }[];
  /** Until the last of its parts is done; null where that is not known. */
  secondsLeft: number | null;
  working: boolean;
}
