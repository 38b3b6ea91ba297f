import { describe, expect, it } from 'vitest';
import { CourseStatus } from '../../src/entities/index.js';
import { filledWith, needsKey } from '../../src/map/filled-row.js';
import type { DatabaseMap } from '../../src/map/map-form.js';
import { ADDED_PREFIX, mappedColumn, mappedTable } from '../../src/map/mapped-table.js';
import { NotWritable, writtenRow } from '../../src/map/written-row.js';

type Columns = DatabaseMap['courses']['columns'];

/** Returns the courses of a map with some columns. */
function courses(columns: Partial<Columns>) {
  const map: DatabaseMap = {
    version: 1,
    users: { table: 'people', columns: { id: 'id', name: 'name', email: 'email', role: { value: 'STUDENT' } } },
    courses: {
      table: 'classes',
      columns: { id: 'id', title: 'title', status: { value: 'ACTIVE' }, isPublished: 'shown', ...columns },
    },
    enrollments: {
      table: 'seats',
      columns: { id: 'id', course: 'class', student: 'person', status: { value: 'ACTIVE' } },
    },
  };
  return mappedTable(map, 'courses');
}

const stated = { status: { column: 'state', values: { ACTIVE: ['Published', 'live'], DRAFT: ['draft'] } } };

describe('what is written into the tables of another application', () => {
  it('the value that is written is the first of the values that mean ours', () => {
    expect(writtenRow(courses(stated), { status: CourseStatus.ACTIVE })).toEqual({ state: 'Published' });
  });

  it('the value that is written is refused where no value means ours', () => {
    expect(() => writtenRow(courses(stated), { status: CourseStatus.ARCHIVED })).toThrow(
      new NotWritable('status cannot become ARCHIVED: the map has no value of classes.state for it.'),
    );
  });

  it('the value that is written is nothing for the value that all rows have, and refused for another one', () => {
    expect(writtenRow(courses({ status: { value: 'ACTIVE' } }), { status: CourseStatus.ACTIVE })).toEqual({});
    expect(() => writtenRow(courses({ status: { value: 'ACTIVE' } }), { status: CourseStatus.DRAFT })).toThrow(
      'status cannot become DRAFT: the map gives all rows of classes another value.',
    );
  });

  it('agrees for two properties of one column, or is refused', () => {
    const both = courses({
      ...stated,
      isPublished: { column: 'state', values: { true: ['published'] }, otherwise: 'false' },
    });
    expect(writtenRow(both, { status: CourseStatus.DRAFT, isPublished: false })).toEqual({ state: 'draft' });
    expect(() => writtenRow(both, { status: CourseStatus.DRAFT, isPublished: true })).toThrow(
      'classes.state cannot be "draft" and "published" at once: isPublished follows from the same column as another field.',
    );
    expect(() => writtenRow(both, { status: CourseStatus.ACTIVE, isPublished: false })).toThrow(
      'isPublished cannot become false: the map has no value of classes.state for it, and "Published" means true.',
    );
    expect(() => writtenRow(both, { isPublished: false })).toThrow(NotWritable);
  });

  it('the value that is written is the moment itself, or the number of its seconds or milliseconds', () => {
    const moment = new Date('2026-02-03T04:05:06.789Z');
    expect(writtenRow(courses({ createdAt: 'made' }), { createdAt: moment })).toEqual({ made: moment });
    expect(writtenRow(courses({ createdAt: { column: 'made', unit: 'seconds' } }), { createdAt: moment })).toEqual({
      made: 1770091506,
    });
    expect(writtenRow(courses({ createdAt: { column: 'made', unit: 'milliseconds' } }), { createdAt: moment })).toEqual(
      { made: 1770091506789 },
    );
  });

  it('the value that is written goes to the first of several sources', () => {
    const named = courses({ title: { firstOf: ['long_title', 'short_title'] } });
    expect(writtenRow(named, { title: 'Optics' })).toEqual({ long_title: 'Optics' });
  });

  it('the value that is written is refused for a text that is put together from columns', () => {
    expect(() => writtenRow(courses({ title: { template: '{code}: {name}' } }), { title: 'Optics' })).toThrow(
      'title cannot be written: the map puts it together from code, name of classes. Change it in the other application.',
    );
  });
});

describe('the column of a property', () => {
  it('the column of a property is theirs where its value is read unchanged, and an added one otherwise', () => {
    const table = courses({ ...stated, createdAt: 'made' });
    const columnOf = (property: string, ours: string): string => mappedColumn(table.propertyOf(property), ours);
    expect(columnOf('title', 'title')).toBe('title');
    expect(columnOf('isPublished', 'is_published')).toBe('shown');
    expect(columnOf('status', 'status')).toBe(`${ADDED_PREFIX}status`);
    expect(columnOf('createdAt', 'created_at')).toBe(`${ADDED_PREFIX}created_at`);
    expect(columnOf('capacity', 'capacity')).toBe(`${ADDED_PREFIX}capacity`);
  });
});

describe('what an INSERT fills', () => {
  const row = { title: ' Zürich: Maß & Zahl ', id: 7, first: null };

  it('a column that an INSERT must fill gets a fixed value, a text with columns, or such a text for addresses', () => {
    expect(filledWith({ value: 0 }, row)).toBe(0);
    expect(filledWith({ value: null }, row)).toBe(null);
    expect(filledWith({ template: '{id}/{title}{first}' }, row)).toBe('7/Zürich: Maß & Zahl');
    expect(filledWith({ slug: 'title' }, row)).toBe('zuerich-mass-and-zahl');
    expect(filledWith({ slug: '{title}-{id}' }, row)).toBe('zuerich-mass-and-zahl-7');
  });

  it('a text with the key in it is written when the key is known', () => {
    expect(needsKey({ template: '{id}-{title}' }, 'id')).toBe(true);
    expect(needsKey({ slug: 'id' }, 'id')).toBe(true);
    expect(needsKey({ slug: 'title' }, 'id')).toBe(false);
    expect(needsKey({ value: '{id}' }, 'id')).toBe(false);
  });
});
