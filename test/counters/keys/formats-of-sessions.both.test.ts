import { defineEntity, MikroORM, p } from '@mikro-orm/core';
import {
  checkStrategy,
  defineCounter,
  insertMany,
  installTriggers,
  recountAll,
  triggerStatus,
  updateWhere,
  verify,
} from 'mikro-orm-counters';
import { expect, it } from 'vitest';
import type { Database } from '../../../src/database/database.js';
import { describeOnServers, strategy } from '../../support/databases.js';
import { expectExact } from '../../support/exact-counts.js';
import { schemaOptions, useSchema, type SchemaOptions } from '../../support/schema.js';

const count = () => p.integer().unsigned().default(0);

const HallSchema = defineEntity({
  name: 'Hall',
  tableName: 'hall',
  properties: {
    opened: p.datetime().length(3).primary(),
    concertCount: count(),
    earlyCount: count(),
    exactCount: count(),
    fullCount: count(),
  },
});
class Hall extends HallSchema.class {}
HallSchema.setClass(Hall);

const ConcertSchema = defineEntity({
  name: 'Concert',
  tableName: 'concert',
  properties: {
    id: p.integer().primary(),
    hall: () => p.manyToOne(Hall).deleteRule('restrict').updateRule('restrict'),
    begins: p.datetime().length(3),
    pitch: p.double(),
    volume: p.float().default(0),
  },
});
class Concert extends ConcertSchema.class {}
ConcertSchema.setClass(Concert);

/** Neither of them has a day that could be a month, and the double has 17 digits. */
const [BEFORE, NOON] = [new Date('2024-05-31T11:59:59.999Z'), new Date('2024-05-31T12:00:00Z')];
const PITCH = 0.1 + 0.2;

/** Targets whose key is a date, and conditions on a date and on a double. */
const concerts: SchemaOptions = {
  entities: [Hall, Concert],
  counters: [
    defineCounter({ counted: Concert, by: 'hall', into: 'concertCount' }),
    defineCounter({ counted: Concert, by: 'hall', into: 'earlyCount', where: { begins: { $lt: NOON } } }),
    defineCounter({ counted: Concert, by: 'hall', into: 'exactCount', where: { pitch: PITCH } }),
    defineCounter({ counted: Concert, by: 'hall', into: 'fullCount', where: { volume: 1 } }),
  ],
};

const of = { target: 'hall', counted: 'concert', by: { opened: 'hall_opened' } };
const stored = [
  { ...of, column: 'concert_count', where: '1 = 1' },
  { ...of, column: 'early_count', where: `c.begins < timestamptz'${NOON.toISOString()}'` },
  { ...of, column: 'exact_count', where: `c.pitch = ${PITCH}::float8` },
  { ...of, column: 'full_count', where: `c.volume = 1::float4` },
];

/** Settings that a server, a database or a user may have. */
const settings = {
  datestyle: ['SQL, DMY', 'Postgres, MDY', 'German'],
  extra_float_digits: ['0', '-5'],
  intervalstyle: ['iso_8601'],
  bytea_output: ['escape'],
  standard_conforming_strings: ['off'],
  timezone: ['Asia/Kathmandu'],
};

describeOnServers(
  'sessions whose database has settings of its own',
  kind => {
    const schema = useSchema(kind, concerts);

    it.each(Object.entries(settings).flatMap(([name, values]) => values.map(value => [name, value] as const)))(
      'counts are exact where the database sets %s to %s',
      async (name, value) => {
        const database = new URL(schema.url).pathname.slice(1);
        await schema.write(`alter database ${database} set ${name} = '${value}'`);
        const orm = (await MikroORM.init((await schemaOptions(schema.url, concerts)) as never)) as unknown as Database;
        try {
          const setup = orm.em.fork();
          const halls = [31, 30].map(day => setup.create(Hall, { opened: new Date(`2024-05-${day}T10:20:30.500Z`) }));
          for (const begins of [BEFORE, NOON])
            for (const pitch of [PITCH, 0.3]) setup.create(Concert, { hall: halls[0]!, begins, pitch });
          await setup.flush();
          await expectExact(schema, ...stored);
          const em = orm.em.fork();
          const [first, second, third] = await em.find(Concert, {}, { orderBy: { id: 'asc' } });
          expect(first!.begins).toEqual(BEFORE);
          // The double that is shown as 0.3 is another one.
          first!.pitch = 0.3;
          second!.begins = NOON;
          third!.hall = await em.findOneOrFail(Hall, { opened: halls[1]!.opened });
          await em.flush();
          await expectExact(schema, ...stored);
          const loaded = await em.findOneOrFail(Hall, { opened: halls[0]!.opened });
          expect([loaded.concertCount, loaded.earlyCount, loaded.exactCount]).toEqual([3, 1, 0]);
          await insertMany(em, Concert, [{ hall: halls[1]!.opened, begins: BEFORE, pitch: PITCH }]);
          await updateWhere(em, Concert, { pitch: PITCH }, { begins: NOON, hall: halls[0]!.opened });
          em.clear();
          for (const one of await em.find(Concert, { begins: BEFORE })) em.remove(one);
          await em.flush();
          await expectExact(schema, ...stored);
          const drifts = (await Array.fromAsync(verify(em, Hall))).flatMap(chunk => chunk.drifts);
          expect(drifts).toEqual([]);
          await schema.write('update hall set concert_count = 9');
          expect((await recountAll(em)).repaired).toBe(2);
          await expectExact(schema, ...stored);
        } finally {
          await orm.close(true);
          await schema.write(`alter database ${database} reset ${name}`);
        }
      },
    );

    if (strategy === 'triggers')
      it('triggers of a version whose functions set no digits are other ones, and are replaced', async () => {
        const functions = await schema.rows<{ name: string }>(
          "select oid::regproc::text as name from pg_proc where 'extra_float_digits=1' = any (proconfig)",
        );
        expect(functions.length).toBeGreaterThan(0);
        for (const { name } of functions) await schema.write(`alter function ${name}() reset extra_float_digits`);
        const names = functions.map(({ name }) => name.replaceAll('"', '')).toSorted();
        const { different, missing, foreign } = await triggerStatus(schema.em());
        expect({ different: different.toSorted(), missing, foreign }).toEqual({
          different: names,
          missing: [],
          foreign: [],
        });
        await expect(checkStrategy(schema.em())).rejects.toThrow('Install them first');
        expect((await installTriggers(schema.em())).created.toSorted()).toEqual(names);
        expect(await triggerStatus(schema.em())).toMatchObject({ different: [], missing: [] });
      });

    if (strategy === 'triggers')
      it('triggers count exactly in the session of another program that rounds what it shows', async () => {
        await schema.em().transactional(async em => {
          for (const setting of ['extra_float_digits = -5', "datestyle = 'German'"])
            await em.execute(`set local ${setting}`, [], 'run');
          await em.execute(`insert into hall (opened) values ('2024-05-31 10:20:30+00')`, [], 'run');
          await em.execute(
            `insert into concert (hall_opened, begins, pitch, volume)
             select opened, timestamptz'2024-05-31 11:59:59.999+00', pitch, volume
             from hall, (values (0.3::float8, 1::float4), (0.1::float8 + 0.2::float8, 1.0000001::float4)) v (pitch, volume)`,
            [],
            'run',
          );
        });
        await expectExact(schema, ...stored);
        expect(await schema.rows('select full_count, exact_count, early_count from hall')).toEqual([
          { full_count: 1, exact_count: 1, early_count: 2 },
        ]);
      });
  },
  ['postgresql'],
);
