-- Installs the procedure verify_enrollment_counts() on MySQL or MariaDB, in place of one that has this name:
--
--   mysql rollcall < schema/procedures.mysql.sql
--   mysql rollcall --execute 'CALL verify_enrollment_counts()'
--
-- It answers with one row and one column, mismatches: how many stored counts differ from the enrollments. It takes no
-- locks, makes no writer wait, and counts everything in one snapshot, so what is written meanwhile is no mismatch.
--
-- Rollcall's migrations install it too. This file is for databases without them, and for restoring a dump: mysqldump
-- leaves procedures out unless it is given --routines. Who installs it needs the privilege CREATE ROUTINE, and ALTER ROUTINE
-- to replace what is there; who calls it needs EXECUTE, and SELECT on core_course and core_enrollments.

DROP PROCEDURE IF EXISTS verify_enrollment_counts;

CREATE PROCEDURE verify_enrollment_counts()
  READS SQL DATA
  SQL SECURITY INVOKER
  COMMENT 'Counts the stored counts that differ from the enrollments; changes nothing.'
SELECT
  (
    SELECT COUNT(*) FROM core_course c
    WHERE COALESCE(c.total_enrollments, -1) <> (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id)
  ) + (
    SELECT COUNT(*) FROM core_course c
    WHERE COALESCE(c.active_enrollments, -1) <>
      (SELECT COUNT(*) FROM core_enrollments e WHERE e.course_id = c.id AND HEX(e.status) = HEX('active'))
  ) AS mismatches;
