-- Compares the stored counts of all courses with their enrollments, and changes nothing.
--
--   mysql --table rollcall < schema/verify_enrollment_counts.sql                MySQL and MariaDB (there also: mariadb)
--   sqlite3 -box data/rollcall.sqlite < schema/verify_enrollment_counts.sql     SQLite
--
-- Prints MATCH or MISMATCH for each course and counter, and then how many courses and how many mismatches there are.
--
-- Safe at any time: it takes no locks and makes no writer wait. Both results come from one snapshot, so what is written
-- while it runs is no mismatch. It needs the privilege SELECT.
--
-- One file serves all three databases: what stands between /*! and */ is for MySQL and MariaDB, a comment to SQLite.

/*! SET NAMES utf8mb4 */;
/*! SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY */;

BEGIN;

-- HEX, so that bytes decide: "Active" equals "active" in many collations, but Rollcall does not count it.
SELECT id, title, counter, stored_count AS "stored", actual_count AS actual,
  CASE WHEN stored_count = actual_count THEN 'MATCH' ELSE 'MISMATCH' END AS result
FROM (
  SELECT c.id, c.title, 1 AS place, 'total_enrollments' AS counter, c.total_enrollments AS stored_count,
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id) AS actual_count
  FROM core_course c
  UNION ALL
  SELECT c.id, c.title, 2, 'active_enrollments', c.active_enrollments,
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND HEX(e.status) = HEX('active'))
  FROM core_course c
) compared
ORDER BY id, place;

-- -1, so that a stored count that is NULL is a mismatch too.
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
