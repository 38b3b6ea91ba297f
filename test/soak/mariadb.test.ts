import { describeShortSoak } from './short-soak.js';

// Those that MariaDB has in a way of its own; in the others it does as MySQL does, and MySQL's test has them.
const own = ['alter-table', 'read-only', 'disk-full', 'frozen-server'];

describeShortSoak('mariadb', fault => own.includes(fault));
