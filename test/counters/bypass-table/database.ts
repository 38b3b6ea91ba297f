import { Entity, ManyToOne, PrimaryKey } from '@mikro-orm/decorators/legacy';
import type { Ref } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/sql';
import { defineCounter, installTriggers } from 'mikro-orm-counters';
import { Course } from '../../../src/entities/index.js';
import type { Schema } from '../../support/schema.js';
import { schemaOptions } from '../../support/schema.js';
import { Clinic, Pet } from '../models/clinic.js';
import { Album, Drawer, Owner } from '../models/gallery.js';
import { Carrier, Depot, Parcel, ParcelRow, parcels } from '../models/parcels.js';
import { clinicModel, galleryModel, schoolModel } from './models.js';
import type { Place } from './place.js';
import { program, servers, type Program } from './program.js';

/** A counted row with a foreign key that removes it. */
@Entity({ tableName: 'house_call' })
class HouseCall {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Clinic, { ref: true, deleteRule: 'restrict' })
  clinic!: Ref<Clinic>;

  @ManyToOne(() => Pet, { ref: true, deleteRule: 'cascade' })
  pet!: Ref<Pet>;
}

/** Starts an ORM as far as its declarations are checked; nothing is connected. */
async function start(place: Place, entities: readonly unknown[], counters: readonly unknown[]): Promise<unknown> {
  return new MikroORM(
    (await schemaOptions(
      'sqlite::memory:',
      { entities, counters, options: { discovery: { checkDuplicateTableNames: false } } } as never,
      place.strategy,
    )) as never,
  );
}

/** Makes the database's own foreign key remove visits together with their pet, which no declaration says. */
async function cascadeInTheDatabase({ kind, strategy, schema }: Place): Promise<void> {
  if (kind === 'sqlite') {
    await changeTableOnSqlite(schema);
    if (strategy === 'triggers') await installTriggers(schema.em());
    return;
  }
  const [key] = await schema.rows<{ name: string; rule: string }>(
    `select k.constraint_name as name, r.delete_rule as rule from information_schema.key_column_usage k
     join information_schema.referential_constraints r on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name
     where k.table_schema = ${kind === 'postgresql' ? "'public'" : 'database()'} and k.table_name = 'visit' and k.column_name = 'pet_id'`,
  );
  if (key!.rule !== 'CASCADE')
    await schema.write(
      `alter table visit drop ${kind === 'postgresql' ? 'constraint' : 'foreign key'} ${key!.name}, add constraint pet_of_visit foreign key (pet_id) references pet (id) on delete cascade`,
    );
}

async function changeTableOnSqlite(schema: Schema): Promise<void> {
  const [{ sql }] = (await schema.rows<{ sql: string }>(
    "select sql from sqlite_master where type = 'table' and name = 'visit'",
  )) as [{ sql: string }];
  if (/pet_id.*on delete cascade/s.test(sql)) return;
  const rows = await schema.rows<{ id: number; clinic_id: number; pet_id: number }>('select * from visit');
  await schema.write('drop table visit');
  await schema.write(
    'create table visit (id integer primary key autoincrement, clinic_id integer not null references clinic (id) on delete restrict, pet_id integer not null references pet (id) on delete cascade)',
  );
  await schema.write('create index visit_of_clinic on visit (clinic_id)');
  for (const { id, clinic_id, pet_id } of rows)
    await schema.write('insert into visit values (?, ?, ?)', [id, clinic_id, pet_id]);
}

/** The programs whose outcome the declarations or the database decide. */
export const database: Program[] = [
  program(
    'a foreign key whose declared rule would remove rows that others count, or change what rows are counted by',
    clinicModel,
    {
      declared: (_, place) =>
        start(
          place,
          [Clinic, Pet, HouseCall],
          [defineCounter({ counted: HouseCall, by: 'clinic', into: 'visitCount' })],
        ),
    },
  ),
  program(
    'a target that takes its rows along by a declared `ON DELETE CASCADE`, or leaves them behind by `SET NULL`',
    galleryModel,
    {
      'em.remove()': async ({ albums, drawers }, place) => {
        const em = place.em();
        em.remove(await em.findOneOrFail(Album, albums[0]!)).remove(await em.findOneOrFail(Drawer, drawers[0]!));
        await em.flush();
      },
      'em.nativeDelete() of what the target goes with': ({ owners }, place) =>
        place.em().nativeDelete(Owner, { id: owners[0]! }),
      'raw SQL': ({ drawers }, place) => place.em().execute('delete from drawer where id = ?', [drawers[0]]),
    },
  ),
  program('a second entity on the table of a counted entity or of a target', clinicModel, {
    'an entity': (_, place) => start(place, [Depot, Parcel, ParcelRow], parcels.counters),
    'a pivot table': (_, place) => start(place, [Depot, Parcel, Carrier], parcels.counters),
  }),
  program('a foreign key in the database with `ON DELETE CASCADE` that no entity declares', clinicModel, {
    'removing a pet': async ({ pet }, place) => {
      await cascadeInTheDatabase(place);
      const em = place.em();
      await em.remove(em.getReference(Pet, pet)).flush();
    },
  }),
  program('removing a target that counted rows still point at', schoolModel, {
    'em.remove()': async ({ course }, place) => {
      const em = place.em();
      await em.remove(await em.findOneOrFail(Course, course)).flush();
    },
    'em.nativeDelete()': ({ course }, place) => place.em().nativeDelete(Course, { id: course }),
    QueryBuilder: ({ course }, place) => place.em().createQueryBuilder(Course).delete({ id: course }).execute(),
    Kysely: ({ course }, place) => place.kysely().deleteFrom('core_course').where('id', '=', course).execute(),
    'raw SQL': ({ course }, place) => place.em().execute('delete from core_course where id = ?', [course]),
  }),
  program('changing the key of a target that counted rows point at', schoolModel, {
    'em.nativeUpdate()': ({ course }, place) => place.em().nativeUpdate(Course, { id: course }, { id: 999 }),
    'raw SQL': ({ course }, place) => place.em().execute('update core_course set id = 999 where id = ?', [course]),
  }),
  program("an application's own trigger that writes counted rows", clinicModel, {
    'after a pet is renamed': async ({ pet }, place) => {
      const { schema } = place;
      const body = 'begin delete from visit where pet_id = new.id; end';
      if (place.kind === 'postgresql')
        await schema.write(
          `create or replace function delete_visits() returns trigger language plpgsql as $$ ${body.replace(' end', ' return null; end')} $$`,
        );
      await schema.write(
        `create trigger visits_of_the_application after update on pet for each row ${place.kind === 'postgresql' ? 'execute function delete_visits()' : body}`,
      );
      try {
        const em = place.em();
        em.assign(await em.findOneOrFail(Pet, pet), { name: 'Renamed' });
        await em.flush();
      } finally {
        await schema.write(`drop trigger visits_of_the_application${place.kind === 'postgresql' ? ' on pet' : ''}`);
      }
    },
  }),
  program(
    'an updatable view of a counted table (MySQL, MariaDB, PostgreSQL)',
    schoolModel,
    {
      Kysely: async ({ other }, place) => {
        await place.schema.write(
          'create or replace view enrollments_of_the_application as select * from core_enrollments',
        );
        await place.kysely().updateTable('enrollments_of_the_application').set({ course_id: other }).execute();
      },
    },
    servers,
  ),
];
