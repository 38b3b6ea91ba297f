import type { Page, PageRequest } from '../../reading/page.js';

const ROWS_PER_PAGE = 500;

/** Returns up to `limit` rows, one after the other. */
export async function* rowsOf<Row extends { id: number }>(
  read: (page: PageRequest) => Promise<Page<Row>>,
  limit: number,
): AsyncGenerator<Row> {
  for await (const rows of pages(read, limit)) yield* rows;
}

/** Returns up to `limit` rows page by page, so that memory does not grow with their number. */
export async function* pages<Row extends { id: number }>(
  read: (page: PageRequest) => Promise<Page<Row>>,
  limit: number,
): AsyncGenerator<readonly Row[]> {
  let after: PageRequest['after'] = null;
  for (let left = limit; left > 0;) {
    const { rows, hasNextPage } = await read({
      size: Math.min(ROWS_PER_PAGE, left),
      backward: false,
      after,
      before: null,
    });
    yield rows;
    const last = rows.at(-1);
    if (!hasNextPage || !last) return;
    after = { value: last.id, id: last.id };
    left -= rows.length;
  }
}
