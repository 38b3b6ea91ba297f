import { describeShortSoak } from './short-soak.js';

describeShortSoak('sqlite');
