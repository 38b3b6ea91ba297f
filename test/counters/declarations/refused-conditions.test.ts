import { inspect } from 'node:util';
import { raw } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/sql';
import { describe, expect, it } from 'vitest';
import { defineCounter, type Counter, type CounterCondition } from 'mikro-orm-counters';
import { schemaOptions } from '../../support/schema.js';
import { Branch, entities, Row } from '../models/conditions.js';

/** Starts an ORM with one counter, declared as plain JavaScript could do it. */
async function start(where: unknown): Promise<void> {
  const counter = { counted: Row, by: 'target', into: 'amount', where } as Counter;
  expect(
    new MikroORM((await schemaOptions('sqlite::memory:', { entities, counters: [counter] })) as never),
  ).toBeDefined();
}

/** Conditions that cannot mean what they say, with what the error says about them. */
const refused: [problem: RegExp, ...wheres: unknown[]][] = [
  [/"ok".*is a boolean; give true or false/, { ok: 'true' }, { ok: 1 }, { ok: 0n }, { ok: [true, 'false'] }],
  [/"score": undefined.*leave the property out/, { score: undefined }],
  [/"score.*is a number; give a whole number/, { score: 'abc' }, { score: '1' }, { score: 1n }, { score: true }],
  [/"score.*is a number/, { score: new Date(0) }, { score: { $gt: '1' } }, { score: [1, '2'] }, { score: [undefined] }],
  [/"score": NaN.*no row has it/, { score: Number.NaN }],
  [/"score.\$lt": Infinity.*no row has it/, { score: { $lt: Infinity } }],
  [/"score": 1.5.*holds whole numbers/, { score: 1.5 }, { score: [1, 1.5] }],
  [/"size": 9007199254740992.*2\^53/, { size: 2 ** 53 }],
  [/"rank": 40000.*out of the range of the type smallint/, { rank: 40_000 }],
  [/"rounded": 0.125.*numeric\(6,2\) does not hold it/, { rounded: 0.125 }],
  [/"score": \[ 1 \].*is a number/, { score: [[1]] }],
  [/"score": \[\].*list of one or more/, { score: [] }, { score: { $in: [] } }],
  [/"score.\$nin": .*list of one or more/, { score: { $nin: [] } }, { score: { $nin: 5 } }],
  [/"score": \{\}.*empty object/, { score: {} }],
  [/"score": (?:null|\[ 1, null \]).*never null/, { score: null }, { score: [1, null] }],
  [/"score.\$ne": null.*never null/, { score: { $ne: null } }],
  [/"rank.\$gt": null.*null has no order/, { rank: { $gt: null } }],
  [/"score.\$like": "1%".*\$eq, \$in, \$ne/, { score: { $like: '1%' } }],
  [/"score.\$not".*\$eq, \$in, \$ne/, { score: { $not: { $gt: 1 } } }],
  [/"score": .*between the bounds/, { score: { $gt: 5, $lt: 3 } }, { score: { $gte: 5, $lt: 5 } }],
  [
    /"status".*does not have the value "Active"; give "active", "dropped"/,
    { status: 'Active' },
    { status: ['Active'] },
  ],
  [/"status".*does not have the value "active "/, { status: 'active ' }],
  [/"status.\$gt".*have no order; list the values/, { status: { $gt: 'active' } }],
  [/"ok.\$lt".*have no order/, { ok: { $lt: true } }],
  [/"text": 5.*is a text/, { text: 5 }],
  [/"text": "abcdef".*varchar\(5\) does not hold it/, { text: 'abcdef' }],
  [/"text": .*does not hold it/, { text: 'a\0' }, { text: '\uD800' }],
  [/"text": .*between the bounds/, { text: { $gt: 'a', $lt: 'Z' } }, { text: { $gt: '\u{1F41A}', $lt: '\uFF21' } }],
  [/"text.\$gt": "abcdef".*does not hold it/, { text: { $gt: 'abcdef' } }],
  [/"text": \/a\/.*is a text/, { text: /a/ }],
  [/"money": 12.5.*a decimal as a text/, { money: 12.5 }],
  [/"money": "12,5"/, { money: '12,5' }],
  [/"money": "1.005".*does not hold it/, { money: '1.005' }],
  [/"money": "12345".*does not hold it/, { money: '12345' }],
  [/"big": 1.5.*not an exact whole number/, { big: 1.5 }],
  [/"big": 9007199254740992.*not an exact/, { big: 2 ** 53 }],
  [/"big": 9223372036854775808n.*out of the range/, { big: 2n ** 63n }],
  [/"big": "x".*is a whole number/, { big: 'x' }],
  [/"date.*is a date; give a Date/, { date: '2024-01-01' }, { date: { $gte: 0 } }],
  [/"date": Invalid Date.*not a valid date/, { date: new Date(Number.NaN) }],
  [/"day": "2024-02-30".*is a day/, { day: '2024-02-30' }],
  [/"day": 2024-01-01T.*is a day/, { day: new Date(Date.UTC(2024, 0, 1)) }],
  [/"uuid".*only null/, { uuid: '7f2c1d0e-0000-4000-8000-000000000000' }],
  [/"data".*as JSON/, { data: { kind: 'a' } }],
  [/"stored".*as JSON/, { stored: { country: 'AT' } }],
  [/"address": null.*name one of its properties/, { address: null }],
  [/"address": \{\}.*empty/, { address: {} }],
  [/"address.country": 5.*is a text/, { address: { country: 5 } }],
  [/"address.town".*not a property/, { address: { town: 'x' } }],
  [/"other": "1".*is a number/, { other: '1' }],
  [/"other.id".*\$eq/, { other: { id: 1 } }],
  [/"changing": 1.*updateRule: 'restrict'/, { changing: 1 }],
  [/"version".*is a version/, { version: 1 }],
  [/"transient".*no column/, { transient: 1 }],
  [/"scores".*not a property/, { scores: 1 }],
  [/"constructor".*not a property/, { constructor: 1 }],
  [/"\$xor".*\$and, \$or and \$not/, { $xor: [] }],
  [/"\$or": \[\].*one or more conditions/, { $or: [] }],
  [/"\$and": \{.*one or more conditions/, { $and: { score: 1 } }],
  [/"\$or": \{\}.*empty/, { $or: [{ score: 1 }, {}] }],
  [/"\$not": \{\}.*empty/, { $not: {} }],
  [/"\$not".*object/, { $not: null }],
  [/"where": \[\].*give an object/, []],
  [/"where": null.*give an object/, null],
  [/"where": "score = 1".*give an object/, 'score = 1'],
  [/"where".*SQL fragments/, { [raw<never>('lower(text)')]: 'a' }],
  [/"score": .*is a number/, { score: raw('1') }],
];

describe('a condition that cannot mean what it says', () => {
  it.each(refused.flatMap(([problem, ...wheres]) => wheres.map(where => [inspect(where), where, problem] as const)))(
    'the condition %s is refused when the ORM starts',
    async (_name, where, problem) => {
      await expect(start(where)).rejects.toMatchObject({
        code: 'COUNTER_DECLARATION',
        message: expect.stringMatching(problem),
      });
    },
  );

  it('the error names the counter, the property, the value and the way out', async () => {
    await expect(start({ status: 'Active' })).rejects.toThrow(
      'The condition of the counter Row.target → amount has "status": "Active", which is refused: ' +
        'the enumeration does not have the value "Active"; give "active", "dropped".',
    );
  });

  it('a condition on a stored count is refused, because nobody would count its row again', async () => {
    const counters = [
      defineCounter({ counted: Branch, by: 'parent', into: 'children' }),
      defineCounter({ counted: Branch, by: 'parent', into: 'forks', where: { children: { $gt: 1 } } }),
    ];
    const options = await schemaOptions('sqlite::memory:', { entities: [Branch], counters });
    expect(() => new MikroORM(options as never)).toThrow(/Branch.parent → forks asks for children.*stored count/);
  });

  it('an option that does not exist is refused where a counter is declared without defineCounter()', async () => {
    const counter = { counted: Row, by: 'target', into: 'amount', were: { ok: true } };
    const options = await schemaOptions('sqlite::memory:', { entities, counters: [counter] });
    expect(() => new MikroORM(options as never)).toThrow(/no option "were"/);
  });

  it('an option that does not exist is refused at the declaration', () => {
    const misspelt = { counted: Row, by: 'target', into: 'amount', were: { ok: true } } as const;
    expect(() => defineCounter(misspelt)).toThrow(/no option "were"/);
    expect(() => defineCounter(misspelt)).toThrow(expect.objectContaining({ code: 'COUNTER_DECLARATION' }));
  });
});

const accepted: CounterCondition<Row>[] = [
  {},
  { ok: true },
  { ok: [true] },
  { maybe: null },
  { maybe: { $ne: true } },
  { status: 'active' },
  { status: { $nin: ['active'] } },
  { score: { $ne: 0 } },
  { score: { $gte: 1, $lte: 1 } },
  { rank: [1, null] },
  { size: { $gt: 0.5 } },
  { money: '1.50' },
  { money: { $gt: '-0.01' } },
  { rounded: 0.25 },
  { big: 2n ** 63n - 1n },
  { text: ['a', ''] },
  { text: { $gte: 'Z', $lt: 'a' } },
  { date: { $lt: new Date(1) } },
  { deletedAt: null },
  { deletedAt: { $ne: null } },
  { deletedAt: new Date(1000) },
  { day: { $gte: '2024-02-29' } },
  { uuid: null },
  { data: { $ne: null } },
  { stored: null },
  { address: { country: 'AT', floor: null } },
  { other: 1 },
  { other: null },
  { other: { $ne: 1 } },
  { target: 1 },
  { id: { $gt: 5 } },
  { $or: [{ ok: true }, { $not: { score: 1, rank: null } }], $and: [{ big: 0n }] },
];

describe('a condition that means what it says', () => {
  it.each(accepted.map(where => [inspect(where), where] as const))(
    'the condition %s is accepted',
    async (_name, where) => {
      await expect(start(where)).resolves.toBeUndefined();
    },
  );
});

describe('the type of conditions', () => {
  it('the type refuses what the start of the ORM refuses, as far as types can tell', () => {
    const conditions: CounterCondition<Row>[] = [
      // @ts-expect-error a text for a boolean
      { ok: 'true' },
      // @ts-expect-error a number for a boolean
      { ok: 1 },
      // @ts-expect-error null for what is never null
      { ok: null },
      // @ts-expect-error a text for a number
      { score: 'abc' },
      // @ts-expect-error a date for a number
      { score: new Date(0) },
      // @ts-expect-error not null for what is never null
      { score: { $ne: null } },
      // @ts-expect-error a nested list
      { score: [[1]] },
      // @ts-expect-error an operator that does not exist
      { score: { $like: '1%' } },
      // @ts-expect-error null has no order
      { rank: { $gt: null } },
      // @ts-expect-error an enumeration's value of the wrong case
      { status: 'Active' },
      // @ts-expect-error a number for a text
      { text: 5 },
      // @ts-expect-error a number for a decimal
      { money: 12.5 },
      // @ts-expect-error a number for a bigint
      { big: 1 },
      // @ts-expect-error a text for a date
      { date: '2024-01-01' },
      // @ts-expect-error a date for a day
      { day: new Date(0) },
      // @ts-expect-error a part of an embedded object of the wrong type
      { address: { country: 5 } },
      // @ts-expect-error a part that the embedded object does not have
      { address: { town: 'x' } },
      // @ts-expect-error a text for a key
      { other: '1' },
      // @ts-expect-error a property that does not exist
      { scores: 1 },
      // @ts-expect-error one condition for a list of them
      { $or: { score: 1 } },
      // @ts-expect-error a wrong condition inside
      { $not: { score: 'abc' } },
    ];
    expect(conditions).toHaveLength(21);
    // @ts-expect-error an option that does not exist
    expect(() => defineCounter({ counted: Row, by: 'target', into: 'amount', were: { ok: true } })).toThrow('were');
    // @ts-expect-error a wrong condition
    expect(() => defineCounter({ counted: Row, by: 'target', into: 'amount', where: { ok: 'true' } })).not.toThrow();
  });
});
