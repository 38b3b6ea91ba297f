/** Recounts as recorded runs: started, worked on, paused, resumed, cancelled, undone and read. */
export { BackgroundRuns } from './background-runs.js';
export { cancelRun, pauseRun, resumeRun } from './control.js';
export type { ClaimedRun } from './lease.js';
export { changeCounts, changePages, runsById } from './read-many.js';
export {
  changeCount,
  changePage,
  inOrder,
  newestFirst,
  runById,
  runCount,
  runPage,
  type RecordedChange,
} from './read-runs.js';
export type { Run } from './run.js';
export { runsByState } from './run-counts.js';
export { runForMoment, scheduledResults, type ScheduledAction, type ScheduledResult } from './scheduled-run.js';
export { startRecount, type RecountRequest } from './start-recount.js';
export { startUndo } from './start-undo.js';
export type { CourseChange } from './step.js';
export { workOn, type RunProgress, type WorkOptions } from './work.js';
