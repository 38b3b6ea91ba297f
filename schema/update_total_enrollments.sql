-- Sets the stored counts of all courses, total_enrollments and active_enrollments, to what their enrollments give.
--
--   mysql --table rollcall < schema/update_total_enrollments.sql     MySQL and MariaDB (there also: mariadb)
--
-- Then prints OK or MISMATCH for each course and counter, and how many courses and how many mismatches there are.
-- It keeps no record of what it changes: run verify_enrollment_counts.sql into a file before it. SQLite has a script of
-- its own (update_total_enrollments.sqlite.sql), since it has no procedures, and other locks.
--
-- Writers may go on, and no drift is left behind:
--
-- * One SELECT without locks finds the courses that drift. Each of them is repaired in a transaction of its own, which
--   locks the course, counts its enrollments, writes both counts and commits. Only who writes to that course waits, for
--   as long as that takes; courses without drift are never locked, enrollments never, and readers never wait.
-- * With COUNTERS=hooks Rollcall's servers, and with COUNTERS=triggers all programs, lock the course before they count:
--   what they committed before the lock is counted here, and what comes after it they add themselves.
-- * The script holds one lock at a time, so it is in no deadlock with them. A program that writes an enrollment before it
--   locks the course, and adds to the count itself, can meet it in one; the script then tries that course again.
-- * With COUNTERS=hooks nobody counts what other programs write with SQL of their own. Enrollments that they have not
--   committed when their course is repaired stay uncounted: run the script once more when they are done.
-- * For a course that somebody else keeps locked it waits three times innodb_lock_wait_timeout (50 s, unless set), then
--   leaves it, and lists it with MISMATCH. Other writers of that course wait too, as they would without the script.
--
-- Stopped in the middle, it leaves each course as it was or repaired; run it again. Two at once take turns. It needs the
-- privileges SELECT and UPDATE, and CREATE ROUTINE and ALTER ROUTINE for the procedure that it makes and drops: without one
-- the servers run no loop.

SET NAMES utf8mb4;
DO GET_LOCK(CONCAT('update_total_enrollments:', LEFT(SHA2(DATABASE(), 256), 32)), 86400);
DROP PROCEDURE IF EXISTS rollcall_update_total_enrollments;

DELIMITER //

CREATE PROCEDURE rollcall_update_total_enrollments()
  MODIFIES SQL DATA
  SQL SECURITY INVOKER
BEGIN
  DECLARE drifting_id, courses_locked, actual_total, actual_active BIGINT;
  DECLARE attempt INT;
  DECLARE at_end BOOLEAN DEFAULT FALSE;
  -- HEX, so that bytes decide: "Active" equals "active" in many collations, but Rollcall does not count it. -1, so that
  -- a stored count that is NULL drifts too.
  DECLARE drifting CURSOR FOR
    SELECT c.id
    FROM core_course c
    WHERE COALESCE(c.total_enrollments, -1) <> (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id)
      OR COALESCE(c.active_enrollments, -1) <>
        (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND HEX(e.status) = HEX('active'))
    ORDER BY c.id;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET at_end = TRUE;

  OPEN drifting;
  COMMIT; -- ends the snapshot, where the session does not commit by itself; the cursor keeps its rows

  courses: LOOP
    FETCH drifting INTO drifting_id;
    IF at_end THEN LEAVE courses; END IF;
    SET attempt = 0;
    attempts: WHILE attempt < 3 DO
      SET attempt = attempt + 1;
      BEGIN
        DECLARE EXIT HANDLER FOR 1205, 1213 ROLLBACK; -- a lock wait that took too long, a deadlock
        -- With READ COMMITTED the count sees all that was committed before the lock was given.
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        START TRANSACTION;
        SELECT COUNT(*) INTO courses_locked FROM core_course WHERE id = drifting_id FOR UPDATE;
        SELECT COUNT(*), COALESCE(SUM(HEX(status) = HEX('active')), 0) INTO actual_total, actual_active
        FROM core_enrollments WHERE course_id = drifting_id;
        UPDATE core_course SET total_enrollments = actual_total, active_enrollments = actual_active WHERE id = drifting_id;
        COMMIT;
        LEAVE attempts;
      END;
    END WHILE;
  END LOOP;
  CLOSE drifting;
END//

DELIMITER ;

CALL rollcall_update_total_enrollments();
DROP PROCEDURE IF EXISTS rollcall_update_total_enrollments;
DO RELEASE_LOCK(CONCAT('update_total_enrollments:', LEFT(SHA2(DATABASE(), 256), 32)));

SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
START TRANSACTION;

SELECT id, title, counter, stored_count AS "stored", actual_count AS actual,
  CASE WHEN stored_count = actual_count THEN 'OK' ELSE 'MISMATCH' END AS result
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
