import fc from 'fast-check';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { perform, rarely, type Action, type ActionContext } from './action.js';
import { attempt, codeOf } from './attempt.js';
import { writers, type Breakage, type Level, type ModelRun } from './model-run.js';

/** Ends a transaction as its command says. */
class Change extends Error {}

/**
 * Performs several actions in em.transactional(), perhaps a nested one, and throws or commits; a rejection is rethrown
 * or swallowed.
 */
export function transacting(actions: fc.Arbitrary<Action[]>): fc.Arbitrary<Action> {
  return fc
    .record({ actions, throws: fc.boolean(), swallows: fc.boolean(), clear: rarely })
    .map(({ actions, throws, swallows, clear }) => ({
      name: 'transaction',
      needs: 'database',
      async perform(context) {
        const { run, em, who } = context;
        const isNested = em.isInTransaction();
        const inner: Level = { ems: [...context.level.ems], broken: null };
        run.log.write(`${who} begins a ${isNested ? 'nested ' : ''}transaction${clear ? ', with nothing loaded' : ''}`);
        run.log.depth += 1;
        const transaction = run.enter();
        const rejection = (): string | null =>
          inner.broken && run.rules.rejectionOfBroken(inner.broken, isNested ? inner.ems.at(-1)! : null);
        try {
          await em.transactional(
            async fork => {
              inner.ems.push(fork);
              await performAll({ ...context, em: fork, level: inner }, actions, swallows);
              if (throws) throw new Change('a thrown error');
            },
            { clear },
          );
          run.log.write('commits');
          if (inner.broken && rejection() === null) context.level.broken = inner.broken;
          else if (inner.broken) run.addProblem(`after ${inner.broken.code} the commit should have been rejected`);
          transaction.commit(inner.ems.at(-1)!, em);
        } catch (error) {
          const [code, { flush }] = [codeOf(error), run];
          const expected = flush?.expectation.rejections.includes(code) || code === rejection();
          if (!(error instanceof Change) && !expected) throw error;
          if (!(error instanceof Change)) for (const one of inner.ems) one.clear();
          run.log.write(`is rolled back by ${error instanceof Change ? error.message : code}`);
          transaction.rollBack();
        } finally {
          run.log.depth -= 1;
        }
      },
    }));
}

/** Performs several actions through a fork of the entity manager, in the same transaction if one is open. */
export function forking(actions: fc.Arbitrary<Action[]>): fc.Arbitrary<Action> {
  return fc.record({ actions, clear: fc.boolean() }).map(({ actions, clear }) => ({
    name: 'fork',
    needs: 'database',
    async perform(context) {
      const { run, who, level } = context;
      const em = context.em.fork({ keepTransactionContext: true, clear });
      run.log.write(`${who} forks the entity manager${clear ? '' : ' with what it holds'}`);
      run.log.depth += 1;
      level.ems.push(em);
      const part = run.enter();
      for (const action of actions.filter(({ needs }) => needs !== 'idle')) {
        if (level.broken) break;
        await perform(action, { ...context, em });
        if (!level.broken) await run.check(em);
      }
      level.ems.splice(level.ems.indexOf(em), 1);
      run.log.depth -= 1;
      // Nothing is merged back: what both hold is the same entity, and has been checked.
      part.commit(null, context.em);
    },
  }));
}

/** Begins a transaction that stays open across commands. */
export const beginning: fc.Arbitrary<Action> = fc.record({ commitsAnyway: fc.boolean() }).map(({ commitsAnyway }) => ({
  name: 'begin',
  needs: 'idle',
  async perform({ run, em, who, level }) {
    run.log.write(`${who} calls begin()`);
    await em.begin();
    run.open = { writer: writers.indexOf(who as never), transaction: run.enter(), commitsAnyway, level };
  },
}));

/** Commits or rolls back the transaction that is open. */
export const ending: fc.Arbitrary<Action> = fc.record({ commits: fc.boolean() }).map(({ commits }) => ({
  name: 'commit or rollback',
  needs: 'database',
  async perform(context) {
    const { run, em, who } = context;
    const { open } = run;
    // Only the outermost: inside em.transactional() or a fork the writer may not end it.
    if (!open || em !== run.ems[open.writer]) return;
    run.log.write(`${who} calls ${commits ? 'commit' : 'rollback'}()`);
    if (!commits) return rollBack(run);
    if (!(await attempt(context, () => em.commit()))) return;
    run.open = null;
    open.transaction.commit(em, em);
  },
}));

/**
 * Ends an explicit transaction that may contain part of a rejected write: by a rollback, or by a commit that must be
 * rejected.
 */
export async function afterRejection(run: ModelRun): Promise<void> {
  const { open } = run;
  if (!open?.level.broken) return;
  if (!open.commitsAnyway) run.log.write(`${writers[open.writer]} calls rollback()`);
  else {
    run.log.write(`${writers[open.writer]} swallows that and calls commit()`);
    await rejectedCommit(run, run.ems[open.writer]!, open.level.broken);
  }
  await rollBack(run);
}

async function rejectedCommit(run: ModelRun, em: SqlEntityManager, broken: Breakage): Promise<void> {
  try {
    await em.commit();
  } catch (error) {
    const code = codeOf(error);
    if (code !== run.rules.rejectionOfBroken(broken, null)) throw error;
    return run.rejected(code);
  }
  throw new Error(`after ${broken.code} the commit should have been rejected`);
}

async function rollBack(run: ModelRun): Promise<void> {
  const { writer, transaction } = run.open!;
  run.open = null;
  await run.ems[writer]!.rollback();
  transaction.rollBack();
}

async function performAll(context: ActionContext, actions: readonly Action[], swallows: boolean): Promise<void> {
  const { run, level } = context;
  for (const action of actions.filter(({ needs }) => needs !== 'idle')) {
    await perform(action, context);
    if (!level.broken) await run.check(context.em);
    else if (!swallows) throw new Change(`that ${level.broken.code}`);
    else {
      run.log.write(`${context.who} swallows that`);
      return; // The commit must be rejected now.
    }
  }
}
