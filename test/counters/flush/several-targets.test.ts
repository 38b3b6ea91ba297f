import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema, type Schema } from '../../support/schema.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { Author, expectExactShop, Fixture, Product, Review, shop, Team } from '../models/shop.js';

async function add(schema: Schema, target: typeof Author | typeof Product | typeof Team): Promise<number> {
  const em = schema.em();
  const entity = em.create(target as typeof Author, {});
  await em.flush();
  return entity.id;
}

describeOnEngineDatabases('a row that counts in two tables', kind => {
  const schema = useSchema(kind, shop);

  it('a row that counts in two tables is counted in both, and in one where the other foreign key is null', async () => {
    const [author, product] = [await add(schema, Author), await add(schema, Product)];
    const em = schema.em();
    em.create(Review, { author, product });
    em.create(Review, { product, stars: 1 });
    await em.flush();
    expect(await schema.rows('select review_count as reviews, rave_count as raves from author')).toEqual([
      { reviews: 1, raves: 1 },
    ]);
    expect(await schema.rows('select review_count as reviews from product')).toEqual([{ reviews: 2 }]);
    await expectExactShop(schema);
  });

  it('a row that counts in two tables can move in one and stay in the other', async () => {
    const [first, second, product] = [await add(schema, Author), await add(schema, Author), await add(schema, Product)];
    const em = schema.em();
    const review = em.create(Review, { author: first, product });
    await em.flush();
    em.assign(review, { author: second });
    const statements = summarize(await statementsOf(schema.database, () => em.flush()));
    expect(statements.filter(gist => gist.startsWith('update'))).toEqual(['update author', 'update review']);
    await expectExactShop(schema);
  });

  it('a row that counts in two tables is no longer counted in either after it is removed', async () => {
    const [author, product] = [await add(schema, Author), await add(schema, Product)];
    const em = schema.em();
    const review = em.create(Review, { author, product });
    await em.flush();
    em.remove(review);
    await em.flush();
    expect(await schema.rows('select review_count as reviews, rave_count as raves from author')).toEqual([
      { reviews: 0, raves: 0 },
    ]);
    await expectExactShop(schema);
  });

  it('a row that counts in two tables is created with both targets in one flush', async () => {
    const em = schema.em();
    const [author, product] = [em.create(Author, {}), em.create(Product, {})];
    em.create(Review, { author, product });
    em.create(Review, { author, product, stars: 2 });
    await em.flush();
    expect([author.reviewCount, author.raveCount, product.reviewCount]).toEqual([2, 1, 2]);
    await expectExactShop(schema);
  });
});

describeOnEngineDatabases('a row that counts twice in one table', kind => {
  const schema = useSchema(kind, shop);

  it('a row that counts twice in one table is counted in one column for each foreign key', async () => {
    const [a, b] = [await add(schema, Team), await add(schema, Team)];
    const em = schema.em();
    em.create(Fixture, { home: a, away: b });
    em.create(Fixture, { home: b, away: b });
    await em.flush();
    expect(await schema.rows('select home_count as home, away_count as away from team order by id')).toEqual([
      { home: 1, away: 0 },
      { home: 1, away: 2 },
    ]);
    await expectExactShop(schema);
  });

  it('a row that counts twice in one table shows loaded targets both counts', async () => {
    const [a, b] = [await add(schema, Team), await add(schema, Team)];
    const em = schema.em();
    const [first, second] = [await em.findOneOrFail(Team, a), await em.findOneOrFail(Team, b)];
    const fixture = em.create(Fixture, { home: first, away: second });
    await em.flush();
    expect([first.homeCount, first.awayCount, second.homeCount, second.awayCount]).toEqual([1, 0, 0, 1]);
    em.assign(fixture, { home: second, away: first });
    await em.flush();
    expect([first.homeCount, first.awayCount, second.homeCount, second.awayCount]).toEqual([0, 1, 1, 0]);
    await expectExactShop(schema);
  });

  it('a row that counts twice in one table is no longer counted in either column after it is removed', async () => {
    const team = await add(schema, Team);
    const em = schema.em();
    const fixture = em.create(Fixture, { home: team, away: team });
    await em.flush();
    em.remove(fixture);
    await em.flush();
    expect(await schema.rows('select home_count as home, away_count as away from team')).toEqual([
      { home: 0, away: 0 },
    ]);
    await expectExactShop(schema);
  });
});
