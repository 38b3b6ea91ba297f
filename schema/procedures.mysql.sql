-- Installs the procedure verify_enrollment_counts() on MySQL or MariaDB, unless there is one of this name:
--
--   mysql rollcall < schema/procedures.mysql.sql
--   mysql rollcall --execute 'CALL verify_enrollment_counts()'
--
-- It answers with one row and one column, mismatches: how many stored counts differ from the enrollments. It takes no
-- locks, makes no writer wait, and counts everything in one snapshot, so what is written meanwhile is no mismatch.
--
-- Rollcall's migrations install it too. This file is for databases without them, and for restoring a dump: mysqldump
-- leaves procedures out unless it is given --routines. Who installs it needs the privilege CREATE ROUTINE; who calls it needs
-- EXECUTE, and SELECT on core_course and core_enrollments.
--
-- A procedure of this name that is there stays as it is. One that another application made, which its comment tells, ends this
-- script with an error that says so; ours is left without a word. To install it anew: DROP PROCEDURE verify_enrollment_counts;

-- Neither SIGNAL nor IF can be used outside of procedures; asking for a table of such a name shows the name.
SET @rollcall_check = IF(
  EXISTS (
    SELECT * FROM information_schema.routines
    WHERE routine_schema = DATABASE() AND routine_type = 'PROCEDURE' AND routine_name = 'verify_enrollment_counts'
      AND routine_comment <> 'Counts the stored counts that differ from the enrollments; changes nothing.'
  ),
  'DO (SELECT 1 FROM `verify_enrollment_counts is not Rollcall''s: nothing was done`)',
  'DO 0'
);
PREPARE rollcall_check FROM @rollcall_check;
EXECUTE rollcall_check;
DEALLOCATE PREPARE rollcall_check;

CREATE PROCEDURE IF NOT EXISTS verify_enrollment_counts()
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
