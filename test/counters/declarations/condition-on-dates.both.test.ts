import { defineEntity, p } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { defineCounter } from 'mikro-orm-counters';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema, type SchemaOptions } from '../../support/schema.js';

const HallSchema = defineEntity({
  name: 'Hall',
  properties: { id: p.integer().primary(), past: p.integer().default(0), inMarch: p.integer().default(0) },
});
class Hall extends HallSchema.class {}
HallSchema.setClass(Hall);

const ShowSchema = defineEntity({
  name: 'Show',
  tableName: 'show_of_hall',
  properties: {
    id: p.integer().primary(),
    hall: () => p.manyToOne(Hall).deleteRule('restrict').updateRule('restrict'),
    beginsAt: p.datetime().length(0).nullable(),
    day: p.date().nullable(),
  },
});
class Show extends ShowSchema.class {}
ShowSchema.setClass(Show);

const BORDER = new Date(Date.UTC(2024, 2, 31, 1));

const shows = (options: SchemaOptions['options']): SchemaOptions => ({
  entities: [Hall, Show],
  counters: [
    defineCounter({ counted: Show, by: 'hall', into: 'past', where: { beginsAt: { $lt: BORDER } } }),
    defineCounter({
      counted: Show,
      by: 'hall',
      into: 'inMarch',
      where: { day: { $gte: '2024-03-01', $lte: '2024-03-31' } },
    }),
  ],
  options,
});

for (const [name, options] of [
  ['in UTC', { forceUtcTimezone: true }],
  ['of another time zone', { forceUtcTimezone: false, timezone: '-05:30' }],
] as const)
  describeOnEngineDatabases(`a condition on dates ${name}`, kind => {
    const schema = useSchema(kind, shows(options));

    it('rows on both sides of a date are counted as they are stored', async () => {
      const em = schema.em();
      const hall = em.create(Hall, {});
      // MySQL and PostgreSQL round the third to the border, and MariaDB cuts its fraction off.
      for (const more of [-1000, -600, -400, 0, 1000])
        em.create(Show, { hall, beginsAt: new Date(BORDER.getTime() + more) });
      em.create(Show, { hall });
      await em.flush();
      const before = (await em.fork().find(Show, { hall: hall.id })).filter(
        ({ beginsAt }) => beginsAt && beginsAt < BORDER,
      );
      expect(before).toHaveLength(kind === 'mysql' || kind === 'postgresql' ? 2 : 3);
      expect([hall.past, await em.fork().count(Show, { beginsAt: { $lt: BORDER } })]).toEqual([
        before.length,
        before.length,
      ]);
    });

    it('days are counted from the first to the last', async () => {
      const em = schema.em();
      const hall = em.create(Hall, {});
      for (const day of ['2024-02-29', '2024-03-01', '2024-03-31', '2024-04-01', null]) em.create(Show, { hall, day });
      await em.flush();
      expect(hall.inMarch).toBe(2);
    });
  });
