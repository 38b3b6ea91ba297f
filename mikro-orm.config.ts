// For MikroORM's own command line, which reads the compiled code: run "npm run build" first.
import { loadConfig } from './dist/config.js';
import { ormOptions } from './dist/database/orm-options.js';

export default await ormOptions(loadConfig().databaseUrl);
