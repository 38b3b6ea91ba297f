import fc from 'fast-check';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { perform, seldom, type Act, type Scene } from './act.js';
import { attempt, codeOf } from './attempt.js';
import { writers, type Level, type World } from './world.js';

/** Ends a transaction because the story says so. */
class Change extends Error {}

/**
 * Does several things in em.transactional(), perhaps in another one, and throws or commits; a refusal is let through or
 * swallowed.
 */
export function transacting(acts: fc.Arbitrary<Act[]>): fc.Arbitrary<Act> {
  return fc
    .record({ acts, throws: fc.boolean(), swallows: fc.boolean(), clear: seldom })
    .map(({ acts, throws, swallows, clear }) => ({
      name: 'transaction',
      needs: 'database',
      async perform(scene) {
        const { world, em, who } = scene;
        const inner: Level = { ems: [...scene.level.ems], broken: null };
        world.story.tell(
          `${who} begins a ${em.isInTransaction() ? 'nested ' : ''}transaction${clear ? ', with nothing loaded' : ''}`,
        );
        world.story.depth += 1;
        const transaction = world.enter();
        try {
          await em.transactional(
            async fork => {
              inner.ems.push(fork as SqlEntityManager);
              await performAll({ ...scene, em: fork as SqlEntityManager, level: inner }, acts, swallows);
              if (throws) throw new Change('a thrown error');
            },
            { clear },
          );
          world.story.tell('commits');
          if (inner.broken && em.isInTransaction() && !world.rules.refusesSavepoints) scene.level.broken = inner.broken;
          else if (inner.broken) world.complain(`after ${inner.broken} the commit should have been refused`);
          transaction.commit(inner.ems.at(-1)!, em);
        } catch (error) {
          const [code, { flush }] = [codeOf(error), world];
          const foretold =
            flush?.expectation.refusals.includes(code) || (inner.broken !== null && code === 'COUNTER_TRANSACTION');
          if (!(error instanceof Change) && !foretold) throw error;
          if (!(error instanceof Change)) for (const one of inner.ems) one.clear();
          world.story.tell(`is rolled back by ${error instanceof Change ? error.message : code}`);
          transaction.rollBack();
        } finally {
          world.story.depth -= 1;
        }
      },
    }));
}

/** Does several things through a fork of the entity manager, in the same transaction where one is open. */
export function forking(acts: fc.Arbitrary<Act[]>): fc.Arbitrary<Act> {
  return fc.record({ acts, clear: fc.boolean() }).map(({ acts, clear }) => ({
    name: 'fork',
    needs: 'database',
    async perform(scene) {
      const { world, who, level } = scene;
      const em = scene.em.fork({ keepTransactionContext: true, clear }) as SqlEntityManager;
      world.story.tell(`${who} forks the entity manager${clear ? '' : ' with what it holds'}`);
      world.story.depth += 1;
      level.ems.push(em);
      const part = world.enter();
      for (const act of acts.filter(({ needs }) => needs !== 'idle')) {
        if (level.broken) break;
        await perform(act, { ...scene, em });
        if (!level.broken) await world.check(em);
      }
      level.ems.splice(level.ems.indexOf(em), 1);
      world.story.depth -= 1;
      // Nothing is merged back; what both hold is the same entity, and has been looked at.
      part.commit(null, scene.em);
    },
  }));
}

/** Begins a transaction that stays open across steps. */
export const beginning: fc.Arbitrary<Act> = fc.record({ commitsAnyway: fc.boolean() }).map(({ commitsAnyway }) => ({
  name: 'begin',
  needs: 'idle',
  async perform({ world, em, who, level }) {
    world.story.tell(`${who} calls begin()`);
    await em.begin();
    world.open = { writer: writers.indexOf(who as never), transaction: world.enter(), commitsAnyway, level };
  },
}));

/** Commits or rolls back the transaction that is open. */
export const ending: fc.Arbitrary<Act> = fc.record({ commits: fc.boolean() }).map(({ commits }) => ({
  name: 'commit or rollback',
  needs: 'database',
  async perform(scene) {
    const { world, em, who } = scene;
    const { open } = world;
    // Only the outermost: inside em.transactional() or a fork it is not the writer's to end.
    if (!open || em !== world.ems[open.writer]) return;
    world.story.tell(`${who} calls ${commits ? 'commit' : 'rollback'}()`);
    if (!commits) return rollBack(world);
    if (!(await attempt(scene, () => em.commit()))) return;
    world.open = null;
    open.transaction.commit(em, em);
  },
}));

/**
 * Ends an explicit transaction in which part of a refused write may be there: with a rollback, or with a commit that
 * must be refused.
 */
export async function afterRefusal(world: World): Promise<void> {
  const { open } = world;
  if (!open?.level.broken) return;
  if (!open.commitsAnyway) world.story.tell(`${writers[open.writer]} calls rollback()`);
  else {
    world.story.tell(`${writers[open.writer]} swallows that and calls commit()`);
    await refusedCommit(world, world.ems[open.writer]!);
  }
  await rollBack(world);
}

async function refusedCommit(world: World, em: SqlEntityManager): Promise<void> {
  try {
    await em.commit();
  } catch (error) {
    if (codeOf(error) !== 'COUNTER_TRANSACTION') throw error;
    return world.refused('COUNTER_TRANSACTION');
  }
  throw new Error(`after ${world.open?.level.broken} the commit should have been refused`);
}

async function rollBack(world: World): Promise<void> {
  const { writer, transaction } = world.open!;
  world.open = null;
  await world.ems[writer]!.rollback();
  transaction.rollBack();
}

async function performAll(scene: Scene, acts: readonly Act[], swallows: boolean): Promise<void> {
  const { world, level } = scene;
  for (const act of acts.filter(({ needs }) => needs !== 'idle')) {
    await perform(act, scene);
    if (!level.broken) await world.check(scene.em);
    else if (!swallows) throw new Change(`that ${level.broken}`);
    else {
      world.story.tell(`${scene.who} swallows that`);
      return; // The commit must be refused now.
    }
  }
}
