-- Sets the stored counts of all courses, total_enrollments and active_enrollments, to the actual counts of enrollments.
--
--   sqlite3 -box data/rollcall.sqlite < schema/update_total_enrollments.sqlite.sql     SQLite
--
-- Then prints OK or MISMATCH for each course and counter, and the number of courses and of mismatches. It keeps no record
-- of its changes: save the output of verify_enrollment_counts.sql before.
--
-- Writers can continue, and no drift remains. The script finds the courses that drift without a lock, and repairs them in
-- one transaction, which is the only writer while it counts their enrollments. So it counts everything that was written
-- before, and later writers add their own changes. Meanwhile writers of all courses wait, and Rollcall's servers answer
-- RETRY_LATER after 5 s. Readers never wait. The script itself waits up to 60 s for its turn.
--
-- With COUNTERS=hooks nothing counts what other programs write with SQL of their own; with COUNTERS=triggers it is counted.
-- If the script is interrupted, it has changed all of the courses or none.

.bail on
.timeout 60000

-- HEX compares bytes, as in verify_enrollment_counts.sql. With -1, a stored count that is NULL drifts too.
DROP TABLE IF EXISTS temp.drifting;
CREATE TEMPORARY TABLE drifting AS
SELECT c.id AS id
FROM core_course c
WHERE COALESCE(c.total_enrollments, -1) <> (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id)
  OR COALESCE(c.active_enrollments, -1) <>
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND HEX(e.status) = HEX('active'));

BEGIN IMMEDIATE;
UPDATE core_course AS c
SET
  total_enrollments = (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id),
  active_enrollments =
    (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND HEX(e.status) = HEX('active'))
WHERE c.id IN (SELECT id FROM temp.drifting);
COMMIT;

BEGIN;

SELECT id, title, counter, stored_count AS "stored", actual_count AS actual,
  CASE WHEN stored_count = actual_count THEN 'OK' ELSE 'MISMATCH' END AS result
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
