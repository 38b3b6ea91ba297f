import { expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { addCourse, addUser, startApi } from '../../support/api.js';
import { describeOnEach } from '../../support/databases.js';
import { protocols, subscribeBy } from '../../support/live-clients.js';
import { mutate } from '../../support/mutations.js';

describeOnEach('a viewer with a subscription', kind => {
  it.each(protocols)(
    'a viewer by %s is disconnected when another program deletes the user or changes the role, and others stay',
    async protocol => {
      const api = await startApi(kind, { env: { USER_CHECK_SECONDS: '0', ROLE_FROM: 'database' } });
      await addCourse(api.database);
      const [gone, demoted, stays] = [
        await addUser(api.database, Role.STUDENT),
        await addUser(api.database, Role.TEACHER),
        await addUser(api.database, Role.STUDENT),
      ];
      const clients = await Promise.all(
        [gone, demoted, stays].map(async user =>
          subscribeBy(protocol, api.url, { token: await api.token(Role.ADMIN, user) }),
        ),
      );
      for (const client of clients) await client.counts();
      await api.database.em.getConnection().execute(`delete from core_user where id = ${gone}`, [], 'run');
      await api.database.em
        .getConnection()
        .execute(`update core_user set role = 'student' where id = ${demoted}`, [], 'run');
      const reasons = [
        'The token belongs to a user who does not exist any more. Sign in as another one.',
        'The role of this user has changed. Connect again.',
      ];
      for (const [index, reason] of reasons.entries()) {
        if (protocol === 'ws') expect(await clients[index]!.ended()).toMatchObject({ code: 4403, reason });
        else
          expect(await clients[index]!.next()).toMatchObject({
            errors: [{ message: reason, extensions: { code: 'UNAUTHENTICATED' } }],
          });
      }
      const course = await addCourse(api.database);
      expect(await clients[2]!.counts()).toEqual([course, 0, 0]);
      for (const client of clients) client.close();
      await api.stop();
    },
  );

  it.each(protocols)(
    'a viewer by %s is disconnected at once when this server deletes the user, and others stay',
    async protocol => {
      const api = await startApi(kind, { env: { USER_CHECK_SECONDS: '3600' } });
      await addCourse(api.database);
      const users = [await addUser(api.database, Role.STUDENT), await addUser(api.database, Role.STUDENT)];
      const [gone, stays] = await Promise.all(
        users.map(async user => subscribeBy(protocol, api.url, { token: await api.token(Role.STUDENT, user) })),
      );
      for (const client of [gone!, stays!]) await client.counts();
      await mutate(api, await api.token(Role.ADMIN, null), 'deleteUser', { id: users[0]! });
      if (protocol === 'ws') expect(await gone!.ended()).toMatchObject({ code: 4403 });
      else expect(await gone!.next()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
      const course = await addCourse(api.database);
      expect(await stays!.counts()).toEqual([course, 0, 0]);
      for (const client of [gone!, stays!]) client.close();
      await api.stop();
    },
  );
});
