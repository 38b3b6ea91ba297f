// Loaded into a contestant before its program, if it is profiled. Its parent says when to begin, and where to write.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import type { ProfileOrder } from './profiler.ts';

/** The time between two looks at what the program does. */
const INTERVAL_MICROSECONDS = 200;

const session = new Session();
session.connect();
let before = process.threadCpuUsage();

process.on('message', (order: ProfileOrder) => {
  obey(order).then(
    () => process.send!('done'),
    (error: unknown) => process.send!(String(error)),
  );
});
// The program may end although its parent could still ask.
process.channel?.unref();

async function obey(order: ProfileOrder): Promise<void> {
  if (order.writeTo === null) {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_MICROSECONDS });
    await session.post('Profiler.start');
    before = process.threadCpuUsage();
    return;
  }
  const { user, system } = process.threadCpuUsage(before);
  const { profile } = await session.post('Profiler.stop');
  writeFileSync(order.writeTo, JSON.stringify({ profile, threadMilliseconds: (user + system) / 1000 }));
}
