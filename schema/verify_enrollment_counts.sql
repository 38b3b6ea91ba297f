-- Compares the stored counts of all courses with their enrollments, and changes nothing.
--
--   mysql --table rollcall < schema/verify_enrollment_counts.sql                MySQL and MariaDB (there also: mariadb)
--   sqlite3 -box data/rollcall.sqlite < schema/verify_enrollment_counts.sql     SQLite
--
-- Prints MATCH or MISMATCH for each course and counter, and then the number of courses and of mismatches.
--
-- It is safe at any time: it takes no locks and blocks no writer. Both results come from one snapshot, so concurrent writes
-- are not reported as mismatches. It needs the privilege SELECT.
--
-- One file works on all three databases: the text between /*! and */ is for MySQL and MariaDB, and a comment for SQLite.

/*! SET NAMES utf8mb4 */;
/*! SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY */;

BEGIN;

-- HEX compares bytes: "Active" equals "active" in many collations, but Rollcall does not count it.
SELECT id, title, counter, stored_count AS "stored", actual_count AS actual,
  CASE WHEN stored_count = actual_count THEN 'MATCH' ELSE 'MISMATCH' END AS result
FROM (
  SELECT c.id AS id, c.title AS title, 1 AS place, 'total_enrollments' AS counter, c.total_enrollments AS stored_count,
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id) AS actual_count
  FROM core_course c
  UNION ALL
  SELECT c.id, c.title, 2, 'active_enrollments', c.active_enrollments,
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND HEX(e.status) = HEX('active'))
  FROM core_course c
) compared
ORDER BY id, place;

-- With -1, a stored count that is NULL is a mismatch too.
SELECT
  (SELECT COUNT(*) FROM core_course) AS courses,
  (
    SELECT COUNT(*) FROM core_course c
    WHERE COALESCE(c.total_enrollments, -1) <> (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id)
  ) + (
    SELECT COUNT(*) FROM core_course c
    WHERE COALESCE(c.active_enrollments, -1) <>
      (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND HEX(e.status) = HEX('active'))
  ) AS mismatches;

COMMIT;
