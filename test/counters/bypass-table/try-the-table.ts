import { describe, expect, it } from 'vitest';
import { CounterError, type CounterStrategy } from 'mikro-orm-counters';
import { kinds } from '../../support/databases.js';
import { judged } from './judge.js';
import { usePlace } from './place.js';
import { programs } from './programs.js';
import { cellOf, namesInstead, rowsOfTheTable } from './table.js';

/**
 * Tries every row of the table under one strategy, on each database, in every variant, and compares what comes of it
 * with the cell.
 */
export function tryTheTable(strategy: CounterStrategy): void {
  const rows = rowsOfTheTable();
  describe.each(kinds)(`the table of bypasses with ${strategy} on %s`, kind => {
    const place = usePlace(kind, strategy);
    for (const { way, variants } of programs.filter(({ on: only }) => only?.includes(kind) ?? true)) {
      const row = rows.find(one => one.way === way);
      it.each(Object.entries(variants))(
        `with ${strategy}, ${way} has the outcome of its cell: %s`,
        async (_name, variant) => {
          expect(row, 'a row of the table').toBeDefined();
          const { what, refusal, changed, drift, found } = await judged(variant, place);
          expect(what, refusal?.stack).toBe(cellOf(row!, strategy, kind));
          expect({ drift, found }).toEqual({ drift: what === 'unseen', found: what === 'unseen' });
          expect(changed, 'rows were changed').toBe(what === 'exact' || what === 'unseen');
          if (refusal instanceof CounterError)
            expect(namesInstead(row!, refusal.message), `"${refusal.message}" names "${row!.instead}"`).toBe(true);
        },
      );
    }
  });
}
