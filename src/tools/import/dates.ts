import dayjs from 'dayjs';
import customParseFormat from 'dayjs/plugin/customParseFormat.js';
import utc from 'dayjs/plugin/utc.js';
import { z } from 'zod';

dayjs.extend(utc);
dayjs.extend(customParseFormat);

/** How dates are written in a file: what reads them, and what to tell about a text that is none. */
export interface DateForm {
  /** Returns the moment, in UTC where it names no offset; null for anything else, or before the year 1000. */
  readonly read: (text: string) => Date | null;
  readonly expected: string;
}

const isoMoment = z.union([z.iso.date(), z.iso.datetime({ offset: true, local: true })]);

/** ISO 8601: a date, or a date and a time. */
export const isoDates: DateForm = {
  read(text) {
    const iso = text.replace(' ', 'T');
    if (!isoMoment.safeParse(iso).success) return null;
    return storable(new Date(/(T.*([Z]|[+-]\d\d:?\d\d)$)|^\d{4}-\d\d-\d\d$/.test(iso) ? iso : `${iso}Z`));
  },
  expected: 'ISO 8601, such as 2026-01-31 or 2026-01-31T12:00:00Z',
};

/** Whole seconds since 1970, as Unix counts them; 0 is no date. */
export const unixDates: DateForm = {
  read: text => (/^\d{1,12}$/.test(text) ? storable(new Date(Number(text) * 1000)) : null),
  expected: 'a number of seconds since 1970',
};

/**
 * Returns how dates are written by a format of Day.js such as `DD.MM.YYYY HH:mm`
 * (https://day.js.org/docs/en/parse/string-format), or by `iso` or `unix`; null for a format without a day, a month or
 * a year, or with an offset.
 */
export function dateForm(format: string): DateForm | null {
  if (format === 'iso') return isoDates;
  if (format === 'unix') return unixDates;
  // Day.js compares what it read with the text, and cannot with an offset in it.
  if (![/Y/, /M/, /D/].every(part => part.test(format)) || format.includes('Z')) return null;
  return {
    read(text) {
      const moment = dayjs.utc(text, format, true);
      return moment.isValid() ? storable(moment.toDate()) : null;
    },
    expected: `of the format ${format}`,
  };
}

/** Returns a date that MySQL's DATETIME holds; null for any other. */
function storable(date: Date): Date | null {
  const year = date.getUTCFullYear();
  return year >= 1000 && year <= 9999 ? date : null;
}
