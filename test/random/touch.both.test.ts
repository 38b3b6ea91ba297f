import fc from 'fast-check';
import { expect, it } from 'vitest';
import { deleteWhere, insertMany, updateWhere } from 'mikro-orm-counters';
import {
  addArticles,
  Article,
  articles,
  Comment,
  expectExactArticles,
  expectShown,
  Section,
} from '../counters/models/articles.js';
import { describeOnEngineDatabases, strategy } from '../support/databases.js';
import { useSchema } from '../support/schema.js';
import { readRunOptions } from './model-check.js';

const options = readRunOptions(60);

const article = fc.option(fc.nat(2), { nil: null });
const step = fc.record({
  type: fc.constantFrom('flush', 'insertMany', 'updateWhere', 'deleteWhere', 'rollback'),
  /** The articles and sections whose titles change in the same flush. */
  titles: fc.array(fc.nat(3), { maxLength: 3 }),
  /** Comments, by their place, that a flush changes, and whether it removes them. */
  rows: fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 3 }),
  article,
  pinnedTo: article,
  approved: fc.boolean(),
  points: fc.integer({ min: -2, max: 2 }),
});

describeOnEngineDatabases(
  'random operations on targets that are touched',
  kind => {
    const schema = useSchema(kind, articles);

    it(
      'loaded targets show what the database has and can be written, and a version goes up with each change and with nothing else',
      { timeout: options.timeout },
      async () => {
        const [steps] = fc.sample(fc.array(step, { minLength: options.operations, maxLength: options.operations }), {
          numRuns: 1,
          seed: options.seed,
        });
        const made = await addArticles(schema);
        const em = schema.em();
        const targets: readonly (Article | Section)[] = [
          ...(await em.find(Article, {}, { orderBy: { id: 'asc' } })),
          await em.findOneOrFail(Section, made.section),
        ];
        const versions = (): number[] => targets.map(({ version }) => version);
        const counts = (): string[] =>
          targets.map(one =>
            String(one instanceof Article ? [one.commentCount, one.approvedCount, one.pinnedCount] : one.commentCount),
          );
        for (const [index, { type, titles, rows, approved, points, ...to }] of steps!.entries()) {
          const data = {
            article: to.article === null ? null : made.articles[to.article]!,
            pinnedTo: to.pinnedTo === null ? null : made.articles[to.pinnedTo]!,
            approved,
            points,
          };
          const [before, stored] = [versions(), counts()];
          const written = new Set<number>();
          try {
            if (type === 'insertMany') await insertMany(em, Comment, [data, { ...data, approved: true }]);
            else if (type === 'updateWhere') await updateWhere(em, Comment, { approved }, data);
            else if (type === 'deleteWhere') await deleteWhere(em, Comment, { article: data.article, points });
            else {
              const work = em.transactional(async inner => {
                const comments = await inner.find(Comment, {}, { orderBy: { id: 'asc' }, refresh: true });
                for (const [place, isRemoved] of rows) {
                  const comment = comments[place];
                  if (comment && isRemoved) inner.remove(comment);
                  else if (comment) inner.assign(comment, data);
                }
                inner.create(Comment, data);
                if (type === 'rollback') {
                  await inner.flush();
                  throw new Error('undone');
                }
                for (const place of titles) {
                  written.add(place);
                  const target = targets[place]!;
                  (await inner.findOneOrFail(target.constructor as typeof Article, target.id)).title = `Title ${index}`;
                }
              });
              await work.catch((error: Error) => expect(error.message).toBe('undone'));
            }
            await expectShown(schema, ...targets);
            const changed = versions().map((version, place) => version - before[place]! - Number(written.has(place)));
            const differs = counts().map((one, place) => one !== stored[place]);
            for (const [place, by] of changed.entries())
              if (differs[place] || strategy === 'hooks') expect(by > 0, `target ${place}`).toBe(differs[place]);
            if (strategy === 'hooks') expect(Math.max(...changed)).toBeLessThanOrEqual(1);
            await expectExactArticles(schema);
          } catch (error) {
            throw new Error(
              `RANDOM_SEED=${options.seed} finds on ${kind}, at step ${index} (${JSON.stringify(steps![index])}): ${(error as Error).message}`,
              { cause: error },
            );
          }
        }
      },
    );
  },
  ['sqlite', 'postgresql'],
);
