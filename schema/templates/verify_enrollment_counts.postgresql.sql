-- Compares the stored counts of all courses with their enrollments, and changes nothing.
--
--   psql rollcall < schema/verify_enrollment_counts.postgresql.sql     PostgreSQL
--
-- Prints MATCH or MISMATCH for each course and counter, and then the number of courses and of mismatches.
--
-- It is safe at any time: it locks no rows and blocks no writer. Both results come from one snapshot, so concurrent writes
-- are not reported as mismatches. It needs the privilege SELECT.

\set ON_ERROR_STOP on
\set QUIET on
\set AUTOCOMMIT on
\encoding UTF8

BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- COLLATE "C" compares bytes: "Active" can equal "active" in a column's own collation, but Rollcall does not count it.
SELECT id, title, counter, stored_count AS "stored", actual_count AS actual,
  CASE WHEN stored_count = actual_count THEN 'MATCH' ELSE 'MISMATCH' END AS result
FROM (
  {{compared}}
) compared
ORDER BY id, place;

-- A stored count that is NULL is a mismatch too.
SELECT
  (SELECT COUNT(*) FROM core_course) AS courses,
  {{mismatches}} AS mismatches;

COMMIT;
