import { describe, expect, it } from 'vitest';
import { Course } from '../../../src/entities/index.js';
import { addCourse } from '../../support/api.js';
import { bypassCounters } from '../../support/place-on.js';
import { protocols } from '../../support/live-clients.js';
import { startLiveApi } from './live-api.js';
import { slowClient } from './slow-client.js';

/**
 * How often the counts change, and how often they are looked at meanwhile: messages of 1 MB each exceed by far what the
 * system buffers for a socket.
 */
const [CHANGES, LOOKS] = [300, 60];
const query = `subscription { courseCountsChanged { course { totalEnrollments ${Array.from({ length: 16 }, (_, index) => `part${index}: description`).join(' ')} } } }`;

describe.each(protocols)('a subscriber by %s that stops reading', protocol => {
  it('a subscriber that stops reading has what fits its socket and the latest counts waiting, and gets the latest when it reads on, while others get each', async () => {
    const live = await startLiveApi('sqlite');
    const course = await addCourse(live.api.database);
    await live.api.database.em.fork().nativeUpdate(Course, { id: course }, { description: 'x'.repeat(60_000) });
    const slow = await slowClient(protocol, live.api.url, query);
    const quick = live.subscribe(protocol);
    await Promise.all([slow.until(0), quick.counts()]);
    slow.stopReading();
    for (let total = 1; total <= CHANGES; total += 1) {
      await bypassCounters(
        live.api.database,
        `update core_course set total_enrollments = ${total} where id = ${course}`,
      );
      if (total % (CHANGES / LOOKS) !== 0) continue;
      await live.clock.tick();
      expect(await quick.counts()).toEqual([course, total, 0]);
    }
    slow.readOn();
    await slow.until(CHANGES);
    expect(slow.totals).toEqual([...new Set(slow.totals)].toSorted((one, other) => one - other));
    expect(slow.totals.length).toBeLessThan(LOOKS / 2);
    slow.close();
    await live.stop();
  });
});
