-- Sets the stored counts of all courses, total_enrollments and active_enrollments, to the actual counts of enrollments.
--
--   mysql --table rollcall < schema/update_total_enrollments.sql     MySQL and MariaDB (there also: mariadb)
--
-- Then prints OK or MISMATCH for each course and counter, and the number of courses and of mismatches. It keeps no record
-- of its changes: save the output of verify_enrollment_counts.sql before. SQLite has a script of its own
-- (update_total_enrollments.sqlite.sql), because it has no procedures, and other locks.
--
-- Writers can continue, and no drift remains:
--
-- * One SELECT without locks finds the courses that drift. Each of them is repaired in a transaction of its own, which
--   locks the course, counts its enrollments, writes the counts and commits. Only writers of that course wait, until the
--   commit. Courses without drift and enrollments are never locked, and readers never wait.
-- * Rollcall's servers (with COUNTERS=hooks) or all programs (with COUNTERS=triggers) lock the course before they count.
--   The script counts what they committed before its lock; they add what comes after it.
-- * Beside a guard ("rollcall counters use triggers --guard") it may assign counts, because its session says so.
-- * The script holds one lock at a time, so it does not deadlock with them. It can deadlock with a program that writes an
--   enrollment before it locks the course; then the script tries that course again.
-- * With COUNTERS=hooks nothing counts what other programs write with SQL of their own. Enrollments that they have not
--   committed when their course is repaired stay uncounted: run the script again after they have finished.
-- * If another transaction keeps a course locked, the script waits three times innodb_lock_wait_timeout (50 s by default),
--   then skips the course, and lists it with MISMATCH. Other writers of that course wait too, as without the script.
--
-- If the script is interrupted, each course is unchanged or repaired; run it again. Two scripts at once take turns. The
-- script needs the privileges SELECT and UPDATE, and CREATE ROUTINE and ALTER ROUTINE for the procedure that it creates and
-- drops: outside of procedures the servers run no loops.

SET NAMES utf8mb4;
DO GET_LOCK(CONCAT('update_total_enrollments:', LEFT(SHA2(DATABASE(), 256), 32)), 86400);
DROP PROCEDURE IF EXISTS rollcall_update_total_enrollments;

DELIMITER //

CREATE PROCEDURE rollcall_update_total_enrollments()
  MODIFIES SQL DATA
  SQL SECURITY INVOKER
BEGIN
  DECLARE drifting_id BIGINT;
  DECLARE courses_locked, actual_total, actual_active BIGINT;
  DECLARE attempt INT;
  DECLARE at_end BOOLEAN DEFAULT FALSE;
  -- HEX compares bytes: "Active" equals "active" in many collations, but Rollcall does not count it. With -1, a stored
  -- count that is NULL drifts too.
  DECLARE drifting CURSOR FOR
    SELECT c.id
    FROM core_course c
    WHERE COALESCE(c.total_enrollments, -1) <> (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id)
      OR COALESCE(c.active_enrollments, -1) <>
        (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND HEX(e.status) = HEX('active'))
    ORDER BY c.id;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET at_end = TRUE;

  OPEN drifting;
  COMMIT; -- ends the snapshot if the session does not commit by itself; the cursor keeps its rows

  courses: LOOP
    FETCH drifting INTO drifting_id;
    IF at_end THEN LEAVE courses; END IF;
    SET attempt = 0;
    attempts: WHILE attempt < 3 DO
      SET attempt = attempt + 1;
      BEGIN
        DECLARE EXIT HANDLER FOR 1205, 1213 ROLLBACK; -- a lock wait timeout, a deadlock
        -- With READ COMMITTED the count sees everything that was committed before the lock was granted.
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        START TRANSACTION;
        SELECT COUNT(*) INTO courses_locked FROM core_course c WHERE c.id = drifting_id FOR UPDATE;
        SELECT COUNT(*), COALESCE(SUM(HEX(e.status) = HEX('active')), 0) INTO actual_total, actual_active
        FROM core_enrollments e WHERE e.course_id = drifting_id;
        UPDATE core_course c SET c.total_enrollments = actual_total, c.active_enrollments = actual_active WHERE c.id = drifting_id;
        COMMIT;
        LEAVE attempts;
      END;
    END WHILE;
  END LOOP;
  CLOSE drifting;
END//

DELIMITER ;

SET @counters_may_assign = 1;
CALL rollcall_update_total_enrollments();
SET @counters_may_assign = NULL;
DROP PROCEDURE IF EXISTS rollcall_update_total_enrollments;
DO RELEASE_LOCK(CONCAT('update_total_enrollments:', LEFT(SHA2(DATABASE(), 256), 32)));

SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
START TRANSACTION;

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
