/**
 * What only the owner of a table may do, beside privileges that can be granted: change the table, and create and drop its
 * triggers without another right.
 */
export const OWNERSHIP = 'the ownership of the tables';
