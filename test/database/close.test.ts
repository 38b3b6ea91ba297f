import { afterEach, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.js';
import { waitUntil } from '../support/wait.js';
import { startBreakingProxy } from '../support/breaking-proxy.js';
import { describeOnServers, freshDatabase } from '../support/databases.js';

describeOnServers('closing', kind => {
  const leftovers: (() => unknown)[] = [];
  afterEach(async () => {
    for (const tidy of leftovers.splice(0).toReversed()) await tidy();
  });

  it('closing finishes although a connection is still being opened to a server that does not answer and then goes away', async () => {
    const direct = await freshDatabase(kind);
    const url = new URL(direct.url);
    const proxy = await startBreakingProxy(Number(url.port));
    leftovers.push(direct.drop, () => proxy.close());
    url.port = String(proxy.port);
    const database = await openDatabase(url.href);
    proxy.freeze();
    const asked = database.em
      .getConnection()
      .execute('select 1')
      .then(
        () => 'answered',
        () => 'failed',
      );
    await waitUntil(() => proxy.accepted > 0, 'Nobody connected.');
    const closed = database.close(true);
    proxy.breakAll();
    await closed;
    expect(await asked).toBe('failed');
  });
});
