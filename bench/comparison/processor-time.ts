import { readdirSync, readFileSync } from 'node:fs';

/** The milliseconds of a tick of Linux's clock, in which it counts processor time. */
const TICK_MILLISECONDS = 10;

/** Returns the processor time of a process and its children since they began, in milliseconds; NaN outside Linux. */
export function processorTime(pid: number): number {
  const own = statOf(pid);
  if (!own) return Number.NaN;
  // The time of a child that ends meanwhile is its parent's.
  return childrenOf(pid).reduce((sum, child) => sum + (processorTime(child) || 0), own.milliseconds);
}

/** Returns the memory of a process in MB (its resident set); NaN outside Linux. */
export function memoryOf(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && statOf(Number(name))?.parent === parent)
    .map(Number);
}

/** Reads the line that Linux keeps for a process; the name in it, in parentheses, may itself have spaces. */
function statOf(pid: number): { parent: number; milliseconds: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // Time in the program and in the system, and that of children that have ended.
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    return { parent: Number(fields[1]), milliseconds: ticks * TICK_MILLISECONDS };
  } catch {
    return null;
  }
}
