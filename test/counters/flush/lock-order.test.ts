import { expect, it } from 'vitest';
import { deleteWhere, insertMany, lockTargets } from 'mikro-orm-counters';
import { Enrollment } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { addCourses, addStudents, enroll, expectExactSchool, school } from '../models/school.js';
import { Author, expectExactShop, Fixture, Product, Review, shop, Team } from '../models/shop.js';

describeOnEngineDatabases('the order of locks over several target tables', kind => {
  const schema = useSchema(kind, shop);

  it('the order of locks is the same whichever targets are loaded', async () => {
    const setup = schema.em();
    const [author, product] = [setup.create(Author, {}), setup.create(Product, {})];
    await setup.flush();
    for (const loaded of [[], [Author], [Product], [Author, Product]] as (typeof Author)[][]) {
      const em = schema.em();
      for (const entity of loaded) await em.findAll(entity);
      em.create(Review, { author: author.id, product: product.id });
      const statements = summarize(await statementsOf(schema.database, () => em.flush()));
      const first = (table: string) => statements.findIndex(gist => gist.endsWith(` ${table}`));
      expect(first('author'), statements.join(', ')).toBeLessThan(first('product'));
      expect(first('product')).toBeLessThan(first('review'));
    }
    await expectExactShop(schema);
  });

  it('the order of locks is the same when rows of another table change and are not only created', async () => {
    const setup = schema.em();
    const [author, first, second] = [setup.create(Author, {}), setup.create(Product, {}), setup.create(Product, {})];
    const review = setup.create(Review, { product: first });
    await setup.flush();
    const em = schema.em();
    em.assign(await em.findOneOrFail(Review, review.id), { product: second.id });
    em.create(Review, { author: author.id, product: first.id });
    const statements = summarize(await statementsOf(schema.database, () => em.flush()));
    const locks = statements.filter(gist => !gist.startsWith('insert')).map(gist => gist.split(' ')[1]!);
    expect(locks.indexOf('author'), statements.join(', ')).toBeLessThan(locks.indexOf('product'));
    await expectExactShop(schema);
  });

  it('targets of two foreign keys into one table are locked in one ascending order', async () => {
    const setup = schema.em();
    const [a, b] = [setup.create(Team, {}), setup.create(Team, {})];
    await setup.flush();
    const em = schema.em();
    em.create(Fixture, { home: b.id, away: a.id });
    const statements = await statementsOf(schema.database, () => em.flush());
    expect(statements.slice(0, 2).map(sql => Number(/\((\d+)\)$/.exec(sql)![1]))).toEqual([a.id, b.id]);
    await expectExactShop(schema);
  });

  it('bulk writes lock targets of two foreign keys into one table in one ascending order', async () => {
    const setup = schema.em();
    const [a, b] = [setup.create(Team, {}), setup.create(Team, {})];
    await setup.flush();
    const em = schema.em();
    await em.findAll(Team);
    for (const work of [
      () => insertMany(em, Fixture, [{ home: b.id, away: a.id }]),
      () => deleteWhere(em, Fixture, { home: b.id }),
    ]) {
      const statements = await statementsOf(schema.database, work);
      const locks = statements.filter(sql => /^select .* from team /.test(sql));
      expect(locks[0]).toContain(`in (${a.id}, ${b.id}) order by id`);
      await expectExactShop(schema);
    }
  });
});

describeOnEngineDatabases('lockTargets', kind => {
  const schema = useSchema(kind, school);
  const forUpdate = kind === 'sqlite' ? '' : kind === 'postgresql' ? ' for no key update' : ' for update';

  it('lockTargets() locks the targets in ascending order and returns those that exist', async () => {
    const [low, high] = await addCourses(schema, 2);
    const statements = await statementsOf(schema.database, () =>
      schema.em().transactional(async em => {
        expect(
          await lockTargets(
            em as never,
            Enrollment,
            'course',
            [high!, low!, high! + 1000].map(id => [id]),
          ),
        ).toEqual([[high], [low]]);
      }),
    );
    expect(statements).toHaveLength(1);
    expect(statements[0]).toContain(`in (${low}, ${high}, ${high! + 1000}) order by id${forUpdate}`);
  });

  it('several flushes of one transaction may follow lockTargets()', async () => {
    const [low, high] = await addCourses(schema, 2);
    const [one, two] = await addStudents(schema, 2);
    const id = await enroll(schema, high!, one!);
    await schema.em().transactional(async em => {
      await lockTargets(em, Enrollment, 'course', [[low!], [high!]]);
      em.create(Enrollment, { course: high!, student: two! });
      await em.flush();
      em.assign(await em.findOneOrFail(Enrollment, id), { course: low! });
    });
    await expectExactSchool(schema);
  });

  it('lockTargets() without a transaction throws COUNTER_TRANSACTION, and by another property COUNTER_DECLARATION', async () => {
    await expect(lockTargets(schema.em(), Enrollment, 'course', [[1]])).rejects.toMatchObject({
      code: 'COUNTER_TRANSACTION',
    });
    await expect(
      schema.em().transactional(em => lockTargets(em as never, Enrollment, 'student', [[1]])),
    ).rejects.toMatchObject({ code: 'COUNTER_DECLARATION' });
  });
});
