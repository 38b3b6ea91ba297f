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
  SELECT c.id AS id, c.title AS title, 1 AS place, 'total_enrollments' AS counter, c.total_enrollments AS stored_count,
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id) AS actual_count
  FROM core_course c
  UNION ALL
  SELECT c.id, c.title, 2, 'active_enrollments', c.active_enrollments,
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND e.status::text COLLATE "C" = 'active')
  FROM core_course c
) compared
ORDER BY id, place;

-- A stored count that is NULL is a mismatch too.
SELECT
  (SELECT COUNT(*) FROM core_course) AS courses,
  (
    SELECT COUNT(*) FROM core_course c
    WHERE c.total_enrollments IS DISTINCT FROM (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id)
  ) + (
    SELECT COUNT(*) FROM core_course c
    WHERE c.active_enrollments IS DISTINCT FROM
      (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND e.status::text COLLATE "C" = 'active')
  ) AS mismatches;

COMMIT;
