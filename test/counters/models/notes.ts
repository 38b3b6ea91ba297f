import { defineEntity, p } from '@mikro-orm/core';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const BoardSchema = defineEntity({
  name: 'Board',
  properties: {
    id: p.integer().primary(),
    noteCount: p.integer().unsigned().default(0),
    deletedCount: p.integer().unsigned().default(0),
    pinnedCount: p.integer().unsigned().default(0),
  },
});
/** The target of notes. */
export class Board extends BoardSchema.class {}
BoardSchema.setClass(Board);

const NoteSchema = defineEntity({
  name: 'Note',
  properties: {
    id: p.integer().primary(),
    board: () => p.manyToOne(Board).ref().deleteRule('restrict').updateRule('restrict'),
    pinned: p.boolean().default(false),
    deletedAt: p.datetime().length(0).nullable(),
  },
  filters: { live: { name: 'live', cond: { deletedAt: null }, default: true } },
});
/** A counted row that is deleted softly: it stays, and a filter hides it. */
export class Note extends NoteSchema.class {}
NoteSchema.setClass(Note);

/** Boards that count the notes that are there, those that are deleted, and those that are there and pinned. */
export const notes: SchemaOptions = {
  entities: [Board, Note],
  counters: [
    defineCounter({ counted: Note, by: 'board', into: 'noteCount', where: { deletedAt: null } }),
    defineCounter({ counted: Note, by: 'board', into: 'deletedCount', where: { deletedAt: { $ne: null } } }),
    defineCounter({ counted: Note, by: 'board', into: 'pinnedCount', where: { deletedAt: null, pinned: true } }),
  ],
};

/** Asserts that every board's counts are exact. */
export function expectExactNotes(schema: Schema): Promise<void> {
  const table = { target: 'board', counted: 'note', by: { id: 'board_id' } };
  return expectExact(
    schema,
    { ...table, column: 'note_count', where: 'c.deleted_at is null' },
    { ...table, column: 'deleted_count', where: 'c.deleted_at is not null' },
    { ...table, column: 'pinned_count', where: 'c.deleted_at is null and c.pinned = true' },
  );
}
