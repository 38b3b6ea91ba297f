import { describe, expect, it } from 'vitest';
import { cursorOf, positionOf } from '../../src/graphql/lists/cursors.js';
import { lengthOf } from '../../src/use-cases/text.js';

const order = { list: 'courses', field: 'TITLE', column: 'title', descending: false };

describe('a long text', () => {
  it('a text is measured by characters up to a length that is certainly too long, and beyond it by its units, without going through it', () => {
    expect(lengthOf('😀'.repeat(255), 255)).toBe(255);
    expect(lengthOf('😀'.repeat(256), 255)).toBe(256);
    expect(lengthOf('😀'.repeat(20_000), 255)).toBe(40_000);
    expect(lengthOf('z'.repeat(300), 255)).toBe(300);
  });

  it('a long text is no cursor and is not decoded, even in the form of one', () => {
    const cursor = (length: number): string => cursorOf({ id: 7, sort: 'x'.repeat(length) }, order);
    expect(positionOf('after', cursor(10_000), order)).toEqual({ value: 'x'.repeat(10_000), id: 7 });
    expect(() => positionOf('after', cursor(20_000), order)).toThrow('is not a cursor of this API');
  });
});
