import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config.js';
import { openDatabase } from '../../../src/database/database.js';
import { Role } from '../../../src/entities/index.js';
import { startServer } from '../../../src/http/server.js';
import { addCourse, addEnrollment, addUser, startApi, type Api } from '../../support/api.js';
import { describeOnEach, strategy } from '../../support/databases.js';
import { protocols, subscribeBy, type LiveClient, type LiveOptions } from '../../support/live-clients.js';
import { mutate } from '../../support/mutations.js';
import { past } from '../../support/place-on.js';
import { addUsers } from '../../support/rows.js';
import { scrape } from '../../support/metrics.js';
import { steppedPace, type SteppedPace } from '../../support/stepped-pace.js';

describeOnEach('live counts', kind => {
  describe.each(protocols)('by %s', protocol => {
    let api: Api;
    let pace: SteppedPace;
    let admin: string;
    const clients: LiveClient[] = [];

    beforeEach(async () => {
      pace = steppedPace();
      api = await startApi(kind, { pace });
      admin = await api.token(Role.ADMIN, null);
    });
    afterEach(async () => {
      for (const client of clients.splice(0)) client.close();
      await api.stop();
    });

    const subscribe = (options: LiveOptions = {}): LiveClient => {
      const client = subscribeBy(protocol, api.url, options);
      clients.push(client);
      return client;
    };

    it('come as they are first, a message for each course, in the order of the ids that were given', async () => {
      const [first, second] = [await addCourse(api.database), await addCourse(api.database)];
      await addEnrollment(api.database, first, await addUser(api.database, Role.STUDENT));
      const named = subscribe({ courseIds: [second, first, second] });
      expect([await named.counts(), await named.counts()]).toEqual([[second, 0, 0], [first, 1, 1]]);
    });
  });
});
