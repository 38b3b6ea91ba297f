import { wrap } from '@mikro-orm/core';
import { recount } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { MikroORM } from '@mikro-orm/sql';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import type { Database } from '../../../src/database/database.js';
import { schemaOptions } from '../../support/schema.js';
import { Clerk } from '../models/desks.js';
import { Letter, Postage } from '../models/letters.js';
import { school } from '../models/school.js';
import { deskModel, letterModel, schoolModel } from './models.js';
import { program, type Program } from './program.js';

/** Makes the hook of a letter do something during a flush. */
async function withHook(hook: (letter: Letter) => void, work: () => Promise<unknown>): Promise<void> {
  Letter.hooks = { beforeUpdate: hook };
  try {
    await work();
  } finally {
    Letter.hooks = {};
  }
}

/** The programs that write by a flush, or by the engine. */
export const flushes: Program[] = [
  program('`em.create()`, a change, `em.remove()`, and a flush', schoolModel, {
    create: async ({ row }, place) => {
      const em = place.em();
      em.create(Enrollment, row);
      await em.flush();
    },
    persist: async ({ row }, place) => {
      const em = place.em();
      await em.persist(em.create(Enrollment, row, { persist: false })).flush();
    },
    move: async ({ enrollment, other }, place) => {
      const em = place.em();
      em.assign(await em.findOneOrFail(Enrollment, enrollment), { course: other });
      await em.flush();
    },
    'change of what is counted, through wrap()': async ({ enrollment }, place) => {
      const em = place.em();
      wrap(await em.findOneOrFail(Enrollment, enrollment)).assign({ status: EnrollmentStatus.DROPPED });
      await em.flush();
    },
    removal: async ({ enrollment }, place) => {
      const em = place.em();
      await em.remove(await em.findOneOrFail(Enrollment, enrollment)).flush();
    },
    'removal of a reference': async ({ enrollment }, place) => {
      const em = place.em();
      await em.remove(em.getReference(Enrollment, enrollment)).flush();
    },
    'in a transaction that commit() flushes': async ({ row }, place) => {
      const em = place.em();
      await em.begin();
      em.create(Enrollment, row);
      await em.commit();
    },
    'in a fork with an event manager of its own': async ({ row }, place) => {
      const em = place.em().fork({ freshEventManager: true, disableTransactions: true });
      em.create(Enrollment, row);
      await em.flush();
    },
    'through the unit of work': async ({ row }, place) => {
      const em = place.em();
      em.create(Enrollment, row);
      await em.getUnitOfWork().commit();
    },
  }),
  program('a flush outside a transaction, with `implicitTransactions: false`', schoolModel, {
    create: async ({ row }, place) => {
      const orm = (await MikroORM.init(
        (await schemaOptions(
          place.schema.url,
          { ...school, options: { implicitTransactions: false } },
          place.strategy,
        )) as never,
      )) as unknown as Database;
      const em = orm.em.fork();
      em.create(Enrollment, row);
      try {
        await em.flush();
      } finally {
        await orm.close(true);
      }
    },
  }),
  program('a hook that changes what is counted, in a row that the flush counts', letterModel, {
    update: ({ letter, other }, place) => {
      const em = place.em();
      return withHook(
        one => void (one.postage = Postage.PAID),
        async () => {
          em.assign(await em.findOneOrFail(Letter, letter), { box: other });
          await em.flush();
        },
      );
    },
  }),
  program('a hook that changes what is counted, in a row that the flush would not count', letterModel, {
    update: ({ letter }, place) => {
      const em = place.em();
      return withHook(
        one => void (one.postage = Postage.PAID),
        async () => {
          em.assign(await em.findOneOrFail(Letter, letter), { text: 'Changed' });
          await em.flush();
        },
      );
    },
  }),
  program('a unique property that goes from one counted row to another in one flush', deskModel, {
    'what is counted': async ({ clerks }, place) => {
      const em = place.em();
      const [one, two] = await em.find(Clerk, { id: clerks }, { orderBy: { id: 'asc' } });
      [one!.standing, two!.standing] = [null, one!.standing!];
      await em.flush();
    },
    'the foreign key': async ({ clerks }, place) => {
      const em = place.em();
      const [one, two] = await em.find(Clerk, { id: clerks }, { orderBy: { id: 'desc' } });
      const desk = one!.desk!;
      one!.desk = null;
      two!.desk = desk;
      await em.flush();
    },
  }),
  program('`insertMany()`, `updateWhere()`, `deleteWhere()`, `recount()` of the engine', schoolModel, {
    insertMany: ({ row }, place) => insertMany(place.em(), Enrollment, [row]),
    updateWhere: ({ other }, place) =>
      updateWhere(place.em(), Enrollment, {}, { course: other, status: EnrollmentStatus.COMPLETED }),
    deleteWhere: (_, place) => deleteWhere(place.em(), Enrollment, {}),
    recount: async ({ course }, place) => {
      await place.schema.write('update core_course set total_enrollments = 77');
      await place.em().transactional(em => recount(em, Course, [course]));
      await place.schema.write('update core_course set total_enrollments = 0, title = ? where total_enrollments = 77', [
        'Other',
      ]);
    },
  }),
  program('`em.merge()`, `em.map()`, `em.refresh()`, `em.lock()`, `em.getReference()`, without a flush', schoolModel, {
    'merge and map': ({ enrollment, other, course }, place) => {
      const em = place.em();
      em.merge(Enrollment, { id: enrollment, course: other, status: EnrollmentStatus.DROPPED } as never);
      em.map(Course, { id: course, title: 'Mapped', total_enrollments: 77 } as never);
      return em.flush();
    },
    'refresh and lock': async ({ enrollment }, place) => {
      await place.em().transactional(async em => {
        const row = await em.findOneOrFail(Enrollment, enrollment);
        row.status = EnrollmentStatus.DROPPED;
        await em.refresh(row);
        await em.lock(row, 4);
      });
    },
    references: async ({ enrollment }, place) => {
      const em = place.em();
      em.getReference(Enrollment, enrollment);
      em.create(Course, { title: 'Never saved' }, { persist: false });
      await em.flush();
    },
  }),
];
