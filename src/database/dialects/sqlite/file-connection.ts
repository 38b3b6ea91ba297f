import { BaseSqliteConnection, SqliteDriver, type Dictionary, type QueryResult } from '@mikro-orm/sql';
import { arePrepared } from '../../prepared-values.js';
import { runPrepared } from '../../run-prepared.js';
import { recordedSpan } from '../../tracing/tracing.js';

/** MikroORM's connection to a file, which runs prepared statements as they are. */
class FileConnection extends BaseSqliteConnection {
  override async execute<Result extends QueryResult | Dictionary | Dictionary[]>(
    ...parameters: Parameters<BaseSqliteConnection['execute']>
  ): Promise<Result> {
    const [sql, values] = parameters;
    if (typeof sql !== 'string' || !arePrepared(values) || recordedSpan()) return super.execute<Result>(...parameters);
    if (!this.connected) await this.ensureConnection();
    const sent = this.config.get('onQuery')(sql, values as unknown[]);
    return (await runPrepared(this, sent, values as unknown[])) as unknown as Result;
  }
}

/** MikroORM's driver for SQLite, with such connections. */
export class FileOrmDriver extends SqliteDriver {
  protected override readonly connection = new FileConnection(this.config);
}
