import { expect, it } from 'vitest';
import { installTriggers, removeTriggers } from 'mikro-orm-counters';
import { Role } from '../../src/entities/index.js';
import { freshDatabase } from '../support/databases.js';
import { explainQuery, updateAll, verifyProcedure, verifyQuery } from '../support/django-checklist.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { pipeTo } from '../support/sql-clients.js';
import { describeInClients, errorCodeOf } from './expected-lines.js';

describeInClients(
  "a Django app's SQL on a database of our own",
  (client, kind) => {
    it("a Django app's SQL works as it is, except that a guard ignores its UPDATE, and the procedure is there", async () => {
      const { database, url, drop } = await freshDatabase(kind);
      const [course] = await addCourses(database, [{ title: 'Optics' }]);
      const students = await addUsers(database, Role.STUDENT, 3);
      await addEnrollments(
        database,
        students.map(student => ({ course: course!, student })),
      );
      const send = async (text: string): Promise<string> => {
        const { code, stdout, stderr } = await pipeTo(client, url, text).ended;
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        return stdout;
      };
      const allowed = kind === 'postgresql' ? "set counters.may_assign = '1';" : 'set @counters_may_assign = 1;';
      const spoil = `${allowed} update core_course set total_enrollments = 25;`;

      expect(await send(explainQuery)).not.toBe('');
      for (const guard of [null, false, true]) {
        if (guard !== null) await installTriggers(database.em, { guard });
        await send(spoil);
        expect(await send(verifyQuery)).toMatch(/Optics.*25.*3.*✗ MISMATCH/);
        await send(updateAll);
        expect(await send(verifyQuery)).toMatch(guard === true ? /25.*3.*✗ MISMATCH/ : /3.*3.*✓ MATCH/);
      }
      await removeTriggers(database.em);
      if (kind !== 'postgresql') {
        expect(await pipeTo(client, url, verifyProcedure).ended).toMatchObject({
          code: errorCodeOf(client),
          stderr: expect.stringContaining('PROCEDURE verify_enrollment_counts already exists'),
        });
        expect(await send('CALL verify_enrollment_counts()')).toBe('mismatches\n1\n');
      }
      await drop();
    });
  },
  ['mysql', 'mariadb', 'postgresql'],
);
