import { tryTheTable } from './try-the-table.js';

tryTheTable('triggers');
