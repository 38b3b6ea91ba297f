import { defineEntity, p } from '@mikro-orm/core';

const target = { id: p.integer().primary(), amount: p.integer().default(0) };
const TargetSchema = defineEntity({ name: 'Target', properties: target });
/** What rows are counted into, and what they refer to besides. */
class Target extends TargetSchema.class {}
TargetSchema.setClass(Target);

const AddressSchema = defineEntity({
  name: 'Address',
  embeddable: true,
  properties: { country: p.string(), floor: p.integer().nullable() },
});
/** An embedded object. */
class Address extends AddressSchema.class {}
AddressSchema.setClass(Address);

const RowSchema = defineEntity({
  name: 'Row',
  properties: {
    id: p.integer().primary(),
    target: () => p.manyToOne(Target).deleteRule('restrict').updateRule('restrict'),
    other: () => p.manyToOne(Target).ref().nullable().deleteRule('restrict').updateRule('restrict'),
    changing: () => p.manyToOne(Target).nullable().deleteRule('restrict'),
    ok: p.boolean(),
    maybe: p.boolean().nullable(),
    status: p.enum(['active', 'dropped'] as const),
    score: p.integer(),
    rank: p.integer().columnType('smallint').nullable(),
    size: p.double(),
    money: p.decimal().precision(6).scale(2),
    rounded: p.decimal('number').precision(6).scale(2),
    big: p.bigint(),
    text: p.string().columnType('varchar(5)'),
    date: p.datetime().length(3),
    deletedAt: p.datetime().length(0).nullable(),
    day: p.date(),
    uuid: p.uuid().nullable(),
    data: p.json<{ kind: string }>().nullable(),
    address: () => p.embedded(Address),
    stored: () => p.embedded(Address).object().nullable(),
    version: p.integer().version(),
    transient: p.integer().persist(false).nullable(),
  },
});
/** A counted row with a property of each kind. */
export class Row extends RowSchema.class {}
RowSchema.setClass(Row);

/** The entities of declarations with conditions. */
export const entities = [Target, Row, Address];

const BranchSchema = defineEntity({
  name: 'Branch',
  properties: {
    id: p.integer().primary(),
    parent: () => p.manyToOne(Branch).nullable().deleteRule('restrict').updateRule('restrict'),
    children: p.integer().default(0),
    forks: p.integer().default(0),
  },
});
/** A counted row that is a target too. */
export class Branch extends BranchSchema.class {}
BranchSchema.setClass(Branch);
