import { expect, it } from 'vitest';
import { programs } from './bypass-table/programs.js';
import { rowsOfTheTable } from './bypass-table/table.js';

const rows = rowsOfTheTable();

it('a program tries each row of docs/bypasses.md, and every program has its row', () => {
  expect(programs.map(({ way }) => way).toSorted()).toEqual(rows.map(({ way }) => way).toSorted());
});

it('a row that only some databases have names them, as its program does', () => {
  const names = { sqlite: 'SQLite', mysql: 'MySQL', mariadb: 'MariaDB', postgresql: 'PostgreSQL' };
  for (const { way, on } of programs)
    expect(/ \(((?:(?:SQLite|MySQL|MariaDB|PostgreSQL)(?:, )?)+)\)$/.exec(way)?.[1]).toBe(
      on?.map(kind => names[kind]).join(', '),
    );
});

it('the cells of docs/bypasses.md use a fixed vocabulary', () => {
  const word =
    /^(exact|no write|unseen|no such statement|refused by MikroORM|refused by the database|refused: (COUNTER_[A-Z_]+|foreign key))(; on (SQLite|MySQL|MariaDB|PostgreSQL) (exact|no such statement))*$/;
  for (const { way, hooks, triggers, instead } of rows) {
    expect(hooks, way).toMatch(word);
    expect(triggers, way).toMatch(word);
    expect(instead, way).not.toBe('');
  }
});
