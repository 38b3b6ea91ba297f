// For MikroORM's own commands, which read the compiled code: "npm run -s mikro-orm -- schema:update --dump" prints the SQL
// that a migration is written from.
import { loadConfig } from './dist/config/config.js';
import { ormOptions } from './dist/database/orm-options.js';

export default await ormOptions(loadConfig().databaseUrl);
