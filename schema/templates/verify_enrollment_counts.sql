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
  {{compared}}
) compared
ORDER BY id, place;

-- With -1, a stored count that is NULL is a mismatch too.
SELECT
  (SELECT COUNT(*) FROM core_course) AS courses,
  {{mismatches}} AS mismatches;

COMMIT;
