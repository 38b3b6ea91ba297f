import { tryTheTable } from './try-the-table.js';

tryTheTable('hooks');
