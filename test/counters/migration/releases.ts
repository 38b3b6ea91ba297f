import { defineEntity, p } from '@mikro-orm/core';
import { defineCounter, type Counter } from 'mikro-orm-counters';

/** The releases of an application: the former one keeps one counter, the next one four. */
export type Release = 'former' | 'next';

/** The counters that the next release adds: a count and a sum beside that of the former release, one by another relation. */
export const addedCounters = ['Board.pinnedCount', 'Board.pointSum', 'Author.noteCount'] as const;

/** Returns the entities and counters of a release. */
export function modelOf(release: Release) {
  const count = p.integer().unsigned().default(0);
  const BoardSchema = defineEntity({
    name: 'Board',
    properties: {
      id: p.integer().primary(),
      name: p.string().default(''),
      noteCount: count,
      pinnedCount: release === 'next' ? count : p.integer().persist(false).nullable(),
      pointSum: release === 'next' ? p.integer().default(0) : p.integer().persist(false).nullable(),
    },
  });
  class Board extends BoardSchema.class {}
  BoardSchema.setClass(Board);
  const AuthorSchema = defineEntity({
    name: 'Author',
    properties: {
      id: p.integer().primary(),
      name: p.string().default(''),
      noteCount: release === 'next' ? count : p.integer().persist(false).nullable(),
    },
  });
  class Author extends AuthorSchema.class {}
  AuthorSchema.setClass(Author);
  const NoteSchema = defineEntity({
    name: 'Note',
    properties: {
      id: p.integer().primary(),
      board: () => p.manyToOne(Board).deleteRule('restrict').updateRule('restrict'),
      author: () => p.manyToOne(Author).nullable().deleteRule('restrict').updateRule('restrict'),
      pinned: p.boolean().default(false),
      points: p.integer().default(0),
    },
  });
  class Note extends NoteSchema.class {}
  NoteSchema.setClass(Note);
  const counters: Counter[] = [defineCounter({ counted: Note, by: 'board', into: 'noteCount' })];
  if (release === 'next')
    counters.push(
      defineCounter({ counted: Note, by: 'board', into: 'pinnedCount', where: { pinned: true } }),
      defineCounter({ counted: Note, by: 'board', into: 'pointSum', sum: 'points' }),
      defineCounter({ counted: Note, by: 'author', into: 'noteCount' }),
    );
  return { Board, Author, Note, entities: [Board, Author, Note], counters };
}
