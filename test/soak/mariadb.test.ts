import { describeShortSoak } from './short-soak.js';

describeShortSoak('mariadb');
